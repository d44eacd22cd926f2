"""Warnings for readers of a stream: sentences, with a code and the concepts that they are about.

Sentences stand in published manifests, so their words must not change; neither must codes. A warning never changes an
order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

from concept_orderings.canonical import Json

MOST_CONCEPTS = 50
"""The most concepts that a warning lists."""

MOST_QUERIES = 50
"""The most names for which a warning has a query to copy."""


class WarningCode(StrEnum):
    """The codes of all warnings; docs/warnings.md says what each means. A code never changes its meaning."""

    ZERO_COUNTS = "zero_counts"
    EQUAL_COUNTS = "equal_counts"
    EQUAL_RANKS = "equal_ranks"
    SHARED_NAMES = "shared_names"
    SHARED_WORDS = "shared_words"
    NOT_ASKED = "not_asked"
    COMMON_WORDS = "common_words"
    ALTERED_NAMES = "altered_names"
    APPROXIMATE_COUNTS = "approximate_counts"
    MIXED_SCORES = "mixed_scores"
    SCORES_LIKE_SHARES = "scores_like_shares"
    ODD_SCORES = "odd_scores"
    DATASET_SCORES = "dataset_scores"
    EQUAL_SCORES = "equal_scores"
    SOURCE_WARNING = "source_warning"
    CUT_CAPTIONS = "cut_captions"
    UNKNOWN_TOKENS = "unknown_tokens"
    MACHINE_EMBEDDINGS = "machine_embeddings"
    ROUNDING_EDGES = "rounding_edges"
    LITERAL_PLACEHOLDERS = "literal_placeholders"
    SHARED_SYNONYMS = "shared_synonyms"
    EQUAL_CAPTIONS = "equal_captions"
    EQUAL_VECTORS = "equal_vectors"
    TIME_LIMIT = "time_limit"
    SCATTERED_GROUPS = "scattered_groups"
    UNEVEN_TASKS = "uneven_tasks"
    LOOK_ALIKES = "look_alikes"
    NOT_NFC = "not_nfc"
    UNUSUAL_CHARACTERS = "unusual_characters"
    NOT_RUNNING_TEXT = "not_running_text"
    UNKNOWN_CLASSES = "unknown_classes"
    UNKNOWN_DATASETS = "unknown_datasets"
    ALIKE_DATASETS = "alike_datasets"
    EVALUATION_DATA = "evaluation_data"
    UNCLASSIFIED = "unclassified"


@dataclass(frozen=True)
class StreamWarning:
    """A warning for readers of a stream.

    Attributes
    ----------
    code : str
        A `WarningCode`, or that of a later release, if it was stored.
    detail : str
        One sentence: a number, some names, what to do.
    count : int or None
        The number of what the warning is about: concepts, or the names, datasets or captions that docs/warnings.md
        states for its code. None if the sentence has no such number.
    concepts : tuple of str
        The first `MOST_CONCEPTS` of the concepts that it is about, ``DATASET+++class name`` in canonical order; empty
        if it is not about concepts.
    queries : mapping of str to str or list of str
        For the first `MOST_QUERIES` of the class names that it is about, by class name, a query for the field
        ``queries`` of a class list; empty if no query helps.
    """

    code: str
    detail: str
    count: int | None
    concepts: tuple[str, ...] = ()
    queries: Mapping[str, Json] = field(default_factory=dict, hash=False)

    @classmethod
    def of(
        cls,
        code: WarningCode,
        detail: str,
        *,
        count: int | None,
        concepts: Iterable[str] = (),
        queries: Iterable[tuple[str, Json]] = (),
    ) -> "StreamWarning":
        """Return a warning with the first of its concepts and of its queries, which are (class name, query)."""
        first_queries = dict(islice(queries, MOST_QUERIES))
        return cls(str(code), detail, count, tuple(islice(concepts, MOST_CONCEPTS)), first_queries)

    @classmethod
    def unclassified(cls, sentence: str) -> "StreamWarning":
        """Return the warning of a sentence that was stored without its code, as release 0.1.0 did."""
        return cls.of(WarningCode.UNCLASSIFIED, sentence, count=None)

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "StreamWarning":
        """Return the warning that `as_json` wrote, in this release or a later one.

        Raises
        ------
        KeyError, TypeError
            For another form.
        """
        concepts, queries = tuple(written["concepts"]), dict(written.get("queries", {}))
        return cls(written["code"], written["detail"], written["count"], concepts, queries)

    def as_json(self) -> dict[str, Json]:
        """Return the warning as manifests and answers have it: ``queries`` is absent if there is none."""
        queries: dict[str, Json] = {"queries": dict(self.queries)} if self.queries else {}
        return {
            "code": self.code,
            "detail": self.detail,
            "count": self.count,
            "concepts": list(self.concepts),
            **queries,
        }


def sentences(warnings: Iterable[StreamWarning]) -> list[str]:
    """Return the sentences of warnings."""
    return [each.detail for each in warnings]


def details(warnings: Iterable[StreamWarning]) -> list[Json]:
    """Return warnings as JSON objects."""
    return [each.as_json() for each in warnings]


def chosen(names: Sequence[str], positions: Iterable[int]) -> Iterable[str]:
    """Return the names at some positions, one after the other as they are needed."""
    return (names[i] for i in positions)

"""Warnings of class names that are not written as people write them: see `concept_orderings.name_patterns`.

The sentences stand in published manifests, so their texts must not change.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from concept_orderings.canonical import Json
from concept_orderings.concepts import ClassList, join_concept
from concept_orderings.evidence import Need
from concept_orderings.evidence.captions import TEMPLATE
from concept_orderings.evidence.counts import QUERIES
from concept_orderings.name_patterns import written_names
from concept_orderings.name_patterns.base import Pattern
from concept_orderings.queries import query_for
from concept_orderings.request import StreamRequest
from concept_orderings.stream_warnings import MOST_QUERIES, StreamWarning, WarningCode
from concept_orderings.text import in_sentence, shown

MOST_WARNINGS = 100
"""The most pairs of a dataset and a pattern that are warned of."""

_EXAMPLES = 3
"""The most examples in a sentence."""


@dataclass(frozen=True)
class _Found:
    """The names of one dataset that have a pattern.

    Attributes
    ----------
    each : ClassList
    pattern : Pattern
    names : sequence of str
        In canonical order; at least one.
    queries : sequence of (str, JSON)
        The names for which it is known how people write them, each with a query.
    """

    each: ClassList
    pattern: Pattern
    names: Sequence[str]
    queries: Sequence[tuple[str, Json]]

    def beginning(self) -> str:
        """Return the beginning of the sentence: which names, with examples."""
        have = "has" if len(self.names) == 1 else "have"
        known = dict(self.queries[:_EXAMPLES])
        examples = [shown(name) + _meant(known.get(name)) for name in self.names[:_EXAMPLES]]
        such_as = "such as " if len(self.names) > _EXAMPLES else ""
        return (
            f"{len(self.names)} of the {len(self.each.classes)} class names of {in_sentence(self.each.name)} {have} "
            f"{self.pattern.what} ({such_as}{', '.join(examples)})"
        )

    def warning(self, sentence: str, queries: Iterable[tuple[str, Json]] = ()) -> StreamWarning:
        """Return the warning with a sentence."""
        concepts = (join_concept(self.each.name, name) for name in self.names)
        return StreamWarning.of(
            WarningCode.NOT_RUNNING_TEXT, sentence, count=len(self.names), concepts=concepts, queries=queries
        )


def not_running_text(request: StreamRequest) -> Iterable[StreamWarning]:
    """Warn of each pattern of names that people do not write, if a source counts the names or an encoder reads them."""
    datasets = request.concepts.datasets
    if Need.COUNTS in request.outside:
        found = _found(datasets, _asked_otherwise)
        return map(_of_counts, islice(found, MOST_WARNINGS))
    if Need.EMBEDDINGS in request.outside:
        captioned = [each for each in datasets if TEMPLATE.of(each)]
        found = (each for each in _found(captioned) if each.pattern.in_captions)
        return map(_of_captions, islice(found, MOST_WARNINGS))
    return ()


def _found(
    datasets: Iterable[ClassList], given: Callable[[ClassList], Iterable[str]] = lambda _: ()
) -> Iterator[_Found]:
    """Yield the patterns of each dataset; names for which the request gives a query are left out."""
    for each in datasets:
        written = written_names(each.classes)
        if not written.places:
            continue
        asked = set(given(each))
        for pattern, places in written.places.items():
            names = [name for i in places if (name := each.classes[i]) not in asked]
            if names:
                known = [(name, written.queries[name]) for name in names if name in written.queries]
                yield _Found(each, pattern, names, known)


def _asked_otherwise(each: ClassList) -> Iterator[str]:
    """Yield the names for which the request asks something else than it would without a query."""
    given = QUERIES.of(each) or {}
    return (name for name, query in given.items() if query != query_for(name))


def _of_counts(found: _Found) -> StreamWarning:
    if found.queries:
        first = f" for the first {MOST_QUERIES}" if len(found.queries) > MOST_QUERIES else ""
        advice = f"the queries of this warning{first}, copied into the dataset, ask for what people write"
    else:
        advice = "give queries that name the classes in words"
    return found.warning(
        f"{found.beginning()}, which people do not write: their counts are too low; {advice}.", queries=found.queries
    )


def _of_captions(found: _Found) -> StreamWarning:
    return found.warning(
        f"{found.beginning()}, which people do not write: captions have them so, and encoders read them badly; "
        "give the classes names as people write them."
    )


def _meant(query: Json) -> str:
    """Return what a name stands for, for an example."""
    if query is None:
        return ""
    spellings = query if isinstance(query, list) else [query]
    return f" for {' or '.join(shown(str(each)) for each in spellings)}"

"""Looks: runs that ask a source for counts which a client wants to see.

A look may be lost: `store.count_cache` keeps the counts, and a client that still wants them posts the look again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.errors import StoreError, UnreadableRequest
from concept_orderings.queries import Query
from store.compressed import compress, decompress
from store.runs import Lane, Record, Submission
from store.settings import MOST_BODY_BYTES, most_canonical_bytes
from store.sources import SourceFacts

MOST_ANSWER_BYTES = most_canonical_bytes(MOST_BODY_BYTES)
"""The most bytes of an answer as JSON."""


@dataclass(frozen=True)
class Look:
    """What to ask a source.

    Attributes
    ----------
    source : str
        Its name.
    queries : tuple of Query
        Distinct and sorted.
    counted_since : str
        The earliest time of a count that may be used; empty: any time.
    """

    source: str
    queries: tuple[Query, ...]
    counted_since: str

    @cached_property
    def canonical(self) -> bytes:
        """The look as canonical JSON."""
        queries: list[Json] = [query.spellings for query in self.queries]
        return canonical_json({"source": self.source, "queries": queries, "counted_since": self.counted_since})

    @cached_property
    def id(self) -> str:
        """The first half of the SHA-256 of its canonical JSON."""
        return sha256_hex(self.canonical)[:32]

    @classmethod
    def of_canonical(cls, canonical: bytes) -> "Look":
        """Read what `canonical` wrote, in this release or an earlier one; the rules for clients' bodies do not apply.

        Raises
        ------
        UnreadableRequest
            ``request_of_later_release``: it has a field or a form that this release does not know.
        """
        written: dict[str, Any] = json.loads(canonical)
        try:
            queries = tuple(Query(tuple(spellings)) for spellings in written["queries"])
            look = cls(written["source"], queries, written["counted_since"])
        except (KeyError, TypeError) as error:
            raise UnreadableRequest.with_unknown("a form") from error
        # What is not written again as it stands was not understood.
        if look.canonical != canonical:
            raise UnreadableRequest.with_unknown("a field")
        return look

    def submission(self, *, client: str = "") -> Submission:
        """Return the submission of the look."""
        return Submission(
            id=self.id,
            canonical=self.canonical,
            about={"source": self.source},
            lane=Lane.LOOK,
            client=client,
            steps=len(self.queries),
        )


def source_of(look: Record) -> str:
    """Return the name of the source that a look asks."""
    return str(look.about["source"])


class CountShown(NamedTuple):
    """The count of one query, in the answer of a look.

    Attributes
    ----------
    query : Query
        The query that the source got: it may be a shortened form of the requested one.
    value : int
    approximate : bool
    counted_at : str
        UTC, ISO 8601 with seconds.
    asked : bool
        False if the source reads no word of the query, so that it counted nothing.
    """

    query: Query
    value: int
    approximate: bool
    counted_at: str
    asked: bool = True


class LookAnswer(NamedTuple):
    """The result of a look.

    Attributes
    ----------
    facts : SourceFacts
    counts : sequence of CountShown
        One for each query of the look, in the same order.
    """

    facts: SourceFacts
    counts: Sequence[CountShown]

    def to_bytes(self) -> bytes:
        """Return the answer in the form that the record holds.

        It may have 100,000 counts, so call this off the event loop.
        """
        counts = [(each.query.spellings, *each[1:]) for each in self.counts]
        return compress(json.dumps({"facts": self.facts.as_json(), "counts": counts}).encode())

    @classmethod
    def from_bytes(cls, data: bytes) -> "LookAnswer":
        """Read what `to_bytes` wrote, in this release or a later one.

        Raises
        ------
        StoreError
            ``record_damaged`` if it is damaged, or stands for more than `MOST_ANSWER_BYTES`.
        """
        try:
            fields = json.loads(decompress(data, most_bytes=MOST_ANSWER_BYTES))
            counts = [
                # Release 0.1.0 does not say whether it asked, and a later release may add to what it says of a count.
                CountShown(
                    Query(tuple(spellings)), value, approximate, counted_at, bool(more[0] if more else spellings)
                )
                for spellings, value, approximate, counted_at, *more in fields["counts"]
            ]
            return cls(SourceFacts.from_json(fields["facts"]), counts)
        except (ValueError, KeyError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            raise StoreError(
                "record_damaged", f"The counts in Redis are damaged ({reason}). Post the request again."
            ) from error

"""What workers tell the API about sources of counts."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Any

from concept_orderings.canonical import Json
from concept_orderings.errors import ConceptOrderingsError
from concept_orderings.evidence import ranks
from concept_orderings.text import nearest


class Unit(StrEnum):
    """What is counted: documents that contain a query, or its occurrences; or the rank of a concept by a count.

    They are never mixed or compared.
    """

    DOCUMENTS = "documents"
    OCCURRENCES = "occurrences"
    RANK = ranks.UNIT


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """What the counts of a source mean, and how they can be cited.

    Attributes
    ----------
    name : str
        The name that orderings give as their `source`.
    kind : str
        ``local-index``, ``elasticsearch``, ``infini-gram``, ``file`` or ``ranks``.
    unit : Unit
    corpus : str
        The corpus, described for readers: name and filters of an index, description of a file.
    documents : int, optional
        Number of documents in the corpus.
    tokens : int, optional
        Number of tokens in the corpus, where occurrences are counted.
    query_form : str
        How a query is counted, for readers: ``match_phrase with slop 0 in the field text``.
    fingerprint : str
        SHA-256 (hexadecimal) of everything known that decides a count. It is part of the cache's key.
    index : str, optional
        SHA-256 of the contents of a local index; UUIDs of the indices in Elasticsearch, if the server tells them.
    ttl_seconds : float, optional
        Seconds for which a count is valid; None for a corpus that does not change.
    counted_at : str, optional
        Time of all its counts, such as ``2026-01-31T12:00:00Z``; None for a source that counts at each request.
    warnings : tuple of str
        What readers of its counts should know, one sentence each, such as that a part of the corpus is missing.
    """

    name: str
    kind: str
    unit: Unit
    corpus: str
    documents: int | None = None
    tokens: int | None = None
    query_form: str
    fingerprint: str
    index: str | None = None
    ttl_seconds: float | None = None
    counted_at: str | None = None
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the facts as an object; without warnings, it is that of release 0.1.0."""
        members = asdict(self)
        if not self.warnings:
            del members["warnings"]
        return members

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> "SourceFacts":
        """Read the members of an object that `as_json` made; others are ignored."""
        known = {each.name: members[each.name] for each in fields(cls) if each.name in members}
        return cls(**{**known, "unit": Unit(known["unit"]), "warnings": tuple(known.get("warnings", ()))})


class SourceState(StrEnum):
    """Whether a source can be asked for counts."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    UNASKED = "unasked"
    """No worker has asked its server yet."""


@dataclass(frozen=True, kw_only=True)
class SourceReport:
    """The report on one source of counts.

    Attributes
    ----------
    name : str
        The name that orderings give as their `source`.
    kind : str
        See `SourceFacts`.
    state : SourceState
    facts : SourceFacts, optional
        The facts of an available source.
    error : mapping, optional
        ``code`` and ``detail``: why the source is unavailable.
    hides_counts_file : bool
        Whether a counts file has the same name, which orderings do not use.
    """

    name: str
    kind: str
    state: SourceState
    facts: SourceFacts | None = None
    error: Mapping[str, Json] | None = None
    hides_counts_file: bool = False

    @classmethod
    def available(cls, facts: SourceFacts) -> "SourceReport":
        """Return the report on a source that answers."""
        return cls(name=facts.name, kind=facts.kind, state=SourceState.AVAILABLE, facts=facts)

    @classmethod
    def unavailable(cls, name: str, kind: str, error: ConceptOrderingsError) -> "SourceReport":
        """Return the report on a source that cannot be asked."""
        return cls(name=name, kind=kind, state=SourceState.UNAVAILABLE, error=error.as_json())

    def as_json(self) -> dict[str, Any]:
        """Return the report as one flat object, in which the facts are members."""
        facts = {"name": self.name, "kind": self.kind} if self.facts is None else self.facts.as_json()
        error = {} if self.error is None else {"error": dict(self.error)}
        hides = {"hides_counts_file": True} if self.hides_counts_file else {}
        return {**facts, "state": self.state, **error, **hides}

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> "SourceReport":
        """Read what `as_json` wrote."""
        state = SourceState(members["state"])
        facts = SourceFacts.from_json(members) if state is SourceState.AVAILABLE else None
        return cls(name=members["name"], kind=members["kind"], state=state, facts=facts, error=members.get("error"))


@cache
def ranks_report() -> SourceReport:
    """Return the report on the source that needs no worker: the benchmark's own ranks."""
    facts: dict[str, Any] = {"name": ranks.RANKS, "counted_at": ranks.PUBLISHED_AT, **ranks.facts()}
    return SourceReport.available(SourceFacts.from_json(facts))


def no_such_source(name: str, names: Collection[str]) -> str:
    """Return the sentences for a name that no source has: all sources, one with a similar name, and how to add one."""
    others = sorted({*names, ranks.RANKS})
    close = nearest(name, others)
    hint = f" Did you mean {close}?" if close else ""
    return (
        f"There is no source {name}.{hint} The sources are {', '.join(others)}. To add one, upload a counts file with "
        f"PUT /v1/sources/{name}, build a local index with `concept-orderings index SHARD.json.gz --name {name}`, or "
        "add a table to the file of sources (CONCEPT_ORDERINGS_SOURCES)."
    )

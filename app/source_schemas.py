"""The schemas of answers on sources of counts and looks at their counts, for OpenAPI, with examples of requests."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import ConfigDict, Field

from app.declared import without_default
from app.schemas import JobProblem, Schema, Time, utc
from concept_orderings.counts_request import CountsRequest
from concept_orderings.evidence.counts import IN_REQUEST
from concept_orderings.progress import Phase
from store.looks import source_of
from store.runs import Record, State
from store.sources import SourceReport, ranks_report

_DIGEST = "0f" * 32
_WHEN = "2026-01-31T12:00:00Z"

REQUESTS: dict[str, Any] = {
    "names": {"summary": "Class names", "value": {"names": ["aquarium_fish", "sunflower"]}},
    "queries": {"summary": "Queries, sent to the source unchanged", "value": {"queries": [["grey wolf", "gray wolf"]]}},
    "refresh": {"summary": "Counted again", "value": {"names": ["sunflower"], "refresh": True}},
}


class SourceResource(Schema):
    """A source of counts, and what its counts mean. Unknown values are null."""

    name: str = Field(description="The name to give as an ordering's source.", examples=["wimbd-c4"])
    kind: str = Field(
        description="request, local-index, elasticsearch, infini-gram, file or ranks.", examples=["elasticsearch"]
    )
    state: Literal["available", "unavailable", "unasked"] = Field(
        description="unasked: no worker has asked its server yet.", examples=["available"]
    )
    unit: Literal["documents", "occurrences", "rank"] | None = Field(
        None,
        description="What a count is a number of, documents or occurrences; or that it is a rank. Units are never "
        "mixed.",
        examples=["documents"],
    )
    corpus: str | None = Field(None, description="The corpus, for readers.", examples=["c4 where subset = en"])
    documents: int | None = Field(None, description="Number of documents in the corpus.", examples=[364868892])
    tokens: int | None = Field(None, description="Number of tokens in the corpus.", examples=[None])
    query_form: str | None = Field(
        None, description="How a query is sent to the source.", examples=["match_phrase with slop 0 in the field text"]
    )
    fingerprint: str | None = Field(
        None,
        description="The same for as long as counts are those of the same corpus.",
        examples=[_DIGEST],
    )
    index: str | None = Field(
        None, description="SHA-256 of the shards in a local index; UUIDs of indices in Elasticsearch.", examples=[None]
    )
    ttl_seconds: float | None = Field(
        None, description="How long a count stays valid; null for a corpus that does not change.", examples=[None]
    )
    counted_at: Time | None = Field(
        None,
        description="When a counts file was uploaded, or ranks were published; null for a source that counts on "
        "request.",
        examples=[None],
    )
    error: JobProblem | None = Field(None, description="Why the source is unavailable.")
    warnings: list[str] = Field(
        [],
        description="What to know of its counts, such as that a part of the corpus is missing. Versions that are based "
        "on them have the same warnings.",
        examples=[["1023 of 1024 shards named 'c4-train.*-of-01024.json.gz' are in the index; not in it: 00007."]],
    )
    hides_counts_file: bool = Field(
        False,
        description="Whether a counts file has the same name. Orderings use this source and not the file; DELETE "
        "removes the file.",
        examples=[False],
    )


def source_resource(report: SourceReport) -> SourceResource:
    """Return a source in the form that clients get."""
    return SourceResource.model_validate(report.as_json())


class SourceList(Schema):
    """All sources of counts that orderings can name, by name."""

    sources: list[SourceResource]


def source_list(reports: Iterable[SourceReport]) -> SourceList:
    """Return all sources in the form that clients get: those that are reported, and those that need no worker."""
    resources = {each.name: source_resource(each) for each in (*reports, ranks_report())}
    resources[IN_REQUEST] = SourceResource.model_validate(
        {
            "name": IN_REQUEST,
            "kind": IN_REQUEST,
            "state": "available",
            "corpus": "the counts that are given with the classes",
        }
    )
    return SourceList(sources=[resources[name] for name in sorted(resources)])


class RankResource(Schema):
    """One rank of a name."""

    rank: int = Field(description="From 1, the rarest.", examples=[67])
    concepts: list[str] = Field(
        description="The concepts of that name and rank.", examples=[["MVTECAD_Eval+++hazelnut"]]
    )


class CountResource(Schema):
    """The count of one name or query."""

    # Only ranks have `ranks`: an answer has up to 100,000 counts.
    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    name: str | None = Field(description="The class name, or null for a query.", examples=["aquarium_fish"])
    query: str | list[str] = Field(
        description="The query that the source got; an array of several spellings. Empty if no part can be asked.",
        examples=["aquarium fish"],
    )
    count: int = Field(
        description="How many documents or occurrences the source has; in the unit rank, the lowest rank of the name.",
        examples=[388],
    )
    unit: Literal["documents", "occurrences", "rank"] = Field(examples=["documents"])
    approximate: bool = Field(description="Whether the source says that the count is an estimate.", examples=[False])
    counted_at: Time = Field(description="When the source counted, or its `counted_at`.", examples=[_WHEN])
    asked: bool = Field(
        description="False if the source reads no word of the query, such as of `!!!`: nothing was counted, and the "
        "count of 0 says nothing.",
        examples=[True],
    )
    ranks: list[RankResource] = without_default(
        "All ranks of the name, ascending; for the source of ranks alone, which knows 14 names that have two."
    )


class CountsResource(Schema):
    """Counts in the order of the request."""

    source: SourceResource
    # Not of the format date-time: a client sends it back, and it has one form in the canonical request.
    counted_since: str = Field(
        description="No count is older, unless the source has a `counted_at`; empty: counts of any age.", examples=[""]
    )
    counts: list[CountResource]


class CountsProgress(Schema):
    """The progress of counting. Post the same request again, with this `counted_since`, to get the counts."""

    source: str = Field(examples=["wimbd-c4"])
    state: Literal["queued", "running"] = Field(examples=["running"])
    counted_since: str = Field(examples=[""])
    done: int = Field(description="Number of distinct queries counted.", examples=[4096])
    total: int = Field(description="Number of distinct queries in all.", examples=[18381])
    phase: str | None = Field(
        description=f"What the worker is at: {Phase.WAITING}, {Phase.COUNTING}, or a phase that a later release adds; "
        "null while the look is queued.",
        examples=["counting"],
    )
    workers: int = Field(
        description="How many workers take looks at counts; 0: no worker is up. A worker does two looks at a source at "
        "a time, and the others wait.",
        examples=[1],
    )
    created_at: Time = Field(description="When the look was queued.", examples=["2026-01-31T12:00:00.000Z"])
    started_at: Time | None = Field(
        description="Since when the look runs; null while it is queued.", examples=["2026-01-31T12:00:00.250Z"]
    )


def counts_progress(request: CountsRequest, look: Record, workers: int) -> CountsProgress:
    """Return a look that is not finished in the form that clients get."""
    return CountsProgress(
        source=source_of(look),
        state="running" if look.state is State.RUNNING else "queued",
        counted_since=request.counted_since,
        done=look.done,
        total=look.total,
        phase=look.phase,
        workers=workers,
        created_at=utc(look.created_at),
        started_at=utc(look.started_at),
    )

"""What sources of counts, and counts asked for directly, look like, for OpenAPI.

Requests are checked by `concept_orderings.counts_request`, not here.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field, create_model

from app.declared import exactly_one, optional, with_default
from app.schemas import JobProblem, Schema
from concept_orderings.counts_request import NAMES, OPTIONS, QUERIES

_DIGEST = "0f" * 32
_WHEN = "2026-01-31T12:00:00Z"

REQUESTS: dict[str, Any] = {
    "names": {"summary": "Class names", "value": {"names": ["aquarium_fish", "sunflower"]}},
    "queries": {"summary": "Queries, as they are to be asked", "value": {"queries": [["grey wolf", "gray wolf"]]}},
    "refresh": {"summary": "Counted again", "value": {"names": ["sunflower"], "refresh": True}},
}


class _CountsRequest(Schema):
    model_config = ConfigDict(extra="forbid", json_schema_extra=exactly_one(NAMES.name, QUERIES.name))


_refresh, _counted_since = OPTIONS

CountsRequestSchema = create_model(
    "CountsRequestSchema",
    __base__=_CountsRequest,
    __doc__="What is to be counted. Give either `names` or `queries`.",
    names=optional(NAMES),
    queries=optional(QUERIES),
    refresh=with_default(_refresh, False),
    counted_since=with_default(_counted_since, ""),
)


class SourceResource(Schema):
    """A source of counts, and what its counts mean. What is not known is null."""

    name: str = Field(description="As orderings name it.", examples=["wimbd-c4"])
    kind: str = Field(
        description="request, local-index, elasticsearch, infini-gram or file.", examples=["elasticsearch"]
    )
    state: Literal["available", "unavailable", "unasked"] = Field(
        description="unasked: no worker has asked the server behind it yet.", examples=["available"]
    )
    unit: Literal["documents", "occurrences"] | None = Field(
        None, description="What is counted: the two are never mixed.", examples=["documents"]
    )
    corpus: str | None = Field(None, description="What is counted in.", examples=["c4 where subset = en"])
    documents: int | None = Field(None, description="Documents in the corpus.", examples=[364868892])
    tokens: int | None = Field(None, description="Tokens in the corpus.", examples=[None])
    query_form: str | None = Field(
        None, description="How a query is asked.", examples=["match_phrase with slop 0 in the field text"]
    )
    fingerprint: str | None = Field(
        None, description="Equal for as long as counts are those of the same corpus.", examples=[_DIGEST]
    )
    index: str | None = Field(
        None, description="SHA-256 of the shards in a local index; UUIDs of indices in Elasticsearch.", examples=[None]
    )
    ttl_seconds: float | None = Field(
        None, description="How long a count holds; null for a corpus that does not change.", examples=[None]
    )
    counted_at: str | None = Field(
        None,
        description="Of a counts file, when it was uploaded; null if counts are made when they are asked for.",
        examples=[None],
    )
    error: JobProblem | None = Field(None, description="Why it is unavailable.")


class SourceList(Schema):
    """All sources of counts that orderings can name, by name."""

    sources: list[SourceResource]


class CountResource(Schema):
    """The count of one name or query."""

    name: str | None = Field(description="The class name, or null for a query.", examples=["aquarium_fish"])
    query: str | list[str] = Field(
        description="What the source was asked; several spellings are an array. Empty if nothing of it can be asked.",
        examples=["aquarium fish"],
    )
    count: int = Field(examples=[388])
    unit: Literal["documents", "occurrences"] = Field(examples=["documents"])
    approximate: bool = Field(description="Whether the source says that it estimated.", examples=[False])
    counted_at: str = Field(description="When the source was asked, or its `counted_at`.", examples=[_WHEN])


class CountsResource(Schema):
    """Counts in the order in which they were asked for."""

    source: SourceResource
    counted_since: str = Field(
        description="No count is older, unless the source has a `counted_at`; empty if any will do.", examples=[""]
    )
    counts: list[CountResource]


class CountsProgress(Schema):
    """How much has been counted. Post the same again, with this `counted_since`, for the rest."""

    source: str = Field(examples=["wimbd-c4"])
    state: Literal["queued", "running"] = Field(examples=["running"])
    counted_since: str = Field(examples=[""])
    done: int = Field(description="Distinct queries counted.", examples=[4096])
    total: int = Field(description="Distinct queries in all.", examples=[18381])

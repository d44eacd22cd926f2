"""The schemas of answers on streams that others have published."""

from pydantic import Field

from app.schemas import Schema
from concept_orderings.published_streams import PUBLISHED_STREAMS, PublishedStream, published_digest


class PublishedStreamResource(Schema):
    """A stream that others have published."""

    name: str = Field(description="Its name in requests.", examples=["fomo/similarity_sequence_3"])
    summary: str = Field(examples=["Each concept followed by a similar one."])
    recipe: str | None = Field(
        description="How its order was made, as far as it is known; null if only the order itself is.", examples=[None]
    )
    origin: str = Field(description="Who published it.", examples=["FoMo-in-Flux, arXiv 2408.14471"])
    concepts: int = Field(description="Number of concepts.", examples=[18381])
    order_digest: str = Field(
        description="SHA-256 of the order as the FoMo-in-Flux code reads it: the `order_digest` of a version with it.",
        examples=["c199b2384ca5ed9fa02c1b35083493f341f716c0b79cca51755d43d1b8c2e76b"],
    )


class PublishedStreamList(Schema):
    """All streams that others have published and requests can name."""

    streams: list[PublishedStreamResource]


def published_stream_list() -> PublishedStreamList:
    """Return all published streams; the first call computes their digests, which takes a second."""
    return PublishedStreamList(streams=[_resource(each) for each in PUBLISHED_STREAMS.values()])


def _resource(each: PublishedStream) -> PublishedStreamResource:
    return PublishedStreamResource(
        name=each.name,
        summary=each.summary,
        recipe=each.recipe or None,
        origin=each.origin,
        concepts=each.concepts,
        order_digest=published_digest(each.name),
    )

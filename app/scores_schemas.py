"""The schemas of answers on scores files, for OpenAPI."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from app.schemas import JobProblem, Schema, Time
from concept_orderings.errors import StoreError
from concept_orderings.evidence.named_scores import Direction
from store.scores_files import ScoresFile


class ScoresResource(Schema):
    """A scores file, and what its scores mean. The other fields of an unavailable one are null."""

    name: str = Field(description="The name to give as an ordering's source.", examples=["my-scores"])
    state: Literal["available", "unavailable"] = Field(examples=["available"])
    model: str | None = Field(None, description="The model that was scored.", examples=["OpenCLIP ViT-B/32"])
    metric: str | None = Field(
        None, description="What was measured, and its unit.", examples=["zero-shot accuracy in percent"]
    )
    direction: Direction | None = Field(None, description="Which scores are easier.", examples=["higher is easier"])
    number: int | None = Field(
        None, description="How many scores it has; one for a whole dataset counts once.", examples=[100]
    )
    digest: str | None = Field(
        None,
        description="SHA-256 of the scores: the same in whichever format they were uploaded.",
        examples=["0f" * 32],
    )
    uploaded_at: Time | None = Field(None, examples=["2026-01-31T12:00:00Z"])
    error: JobProblem | None = Field(None, description="Why the file is unavailable.")


class ScoresList(Schema):
    """All scores files, by name."""

    scores: list[ScoresResource]


def scores_resource(record: ScoresFile) -> ScoresResource:
    """Return a scores file in the form that clients get."""
    meaning = record.meaning
    return ScoresResource(
        name=record.name,
        state="available",
        model=meaning.model,
        metric=meaning.metric,
        direction=meaning.direction,
        number=record.names,
        digest=record.digest,
        uploaded_at=record.uploaded_at,
    )


def scores_list(found: Iterable[ScoresFile | tuple[str, StoreError]]) -> ScoresList:
    """Return all scores files in the form that clients get; damaged ones with their error."""
    return ScoresList(scores=[_resource(each) for each in found])


def _resource(found: ScoresFile | tuple[str, StoreError]) -> ScoresResource:
    if isinstance(found, ScoresFile):
        return scores_resource(found)
    name, error = found
    problem = JobProblem.model_validate(error.as_json())
    return ScoresResource(name=name, state="unavailable", error=problem)

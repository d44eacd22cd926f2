"""infini-gram: how often a phrase occurs in a corpus of many billion tokens, asked over HTTP."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class InfiniGramSettings(BaseModel):
    """An infini-gram index, as the file of sources names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["infini-gram"] = "infini-gram"
    url: str = Field(
        "https://api.infini-gram.io/", pattern=r"^https?://[^\s]+$", description="Where queries are posted to."
    )
    index: str = Field("v4_c4train_llama", min_length=1, description="The index, as the endpoint names it.")
    in_flight: int = Field(4, ge=1, le=64, description="Requests at once; a public endpoint is shared with others.")
    timeout_seconds: float = Field(30.0, gt=0, description="How long one answer may take.")
    ttl_hours: float = Field(0.0, ge=0, description="How long a count holds; 0 for a corpus that does not change.")

    def open(self, name: str) -> "InfiniGramSource":
        """Return the source, connected when it is first asked."""
        return InfiniGramSource(name, self)


class InfiniGramSource:
    """An infini-gram index as a source of counts."""

    def __init__(self, name: str, settings: InfiniGramSettings) -> None:
        self._name = name
        self._settings = settings

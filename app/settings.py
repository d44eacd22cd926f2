"""Settings of the HTTP service, from environment variables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field

from concept_orderings.evidence.encoder_names import ENCODER_PATTERN, PAPER_ENCODER
from concept_orderings.published import PUBLIC_URL
from store.format import check_data_dir
from store.settings import StoreSettings, read_settings

ORDERING_DEFAULTS: Mapping[str, str] = {"encoder": "default_encoder"}
"""The setting that holds the default of a parameter of orderings, by the parameter's name.

The OpenAPI document, which is the same for all settings, gives these parameters no default.
"""


class AppSettings(StoreSettings):
    """Limits, and defaults for parameters that a request leaves out."""

    default_encoder: str = Field(
        PAPER_ENCODER,
        pattern=f"^({ENCODER_PATTERN})$",
        description="The encoder of orderings that need embeddings and name none. The default is the paper's.",
    )
    max_active_jobs: int = Field(
        1000, ge=1, description="Jobs queued or running at once; one more is a 429 with Retry-After."
    )
    max_wait_seconds: int = Field(300, ge=0, description="The longest that Prefer: wait may hold a request.")
    max_connections: int = Field(
        10_000,
        ge=16,
        description="Connections of a process at once; one more is a 503 with Retry-After. At most two thirds of the "
        "files that the process may open.",
    )
    header_seconds: float = Field(
        10.0, gt=0, description="The longest time for the header of a request; then its connection is closed."
    )
    body_seconds: float = Field(
        20.0, gt=0, description="The longest time between two bytes of a body; then its connection is closed."
    )
    public_url: str = Field(
        "",
        pattern=rf"^({PUBLIC_URL.pattern})?$",
        description="The address of this service for others, such as https://orderings.example.org, without a slash at "
        "its end. Exports that are to be deposited name it; without it they have no address.",
    )
    access_keys: Path | None = Field(
        None,
        validation_alias=AliasChoices("CONCEPT_ORDERINGS_KEYS", "access_keys"),
        description="The file of keys. With it every request but health checks needs a key; without it none does.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug (with each request), info, warning or error."
    )


def check_settings() -> None:
    """Check the settings in the environment, and the format of the data directory; write nothing.

    Raises
    ------
    SettingError
        ``bad_setting``, naming each invalid variable; ``unknown_data_format`` if a later release wrote the data
        directory.
    """
    check_data_dir(read_settings(AppSettings).data_dir)

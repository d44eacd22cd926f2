"""Settings of the HTTP service, from environment variables."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, field_validator

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
    bodies_mb: int = Field(
        128,
        ge=8,
        description="Megabytes of bodies that all processes of the API have in memory at once; one more is a 429 with "
        "Retry-After. A quarter is for bodies of at most 1 MB alone.",
    )
    parsing_mb: int = Field(
        640,
        ge=100,
        description="Megabytes that the process may allocate in which the API parses a body of more than 1 MB, one at "
        "a time; it gets less where the machine or the container has less free memory.",
    )
    max_client_jobs: int = Field(
        0,
        ge=0,
        description="Jobs of one client among them; one more is a 429 with Retry-After. 0: half of them, at least 10.",
    )
    trusted_proxies: str = Field(
        "",
        description="Networks of proxies, such as 10.0.0.0/8, with commas between them: the addresses that they name "
        "in X-Forwarded-For are those of clients. Without it each client is the address that asks.",
    )
    max_wait_seconds: int = Field(300, ge=0, description="The longest that Prefer: wait may hold a request.")
    processes: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes of the API that share its port. Each is started again alone when it ends or hangs.",
    )
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
    redirect_bytes: int = Field(
        0,
        ge=0,
        description="With streams in a bucket: what never changes and has at least this many bytes is redirected to a "
        "signed URL of the bucket, if it is sent uncompressed. 0 redirects nothing.",
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
    hosts: str = Field(
        "",
        pattern=r"^[A-Za-z0-9.:,\[\] -]*$",
        description="Names of this service, with commas between them: requests with other names are refused. Without "
        "it any name is taken, but on loopback only localhost; addresses and the host of PUBLIC_URL always are.",
    )
    origins: str = Field(
        "",
        pattern=r"^(https?://[^/,\s*]+(\s*,\s*|$))*$",
        description="Origins of pages that may use this service from browsers, such as https://lab.example.org, with "
        "commas between them. Those of the service itself always may.",
    )
    docs: Literal["on", "off"] = Field("on", description="off: no Swagger UI at /docs.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug (with each request), info, warning or error."
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _check_networks(cls, text: str) -> str:
        for each in _listed(text):
            ip_network(each)
        return text

    @property
    def most_client_jobs(self) -> int:
        """The most active jobs of one client."""
        return min(self.max_active_jobs, self.max_client_jobs or max(10, self.max_active_jobs // 2))

    @property
    def proxies(self) -> list[str]:
        """The networks in `trusted_proxies`."""
        return _listed(self.trusted_proxies)

    @property
    def host_names(self) -> list[str]:
        """The names in `hosts`."""
        return _listed(self.hosts)

    @property
    def allowed_origins(self) -> list[str]:
        """The origins in `origins`, in small letters as browsers send them."""
        return _listed(self.origins.lower())


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def check_settings() -> None:
    """Check the settings in the environment, and the format of the data directory; write nothing.

    Raises
    ------
    SettingError
        ``bad_setting``, naming each invalid variable; ``unknown_data_format`` if a later release wrote the data
        directory.
    """
    check_data_dir(read_settings(AppSettings).data_dir)

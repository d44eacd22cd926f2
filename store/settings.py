"""Settings of the service and of the worker, from environment variables; each program adds its own.

They are passed as arguments and never read at import: each program reads the environment once, when it starts.
"""

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from concept_orderings.errors import SettingError, SourceError
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE
from store.disk_space import DiskSpace
from store.keys import DEFAULT_NAMESPACE, Keys
from store.locations import local_directory

MOST_BODY_BYTES = 64 * 1024 * 1024
"""The default of `StoreSettings.max_body_bytes`."""
_SLACK_BYTES = 1024 * 1024

_Settings = TypeVar("_Settings", bound=BaseSettings)


def read_settings(kind: type[_Settings], **given: Any) -> _Settings:
    """Read settings from the environment; a keyword argument overrides its variable.

    Raises
    ------
    SettingError
        ``bad_setting``, naming each variable with a wrong value.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        wrong = "; ".join(f"{_variable(each['loc'][0])}: {each['msg']}" for each in error.errors())
        raise SettingError("bad_setting", f"{wrong}. docs/settings.md lists all settings.") from error


def _variable(field: int | str) -> str:
    return str(field) if str(field).isupper() else f"CONCEPT_ORDERINGS_{str(field).upper()}"


def most_canonical_bytes(most_body_bytes: int) -> int:
    """Return the most bytes that the canonical request of a body of a size can have.

    A canonical request can be longer than its body: by a factor of 3 if each of the ``concepts`` is of a dataset of its
    own, which then has a table of its own; and by the years and templates that come from the catalogue.
    """
    return 4 * most_body_bytes + _SLACK_BYTES


class StoreSettings(BaseSettings):
    """Where runs, caches and stream versions are kept."""

    model_config = SettingsConfigDict(
        env_prefix="CONCEPT_ORDERINGS_",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        frozen=True,
    )

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias=AliasChoices("REDIS_URL", "redis_url"),
        pattern=r"^(redis|rediss|unix|redis\+sentinel)://",
        description="Redis or Valkey, for the queue, records of runs and caches. Give it append-only persistence.",
    )
    namespace: str = Field(
        DEFAULT_NAMESPACE,
        pattern=f"^{URL_NAME.pattern}$",
        description="The beginning of all keys in Redis. Services with different namespaces can share a server.",
    )
    data_dir: Path = Field(
        Path("data"), description="Where the embedded Valkey, local indexes and, by default, streams are kept."
    )
    streams_url: str | None = Field(
        None,
        description="Where stream versions are kept: a directory, or a URL such as s3://bucket/prefix. "
        "Default: the directory streams below the data directory.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="text: lines for people; json: one JSON object a line."
    )
    max_body_bytes: int = Field(
        MOST_BODY_BYTES,
        ge=1,
        description="The largest request body; a larger one is a 413. Workers read no canonical request that is more "
        "than four times as large, so they need the same value.",
    )

    min_free_mb: int = Field(
        64,
        ge=0,
        description="Megabytes that must be free on the disks of the data directory and of the streams. With less, new "
        "requests and uploads are a 503 store_full, so that accepted jobs and the queue have room; 0 turns this off.",
    )

    @property
    def disk_space(self) -> DiskSpace:
        """The disks that the service writes to: that of the streams, and that of a Valkey on this machine."""
        streams = local_directory(self.streams_location)
        valkey = self.data_dir if self.redis_url.startswith("unix:") else None
        return DiskSpace([each for each in (streams, valkey) if each is not None], self.min_free_mb)

    @property
    def streams_location(self) -> str:
        """The directory or URL of stream versions, for `store.objects.open_objects`."""
        return self.streams_url or str(self.data_dir / "streams")

    @property
    def most_request_bytes(self) -> int:
        """The most bytes of a canonical request in Redis, for `store.runs.Runs`."""
        return most_canonical_bytes(self.max_body_bytes)

    @property
    def keys(self) -> Keys:
        """The names of keys in Redis."""
        return Keys(self.namespace)

    @property
    def indexes_dir(self) -> Path:
        """The directory that has a directory for each local index."""
        return self.data_dir / "indexes"

    def index_dir(self, source: str) -> Path:
        """Return the directory of the local full-text index that orderings name as their `source`.

        Raises
        ------
        SourceError
            ``source_not_configured`` for a name that no index can have, such as one with a slash.
        """
        if not URL_NAME.fullmatch(source):
            raise SourceError(
                "source_not_configured",
                f"An index's name {URL_NAME_RULE}.",
            )
        return self.indexes_dir / source

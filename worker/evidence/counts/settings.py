"""The file of sources: the sources of counts that need settings, by name.

::

    [wimbd-c4]
    kind = "elasticsearch"
    url = "https://search.example.org:9200"
    api_key_file = "/run/secrets/elastic_api_key"
    index = "c4"
    filters = { subset = "en" }

    [infini-gram]
    kind = "infini-gram"
"""

import tomllib
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from concept_orderings.errors import SettingError
from concept_orderings.evidence.counts import AT_HAND, BUILT_IN
from concept_orderings.text import shown
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE
from store.settings import read_settings
from worker.evidence.counts.base import REQUEST_ATTEMPTS, CountSource
from worker.settings import WorkerSettings

SETTING = "CONCEPT_ORDERINGS_SOURCES"

DEFAULT: Mapping[str, Mapping[str, Any]] = {BUILT_IN: {"kind": "infini-gram"}}
"""The sources of a worker without a file of sources."""

KINDS = {
    "elasticsearch": ("worker.evidence.counts.elasticsearch.settings", "ElasticsearchSettings"),
    "infini-gram": ("worker.evidence.counts.infini_gram", "InfiniGramSettings"),
}
"""Module and class of the settings of each kind; imported only where it is configured, since clients load slowly."""


class SourceSettings(Protocol):
    """A table of the file of sources."""

    @property
    def kind(self) -> str:
        """The kind of the source, as in `SourceFacts.kind`."""
        ...

    def open(self, name: str, *, attempts: int = REQUEST_ATTEMPTS) -> CountSource:
        """Return the source, which connects at its first request and sends one request at most `attempts` times.

        Raises
        ------
        SourceError
            ``source_not_configured``, such as for a secret that cannot be read.
        """
        ...


def read_sources(settings: WorkerSettings) -> dict[str, SourceSettings]:
    """Return the sources in the file of sources, by name; without a file, those of `DEFAULT`.

    Raises
    ------
    SettingError
        ``bad_setting``, naming the file, the table and the field.
    """
    if settings.sources is None:
        return {name: _table("the default", name, table) for name, table in DEFAULT.items()}
    path = settings.sources
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = f"{path}: {error.strerror}" if isinstance(error, OSError) else f"{path} is not TOML: {error}"
        raise _bad(reason) from error
    return {name: _table(str(path), name, table) for name, table in tables.items()}


def check_settings() -> None:
    """Check the worker's settings in the environment and its file of sources.

    Raises
    ------
    SettingError
        ``bad_setting``, naming each variable, or the file, the table and the field.
    """
    read_sources(read_settings(WorkerSettings))


def _table(path: str, name: str, table: object) -> SourceSettings:
    where = f"{path}, [{name}]"
    if not URL_NAME.fullmatch(name) or name in AT_HAND:
        raise _bad(f"{where}: a source's name {URL_NAME_RULE}, and is neither {' nor '.join(AT_HAND)}")
    if not isinstance(table, dict):
        raise _bad(f"{path}: {name} stands outside any table; begin with the source's name, such as [wimbd-c4]")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        given = f"{shown(str(kind))} is not a kind" if "kind" in table else "it is missing"
        raise _bad(f"{where}, kind: {given}; the kinds are {', '.join(KINDS)}")
    try:
        model: Any = settings_model(kind).model_validate(table)
    except ValidationError as error:
        raise _bad(f"{where}{_fault(error)}") from error
    found: SourceSettings = model
    return found


def settings_model(kind: str) -> type[BaseModel]:
    """Return the settings of a kind of source: the fields of its table in the file of sources."""
    module, name = KINDS[kind]
    model: type[BaseModel] = getattr(import_module(module), name)
    return model


def _fault(error: ValidationError) -> str:
    """Name the wrong fields, but not their values, which may be secrets."""
    faults = []
    for each in error.errors(include_input=False, include_url=False):
        field = ".".join(str(part) for part in each["loc"])
        faults.append(f", {field}: {each['msg']}" if field else f": {each['msg']}")
    return ";".join(faults)


def _bad(reason: str) -> SettingError:
    return SettingError("bad_setting", f"{SETTING}: {reason}. docs/settings.md shows such a file.")

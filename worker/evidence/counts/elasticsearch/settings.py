"""The settings of an Elasticsearch source: server, index, search and credentials."""

import os
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from elastic_transport.client_utils import DEFAULT
from elasticsearch import AsyncElasticsearch
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from concept_orderings.errors import SourceError
from worker.evidence.counts.base import REQUEST_ATTEMPTS
from worker.evidence.counts.elasticsearch.patience import Patience
from worker.evidence.counts.elasticsearch.searches import FilterValue, Match, Searches
from worker.evidence.counts.elasticsearch.server import Server
from worker.evidence.counts.elasticsearch.source import FACTS_IN_FLIGHT, ElasticsearchSource

_PORTS = {"http": 80, "https": 443}
# Control characters and lone surrogates: HTTP headers cannot contain them.
_NEVER_SENT = {"Cc", "Cs"}


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _with_port(url: str) -> str:
    """Return a URL with its port, which the client requires; refuse one with a password, since URLs are shown."""
    if "@" in url:
        raise ValueError("the user and the password are given in fields of their own, not in the URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # The text of the error is not shown: it quotes a part of the URL, such as half of a password.
        raise ValueError("the host is not valid, or the port is not a number up to 65535") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("give a URL such as https://search.example.org:9200")
    if parts.query or parts.fragment:
        raise ValueError("a URL ends with its path")
    netloc = parts.netloc if port else f"{parts.netloc.rstrip(':')}:{_PORTS[parts.scheme]}"
    return parts._replace(netloc=netloc, path=parts.path.rstrip("/")).geturl()


def _filter_value(value: Any) -> Any:
    """Refuse a value that no filter can have, with one sentence instead of one for each type."""
    values = value if isinstance(value, list) else [value]
    types = {type(each) for each in values}
    if len(types) != 1 or not types <= ({str, int} if isinstance(value, list) else {str, bool, int, float}):
        raise ValueError("a filter is a text, a number, true or false, or a list of texts or of whole numbers")
    return value


Url = Annotated[str, AfterValidator(_with_port)]


class ElasticsearchSettings(BaseModel):
    """A table of the file of sources for an index in Elasticsearch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["elasticsearch"] = "elasticsearch"
    url: Annotated[tuple[Url, ...], BeforeValidator(_as_tuple)] = Field(
        (), description="URL of the cluster's HTTP interface, or a list of URLs of several nodes."
    )
    cloud_id: str | None = Field(None, min_length=1, description="A deployment in Elastic Cloud, instead of a URL.")
    api_key_file: Path | None = Field(None, description="A file with the API key, as Elasticsearch encodes it.")
    api_key_env: str | None = Field(None, description="The environment variable with the API key.")
    user: str | None = Field(None, min_length=1, description="Name of the user, instead of an API key.")
    password_file: Path | None = Field(None, description="A file with the user's password.")
    password_env: str | None = Field(None, description="The environment variable with the user's password.")
    ca_file: Path | None = Field(None, description="Certificates (PEM) of the authorities that sign the server's.")
    index: str = Field(min_length=1, description="The index, or an alias.")
    text_field: str = Field("text", min_length=1, description="The field that is searched.")
    filters: dict[str, Annotated[FilterValue, BeforeValidator(_filter_value)]] = Field(
        default_factory=dict,
        description="Fields and the value that they must have, or a list of such values; other documents do not count. "
        "The fields are of type keyword.",
    )
    match: Match = Field(
        "phrase", description="phrase: all words next to each other in this order. all-words: all words, anywhere."
    )
    names_per_request: int = Field(250, ge=1, le=5_000, description="Names in one request.")
    in_flight: int = Field(8, ge=1, le=64, description="Requests at once.")
    timeout_seconds: float = Field(120.0, gt=0, allow_inf_nan=False, description="Timeout of one request.")
    ttl_hours: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="How long a count is valid; 0 for a corpus that does not change.",
    )

    @model_validator(mode="after")
    def _not_contradictory(self) -> Self:
        if bool(self.url) == (self.cloud_id is not None):
            raise ValueError("give one of url and cloud_id")
        for one, other in (
            ("api_key_file", "api_key_env"),
            ("password_file", "password_env"),
            ("user", "api_key_file"),
            ("user", "api_key_env"),
        ):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"{one} and {other} contradict each other: give one of them")
        if (self.user is None) != (self.password_file is None and self.password_env is None):
            raise ValueError("user needs password_file or password_env, and they need user")
        return self

    def open(
        self, name: str, *, attempts: int = REQUEST_ATTEMPTS, patience: Patience | None = None
    ) -> ElasticsearchSource:
        """Return the source, which connects at its first request.

        Parameters
        ----------
        name
            The name that orderings give as their source.
        attempts
            The most attempts of one request; six take half a minute.
        patience
            When a request is repeated; it replaces `attempts`.

        Raises
        ------
        SourceError
            ``source_not_configured``, naming the field, if a secret or the certificates cannot be read, or the cloud
            id is not valid.
        """
        secrets = _Secrets(name)
        api_key = secrets.read("api_key", self.api_key_file, self.api_key_env)
        password = secrets.read("password", self.password_file, self.password_env)
        if self.ca_file is not None and not self.ca_file.is_file():
            raise _not_configured(name, f"ca_file: there is no file {self.ca_file}")
        try:
            client = AsyncElasticsearch(
                hosts=list(self.url) or None,
                cloud_id=self.cloud_id,
                api_key=api_key,
                basic_auth=(self.user, password) if self.user and password else None,
                ca_certs=str(self.ca_file) if self.ca_file else DEFAULT,
                http_compress=True,
                # With connections of their own, so that requests for the facts do not wait behind those that count.
                connections_per_node=self.in_flight + FACTS_IN_FLIGHT,
                request_timeout=self.timeout_seconds,
                # The source retries by its own rule, which also covers incomplete answers.
                max_retries=0,
                retry_on_timeout=False,
            )
        except (ValueError, OSError) as error:
            field = "cloud_id" if self.cloud_id else "ca_file" if self.ca_file else "url"
            raise _not_configured(name, f"{field}: {error}") from error
        return ElasticsearchSource(
            name,
            Server(client, self.index, self.cloud_id or " ".join(sorted(self.url))),
            Searches(self.index, self.text_field, self.filters, self.match),
            names_per_request=self.names_per_request,
            in_flight=self.in_flight,
            ttl_seconds=self.ttl_hours * 3600 or None,
            patience=patience or Patience(attempts=attempts),
        )


class _Secrets:
    """Reads the secrets of a source, which the file of sources only points to."""

    def __init__(self, source: str) -> None:
        self._source = source

    def read(self, field: str, path: Path | None, variable: str | None) -> str | None:
        """Return a secret from a file or an environment variable; None if neither is named."""
        if path is not None:
            return self._from_file(f"{field}_file", path)
        if variable is not None:
            return self._not_empty(f"{field}_env", f"the environment variable {variable}", os.environ.get(variable, ""))
        return None

    def _from_file(self, field: str, path: Path) -> str:
        try:
            content = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _not_configured(self._source, f"{field}: {path} cannot be read ({error})") from error
        return self._not_empty(field, str(path), content)

    def _not_empty(self, field: str, place: str, content: str) -> str:
        if not content.strip():
            raise _not_configured(self._source, f"{field}: {place} is not set, or is empty")
        secret = content.strip()
        if any(unicodedata.category(each) in _NEVER_SENT for each in secret):
            raise _not_configured(self._source, f"{field}: {place} contains a line break or another control character")
        return secret


def _not_configured(source: str, reason: str) -> SourceError:
    return SourceError(
        "source_not_configured", f"The source {source!r} cannot be opened: {reason}. Correct it in the file of sources."
    )

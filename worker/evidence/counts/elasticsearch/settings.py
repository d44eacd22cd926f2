"""Which index of which server is asked, how, and with what key."""

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
# Control characters, and halves of characters: neither can stand in a header.
_NEVER_SENT = {"Cc", "Cs"}


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _with_port(url: str) -> str:
    """Give a URL its port, for which the client asks; and refuse one that could not be shown to anybody."""
    if "@" in url:
        raise ValueError("the user and the password are given in fields of their own, not in the URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Not its own words, which quote a part of the URL, such as half of a password.
        raise ValueError("its host is none, or its port is no number up to 65535") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("a URL is such as https://search.example.org:9200")
    if parts.query or parts.fragment:
        raise ValueError("a URL ends with its path")
    netloc = parts.netloc if port else f"{parts.netloc.rstrip(':')}:{_PORTS[parts.scheme]}"
    return parts._replace(netloc=netloc, path=parts.path.rstrip("/")).geturl()


def _filter_value(value: Any) -> Any:
    """Refuse what no field can have, in one sentence instead of one for each type."""
    values = value if isinstance(value, list) else [value]
    types = {type(each) for each in values}
    if len(types) != 1 or not types <= ({str, int} if isinstance(value, list) else {str, bool, int, float}):
        raise ValueError("a filter is a text, a number, true or false, or a list of texts or of whole numbers")
    return value


Url = Annotated[str, AfterValidator(_with_port)]


class ElasticsearchSettings(BaseModel):
    """An index in Elasticsearch, as the file of sources names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["elasticsearch"] = "elasticsearch"
    url: Annotated[tuple[Url, ...], BeforeValidator(_as_tuple)] = Field(
        (), description="Of the cluster's HTTP interface; one, or a list of several nodes."
    )
    cloud_id: str | None = Field(None, min_length=1, description="Of a deployment in Elastic Cloud, instead of a URL.")
    api_key_file: Path | None = Field(None, description="A file with the API key, as Elasticsearch encodes it.")
    api_key_env: str | None = Field(None, description="The environment variable with the API key.")
    user: str | None = Field(None, min_length=1, description="Instead of an API key.")
    password_file: Path | None = Field(None, description="A file with the user's password.")
    password_env: str | None = Field(None, description="The environment variable with the user's password.")
    ca_file: Path | None = Field(None, description="Certificates (PEM) by which the server's own is checked.")
    index: str = Field(min_length=1, description="The index, or an alias.")
    text_field: str = Field("text", min_length=1, description="The field whose words are looked for.")
    filters: dict[str, Annotated[FilterValue, BeforeValidator(_filter_value)]] = Field(
        default_factory=dict,
        description="Fields that are to have a value, or one of several; documents where they have another do not "
        "count. Fields of type keyword.",
    )
    match: Match = Field(
        "phrase", description="phrase: the words as they stand, side by side. all-words: all of them, anywhere."
    )
    names_per_request: int = Field(250, ge=1, le=5_000, description="How many names one request asks for.")
    in_flight: int = Field(8, ge=1, le=64, description="Requests at once.")
    timeout_seconds: float = Field(120.0, gt=0, allow_inf_nan=False, description="How long one answer may take.")
    ttl_hours: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="How long a count holds; 0 for a corpus that does not change.",
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
        """Return the source, connected when it is first asked.

        Parameters
        ----------
        name
            As orderings name it.
        attempts
            How often the server is asked one thing at most; six times take half a minute.
        patience
            When it is asked again, instead.

        Raises
        ------
        SourceError
            ``source_not_configured``, naming the field, if a secret or the certificates cannot be read, or the cloud
            id is none.
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
                # What the corpus is, is asked between counts, and does not wait for a connection behind all of them.
                connections_per_node=self.in_flight + FACTS_IN_FLIGHT,
                request_timeout=self.timeout_seconds,
                # The source asks again by a rule of its own, which knows of partial answers.
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
    """Reads what does not stand in the file of sources."""

    def __init__(self, source: str) -> None:
        self._source = source

    def read(self, field: str, path: Path | None, variable: str | None) -> str | None:
        """Return a secret from a file or an environment variable, None if neither is named."""
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
            raise _not_configured(self._source, f"{field}: {place} is not set, or has nothing in it")
        secret = content.strip()
        if any(unicodedata.category(each) in _NEVER_SENT for each in secret):
            raise _not_configured(self._source, f"{field}: {place} has a line break or another control character in it")
        return secret


def _not_configured(source: str, reason: str) -> SourceError:
    return SourceError(
        "source_not_configured", f"The source {source!r} cannot be opened: {reason}. Correct it in the file of sources."
    )

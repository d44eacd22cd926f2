"""The official client, behind one rule of errors: what it raises is told apart by whether to ask again."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from elasticsearch import (
    ApiError,
    AsyncElasticsearch,
    ConnectionTimeout,
    SerializationError,
    TransportError,
    UnsupportedProductError,
)

from worker.evidence.counts.elasticsearch.answers import NotCounted, by_status, counted, may_pass

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

# A third of an answer. What is not read is named, and not what is: nothing that says that a count is none is left out.
_UNREAD = ("-responses.took", "-responses.hits.hits", "-responses.hits.max_score", "-responses._shards.skipped")


class Server:
    """One index, or several under one name, on the nodes that a client knows.

    Parameters
    ----------
    client : AsyncElasticsearch
        One that does not ask again by itself.
    index : str
        What is searched.
    place : str
        Where it is: what an index is told apart by if its UUID is not told.
    """

    def __init__(self, client: AsyncElasticsearch, index: str, place: str) -> None:
        self._client = client
        self._index = index
        self.place = place

    async def search(self, searches: Sequence[Mapping[str, Any]]) -> list[int | NotCounted]:
        """Return for each search the documents found, or why that is not known; all in one request."""
        # Encoded here: the client would make an encoder for each line, which takes as long as all else that it does.
        lines = cast("list[dict[str, Any]]", [line for search in searches for line in ("{}", _encode(search))])
        answer = await _asked(
            lambda: self._client.msearch(
                index=self._index,
                searches=lines,
                # A pattern that no index has is not an index without documents.
                allow_no_indices=False,
                filter_path=_UNREAD,
            )
        )
        if isinstance(answer, NotCounted):
            return [answer] * len(searches)
        match answer:
            case {"responses": [*answers]} if len(answers) == len(searches):
                return [counted(each) for each in answers]
        return [may_pass(f"it does not answer {len(searches)} searches with as many results")] * len(searches)

    async def identities(self) -> list[str] | NotCounted:
        """Return the UUIDs of the indices, sorted; none of those that the server does not tell."""
        settings = await _asked(lambda: self._client.indices.get_settings(index=self._index, name="index.uuid"))
        if isinstance(settings, NotCounted):
            return settings
        return sorted(uuid for each in settings.values() if (uuid := _uuid(each)))

    async def field_types(self, fields: Sequence[str]) -> dict[str, set[str]] | NotCounted:
        """Return the types that each field has in the indices: none if it is in none of them."""
        capabilities = await _asked(lambda: self._client.field_caps(index=self._index, fields=list(fields)))
        if isinstance(capabilities, NotCounted):
            return capabilities
        match capabilities:
            case {"fields": Mapping() as found}:
                return {field: set(found.get(field, {})) for field in fields}
        return may_pass("it does not answer what fields there are")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()


def _uuid(settings: object) -> str | None:
    match settings:
        case {"settings": {"index": {"uuid": str(uuid)}}}:
            return uuid
    return None


async def _asked(request: Callable[[], Awaitable[Any]]) -> Mapping[str, Any] | NotCounted:
    try:
        body = (await request()).body
    except UnsupportedProductError:
        return NotCounted(
            code="source_not_configured", reason="what answers at its url is not Elasticsearch, or a proxy hides it"
        )
    except ApiError as error:
        return by_status(error.status_code, error.body, retry_after=_retry_after(error.meta.headers.get("retry-after")))
    except TransportError as error:
        return _not_transported(error)
    return body if isinstance(body, dict) else may_pass("it answers with something other than a JSON object")


def _not_transported(error: TransportError) -> NotCounted:
    """Say what became of a request that has no answer."""
    if isinstance(error, ConnectionTimeout):
        return may_pass("it does not answer in time (timeout_seconds)", too_slow=True)
    if isinstance(error, SerializationError):
        # Its text is the whole body.
        return may_pass("its answer is not JSON, or not all of it")
    if "CERTIFICATE_VERIFY_FAILED" in str(error.message):
        return NotCounted(code="source_not_configured", reason="ca_file: its certificate is not signed by a known one")
    return may_pass(f"the connection fails ({error.message or type(error).__name__})")


def _retry_after(header: str | None) -> float | None:
    """Read a pause, which a server gives in seconds or by the time when it ends."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, OverflowError):  # the second: in UTC, it is beyond the last date
        return None
    return max(0.0, (until - datetime.now(UTC)).total_seconds())

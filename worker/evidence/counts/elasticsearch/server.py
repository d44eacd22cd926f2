"""The official client, with its errors turned into reasons that say whether a retry may help."""

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
from worker.evidence.counts.elasticsearch.words import has_search_analyser, words_of_each

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

# Parts of a response that the server leaves out, since they are not read. The list names these parts, not those that
# are read, so that no sign of an incomplete answer is lost.
_UNREAD = ("-responses.took", "-responses.hits.hits", "-responses.hits.max_score", "-responses._shards.skipped")


_NOT_ELASTICSEARCH = NotCounted(
    code="source_not_configured", reason="the server at its url is not Elasticsearch, or a proxy hides it"
)


class Server:
    """One index, or several under one name, on the nodes of a client.

    Parameters
    ----------
    client : AsyncElasticsearch
        A client without retries of its own.
    index : str
        Name of the index or indices.
    place : str
        Address of the cluster: it identifies an index whose UUID the server does not tell.
    """

    def __init__(self, client: AsyncElasticsearch, index: str, place: str) -> None:
        self._client = client
        self._index = index
        self.place = place

    async def search(self, searches: Sequence[Mapping[str, Any]]) -> list[int | NotCounted]:
        """Return for each search the number of documents, or the reason why it is unknown; all in one request."""
        # Encoded here: the client would make an encoder for each line, which would double its work.
        lines = cast("list[dict[str, Any]]", [line for search in searches for line in ("{}", _encode(search))])
        answer = await _asked(
            lambda: self._client.msearch(
                index=self._index,
                searches=lines,
                # A pattern that matches no index must be an error, not an index without documents.
                allow_no_indices=False,
                filter_path=_UNREAD,
            )
        )
        if isinstance(answer, NotCounted):
            return [answer] * len(searches)
        match answer:
            case {"responses": [*answers]} if len(answers) == len(searches):
                return [counted(each) for each in answers]
        return [may_pass(f"it does not answer {len(searches)} searches with {len(searches)} results")] * len(searches)

    async def identities(self) -> list[str] | NotCounted:
        """Return the UUIDs of the indices, sorted, as far as the server tells them."""
        settings = await _asked(lambda: self._client.indices.get_settings(index=self._index, name="index.uuid"))
        if isinstance(settings, NotCounted):
            return settings
        return sorted(uuid for each in settings.values() if (uuid := _uuid(each)))

    async def field_types(self, fields: Sequence[str]) -> dict[str, set[str]] | NotCounted:
        """Return the types that each field has in the indices; an empty set for a field that no index has."""
        capabilities = await _asked(lambda: self._client.field_caps(index=self._index, fields=list(fields)))
        if isinstance(capabilities, NotCounted):
            return capabilities
        match capabilities:
            case {"fields": Mapping() as found}:
                return {field: set(found.get(field, {})) for field in fields}
        return may_pass("it does not answer which fields the index has")

    async def words(self, field: str, texts: Sequence[str]) -> list[dict[int, str]] | NotCounted:
        """Return the words that the index reads in each text, by their positions.

        The server analyses the texts as it analyses documents that are put into the index, and keeps none of them. It
        lets clients do so that may read the index.
        """
        shared = {"fields": [field], "offsets": False, "payloads": False, "field_statistics": False}
        documents = [{"doc": {field: text}, **shared} for text in texts]
        answer = await _asked(lambda: self._client.mtermvectors(index=self._index, docs=documents))
        if isinstance(answer, NotCounted):
            return answer
        match answer:
            case {"docs": [*vectors]} if len(vectors) == len(texts):
                return words_of_each(vectors, field)
        return may_pass(f"it does not answer {len(texts)} texts with the words of {len(texts)}")

    async def searches_as_it_indexes(self, field: str) -> bool | NotCounted:
        """Tell whether a field has one analyser for documents and for searches."""
        answer = await _asked(lambda: self._client.indices.get_field_mapping(index=self._index, fields=field))
        return answer if isinstance(answer, NotCounted) else not has_search_analyser(answer, field)

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
        answer = await request()
    except UnsupportedProductError:
        return _NOT_ELASTICSEARCH
    except ApiError as error:
        return by_status(error.status_code, error.body, retry_after=_retry_after(error.meta.headers.get("retry-after")))
    except TransportError as error:
        return _not_transported(error)
    # The client looks until one answer has this header; which of several at once comes first must not decide.
    if answer.meta.headers.get("x-elastic-product") != "Elasticsearch":
        return _NOT_ELASTICSEARCH
    return (
        answer.body if isinstance(answer.body, dict) else may_pass("it answers with something other than a JSON object")
    )


def _not_transported(error: TransportError) -> NotCounted:
    """Return the reason why a request has no answer."""
    if isinstance(error, ConnectionTimeout):
        return may_pass("it does not answer in time (timeout_seconds)", too_slow=True)
    if isinstance(error, SerializationError):
        # The text of the error is the whole body, so it is not shown.
        return may_pass("its answer is not JSON, or not all of it")
    if "CERTIFICATE_VERIFY_FAILED" in str(error.message):
        return NotCounted(code="source_not_configured", reason="ca_file: its certificate is not signed by a known one")
    return may_pass(f"the connection fails ({error.message or type(error).__name__})")


def _retry_after(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which has a number of seconds or a date; None if it has neither."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, OverflowError):  # the second: the date is too late for UTC
        return None
    return max(0.0, (until - datetime.now(UTC)).total_seconds())

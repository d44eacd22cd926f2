"""An infini-gram index as a source of counts: occurrences of the tokens of a name, one request for each spelling."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from itertools import islice
from typing import Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, field_validator

from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.errors import SourceError
from concept_orderings.queries import Query
from concept_orderings.readings import Readings
from concept_orderings.text import first_of, shown
from store.sources import SourceFacts, Unit
from store.waiting import cancel_and_wait
from worker.evidence.counts.base import REQUEST_ATTEMPTS, Count
from worker.evidence.counts.infini_gram.endpoint import Answer, Endpoint, GaveUp, Pace, Refused

MOST_BYTES = 499
"""The longest query. A server refuses more than 1,000 characters or 500 tokens. A token has at least one byte, and most
tokenisers add one token before the first word."""
GROUP = 32
"""Counts yielded together: the most that a job counts again after it was killed."""

# The server reads " AND " and " OR " as operators. In "x AND OR y" one space belongs to both, so the pattern checks the
# spaces without matching them.
_OPERATOR = re.compile(r"(?<= )(?:AND|OR)(?= )")
_QUERY_FORM = (
    "the phrase as it stands, capitals and small letters told apart, cut into tokens by the index itself; AND and OR "
    f"between words in small letters, since they are operators; cut at a word to {MOST_BYTES} bytes"
)
_MOST_NAMED = 10


class InfiniGramSettings(BaseModel):
    """A table of the file of sources for an infini-gram index."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["infini-gram"] = "infini-gram"
    url: str = Field(
        "https://api.infini-gram.io/", pattern=r"^https?://[^\s]+$", description="Where queries are posted."
    )
    index: str = Field("v4_c4train_llama", min_length=1, description="The endpoint's name of the index.")
    in_flight: int = Field(4, ge=1, le=64, description="Requests at once; a public endpoint is shared with others.")
    timeout_seconds: float = Field(30.0, gt=0, allow_inf_nan=False, description="Timeout of one request.")
    ttl_hours: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="How long a count is valid; 0 for a corpus that does not change.",
    )

    @field_validator("url")
    @classmethod
    def _has_a_host(cls, url: str) -> str:
        try:
            host = httpx.URL(url).host
        except httpx.InvalidURL:
            # The text of the error is not shown: it may quote a part of the URL, such as half of a password.
            raise ValueError("give a URL such as https://api.example.org:8080/, with a number as its port") from None
        if not host:
            raise ValueError("the URL has no host")
        return url

    @property
    def public_url(self) -> str:
        """The URL without the parts that may be secret: user, password, query."""
        url = httpx.URL(self.url)
        return str(url.copy_with(userinfo=b"", query=None, fragment=None))

    def open(self, name: str, *, attempts: int = REQUEST_ATTEMPTS) -> "InfiniGramSource":
        """Return the source, which connects at its first request and sends one request at most `attempts` times."""
        return InfiniGramSource(name, self, pace=Pace(attempts=attempts))


class InfiniGramSource:
    """An infini-gram index as a source of counts.

    Parameters
    ----------
    name
        The name that orderings give as their source.
    settings
        Its table in the file of sources.
    pace
        Attempts and pauses.
    """

    def __init__(self, name: str, settings: InfiniGramSettings, *, pace: Pace | None = None) -> None:
        self._name = name
        self._settings = settings
        self._endpoint = Endpoint(
            settings.url,
            settings.index,
            in_flight=settings.in_flight,
            timeout_seconds=settings.timeout_seconds,
            pace=pace or Pace(),
        )

    async def facts(self) -> SourceFacts:
        """See `CountSource.facts`; requests the size of the corpus, which is the count of the empty query."""
        settings = self._settings
        try:
            tokens = (await self._endpoint.ask("")).count.value
        except Refused as error:
            raise self._refused(f"to say how large the index {settings.index} is", error) from error
        except GaveUp as error:
            raise self._unavailable(error, "Nothing was counted.") from error
        if tokens == 0:
            raise SourceError(
                "source_not_configured",
                f"The source {self._name} has no tokens: the index {settings.index} at {settings.public_url} is empty. "
                "Correct the url and the index in the file of sources.",
            )
        decisive: dict[str, Json] = {
            "kind": settings.kind,
            "url": settings.public_url,
            "index": settings.index,
            "query_form": _QUERY_FORM,
            "tokens": tokens,
        }
        return SourceFacts(
            name=self._name,
            kind=settings.kind,
            unit=Unit.OCCURRENCES,
            corpus=f"the infini-gram index {settings.index} at {settings.public_url}",
            tokens=tokens,
            query_form=_QUERY_FORM,
            fingerprint=sha256_hex(canonical_json(decisive)),
            ttl_seconds=settings.ttl_hours * 3600 or None,
        )

    def form(self, spelling: str) -> str:
        """See `CountSource.form`.

        White space is folded, because some tokenisers make no token of a space, and a query without tokens counts the
        whole corpus. AND and OR are in lower case where the server would read them as operators. A spelling that is too
        long is cut after the last word that fits, or within the first word.
        """
        text = _OPERATOR.sub(lambda found: found[0].lower(), " ".join(spelling.split()))
        data = text.encode()
        if len(data) <= MOST_BYTES:
            return text
        # One byte more than fits shows whether a word ends at the cut. A cut character at the end is left out.
        words, _, rest = data[: MOST_BYTES + 1].rpartition(b" ")
        return (words or rest[:MOST_BYTES]).decode(errors="ignore")

    async def count(self, queries: Sequence[Query]) -> AsyncGenerator[dict[Query, Count]]:
        """See `CountSource.count`; each spelling is one request, and their occurrences are added up.

        Those that the server says it reads as the same tokens are added once.

        Raises
        ------
        SourceError
            ``source_refused`` or ``source_unavailable``, naming the queries without a count.
        """
        waiting, found = iter(queries), dict[Query, Count]()
        running: dict[asyncio.Task[Count], Query] = {}
        try:
            while True:
                for query in islice(waiting, self._settings.in_flight - len(running)):
                    running[asyncio.create_task(self._count(query))] = query
                if not running:
                    break
                finished, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                failed = [task for task in finished if task.exception() is not None]
                found |= {running.pop(task): task.result() for task in finished.difference(failed)}
                if found and (failed or len(found) >= GROUP):
                    yield found
                    found = {}
                if failed:
                    raise self._error(failed[0].exception(), running.pop(failed[0]), [*running.values(), *waiting])
            if found:
                yield found
        finally:
            await cancel_and_wait(*running)

    async def readings(self, counts: Mapping[Query, Count]) -> Readings:
        """See `CountSource.readings`; each spelling has tokens, and they are those of no other spelling."""
        del counts
        return {}

    async def aclose(self) -> None:
        """See `CountSource.aclose`."""
        await self._endpoint.aclose()

    async def _count(self, query: Query) -> Count:
        answers = [await self._occurrences(spelling) for spelling in query.spellings]
        # The index may cut two spellings into the same tokens, whose occurrences are then the same, too.
        counts = {each.tokens or i: each.count for i, each in enumerate(answers)}.values()
        return Count(sum(each.value for each in counts), any(each.approximate for each in counts))

    async def _occurrences(self, spelling: str) -> Answer:
        if not spelling or self.form(spelling) != spelling:  # it would count the whole corpus, or be read as operators
            raise ValueError(f"{spelling!r} is not in the form that `form` returns")
        return await self._endpoint.ask(spelling)

    def _error(self, error: BaseException | None, query: Query, others: Sequence[Query]) -> BaseException:
        """Return the error to raise for a query that failed, when other queries have no count either."""
        match error:
            case Refused():
                return self._refused(f"to count {_named([query])}", error, [query, *others])
            case GaveUp():
                return self._unavailable(
                    error,
                    f"{1 + len(others)} queries are not counted: {_named([query, *others])}. "
                    "The counts so far are kept.",
                    [query, *others],
                )
            case _:
                return error or AssertionError("the query has not failed")

    def _refused(self, what: str, reason: Refused, queries: Sequence[Query] = ()) -> SourceError:
        return SourceError(
            "source_refused",
            f"The source {self._name} refuses {what}: {self._settings.public_url} answers {reason}. "
            + (f"{len(queries)} queries are not counted. " if len(queries) > 1 else "")
            + "Check the url and the index of the source, or give the concept another query.",
            queries=queries,
        )

    def _unavailable(self, reason: GaveUp, consequence: str, queries: Sequence[Query] = ()) -> SourceError:
        return SourceError(
            "source_unavailable",
            f"The source {self._name} does not answer: {self._settings.public_url}: {reason}. {consequence} "
            "Try again later.",
            queries=queries,
        )


def _named(queries: Sequence[Query]) -> str:
    """Return the first 10 queries for an error, and the number of the others."""
    return first_of([" or ".join(map(shown, query.spellings)) for query in queries], _MOST_NAMED)

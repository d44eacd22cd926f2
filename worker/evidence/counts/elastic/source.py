"""An index in Elasticsearch as a source of counts."""

from collections.abc import AsyncIterator, Sequence

from elasticsearch import AsyncElasticsearch

from concept_orderings.queries import Query
from worker.evidence.counts.base import Count, SourceFacts
from worker.evidence.counts.elastic.searches import Searches, sendable


class ElasticsearchSource:
    """An index in Elasticsearch as a source of counts: documents, of a whole answer or none."""

    def __init__(
        self,
        name: str,
        client: AsyncElasticsearch,
        searches: Searches,
        *,
        place: str,
        names_per_request: int,
        in_flight: int,
        ttl_seconds: float | None,
    ) -> None:
        self._name = name
        self._client = client
        self._searches = searches
        self._place = place
        self._names_per_request = names_per_request
        self._in_flight = in_flight
        self._ttl_seconds = ttl_seconds

    async def facts(self) -> SourceFacts:
        """Say what is counted."""
        raise NotImplementedError

    def form(self, spelling: str) -> str:
        """Return a spelling as it is sent."""
        return sendable(spelling)

    def count(self, queries: Sequence[Query]) -> AsyncIterator[dict[Query, Count]]:
        """Count queries."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.close()

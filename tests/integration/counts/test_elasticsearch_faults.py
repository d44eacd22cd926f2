"""A real Elasticsearch behind a proxy that makes it slow, busy, broken or incomplete: no count is ever partial."""

import asyncio
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concept_orderings.errors import SourceError
from concept_orderings.queries import Query
from support import fault_proxy
from support.elasticsearch_node import ElasticsearchNode
from support.fault_proxy import Change, Fault, FaultProxy, items, says, status
from support.waiting import until
from worker.evidence.counts.elasticsearch import ElasticsearchSettings, ElasticsearchSource
from worker.evidence.counts.elasticsearch.patience import Patience

pytestmark = pytest.mark.anyio

NAMES = ["dog", "cat", "ice cream", "new york", "can", "view", "tree", "house", "the", "zzyzx", "car", "river"]
QUERIES = [Query.of([name]) for name in NAMES]
FEW_ATTEMPTS = 3

PARTIAL: dict[str, Change] = {
    "timed out": fault_proxy.timed_out,
    "shard failed": fault_proxy.shard_failed,
    "shard lost": fault_proxy.shard_lost,
    "no shards": fault_proxy.no_shards,
    "cluster skipped": fault_proxy.cluster_skipped,
    "ended early": fault_proxy.ended_early,
    "inexact": fault_proxy.inexact,
    "busy": fault_proxy.busy,
    "unavailable": fault_proxy.unavailable,
    "no result": lambda item: {"took": 1, "status": 200},
    "null": lambda item: None,
}
WHOLE: dict[str, Fault] = {
    "408": status(408),
    "429": status(429, error="es_rejected_execution_exception"),
    "500": status(500),
    "502": says(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
    "503": says(503, b"", {}),
    "504": status(504),
    "broken JSON": fault_proxy.broken_json,
    "truncated": fault_proxy.truncated,
    "dropped": fault_proxy.drop,
    "too few": fault_proxy.too_few,
    "too many": fault_proxy.too_many,
    "empty": says(200, b"", {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}),
    "a list": says(200, b"[]", {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}),
}
FAULTS: dict[str, Fault] = {**WHOLE, **{name: items(change) for name, change in PARTIAL.items()}}


@dataclass
class Pauses:
    """Notes the pauses instead of sleeping."""

    taken: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        await asyncio.sleep(0)

    def patience(self, attempts: int = FEW_ATTEMPTS) -> Patience:
        return Patience(attempts=attempts, sleep=self.sleep)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture(scope="module")
def the_proxy(elasticsearch_node: ElasticsearchNode) -> Iterator[FaultProxy]:
    with FaultProxy(elasticsearch_node.url) as proxy:
        yield proxy


@pytest.fixture
def proxy(the_proxy: FaultProxy, c4_in_elasticsearch: str) -> FaultProxy:
    """A proxy without faults, in front of a node that has the sample."""
    the_proxy.calm()
    return the_proxy


@pytest.fixture(scope="module")
def truth(elasticsearch_node: ElasticsearchNode, c4_in_elasticsearch: str) -> dict[Query, int]:
    """The counts by the node itself, without a proxy."""

    def count(name: str) -> int:
        body = {"query": {"match_phrase": {"text": name}}}
        answer = elasticsearch_node.http.post(f"/{c4_in_elasticsearch}/_count", json=body).raise_for_status().json()
        assert answer["_shards"]["failed"] == 0
        return int(answer["count"])

    return {query: count(*query.spellings) for query in QUERIES}


def opened(proxy: FaultProxy, patience: Patience, **settings: Any) -> ElasticsearchSource:
    given: dict[str, Any] = {"url": proxy.url, "index": "c4", "names_per_request": 4, "in_flight": 1, **settings}
    return ElasticsearchSettings(**given).open("wimbd", patience=patience)


@dataclass
class Outcome:
    counts: dict[Query, int]
    error: SourceError | None


async def outcome(source: ElasticsearchSource, queries: Sequence[Query] = QUERIES) -> Outcome:
    """Count to the end, or to an error."""
    found: dict[Query, int] = {}
    try:
        async for counts in source.count(queries):
            assert not found.keys() & counts.keys(), "each query is yielded once"
            found |= {query: count.value for query, count in counts.items()}
    except SourceError as error:
        return Outcome(found, error)
    finally:
        await source.aclose()
    return Outcome(found, None)


def asked(proxy: FaultProxy) -> list[list[str]]:
    """Return the names of each request."""
    return [
        [search["query"]["match_phrase"]["text"]["query"] for search in request.searches]
        for request in proxy.requests()
    ]


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_that_passes_is_retried(
    name: str, proxy: FaultProxy, truth: dict[Query, int], pauses: Pauses
) -> None:
    proxy.inject(FAULTS[name], times=FEW_ATTEMPTS - 1, after=1)

    assert await outcome(opened(proxy, pauses.patience())) == Outcome(truth, None)

    assert len(pauses.taken) == FEW_ATTEMPTS - 1
    assert asked(proxy) == [NAMES[:4], *[NAMES[4:8]] * FEW_ATTEMPTS, NAMES[8:]]


@pytest.mark.parametrize("name", FAULTS)
async def test_a_lasting_fault_names_the_queries_without_a_count(
    name: str, proxy: FaultProxy, truth: dict[Query, int], pauses: Pauses
) -> None:
    proxy.inject(FAULTS[name], times=None, after=1)

    result = await outcome(opened(proxy, pauses.patience()))

    # Earlier counts are yielded; later batches are not sent.
    assert result.counts == {query: truth[query] for query in QUERIES[:4]}
    assert asked(proxy) == [NAMES[:4], *[NAMES[4:8]] * FEW_ATTEMPTS]
    assert result.error is not None
    assert result.error.code == "source_unavailable"
    assert "does not count 8 of 12 queries in c4, such as 'can', 'view', 'tree', 'house', 'the'" in result.error.detail


@pytest.mark.parametrize("name", PARTIAL)
async def test_only_queries_without_a_count_are_retried(
    name: str, proxy: FaultProxy, truth: dict[Query, int], pauses: Pauses
) -> None:
    proxy.inject(items(PARTIAL[name], every=3), times=1)

    assert await outcome(opened(proxy, pauses.patience())) == Outcome(truth, None)

    assert asked(proxy) == [NAMES[:4], [NAMES[0], NAMES[3]], NAMES[4:8], NAMES[8:]]


@pytest.mark.parametrize("name", PARTIAL)
async def test_some_results_that_stay_partial_do_not_keep_others_from_being_counted(
    name: str, proxy: FaultProxy, truth: dict[Query, int], pauses: Pauses
) -> None:
    # The first result of each response, also of retries: one name of each batch gets no count.
    proxy.inject(items(PARTIAL[name], every=4), times=None)

    result = await outcome(opened(proxy, pauses.patience()))

    left = [QUERIES[0], QUERIES[4], QUERIES[8]]
    assert result.counts == {query: truth[query] for query in QUERIES if query not in left}
    assert result.error is not None
    assert result.error.code == "source_unavailable"
    assert "does not count 3 of 12 queries in c4, such as 'dog', 'can', 'the':" in result.error.detail


async def test_a_request_that_hangs_is_retried_in_smaller_ones(
    proxy: FaultProxy, truth: dict[Query, int], pauses: Pauses
) -> None:
    proxy.inject(fault_proxy.hang, times=1)

    # Long enough for a busy machine; a request that takes longer is only retried.
    result = await outcome(opened(proxy, pauses.patience(9), timeout_seconds=3.0, names_per_request=12))

    assert result == Outcome(truth, None)
    assert asked(proxy)[:3] == [NAMES, NAMES[:6], NAMES[6:]]


async def test_a_server_that_hangs_is_unavailable_and_queries_without_a_count_are_named(
    proxy: FaultProxy, pauses: Pauses
) -> None:
    proxy.inject(fault_proxy.hang, times=None)

    result = await outcome(opened(proxy, pauses.patience(2), timeout_seconds=0.05))

    assert (result.counts, len(pauses.taken)) == ({}, 1)
    assert result.error is not None
    assert result.error.code == "source_unavailable"
    assert "12 of 12" in result.error.detail
    assert "(timeout_seconds)" in result.error.detail


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (status(400, error="parsing_exception"), "source_refused", "400: parsing_exception"),
        (status(401, error="security_exception"), "source_refused", "401: security_exception"),
        (status(403, error="security_exception"), "source_refused", "403: security_exception"),
        (status(404, error="no_handler"), "source_not_configured", "404: no_handler"),
        (status(413, error="too_large"), "source_refused", "413: too_large"),
        (says(200, b"{}", {"Content-Type": "application/json"}), "source_not_configured", "not Elasticsearch"),
        (items(fault_proxy.item_status(403, "security_exception")), "source_refused", "403: security_exception"),
        (items(fault_proxy.item_status(404, "index_not_found")), "source_not_configured", "404: index_not_found"),
    ],
)
async def test_a_refusal_is_not_retried(fault: Fault, code: str, said: str, proxy: FaultProxy, pauses: Pauses) -> None:
    proxy.inject(fault, times=None)

    counting = await outcome(opened(proxy, pauses.patience()))

    assert (counting.counts, pauses.taken, len(proxy.requests())) == ({}, [], 1)
    source = opened(proxy, pauses.patience())
    with pytest.raises(SourceError) as facts:
        await source.facts()
    await source.aclose()
    for error in (counting.error, facts.value):
        assert error is not None
        assert error.code == code
        assert said in error.detail
    assert (pauses.taken, len(proxy.requests())) == ([], 2)


async def test_a_query_that_is_refused_is_named_and_all_others_are_counted(
    proxy: FaultProxy, truth: dict[Query, int], pauses: Pauses
) -> None:
    proxy.inject(items(fault_proxy.item_status(400, "too_many_nested_clauses"), every=4), times=1)
    proxy.inject(status(503), times=1, after=1)

    result = await outcome(opened(proxy, pauses.patience()))

    assert result.counts == {query: truth[query] for query in QUERIES[1:]}
    assert result.error is not None
    assert result.error.code == "source_refused"
    assert "does not count 1 of 12 queries in c4, such as 'dog': it answers 400" in result.error.detail


async def test_an_error_stays_readable_whatever_the_names(proxy: FaultProxy, pauses: Pauses) -> None:
    queries = [Query.of(f"{at} {'x' * 900} {spelling}" for spelling in range(50)) for at in range(12)]
    proxy.inject(says(503, b"y" * 10_000, {"Content-Type": "text/plain"}), times=None)

    result = await outcome(opened(proxy, pauses.patience()), queries)

    assert result.error is not None
    assert "'0 xxx" in result.error.detail
    assert len(result.error.detail) < 1_500


async def test_the_error_has_the_reason_that_no_retry_cures(proxy: FaultProxy, pauses: Pauses) -> None:
    proxy.inject(items(fault_proxy.busy, every=4), times=FEW_ATTEMPTS)
    proxy.inject(items(fault_proxy.item_status(400, "parsing_exception"), every=4), times=1)

    result = await outcome(opened(proxy, pauses.patience()))

    assert result.error is not None
    assert result.error.code == "source_refused"
    assert "2 of 12 queries in c4, such as 'can', 'dog'" in result.error.detail


async def test_a_pause_that_the_server_asks_for_is_kept(proxy: FaultProxy, pauses: Pauses) -> None:
    proxy.inject(status(429, headers={"Retry-After": "17"}), times=1)
    proxy.inject(status(503, headers={"Retry-After": "86400"}), times=None)

    result = await outcome(opened(proxy, pauses.patience()))

    assert len(pauses.taken) == 1
    assert 17.0 < pauses.taken[0] < 19.0
    # A day is too long to wait, and asking earlier is not what it wants.
    assert len(proxy.requests()) == 2
    assert result.error is not None
    assert result.error.code == "source_unavailable"


@pytest.mark.parametrize("path", ["_msearch", "_settings", "_field_caps"])
@pytest.mark.parametrize("name", ["429", "503", "broken JSON", "truncated", "dropped", "empty", "a list"])
async def test_requests_for_facts_are_retried(path: str, name: str, proxy: FaultProxy, pauses: Pauses) -> None:
    source = opened(proxy, pauses.patience())
    undisturbed = await source.facts()
    proxy.inject(FAULTS[name], times=FEW_ATTEMPTS - 1, path=path)

    assert await source.facts() == undisturbed
    # A GET that meets a closed connection is sent again by the HTTP library, once and at once.
    assert FEW_ATTEMPTS - 1 >= len(pauses.taken) >= (1 if name == "dropped" else FEW_ATTEMPTS - 1)

    proxy.inject(FAULTS[name], times=None, path=path)
    with pytest.raises(SourceError) as error:
        await source.facts()
    await source.aclose()
    assert error.value.code == "source_unavailable"


@pytest.mark.parametrize("name", PARTIAL)
async def test_a_partial_answer_is_not_a_number_of_documents(name: str, proxy: FaultProxy, pauses: Pauses) -> None:
    source = opened(proxy, pauses.patience())
    proxy.inject(items(PARTIAL[name]), times=FEW_ATTEMPTS - 1)

    assert (await source.facts()).documents == 1000

    proxy.inject(items(PARTIAL[name]), times=FEW_ATTEMPTS)
    with pytest.raises(SourceError, match="does not count the documents of c4: ") as error:
        await source.facts()
    await source.aclose()
    assert error.value.code == "source_unavailable"


async def test_another_node_is_used_when_one_is_gone(
    proxy: FaultProxy, truth: dict[Query, int], pauses: Pauses
) -> None:
    # Nothing listens at port 1.
    source = opened(proxy, pauses.patience(), url=["http://127.0.0.1:1", proxy.url], in_flight=3)

    assert await outcome(source) == Outcome(truth, None)


async def test_a_url_without_a_server_is_unavailable(proxy: FaultProxy, pauses: Pauses) -> None:
    result = await outcome(opened(proxy, pauses.patience(), url="http://127.0.0.1:1"))

    assert (result.counts, len(pauses.taken)) == ({}, FEW_ATTEMPTS - 1)
    assert result.error is not None
    assert result.error.code == "source_unavailable"


async def test_closing_the_iterator_cancels_requests_in_flight(proxy: FaultProxy, pauses: Pauses) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    tasks = asyncio.all_tasks()
    proxy.inject(fault_proxy.hang, times=None, after=1)
    source = opened(proxy, pauses.patience(), in_flight=3)

    listening = source.count(QUERIES)
    assert len(await anext(aiter(listening))) == 4
    await asyncio.to_thread(until, lambda: proxy.now == 2, "two more requests hang")
    await listening.aclose()

    await asyncio.to_thread(until, lambda: proxy.now == 0, "nothing is in flight")
    await source.aclose()
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
    assert asyncio.all_tasks() == tasks


async def test_a_cancelled_count_leaves_nothing_in_flight(proxy: FaultProxy, pauses: Pauses) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    proxy.inject(fault_proxy.hang, times=None)
    counting = asyncio.create_task(outcome(opened(proxy, pauses.patience(), in_flight=3)))
    await asyncio.to_thread(until, lambda: proxy.now == 3, "three requests hang")

    counting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await counting
    await asyncio.to_thread(until, lambda: proxy.now == 0, "nothing is in flight")
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


STEPS = st.one_of(
    st.sampled_from(sorted(FAULTS)).map(FAULTS.__getitem__),
    st.tuples(st.sampled_from(sorted(PARTIAL)), st.integers(1, 4)).map(
        lambda drawn: items(PARTIAL[drawn[0]], every=drawn[1])
    ),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sequence=st.lists(st.tuples(STEPS, st.integers(1, 3), st.integers(0, 2)), max_size=8),
    names_per_request=st.integers(1, 12),
    in_flight=st.integers(1, 4),
)
def test_under_any_faults_counts_are_right_and_missing_queries_are_named(
    proxy: FaultProxy,
    truth: dict[Query, int],
    sequence: Sequence[tuple[Fault, int, int]],
    names_per_request: int,
    in_flight: int,
) -> None:
    proxy.calm()
    for fault, times, after in sequence:
        proxy.inject(fault, times=times, after=after)
    source = opened(proxy, Pauses().patience(), names_per_request=names_per_request, in_flight=in_flight)

    result = asyncio.run(outcome(source))

    assert result.counts.items() <= truth.items()
    if result.error is None:
        assert result.counts == truth
    else:
        missing = [query.spellings[0] for query in QUERIES if query not in result.counts]
        assert result.error.code == "source_unavailable"
        assert f"does not count {len(missing)} of 12 queries" in result.error.detail
        assert {name for name in NAMES if f"{name!r}" in result.error.detail} <= set(missing)

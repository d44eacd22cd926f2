"""The infini-gram source against a server that counts like the real one, with its operators, limits and failures."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from concept_orderings.errors import SourceError
from concept_orderings.queries import Query, folded
from store.sources import Unit
from support.infini_gram import INDEX, Answer, Drop, Fault, Hang, InfiniGram, tokens_of
from support.waiting import until
from worker.evidence.counts.base import REQUEST_ATTEMPTS, Count, CountSource
from worker.evidence.counts.infini_gram import InfiniGramSettings, InfiniGramSource
from worker.evidence.counts.infini_gram.endpoint import LONGEST_PAUSE_SECONDS, Pace
from worker.evidence.counts.infini_gram.source import GROUP

pytestmark = pytest.mark.anyio

DOCUMENTS = (
    "salt and pepper, salt and pepper. Salt AND pepper!",
    "an aquarium fish is a fish; 🐟 or été",
    "x or y AND z OR x " + "x y " * 30,
    "",
)
BUSY = Answer(429, {"message": "Too Many Requests"})
FAILURE = Answer(500, {"error": "[Flask] Internal server error: no memory"})


@pytest.fixture(scope="module")
def _fake() -> Iterator[InfiniGram]:
    with InfiniGram(DOCUMENTS, approximate_above=50) as fake:
        yield fake


@pytest.fixture
def fake(_fake: InfiniGram) -> InfiniGram:
    """A server without faults and without past requests."""
    _fake.mend()
    _fake.queries.clear()
    _fake.most_in_flight = 0
    return _fake


class Waiting:
    """A pace that notes its pauses instead of sleeping."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.pace = Pace(sleep=self._sleep, jitter=lambda: 1.0)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def source(fake: InfiniGram) -> AsyncIterator[InfiniGramSource]:
    async with opened(fake) as source:
        yield source


@asynccontextmanager
async def opened(fake: InfiniGram, waiting: Waiting | None = None, **others: Any) -> AsyncIterator[InfiniGramSource]:
    chosen = InfiniGramSettings.model_validate({"url": fake.url, **others})
    source = InfiniGramSource("c4", chosen, pace=(waiting or Waiting()).pace)
    try:
        yield source
    finally:
        await source.aclose()


async def counted(source: CountSource, *queries: Query, into: dict[Query, Count] | None = None) -> dict[Query, Count]:
    found: dict[Query, Count] = {} if into is None else into
    async for some in source.count(queries):
        assert some
        assert not set(found) & set(some), "counted twice"
        found.update(some)
    return found


async def count_one(source: CountSource, name: str) -> Count:
    query = Query.of([name])
    return (await counted(source, query))[query]


async def refused(source: CountSource, *queries: Query) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await counted(source, *queries)
    return caught.value


def occurrences(text: str) -> int:
    """Count the naive way: compare at every position of every document."""
    needle = tokens_of(text)
    documents = [tokens_of(each) for each in DOCUMENTS]
    return sum(each[at : at + len(needle)] == needle for each in documents for at in range(len(each)))


# --- What is counted


@pytest.mark.parametrize(
    ("name", "count"),
    [("salt", 2), ("Salt", 1), ("salt and pepper", 2), ("aquarium fish", 1), ("fish", 2), ("été", 1), ("unicorn", 0)],
)
async def test_occurrences_are_counted(fake: InfiniGram, name: str, count: int) -> None:
    async with opened(fake) as source:
        assert await count_one(source, name) == Count(count)


NAMES = st.lists(
    st.sampled_from(["salt", "and", "AND", "or", "OR", "pepper", "x", "y", "z", "🐟", "été", "fish;", "AND/OR", "_"])
    | st.text(max_size=5),
    max_size=8,
).map(" ".join)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES)
@example("x AND y")
@example("x OR y")
@example("x AND OR y")
@example("AND")
@example("x " * 600)
@example("🐟" * 600)
@example("/_/")
async def test_the_count_of_any_name_is_that_of_its_form(fake: InfiniGram, source: InfiniGramSource, name: str) -> None:
    fake.queries.clear()
    form = source.form(folded(name))
    found = await counted(source, *([Query.of([form])] if form else []))

    assert [count.value for count in found.values()] == ([occurrences(form)] if form else [])
    assert fake.queries == ([form] if form else [])
    assert "" not in fake.queries
    assert not any(" AND " in query or " OR " in query for query in fake.queries)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES)
async def test_without_operators_the_fake_server_counts_like_the_naive_count(fake: InfiniGram, name: str) -> None:
    """With operators the two differ."""
    if " AND " in name or " OR " in name:
        return
    assert fake.count(name) == (occurrences(name) if name.strip() else fake.count(""))


async def test_the_fake_server_has_operators(fake: InfiniGram) -> None:
    sizes = [len(tokens_of(each)) for each in DOCUMENTS]

    assert fake.count("") == sum(sizes)
    assert fake.count("unicorn OR fish") == 2
    assert fake.count("unicorn AND fish") == 0
    assert fake.count("aquarium AND fish") == 2
    for wrong in ("x" * 1001, "🐟" * 126, "x AND " * 5):
        with pytest.raises(ValueError, match="Please"):
            fake.count(wrong)


@pytest.mark.parametrize("spelling", ["", " ", "x AND y", "x" * 600])
async def test_a_spelling_in_another_form_is_never_sent(fake: InfiniGram, spelling: str) -> None:
    async with opened(fake) as source:
        with pytest.raises(ValueError, match="form"):
            await count_one(source, spelling)

    assert fake.queries == []


async def test_spellings_are_summed(fake: InfiniGram) -> None:
    async with opened(fake) as source:
        both = Query.of(["salt", "Salt", "unicorn"])

        assert await counted(source, both) == {both: Count(3)}


async def test_spellings_of_the_same_tokens_are_counted_once() -> None:
    twice, other = Query.of(["t-shirt", "t -shirt"]), Query.of(["t-shirt", "shirt"])
    with InfiniGram(["a t-shirt, a t -shirt"], states_tokens=True) as fake:
        async with opened(fake) as source:
            assert await counted(source, twice, other) == {twice: Count(2), other: Count(4)}


async def test_an_approximate_count_says_so(fake: InfiniGram) -> None:
    async with opened(fake) as source:
        exact, rough = Query.of(["z", "fish"]), Query.of(["z", "x y", "x"])
        found = await counted(source, exact, rough)

    assert found[exact] == Count(3)
    assert found[rough].approximate is False
    with InfiniGram(DOCUMENTS, approximate_above=5) as other:
        async with opened(other) as source:
            assert (await counted(source, exact, rough))[rough] == Count(found[rough].value, approximate=True)


async def test_no_queries_send_no_request(fake: InfiniGram) -> None:
    async with opened(fake) as source:
        assert await counted(source) == {}

    assert fake.queries == []


# --- Its facts


async def test_facts(fake: InfiniGram) -> None:
    async with opened(fake, ttl_hours=2) as source:
        facts = await source.facts()

    assert (facts.name, facts.kind, facts.unit) == ("c4", "infini-gram", Unit.OCCURRENCES)
    assert facts.tokens == fake.count("")
    assert facts.documents is None
    assert INDEX in facts.corpus
    assert fake.url in facts.corpus
    assert "capitals" in facts.query_form
    assert facts.ttl_seconds == 7200
    assert fake.queries == [""]


async def test_the_fingerprint_is_that_of_all_that_decides_a_count(fake: InfiniGram) -> None:
    async def fingerprint(server: InfiniGram, **others: Any) -> str:
        async with opened(server, **others) as source:
            return (await source.facts()).fingerprint

    first = await fingerprint(fake)
    with InfiniGram(["another"], index="other") as other:
        found = {
            first,
            await fingerprint(other, index="other"),
            await fingerprint(fake, url=fake.url + "count"),
        }
    assert len(found) == 3
    assert await fingerprint(fake, in_flight=1, ttl_hours=5, timeout_seconds=9) == first
    assert await fingerprint(fake, url=fake.url.replace("://", "://user:secret@")) == first


async def test_a_corpus_that_has_grown_has_another_fingerprint(fake: InfiniGram) -> None:
    async with opened(fake) as source:
        before = await source.facts()
        fake.fail(Answer(200, {"count": (before.tokens or 0) + 1, "approx": False}))
        after = await source.facts()

    assert after.fingerprint != before.fingerprint


async def test_an_index_without_tokens_is_refused(fake: InfiniGram) -> None:
    """Its counts would all be 0, as if no name were in the corpus."""
    fake.fail(Answer(200, {"count": 0, "approx": False}), query="")
    async with opened(fake) as source:
        with pytest.raises(SourceError, match="has no tokens") as caught:
            await source.facts()

    assert caught.value.code == "source_not_configured"


async def test_a_missing_index_is_refused(fake: InfiniGram) -> None:
    waiting = Waiting()
    async with opened(fake, waiting, index="v4_c5") as source:
        with pytest.raises(SourceError) as caught:
            await source.facts()

    assert caught.value.code == "source_refused"
    assert "v4_c5" in caught.value.detail
    assert waiting.pauses == []


# --- Its requests


async def test_no_more_are_in_flight_than_the_settings_say(fake: InfiniGram) -> None:
    queries = [Query.of([f"n{number}"]) for number in range(50)]
    async with opened(fake, in_flight=3) as source:
        assert len(await counted(source, *queries)) == 50

    assert fake.most_in_flight <= 3
    assert sorted(fake.queries) == sorted(query.spellings[0] for query in queries)


async def test_sources_of_one_server_share_the_limit_of_requests(fake: InfiniGram) -> None:
    queries = [Query.of([f"n{number}"]) for number in range(50)]
    async with opened(fake, in_flight=3) as one, opened(fake, in_flight=3) as other:
        found = await asyncio.gather(counted(one, *queries[:30]), counted(other, *queries[20:]), one.facts())

    assert [len(each) for each in found[:2]] == [30, 30]
    assert fake.most_in_flight <= 3


async def test_a_pause_of_one_source_holds_up_others_of_the_same_server(fake: InfiniGram) -> None:
    asked: list[list[str]] = []

    async def sleep(seconds: float) -> None:
        looking = asyncio.create_task(count_one(other, "b"))
        for _ in range(50):  # a request that is sent now would arrive meanwhile
            await asyncio.to_thread(lambda: None)
        asked.append(list(fake.queries))
        tasks.append(looking)

    tasks: list[asyncio.Task[Count]] = []
    fake.fail(BUSY, query="a")
    settings = InfiniGramSettings(url=fake.url)
    one = InfiniGramSource("c4", settings, pace=Pace(sleep=sleep))
    async with opened(fake) as other:
        await count_one(one, "a")
        await one.aclose()
        assert asked == [["a"]]
        assert (await tasks[0]).value == 0
    assert sorted(fake.queries) == ["a", "a", "b"]


async def test_several_are_in_flight(fake: InfiniGram) -> None:
    """Three requests that hang do not hold up a fourth one."""
    for name in ("a", "b", "c"):
        fake.fail(Hang(), query=name)
    queries = [Query.of([name]) for name in ("a", "b", "c", *(f"n{number}" for number in range(GROUP)))]
    async with opened(fake, in_flight=4) as source, aclosing(source.count(queries)) as counts:
        first = await anext(counts)

    assert set(first) == set(queries[3:])


async def test_counts_are_yielded_in_groups_as_they_arrive(fake: InfiniGram) -> None:
    queries = [Query.of([f"n{number}"]) for number in range(3 * GROUP)]
    async with opened(fake) as source, aclosing(source.count(queries)) as counts:
        first = await anext(counts)
        asked = len(fake.queries)

    assert GROUP <= len(first) <= GROUP + 4
    assert asked < 2 * GROUP


async def test_a_cancelled_count_leaves_no_task_and_sends_nothing_more(fake: InfiniGram) -> None:
    before = asyncio.all_tasks()
    fake.fail(*[Hang()] * 4)
    async with opened(fake) as source:
        running = asyncio.create_task(counted(source, *(Query.of([name]) for name in "abcdefgh")))
        await asyncio.to_thread(until, lambda: len(fake.queries) == 4, "four are asked")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert asyncio.all_tasks() == before
    assert len(fake.queries) == 4


# --- Its failures

MENDED: dict[str, Fault] = {
    "429": BUSY,
    "500": FAILURE,
    "502 of a gateway": Answer(502, b"<html>Bad Gateway</html>"),
    "503": Answer(503, b""),
    "500 about the index": Answer(500, {"error": "[Flask] Internal server error: invalid state"}),
    "an error with 200": Answer(200, {"error": "[Flask] Web request timed out. Please try again later."}),
    "broken JSON": Answer(200, b'{"count": 1'),
    "no JSON": Answer(200, b"<html>Log in</html>"),
    "no UTF-8": Answer(200, b"\xff\xfe"),
    "deep JSON": Answer(200, b"[" * 100_000),
    "no count": Answer(200, {"approx": False}),
    "a list": Answer(200, [{"count": 1, "approx": False}]),
    "a null": Answer(200, None),
    "a negative count": Answer(200, {"count": -1, "approx": False}),
    "a fraction": Answer(200, {"count": 1.0, "approx": False}),
    "true is no count": Answer(200, {"count": True, "approx": False}),
    "a string": Answer(200, {"count": "1", "approx": False}),
    "too large": Answer(200, {"count": 2**53, "approx": False}),
    "not a word on whether it is exact": Answer(200, {"count": 1}),
    "approx is no word": Answer(200, {"count": 1, "approx": "no"}),
    "a broken compression": Answer(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}),
    "a dropped connection": Drop(),
}


@pytest.mark.parametrize("fault", MENDED.values(), ids=MENDED)
async def test_a_passing_fault_is_retried(fake: InfiniGram, fault: Fault) -> None:
    waiting = Waiting()
    fake.fail(fault, fault)
    async with opened(fake, waiting) as source:
        assert await count_one(source, "fish") == Count(2)

    assert fake.queries == ["fish"] * 3
    assert waiting.pauses == [0.5, 1.0]


@pytest.mark.parametrize("fault", MENDED.values(), ids=MENDED)
async def test_a_lasting_fault_is_not_a_count(fake: InfiniGram, fault: Fault) -> None:
    waiting = Waiting()
    fake.fail(*[fault] * REQUEST_ATTEMPTS)
    async with opened(fake, waiting) as source:
        error = await refused(source, Query.of(["fish"]))

    assert error.code == "source_unavailable"
    assert "'fish'" in error.detail
    assert "c4" in error.detail
    assert fake.url in error.detail
    assert error.detail.endswith(".")
    assert fake.queries == ["fish"] * REQUEST_ATTEMPTS
    assert waiting.pauses == [0.5, 1.0, 2.0, 4.0, 8.0]


async def test_a_request_that_times_out_is_retried(fake: InfiniGram) -> None:
    fake.fail(Hang())
    async with opened(fake, timeout_seconds=0.2) as source:
        assert await count_one(source, "fish") == Count(2)

    assert fake.queries == ["fish"] * 2


async def test_a_url_without_a_server_is_unavailable() -> None:
    with InfiniGram() as gone:
        pass
    async with opened(gone) as source:
        error = await refused(source, Query.of(["fish"]))
        with pytest.raises(SourceError) as caught:
            await source.facts()

    assert error.code == caught.value.code == "source_unavailable"


FINAL = {
    "400": (Answer(400, {"error": "[Flask] Invalid index: c4"}), "Invalid index: c4"),
    "a limit, with 200": (Answer(200, {"error": "Please limit your input to <= 500 tokens!"}), "500 tokens"),
    "401": (Answer(401, {"message": "Unauthorized"}), "401"),
    "403": (Answer(403, b"<html>Forbidden</html>"), "403"),
    "404": (Answer(404, b"nothing here"), "404"),
    "a redirection": (Answer(301, b"", {"Location": "https://elsewhere/"}), "301"),
}


@pytest.mark.parametrize(("fault", "reason"), FINAL.values(), ids=FINAL)
async def test_a_refusal_is_not_retried(fake: InfiniGram, fault: Answer, reason: str) -> None:
    waiting = Waiting()
    fake.fail(fault, query="fish")
    async with opened(fake, waiting) as source:
        error = await refused(source, Query.of(["fish"]))

    assert error.code == "source_refused"
    assert "'fish'" in error.detail
    assert reason in error.detail
    assert fake.queries == ["fish"]
    assert waiting.pauses == []


async def test_an_error_is_read_before_a_count(fake: InfiniGram) -> None:
    fake.fail(Answer(200, {"error": "Please limit your input!", "count": 7, "approx": False}))
    async with opened(fake) as source:
        assert (await refused(source, Query.of(["fish"]))).code == "source_refused"


async def test_an_error_of_any_length_makes_a_short_sentence(fake: InfiniGram) -> None:
    fake.fail(Answer(400, {"error": "x" * 100_000}))
    async with opened(fake) as source:
        assert len((await refused(source, Query.of(["fish"]))).detail) < 1000


def in_seconds(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (lambda: "7", 7, 7),
        (lambda: "0", 0.5, 0.5),
        (lambda: in_seconds(60), 50, 60),
        (lambda: in_seconds(-60), 0.5, 0.5),
        (lambda: "soon", 0.5, 0.5),
        (lambda: "-3", 0.5, 0.5),
        (lambda: "٣", 0.5, 0.5),
        (lambda: "", 0.5, 0.5),
        (lambda: "Mon, 01 Jan 2035 00:00:00", 0.5, 0.5),
    ],
)
async def test_the_pause_that_a_server_requests_is_kept(
    fake: InfiniGram, value: Callable[[], str], low: float, high: float
) -> None:
    waiting = Waiting()
    fake.fail(Answer(429, b"", {"Retry-After": value().encode().decode("latin-1")}))
    async with opened(fake, waiting) as source:
        assert await count_one(source, "fish") == Count(2)

    [pause] = waiting.pauses
    assert low <= pause <= high


async def test_a_server_that_requests_a_long_pause_gets_no_retry(fake: InfiniGram) -> None:
    waiting = Waiting()
    fake.fail(Answer(429, b"", {"Retry-After": str(int(LONGEST_PAUSE_SECONDS) + 1)}))
    async with opened(fake, waiting) as source:
        error = await refused(source, Query.of(["fish"]))

    assert error.code == "source_unavailable"
    assert "301 s" in error.detail
    assert fake.queries == ["fish"]
    assert waiting.pauses == []


async def test_while_one_query_pauses_no_other_is_sent(fake: InfiniGram) -> None:
    """Another request ends meanwhile, so that one more may be sent; it waits for the pause, too."""
    hang = Hang(then=Answer(200, {"count": 5, "approx": False}))
    asked: list[list[str]] = []

    async def sleep(seconds: float) -> None:
        await asyncio.to_thread(until, lambda: "b" in fake.queries, "the other request arrives")
        hang.over.set()
        await asyncio.to_thread(fake.wait_until_idle)
        for _ in range(50):  # a request that is sent now would arrive meanwhile
            await asyncio.to_thread(lambda: None)
        asked.append(sorted(fake.queries))

    fake.fail(BUSY, query="a")
    fake.fail(hang, query="b")
    source = InfiniGramSource("c4", InfiniGramSettings(url=fake.url, in_flight=2), pace=Pace(sleep=sleep))
    found = await counted(source, *(Query.of([name]) for name in "abcdefgh"))
    await source.aclose()

    assert asked == [["a", "b"]]
    assert found[Query.of(["b"])] == Count(5)
    assert sorted(fake.queries) == list("aabcdefgh")


def test_pauses_grow_and_differ() -> None:
    smallest, largest = (Pace(jitter=lambda share=share: share) for share in (0.0, 1.0))  # type: ignore[misc]

    assert [smallest.pause(attempt, 0) for attempt in range(4)] == [0.25, 0.5, 1.0, 2.0]
    assert [largest.pause(attempt, 0) for attempt in range(4)] == [0.5, 1.0, 2.0, 4.0]
    assert largest.pause(0, at_least=9) == 9
    assert len({Pace().pause(3, 0) for _ in range(20)}) > 1


async def test_a_refusal_names_all_queries_without_a_count(fake: InfiniGram) -> None:
    fake.fail(Answer(401, {"error": "who are you"}), query="n3")
    queries = [Query.of([f"n{number}"]) for number in range(10)]
    found: dict[Query, Count] = {}
    async with opened(fake, in_flight=1) as source:
        with pytest.raises(SourceError) as caught:
            await counted(source, *queries, into=found)

    assert caught.value.queries == (queries[3], *queries[4:])
    assert set(found) == set(queries[:3])
    assert "7 queries are not counted" in caught.value.detail


@pytest.mark.parametrize("fault", [FAILURE, Answer(400, {"error": "bad"})])
async def test_counts_before_a_failure_are_yielded(fake: InfiniGram, fault: Answer) -> None:
    names = [f"n{number}" for number in range(100)]
    fake.fail(*[fault] * REQUEST_ATTEMPTS, query="n50")
    found: dict[Query, Count] = {}
    async with opened(fake) as source:
        with pytest.raises(SourceError, match="n50") as caught:
            await counted(source, *(Query.of([name]) for name in names), into=found)

    assert set(found) >= {Query.of([name]) for name in names[:46]}
    assert Query.of(["n50"]) not in found
    assert len(fake.queries) < 100 + REQUEST_ATTEMPTS
    if caught.value.code == "source_unavailable":
        missing = 100 - len(found)
        assert f"{missing} queries are not counted: 'n50', " in caught.value.detail
        assert f"and {missing - 10} more" in caught.value.detail


async def test_a_source_can_count_again_after_a_failure(fake: InfiniGram) -> None:
    fake.fail(*[Drop()] * REQUEST_ATTEMPTS)
    async with opened(fake, in_flight=1) as source:
        assert (await refused(source, Query.of(["fish"]))).code == "source_unavailable"
        assert await count_one(source, "fish") == Count(2)
        await source.aclose()
        assert await count_one(source, "fish") == Count(2)


async def test_the_fake_answers_as_the_endpoint_is_documented(fake: InfiniGram) -> None:
    async with httpx.AsyncClient() as client:

        async def post(body: object) -> tuple[int, dict[str, Any]]:
            answer = await client.post(fake.url, json=body)
            return answer.status_code, answer.json()

        right: dict[str, Any] = {"index": INDEX, "query_type": "count", "query": "fish"}
        status, body = await post(right)
        assert (status, body["count"], body["approx"]) == (200, 2, False)
        wrongs: list[tuple[dict[str, Any], int]] = [
            ({"index": "c5"}, 400),
            ({"query_type": "find"}, 400),
            ({"query": 7}, 200),
        ]
        for wrong, status in wrongs:
            found, body = await post({**right, **wrong})
            assert (found, set(body)) == (status, {"error"})
        assert (await post({}))[0] == 400

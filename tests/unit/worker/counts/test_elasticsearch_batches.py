"""Batches, against a simulated server: whatever it answers, each query is counted once or has no count."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.queries import Query
from worker.evidence.counts.base import Count
from worker.evidence.counts.elasticsearch.answers import NotCounted, may_pass
from worker.evidence.counts.elasticsearch.batches import Batches
from worker.evidence.counts.elasticsearch.patience import Patience

pytestmark = pytest.mark.anyio

BUSY = may_pass("it is busy")
SLOW = may_pass("it is slow", too_slow=True)
REFUSED = NotCounted(code="source_refused", reason="it will not")
ANSWERS: list[int | NotCounted] = [7, 7, 7, BUSY, SLOW, REFUSED]

Reply = Callable[[Query], int | NotCounted]


def queries(number: int) -> list[Query]:
    return [Query.of([f"name {at:03d}"]) for at in range(number)]


@dataclass
class Server:
    """Answers by a function, and notes the batches that it gets."""

    reply: Reply
    asked: list[Sequence[Query]] = field(default_factory=list)
    now: int = 0
    most: int = 0

    async def ask(self, batch: Sequence[Query]) -> list[int | NotCounted]:
        self.asked.append(batch)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return [self.reply(query) for query in batch]


async def no_pause(seconds: float) -> None:
    await asyncio.sleep(0)


def batches(asked: Sequence[Query], server: Server, *, size: int = 4, in_flight: int = 2, attempts: int = 3) -> Batches:
    patience = Patience(attempts=attempts, sleep=no_pause)
    return Batches(asked, server.ask, size=size, in_flight=in_flight, patience=patience)


async def collected(counting: Batches) -> dict[Query, Count]:
    found: dict[Query, Count] = {}
    async for counts in counting.counts():
        assert counts
        assert not found.keys() & counts.keys()
        found |= counts
    return found


def length(query: Query) -> int:
    return len(query.spellings[0])


@given(st.integers(0, 40), st.integers(1, 12), st.integers(1, 9))
def test_each_query_is_sent_once(number: int, size: int, in_flight: int) -> None:
    server = Server(length)

    found = asyncio.run(collected(batches(queries(number), server, size=size, in_flight=in_flight)))

    assert found == {query: Count(8) for query in queries(number)}
    assert sorted(query for batch in server.asked for query in batch) == queries(number)
    assert len(server.asked) == -(-number // size)
    assert server.most == min(in_flight, len(server.asked))


@given(st.integers(1, 30), st.integers(1, 8), st.integers(1, 5), st.data())
def test_each_query_is_counted_or_has_a_reason(number: int, size: int, in_flight: int, data: st.DataObject) -> None:
    asked = queries(number)
    answer = st.sampled_from(ANSWERS)
    server = Server(lambda query: data.draw(answer))
    counting = batches(asked, server, size=size, in_flight=in_flight)

    found = asyncio.run(collected(counting))

    assert not found.keys() & counting.failures.keys()
    sent = {query for batch in server.asked for query in batch}
    assert found.keys() | counting.failures.keys() <= sent
    # Queries without a reason were not sent, because all attempts of a batch gave no count.
    assert found.keys() | counting.failures.keys() == set(asked) or counting.failures
    assert set(found.values()) <= {Count(7)}
    assert max(sum(query in batch for batch in server.asked) for query in sent) <= 3


@given(st.integers(1, 20), st.integers(1, 8), st.sampled_from([BUSY, SLOW, REFUSED]))
def test_after_a_batch_without_any_count_no_further_batch_is_sent(number: int, size: int, why: NotCounted) -> None:
    server = Server(lambda query: why)
    counting = batches(queries(number), server, size=size, in_flight=1)

    assert asyncio.run(collected(counting)) == {}

    assert counting.failures
    assert {query for batch in server.asked for query in batch} <= set(queries(number)[:size])


async def test_a_batch_that_took_too_long_is_retried_in_halves() -> None:
    server = Server(length)
    server.reply = lambda query: SLOW if len(server.asked[-1]) > 3 else length(query)

    found = await collected(batches(queries(10), server, size=10, in_flight=1))

    assert found.keys() == set(queries(10))
    assert [len(batch) for batch in server.asked] == [10, 5, 3, 2, 5, 3, 2]


async def test_the_longest_requested_pause_is_made() -> None:
    pauses: list[float] = []
    answers = iter([5.0, 20.0, None])

    def reply(query: Query) -> int | NotCounted:
        return may_pass("it is busy", retry_after=next(answers)) if len(pauses) == 0 else 1

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    server = Server(reply)
    patience = Patience(sleep=sleep, chance=lambda: 0.0)
    counting = Batches(queries(3), server.ask, size=3, in_flight=1, patience=patience)

    assert await collected(counting) == {query: Count(1) for query in queries(3)}
    assert pauses == [20.5]


async def test_an_error_of_the_request_function_is_raised() -> None:
    async def ask(batch: Sequence[Query]) -> list[int | NotCounted]:
        raise ZeroDivisionError

    counting = Batches(queries(3), ask, size=1, in_flight=2, patience=Patience())

    with pytest.raises(ExceptionGroup) as error:
        await collected(counting)
    assert error.group_contains(ZeroDivisionError)

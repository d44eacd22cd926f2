"""Work that many callers request at the same time is done once."""

import asyncio

import pytest

from app.single_flight import SingleFlight

pytestmark = pytest.mark.anyio


class Work:
    """Work that ends when the test sets `go_on`."""

    def __init__(self) -> None:
        self.begun = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        await self.go_on.wait()
        return self.begun


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_concurrent_callers_share_the_work_and_a_later_one_starts_it_again() -> None:
    flight, work = SingleFlight[str, int](), Work()
    callers = [asyncio.create_task(flight.run("a", work)) for _ in range(512)]
    await turns()
    assert work.begun == 1
    work.go_on.set()

    assert await asyncio.gather(*callers) == [1] * 512
    assert await flight.run("a", work) == 2


async def test_two_keys_run_at_the_same_time() -> None:
    flight, first, second = SingleFlight[str, int](), Work(), Work()
    callers = [asyncio.create_task(flight.run(key, work)) for key, work in (("a", first), ("b", second))]
    await turns()
    assert (first.begun, second.begun) == (1, 1)
    for work in (first, second):
        work.go_on.set()
    await asyncio.gather(*callers)


async def test_cancelling_one_caller_does_not_cancel_the_work() -> None:
    flight, work = SingleFlight[str, int](), Work()
    first, second = (asyncio.create_task(flight.run("a", work)) for _ in range(2))
    await turns()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.go_on.set()

    assert await second == 1


@pytest.mark.parametrize("before", range(6))
async def test_a_cancellation_is_not_lost_in_any_turn_of_the_event_loop(before: int) -> None:
    flight, work = SingleFlight[str, int](), Work()
    caller = asyncio.create_task(flight.run("a", work))
    await turns()
    work.go_on.set()
    await turns(before)
    if not caller.done():
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    assert await flight.run("a", work) >= 1


async def test_an_error_reaches_all_waiting_callers_and_the_next_caller_tries_again() -> None:
    flight, tries = SingleFlight[str, int](), 0

    async def fail_once() -> int:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        if tries == 1:
            raise ValueError("not now")
        return tries

    results = await asyncio.gather(*(flight.run("a", fail_once) for _ in range(3)), return_exceptions=True)
    assert [str(each) for each in results] == ["not now"] * 3
    assert await flight.run("a", fail_once) == 2


async def test_closing_cancels_the_work() -> None:
    flight, work = SingleFlight[str, int](), Work()
    caller = asyncio.create_task(flight.run("a", work))
    await turns()
    await flight.close()

    with pytest.raises(asyncio.CancelledError):
        await caller
    work.go_on.set()
    assert await flight.run("a", work) == 2

"""Turns of requests on the event loop."""

import asyncio

import pytest

from app.turns import Turns

pytestmark = pytest.mark.anyio


async def test_at_most_some_go_on_at_once_in_their_order() -> None:
    turns, running, most, done = Turns(2, 60), 0, 0, list[int]()

    async def work(number: int) -> None:
        nonlocal running, most
        async with turns.turn():
            running += 1
            most = max(most, running)
            for _ in range(5):
                await asyncio.sleep(0)
            running -= 1
            done.append(number)

    await asyncio.gather(*map(work, range(20)))

    assert most == 2
    assert done == list(range(20))


async def test_one_that_takes_long_does_not_hold_up_the_others() -> None:
    turns, go_on = Turns(1, 0.01), asyncio.Event()

    async def wait() -> None:
        async with turns.turn():
            await go_on.wait()

    waiting = [asyncio.create_task(wait()) for _ in range(3)]
    async with asyncio.timeout(60), turns.turn():
        """All three have had their time."""
    assert not any(each.done() for each in waiting)
    go_on.set()
    await asyncio.gather(*waiting)
    async with asyncio.timeout(60), turns.turn(), asyncio.timeout(60), turns.turn():
        """The first gives its turn up after its time: no turn was lost or added."""


async def test_a_failure_and_a_cancelled_wait_end_a_turn() -> None:
    turns = Turns(1, 60)

    async def fail() -> None:
        async with turns.turn():
            raise KeyError("a")

    with pytest.raises(KeyError):
        await fail()
    async with turns.turn():
        waiting = asyncio.create_task(fail())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(60), turns.turn():
        """It is free."""

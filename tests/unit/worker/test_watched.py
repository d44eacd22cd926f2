"""Watching: waiting for work that a report can stop."""

import asyncio
import contextlib

import pytest

from concept_orderings.errors import Cancelled
from worker.watched import watched

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.waiting._CANCEL_AGAIN_SECONDS", 0.01)


class Work:
    """Work that never ends by itself.

    Attributes
    ----------
    swallows : int
        The number of cancellations that it ignores.
    over : bool
        Whether it has ended.
    """

    def __init__(self, swallows: int = 0) -> None:
        self.swallows = swallows
        self.over = False

    async def run(self) -> None:
        try:
            for _ in range(self.swallows):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            await asyncio.Event().wait()
        finally:
            self.over = True


def cancel() -> None:
    raise Cancelled


async def test_what_work_returns_and_raises_is_passed_on() -> None:
    async def fail() -> None:
        raise OSError("gone")

    assert await watched(asyncio.sleep(0, "done"), cancel) == "done"
    with pytest.raises(OSError, match="gone"):
        await watched(fail(), cancel)


@pytest.mark.parametrize("swallows", [0, 1])
async def test_what_tell_raises_ends_the_work(swallows: int) -> None:
    work = Work(swallows)
    with pytest.raises(Cancelled):
        await watched(work.run(), cancel)
    assert work.over


@pytest.mark.parametrize("swallows", [0, 1])
async def test_who_is_cancelled_ends_the_work(swallows: int) -> None:
    work, begun = Work(swallows), asyncio.Event()
    waiting = asyncio.create_task(watched(work.run(), begun.set))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert work.over


async def test_who_is_cancelled_twice_returns_once_the_work_is_over() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    over = False

    async def work() -> None:
        nonlocal over
        try:
            await asyncio.Event().wait()
        finally:
            while not go_on.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await go_on.wait()
            over = True

    waiting = asyncio.create_task(watched(work(), begun.set))
    await begun.wait()
    for _ in range(3):
        waiting.cancel()
        await asyncio.wait([waiting], timeout=0.05)
        assert not waiting.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert over

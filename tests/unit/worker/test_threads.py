"""Work in a thread, and who waits for it."""

import asyncio
import threading

import pytest

from concept_orderings.progress import Report, silent
from worker.threads import in_thread

pytestmark = pytest.mark.anyio


async def test_who_is_cancelled_twice_waits_until_the_work_is_over() -> None:
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def work(report: Report) -> None:
        begun.set()
        go_on.wait(30)
        over.set()
        report(1, 1)

    waiting = asyncio.create_task(in_thread(work, silent))
    await asyncio.to_thread(begun.wait, 30)
    for _ in range(3):
        waiting.cancel()
        await asyncio.wait([waiting], timeout=0.05)
        assert not waiting.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert over.is_set()

"""A worker does a job once at a time, also after its event loop stood still for longer than its lease."""

import asyncio
import threading

import pytest
from redis.asyncio import Redis

from store.runs import JOB, Lane, Runs, State, Submission
from support.keys import KEYS
from worker.lanes import Lanes
from worker.monitor import Monitor
from worker.runner import Runner, Work

pytestmark = pytest.mark.anyio


class Waiting(Work):
    """Work that goes on until it is told to end."""

    noun = "job"
    after_crashes = "post it again"
    tries_again = True

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def do(self, request: bytes, monitor: Monitor) -> bytes:
        self.begun.set()
        await self.may_end.wait()
        return b"1"


async def test_a_worker_does_not_offer_itself_a_job_that_it_does(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    # The lease is never renewed, as while the event loop stands still.
    monkeypatch.setattr("worker.monitor._INTERVAL_SECONDS", 3600.0)
    runs, work, stopping = Runs(redis, KEYS, JOB), Waiting(), threading.Event()
    lanes = Lanes(redis, KEYS, runs, Runner(runs, work, stopping), stopping)
    job = Submission(id=f"{1:032x}", canonical=b"{}", about={"ordering": {"kind": "random"}}, lane=Lane.ORDER)
    run = await runs.submit(job, most_active=10)
    assert run is not None
    loop = asyncio.create_task(lanes.run(Lane.ORDER))
    await work.begun.wait()
    await redis.delete(KEYS.lease("job", job.id, run))
    await lanes.offer_strays()
    assert await runs.take(Lane.ORDER) is None
    work.may_end.set()
    stopping.set()
    lanes.wake()
    await loop
    record = await runs.get(job.id)
    assert record is not None
    assert (record.state, record.attempts) == (State.SUCCEEDED, 1)

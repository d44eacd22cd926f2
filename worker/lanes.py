"""Take jobs by lane: cheap orderings do not wait behind path searches and sources, and clients take turns.

Each lane is one loop that does one job at a time. Redis is asked for the next job when the last one is over, and when a
message says that a job waits in a lane that was empty; a lost message costs `_SILENCE_SECONDS`. Jobs that no worker
would take by turn are looked for regularly: see `Lanes.offer_strays`.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.keys import Keys
from store.runs import JOB, Lane, Runs
from store.waiting import wait_for_event
from worker.left_runs import LeftForLater, NoRoom
from worker.runner import Runner, TryAgain

AT_ONCE = {Lane.ORDER: 4, Lane.COMPUTE: 1}
"""How many jobs of a lane a worker does at once. Of cheap ones, one computes while the others wait for the disk."""

_SILENCE_SECONDS = 5.0
_AGAIN_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Lanes:
    """Does the jobs of all lanes.

    Parameters
    ----------
    redis
        A client.
    keys
        Makes the keys.
    runs
        The records of jobs.
    runner
        Does a job.
    stopping
        Set while the worker is stopping; call `wake` then.
    """

    def __init__(self, redis: Redis, keys: Keys, runs: Runs, runner: Runner, stopping: threading.Event) -> None:
        self._redis = redis
        self._bells = {lane: asyncio.Event() for lane in AT_ONCE}
        self._channels = {keys.waiting(JOB.name, lane): lane for lane in AT_ONCE}
        self._runs = runs
        self._runner = runner
        self._stopping = stopping
        # Runs that this worker starts by their ids: those that another one has left to a worker of a later release,
        # which this one may be, and those during which Redis went away.
        self._own = {lane: deque[tuple[str, int]]() for lane in AT_ONCE}
        self._doing = set[tuple[str, int]]()
        # The lanes that wait for room on the disk: one of their jobs says so, and no other is taken meanwhile.
        self._full = set[Lane]()
        self._resting = set[asyncio.Task[None]]()

    async def run(self, lane: Lane) -> None:
        """Do the jobs of a lane until the worker stops."""
        bell = self._bells[lane]
        while not self._stopping.is_set():
            bell.clear()
            try:
                if lane in self._full and not await self._runner.has_room():
                    await wait_for_event(bell, _SILENCE_SECONDS)
                    continue
                self._full.discard(lane)
                if not await self._do_next(lane):
                    await wait_for_event(bell, _SILENCE_SECONDS)
            except (RedisError, OSError) as error:
                _log.warning("cannot take jobs for the moment: %s", error)
                await wait_for_event(asyncio.Event(), _AGAIN_SECONDS)
            except asyncio.CancelledError:
                # The runner gave the run back.
                if not self._stopping.is_set():
                    raise

    async def _do_next(self, lane: Lane) -> bool:
        """Do one job; return whether there was one."""
        if self._own[lane]:
            identifier, run = self._own[lane].popleft()
            await self._do(lane, identifier, run, self._runner.deliver(identifier, run))
            return True
        taken = await self._runs.take(lane)
        if taken is None:
            return False
        await self._do(lane, taken.id, taken.run, self._runner.do_taken(taken))
        return True

    def wake(self) -> None:
        """Wake the loops: the worker stops, or a message may have been lost."""
        for each in self._bells.values():
            each.set()

    async def listen(self) -> None:
        """Receive the messages that jobs wait, for ever; while Redis is away, try again every second."""
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(*self._channels)
                    self.wake()
                    while True:
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=_SILENCE_SECONDS)
                        if message is not None:
                            self._bells[self._channels[message["channel"].decode()]].set()
            except (RedisError, OSError) as error:
                _log.warning("messages that jobs wait do not arrive for the moment: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def offer_strays(self) -> None:
        """Offer the pending jobs that no worker would take by turn, as `Runs.unoffered` names them.

        A job that was left to a worker of a later release is done in its lane, unless this worker has left it. One that
        this worker does is not offered, although its lease is over after a computation has stopped the event loop, or
        Redis was away: the worker would begin it again beside itself.

        Raises
        ------
        redis.RedisError
            If Redis is away.
        """
        for each in await self._runs.unoffered():
            if each[:2] in self._doing:
                continue
            if not each.is_left:
                await self._runs.offer(each.id, each.run)
            elif not self._runner.has_left(each.id, each.run) and each[:2] not in self._own[each.lane]:
                self._own[each.lane].append(each[:2])
        if any(self._own.values()):
            self.wake()

    async def _do(self, lane: Lane, identifier: str, run: int, doing: Awaitable[None]) -> None:
        self._doing.add((identifier, run))
        try:
            await doing
        except (NoRoom, TryAgain) as again:
            resting = asyncio.create_task(self._offer_after(again.seconds, identifier, run))
            self._resting.add(resting)
            resting.add_done_callback(self._resting.discard)
            if isinstance(again, NoRoom):
                self._full.add(lane)
        except LeftForLater:
            pass  # its record says so, and the runner remembers it
        except (RedisError, OSError):
            # Its end may not be recorded. This worker has its lease, and tries it again once Redis is back.
            self._own[lane].append((identifier, run))
            raise
        finally:
            self._doing.discard((identifier, run))

    async def _offer_after(self, seconds: float, identifier: str, run: int) -> None:
        """Offer a run after its pause; if this worker has stopped by then, another one does so."""
        await asyncio.sleep(seconds)
        try:
            await self._runs.offer(identifier, run)
        except (RedisError, OSError) as error:
            _log.warning("%s: cannot offer it for the moment: %s", identifier, error)

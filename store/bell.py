"""Wakes whoever waits for a job, over one connection however many wait."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.jobs import CHANGES, State

LONGEST_SILENCE_SECONDS = 5.0
"""How long a listener should wait before it looks for itself: a message is lost while Redis is away."""

_RECONNECT_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Bell:
    """Rings when a job changes; `run` must be running for it to."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._every_change: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._final_states: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def listen(self, job: str, *, only_when_final: bool = False) -> Iterator[asyncio.Event]:
        """Yield an event that is set when the job changes, or only when it is finished.

        Clear it *before* looking at the job: what happens between the look and the wait then sets it again.
        """
        listeners = self._final_states if only_when_final else self._every_change
        rung = asyncio.Event()
        listeners[job].add(rung)
        try:
            yield rung
        finally:
            listeners[job].discard(rung)
            if not listeners[job]:
                del listeners[job]

    async def run(self) -> None:
        """Pass on what Redis publishes, for ever; while Redis is away, try again every second."""
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(CHANGES)
                    self._ring_all()
                    while True:
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=5.0)
                        if message is not None:
                            self._ring(*message["data"].decode().split(" "))
            except (RedisError, OSError) as error:
                _log.warning("changes of jobs are not heard for the moment: %s", error)
                await asyncio.sleep(_RECONNECT_SECONDS)

    def _ring(self, job: str, state: str) -> None:
        for rung in self._every_change.get(job, ()):
            rung.set()
        if State(state).final:
            for rung in self._final_states.get(job, ()):
                rung.set()

    def _ring_all(self) -> None:
        """Let everybody look for themselves: they may have missed something before the subscription."""
        for listeners in (*self._every_change.values(), *self._final_states.values()):
            for rung in listeners:
                rung.set()

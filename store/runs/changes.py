"""Wake the waiters of runs when a run changes; all of them share one connection to Redis."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.keys import Keys
from store.runs.record import State

LONGEST_SILENCE_SECONDS = 5.0
"""How long a waiter waits before it reads the record without a message: messages are lost while Redis is away."""

_RECONNECT_SECONDS = 1.0

_FINAL = frozenset(state.value for state in State if state.final)

_log = logging.getLogger(__name__)


class RunChanges:
    """Wakes waiters when a run changes; start `run` as a task first."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._channel = keys.changes
        self._every_change: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._final_states: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._are_ended = False

    @property
    def are_ended(self) -> bool:
        """Whether waiters are to end at once, since this process stops."""
        return self._are_ended

    def end(self) -> None:
        """Wake all waiters, and have them end."""
        self._are_ended = True
        self._wake_all()

    @contextmanager
    def listen(self, identifier: str, *, only_when_final: bool = False) -> Iterator[asyncio.Event]:
        """Yield an event that is set when a record changes, or only when its run is finished.

        Clear the event *before* reading the record: a change after the reading then sets it again.
        """
        waiters = self._final_states if only_when_final else self._every_change
        changed = asyncio.Event()
        waiters[identifier].add(changed)
        try:
            yield changed
        finally:
            waiters[identifier].discard(changed)
            if not waiters[identifier]:
                del waiters[identifier]

    async def run(self) -> None:
        """Receive the changes that Redis publishes, for ever; while Redis is away, try again every second."""
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(self._channel)
                    self._wake_all()
                    while True:
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=5.0)
                        if message is not None:
                            self._wake(message["data"])
            except (RedisError, OSError) as error:
                _log.warning("changes of runs do not arrive for the moment: %s", error)
                await asyncio.sleep(_RECONNECT_SECONDS)

    def _wake(self, message: bytes) -> None:
        # Another program may publish there too; what it says must not end the listening.
        identifier, _, state = message.decode(errors="replace").partition(" ")
        for changed in self._every_change.get(identifier, ()):
            changed.set()
        if state in _FINAL:
            for changed in self._final_states.get(identifier, ()):
                changed.set()

    def _wake_all(self) -> None:
        """Wake all waiters, also for changes before the subscription."""
        for waiters in (*self._every_change.values(), *self._final_states.values()):
            for changed in waiters:
                changed.set()

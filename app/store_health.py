"""Whether the store takes writes: one small write at most every two seconds, whose outcome all callers share."""

import asyncio
import time

from concept_orderings.errors import StoreError
from store.disk_space import DiskSpace
from store.objects import Objects

KEPT_SECONDS = 2.0
"""How long an outcome holds. A store that is full, or has room again, is seen after this time."""
ANSWER_SECONDS = 3.0
"""The longest wait for a write; a disk over a network may never answer."""


class StoreHealth:
    """Tells what keeps the store from taking writes.

    Parameters
    ----------
    objects
        The store.
    disk_space
        Its disk, and that of the queue.
    """

    def __init__(self, objects: Objects, disk_space: DiskSpace) -> None:
        self._objects = objects
        self._disk_space = disk_space
        self._looking: asyncio.Task[None] | None = None
        self._found: StoreError | None = None
        self._found_at = float("-inf")

    async def trouble(self) -> StoreError | None:
        """Return the error that a write gets at present; None if the store takes writes."""
        if time.monotonic() - self._found_at < KEPT_SECONDS:
            return self._found
        # A write that has not ended goes on: another one would wait in another thread.
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        done, _ = await asyncio.wait([self._looking], timeout=ANSWER_SECONDS)
        if not done:
            return StoreError(
                "store_unavailable",
                f"The store of stream versions has not finished a small write for {ANSWER_SECONDS:.0f} seconds.",
            )
        return self._found

    async def check(self) -> None:
        """Refuse to begin what must be written.

        Raises
        ------
        StoreError
            ``store_full`` or ``store_unavailable``.
        """
        if (found := await self.trouble()) is not None:
            raise found

    async def _look(self) -> None:
        try:
            await asyncio.to_thread(self._disk_space.check)
            await self._objects.check_writable()
            self._found = None
        except StoreError as error:
            self._found = error
        self._found_at = time.monotonic()

"""Work that many clients ask for at once, and that is done once for all of them."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from store.waiting import cancel_and_wait

_Key = TypeVar("_Key", bound=Hashable)
_Result = TypeVar("_Result")


class Once(Generic[_Key, _Result]):
    """Do the work of a key once at a time; results are not remembered."""

    def __init__(self) -> None:
        self._running: dict[_Key, asyncio.Task[_Result]] = {}

    async def run(self, key: _Key, work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Start the work of a key, or wait for it where it is being done; return its result.

        The work goes on if the caller is cancelled: others may wait for it.

        Raises
        ------
        Exception
            What the work raises, in every caller that waits for it.
        asyncio.CancelledError
            If the caller was cancelled, or `close` was called.
        """
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(work())
            self._running[key] = task
            task.add_done_callback(lambda done: self._finish(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel all work that is being done, and wait until it has ended."""
        await cancel_and_wait(*self._running.values())

    def _finish(self, key: _Key, task: asyncio.Task[_Result]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # else asyncio logs that it was never retrieved, where every caller was cancelled

"""Do work once for all callers that request it at the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from store.waiting import cancel_and_wait

_Key = TypeVar("_Key", bound=Hashable)
_Result = TypeVar("_Result")


class SingleFlight(Generic[_Key, _Result]):
    """Runs the work of a key once at a time, and gives its result to every caller that waits; it caches nothing."""

    def __init__(self) -> None:
        self._running: dict[_Key, asyncio.Task[_Result]] = {}

    async def run(self, key: _Key, work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Return the result of the work of a key; start it unless it is running already.

        If the caller is cancelled, the work goes on: other callers may wait for it.

        Raises
        ------
        Exception
            What the work raises; every caller that waits gets it.
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
        """Cancel all running work, and wait until it has ended."""
        await cancel_and_wait(*self._running.values())

    def _finish(self, key: _Key, task: asyncio.Task[_Result]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # else, if every caller was cancelled, asyncio logs that it was never retrieved

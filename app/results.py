"""Results that are computed once for all callers, and then kept in memory up to a size."""

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

from app.single_flight import SingleFlight

_Key = TypeVar("_Key", bound=Hashable)
_Result = TypeVar("_Result")


def _one(result: object) -> int:
    del result
    return 1


class Results(Generic[_Key, _Result]):
    """The results of work by key; those that were used least recently are dropped first.

    Parameters
    ----------
    most
        The largest size of all kept results together.
    size
        Returns the size of a result; by default, each counts 1. A result that is larger than `most` is not kept, and
        neither is None.
    """

    def __init__(self, most: int, size: Callable[[_Result], int] = _one) -> None:
        self._kept: LRUCache[_Key, _Result] = LRUCache(most, getsizeof=size)
        self._running: SingleFlight[_Key, _Result] = SingleFlight()

    async def get(self, key: _Key, work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Return the result of the work of a key: a kept one, or that of the run which it joins or starts.

        Raises
        ------
        Exception
            What the work raises; it is not kept.
        asyncio.CancelledError
            If the caller was cancelled, or `close` was called.
        """
        kept: _Result | None = self._kept.get(key)
        if kept is not None:
            return kept
        result = await self._running.run(key, work)
        if result is not None and self._kept.getsizeof(result) <= self._kept.maxsize:
            self._kept[key] = result
        return result

    async def close(self) -> None:
        """Cancel all running work, and wait until it has ended."""
        await self._running.close()

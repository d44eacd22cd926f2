"""Turns on the event loop: few requests with bodies are worked on at once, so that reads wait for few of them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Turns:
    """Lets at most some requests go on at once, in the order in which they came, and each for a short time alone.

    A request whose turn takes longer goes on beside the others: what keeps it busy is then its client's connection, a
    thread or another process, and not the event loop.

    Parameters
    ----------
    most
        How many go on at once.
    seconds
        The longest time after which the next one may begin.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(most)
        self._seconds = seconds

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for a turn, and end it with the context."""
        await self._free.acquire()
        is_over = False

        def end() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                self._free.release()

        timer = asyncio.get_running_loop().call_later(self._seconds, end)
        try:
            yield
        finally:
            timer.cancel()
            end()

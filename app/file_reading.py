"""Read uploaded files one at a time, whatever their kind, on a thread of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_FILES_READ_AT_ONCE = 1

_Content = TypeVar("_Content")


class FileReading:
    """Reads uploaded files.

    Reading may take minutes, and memory. So it runs off the event loop, one file at a time, and on a thread of its own:
    requests for streams do not wait for it.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_FILES_READ_AT_ONCE, thread_name_prefix="uploaded-file")

    async def run(self, read: Callable[[], _Content]) -> _Content:
        """Return what `read` returns, once all files that came before are read."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, read)

    def close(self) -> None:
        """Stop; a file that is not read yet is not stored."""
        self._threads.shutdown(wait=False, cancel_futures=True)

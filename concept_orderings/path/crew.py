"""Threads for the compiled kernels, and the caller's thread, which reports and keeps the time while they work."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from time import monotonic

import numpy as np

from concept_orderings.progress import Report

TICK_SECONDS = 0.2
"""How often the caller's thread looks up: it reports as often, and notices a cancel or the deadline."""


class TimeIsUp(Exception):
    """The deadline has passed; what the threads were doing is half done."""


class Crew:
    """Runs kernels on threads; use it as a context manager.

    Parameters
    ----------
    threads : int
        0 for as many as the process has cores.
    report : Report
        Called on the caller's thread; if it raises, the threads end and the exception passes.
    total : int
        What `report` is told to be all of the work.

    Attributes
    ----------
    stop : ndarray of uint8, shape (1,)
        Set when kernels are to return at once.
    deadline : float or None
        The `time.monotonic` after which `share` raises `TimeIsUp`.
    """

    def __init__(self, threads: int, report: Report, total: int) -> None:
        self.threads = threads or available_cores()
        self.stop = np.zeros(1, dtype=np.uint8)
        self.deadline: float | None = None
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="path")
        self._report = report
        self._running: set[Future[None]] = set()
        self.total = total
        self._done = 0
        self._last = -1.0

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop[0] = 1
        # Kernels stop at once. One that is still being compiled does not, and is not waited for: its thread stops
        # when it comes to run.
        wait(self._running, timeout=TICK_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def reached(self, done: int) -> None:
        """Report that so much is done, unless the last report is very recent."""
        self._done = max(self._done, done)
        if monotonic() - self._last >= TICK_SECONDS or done == self.total:
            self._last = monotonic()
            self._report(self._done, self.total)

    def share(self, work: Callable[[int, int], None], size: int, chunk: int, reach: Callable[[float], int]) -> None:
        """Call ``work(first, last)`` for chunks of ``range(size)`` on the threads; pass on what any raises.

        `reach` tells how much is done once that part, 0 to 1, of the chunks is.

        Raises
        ------
        TimeIsUp
            When the deadline has passed and all threads have stopped.
        """
        lock = Lock()
        bounds = iter([(first, min(first + chunk, size)) for first in range(0, size, chunk)])
        finished = 0

        def drain() -> None:
            nonlocal finished
            while not self.stop[0]:
                with lock:
                    bound = next(bounds, None)
                if bound is None:
                    return
                work(*bound)
                with lock:
                    finished += bound[1] - bound[0]

        self._running = waiting = {self._pool.submit(drain) for _ in range(self.threads)}
        while waiting:
            done, waiting = wait(waiting, timeout=TICK_SECONDS)
            for future in done:
                future.result()
            if waiting and self.deadline is not None and monotonic() >= self.deadline:
                self._interrupt(waiting)
            self.reached(reach(finished / size))

    def _interrupt(self, waiting: "set[Future[None]]") -> None:
        """Stop the threads, wait for them, and raise.

        They stop at once, but for a kernel that is still being compiled: a cancel may come while it is waited for.
        """
        self.stop[0] = 1
        while waiting:
            _, waiting = wait(waiting, timeout=TICK_SECONDS)
            self.reached(self._done)
        self.stop[0] = 0
        raise TimeIsUp


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

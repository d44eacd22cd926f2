"""Threads that run the compiled kernels, while the calling thread reports progress and watches the deadline."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from time import monotonic

import numpy as np

from concept_orderings.path.compiling import is_compiling
from concept_orderings.progress import Phase, Report, enter

TICK_SECONDS = 0.2
"""How often the calling thread reports progress and checks for a cancellation or the deadline."""


class TimeIsUp(Exception):
    """The deadline has passed; the threads have stopped in the middle of their work."""


class Crew:
    """Runs kernels on threads; use it as a context manager.

    Parameters
    ----------
    threads : int
        0 for one per core that the process may use.
    report : Report
        Called on the calling thread. If it raises, the threads end and the exception is passed on. A `PhaseReport` is
        also told whether the threads compile their kernels or run them.
    total : int
        The total that `report` gets.

    Attributes
    ----------
    stop : ndarray of uint8, shape (1,)
        Set to 1 to make kernels return at once.
    deadline : float or None
        The `time.monotonic` after which `run_chunks` raises `TimeIsUp`.
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
        # Kernels stop at once, unless one is still being compiled. That one is not waited for: its thread ends as soon
        # as the kernel starts to run.
        wait(self._running, timeout=TICK_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def report_done(self, done: int) -> None:
        """Report how much of the total is done, unless the last report was less than `TICK_SECONDS` ago."""
        self._done = max(self._done, done)
        if monotonic() - self._last >= TICK_SECONDS or done == self.total:
            self._last = monotonic()
            enter(self._report, Phase.COMPILING if is_compiling() else Phase.ARRANGING)
            self._report(self._done, self.total)

    def run_chunks(
        self, work: Callable[[int, int], None], size: int, chunk: int, progress: Callable[[float], int]
    ) -> None:
        """Call ``work(first, last)`` for chunks of ``range(size)`` on the threads; pass on the first exception.

        Parameters
        ----------
        work
            Called on a thread for each chunk.
        size, chunk
            Number of items in all, and in a chunk.
        progress
            Converts the finished share of the items, 0 to 1, to the number that is reported as done.

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
            self.report_done(progress(finished / size))

    def _interrupt(self, waiting: "set[Future[None]]") -> None:
        """Stop the threads, wait for them, and raise `TimeIsUp`.

        A kernel that is still being compiled does not stop at once. Progress is reported while waiting for it, so that
        the work can still be cancelled.
        """
        self.stop[0] = 1
        while waiting:
            _, waiting = wait(waiting, timeout=TICK_SECONDS)
            self.report_done(self._done)
        self.stop[0] = 0
        raise TimeIsUp


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

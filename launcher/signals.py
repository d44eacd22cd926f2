"""Signals that the supervisor can wait for, without threads and without missing one."""

import select
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from launcher.errors import StopRequested

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

POLL_INTERVAL = 0.05
"""Seconds between two looks at a condition that no signal announces."""


class Signals:
    """Notes SIGINT, SIGTERM and SIGHUP; a wait ends early at one of them and at SIGCHLD.

    Attributes
    ----------
    stop_requested : bool
        Whether one of the first three has come.
    """

    def __init__(self) -> None:
        self.stop_requested = False
        self._interrupts = 0

    @property
    def hurried(self) -> bool:
        """Whether Ctrl-C was pressed at least twice."""
        return self._interrupts > 1

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._previous_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        numbers = [signal.SIGCHLD, *STOP_SIGNALS]
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            # This process was started with nohup.
            numbers.remove(signal.SIGHUP)
        self._previous = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._previous_fd)
        if not self.stop_requested:
            # After a stop signal the handlers stay: the process is about to end, and one more Ctrl-C would print a
            # traceback.
            for number, handler in self._previous.items():
                signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number in STOP_SIGNALS:
            self.stop_requested = True
        if number == signal.SIGINT:
            self._interrupts += 1

    def wait(self, seconds: float | None) -> None:
        """Sleep for at most that many seconds, or without limit for None; a signal since the last call ends it."""
        readable, _, _ = select.select([self._reader], [], [], seconds)
        if readable:
            self._reader.recv(4096)

    def raise_if_stop_requested(self) -> None:
        """Raise `StopRequested` if a stop signal has come."""
        if self.stop_requested:
            raise StopRequested

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until a condition holds, for at most that many seconds; check it every 50 ms and at each signal."""
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            self.wait(POLL_INTERVAL)

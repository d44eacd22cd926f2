"""Signals as something the supervisor can wait for, without threads and without missing one."""

import select
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from launcher.errors import StopAsked

STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# How often a condition that nothing announces is looked at again, in seconds.
POLL = 0.05


class Signals:
    """Notes SIGINT, SIGTERM and SIGHUP, and wakes for them and for SIGCHLD.

    Attributes
    ----------
    asked : bool
        One of the three has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self._interrupts = 0

    @property
    def hurried(self) -> bool:
        """Whether Ctrl-C was pressed twice."""
        return self._interrupts > 1

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        numbers = [signal.SIGCHLD, *STOP]
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            # ^ started with nohup
            numbers.remove(signal.SIGHUP)
        self._previous = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup)
        if not self.asked:
            # ^ else the process is about to end, and one more Ctrl-C should not make it end in a traceback
            for number, handler in self._previous.items():
                signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number in STOP:
            self.asked = True
        if number == signal.SIGINT:
            self._interrupts += 1

    def wait(self, seconds: float | None) -> None:
        """Sleep until a signal comes (also one that came since the last call), or for so many seconds."""
        readable, _, _ = select.select([self._reader], [], [], seconds)
        if readable:
            self._reader.recv(4096)

    def raise_if_asked(self) -> None:
        """Raise `StopAsked` if the service was asked to stop."""
        if self.asked:
            raise StopAsked

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait for a condition that no signal announces, at most so many seconds."""
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            self.wait(POLL)

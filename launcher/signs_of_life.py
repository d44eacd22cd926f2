"""How the supervisor sees that a child is not hung: it answers questions, or sends heartbeats.

For the system a process that is stopped, or that waits for ever, is alive. So each child is watched from each of its
starts on.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from launcher.patience import Patience

MOST_MISSED = 3
"""Questions in a row without an answer after which a child is hung."""

HEARTBEAT_FD = "HEARTBEAT_FD"
"""The environment variable with the descriptor to which a worker writes a byte each second, from its event loop."""


class Answer(Enum):
    """What became of a question."""

    GIVEN = auto()
    STARTING = auto()
    """The process said that it is not ready yet, so that it is not hung: its start may take long."""
    NOT_LISTENING = auto()
    """Of a process that was never ready, this is no sign that it hangs."""
    MISSING = auto()


@dataclass(frozen=True, kw_only=True)
class Inherited:
    """What a process gets to give signs of life with.

    Attributes
    ----------
    arguments : tuple of str
        Added to its command.
    environment : mapping of str to str
        Added to its environment.
    descriptors : tuple of int
        Left open in it, and closed here once it is started.
    """

    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()


class Watch(Protocol):
    """Watches the processes of one child, one after the other."""

    def begin(self) -> Inherited:
        """Watch a new process, which is started next, and not the one before."""
        ...

    def has_seen_life(self) -> bool:
        """Return whether the process has given a sign of life."""
        ...

    def is_hung(self) -> bool:
        """Return whether the process has given no sign of life for too long."""
        ...


class Questions:
    """Asks one process again and again, in a thread of its own, since an answer may take seconds.

    Parameters
    ----------
    ask
        Asks, waits for at most that many seconds, and returns what became of it.
    patience
        How long to wait for what.

    Attributes
    ----------
    has_answered : bool
        Whether the process has answered a question.
    """

    def __init__(self, ask: Callable[[float], Answer], patience: Patience) -> None:
        self._ask = ask
        self._patience = patience
        self._started = time.monotonic()
        self.has_answered = False
        self._missed = 0
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self._over.wait(self._patience.ask_every / (1 if self.has_answered else 10)):
            self.note(self._ask(self._patience.answer))

    def note(self, answer: Answer) -> None:
        """Count what became of a question."""
        if answer is Answer.GIVEN:
            self.has_answered = True
            self._missed = 0
        elif answer is Answer.STARTING:
            self._missed = 0
            self._started = time.monotonic()
        # A process that starts does not listen yet.
        elif self.has_answered or answer is Answer.MISSING:
            self._missed += 1

    def is_hung(self) -> bool:
        """Return whether three questions in a row got no answer, or none has got one long after the start.

        The start goes on for as long as the process says that it starts.
        """
        is_late = not self.has_answered and time.monotonic() - self._started > self._patience.start
        return self._missed >= MOST_MISSED or is_late

    def end(self) -> None:
        """Ask no more."""
        self._over.set()


class Endpoint(Protocol):
    """Where a child can be asked."""

    def open(self) -> Inherited:
        """Return what the next process needs to listen there."""
        ...

    def ask(self, seconds: float) -> Answer:
        """Ask, and wait for an answer for at most that many seconds."""
        ...


class Answers:
    """The watch of a child that answers questions."""

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        self._endpoint = endpoint
        self._patience = patience
        self._questions: Questions | None = None

    def begin(self) -> Inherited:
        """See `Watch.begin`."""
        if self._questions is not None:
            self._questions.end()
        inherited = self._endpoint.open()
        try:
            self._questions = Questions(self._endpoint.ask, self._patience)
        except RuntimeError:  # the machine has no thread for it
            for each in inherited.descriptors:
                os.close(each)
            raise
        return inherited

    def has_seen_life(self) -> bool:
        """See `Watch.has_seen_life`."""
        return self._questions is not None and self._questions.has_answered

    def is_hung(self) -> bool:
        """See `Watch.is_hung`."""
        return self._questions is not None and self._questions.is_hung()


class Heartbeats:
    """The watch of a child that sends heartbeats through a pipe: also on a full disk, and without Redis."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._pipe: int | None = None
        self._has_beaten = False
        self._deadline = float("inf")

    def begin(self) -> Inherited:
        """See `Watch.begin`."""
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe, writing = os.pipe()
        os.set_blocking(self._pipe, False)
        # The process must not wait when this one does not read.
        os.set_blocking(writing, False)
        self._has_beaten = False
        self._deadline = time.monotonic() + self._patience.start
        return Inherited(environment={HEARTBEAT_FD: str(writing)}, descriptors=(writing,))

    def has_seen_life(self) -> bool:
        """See `Watch.has_seen_life`."""
        self._read()
        return self._has_beaten

    def is_hung(self) -> bool:
        """See `Watch.is_hung`."""
        # What came while this process itself was stopped counts as well: it reads before it judges.
        self._read()
        return time.monotonic() > self._deadline

    def _read(self) -> None:
        if self._pipe is not None:
            with suppress(BlockingIOError):
                while os.read(self._pipe, 4096):
                    self._has_beaten = True
                    self._deadline = time.monotonic() + self._patience.silence

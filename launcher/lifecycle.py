"""The states of one child, and what to do in each. Pure: what is seen of the child comes in, a step comes out.

::

    NEW ---start---> RUNNING ---ended-----------------> BACKING_OFF ---start---> RUNNING
                        |                                    ^
                        +---hung, kill---> HUNG ---ended-----+
"""

from dataclasses import dataclass
from enum import Enum, auto

from launcher.backoff import BackOff


class State(Enum):
    """Where a child is in its life."""

    NEW = auto()
    """It was never started."""
    RUNNING = auto()
    HUNG = auto()
    """It gave no sign of life for too long and was killed; the system has not ended it yet."""
    BACKING_OFF = auto()
    """It has ended, and is started again when its delay is over."""


class Step(Enum):
    """What the supervisor does next with a child."""

    NOTHING = auto()
    START = auto()
    KILL = auto()
    NOTE_END = auto()
    """Say that it has ended; `Lifecycle.delay` is then the time until its next start."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is seen of a child at one moment.

    Attributes
    ----------
    now : float
        The time in seconds; never smaller than at the moment before.
    ended : bool
        Whether its process has ended.
    has_lived : bool
        Whether its process has given a sign of life.
    is_hung : bool
        Whether it has given none for too long.
    may_start : bool
        Whether what it needs is there.
    """

    now: float
    ended: bool = False
    has_lived: bool = False
    is_hung: bool = False
    may_start: bool = True


class Lifecycle:
    """The state of one child.

    Parameters
    ----------
    back_off
        Its delays.

    Attributes
    ----------
    state : State
        Where it is.
    back_off : BackOff
        As it was given.
    delay : float
        Seconds from its last end to its next start.
    """

    def __init__(self, back_off: BackOff) -> None:
        self.state = State.NEW
        self.back_off = back_off
        self.delay = 0.0
        self._started = 0.0
        self._start_at = float("-inf")

    @property
    def waits(self) -> bool:
        """Whether it has no process."""
        return self.state in (State.NEW, State.BACKING_OFF)

    def is_due(self, now: float) -> bool:
        """Return whether it has no process and its delay is over."""
        return self.waits and now >= self._start_at

    def seconds_until_due(self, now: float) -> float:
        """Return how long its delay goes on; infinity if it has a process."""
        return max(0.0, self._start_at - now) if self.waits else float("inf")

    def next(self, seen: Seen) -> Step:
        """Go to the next state, and return what the supervisor must do for it."""
        if self.is_due(seen.now) and seen.may_start:
            self.state = State.RUNNING
            self._started = seen.now
            return Step.START
        if not self.waits and seen.ended:
            self.state = State.BACKING_OFF
            self.delay = self.back_off.delay(seen.now - self._started, has_lived=seen.has_lived)
            self._start_at = seen.now + self.delay
            return Step.NOTE_END
        if self.state is State.RUNNING and seen.is_hung:
            self.state = State.HUNG
            return Step.KILL
        return Step.NOTHING

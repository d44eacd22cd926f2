"""Remember the runs that this worker has left for workers of a later release, and how long each is to pause."""

from collections import OrderedDict
from typing import Never

_FIRST_PAUSE_SECONDS = 0.5
_MOST_REMEMBERED = 100_000


class LeftForLater(Exception):
    """A run that stays in the queue.

    Attributes
    ----------
    seconds : float
        The time after which the queue should deliver it again.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the run stays queued for {seconds:g} s")
        self.seconds = seconds


class NoRoom(LeftForLater):
    """A run that stays queued until there is room on the disk."""


class LeftRuns:
    """The runs that this worker cannot read.

    A run that only workers of earlier releases are up for is delivered to them again and again. So each delivery to the
    same worker costs it one look into this memory, and doubles the pause before the next one.

    Parameters
    ----------
    longest_pause
        In seconds.
    """

    def __init__(self, *, longest_pause: float) -> None:
        self._longest_pause = longest_pause
        # The number of times that each was left; the oldest are forgotten, and then read once more.
        self._times: OrderedDict[tuple[str, int], int] = OrderedDict()

    def leave(self, identifier: str, run: int) -> Never:
        """Remember a run that this worker cannot read.

        Raises
        ------
        LeftForLater
            Always.
        """
        times = self._times.pop((identifier, run), 0)
        self._times[identifier, run] = times + 1
        if len(self._times) > _MOST_REMEMBERED:
            self._times.popitem(last=False)
        # The exponent is bounded, since a float cannot hold 2 to the power of 1,100.
        raise LeftForLater(min(self._longest_pause, _FIRST_PAUSE_SECONDS * 2.0 ** min(times, 32)))

    def leave_again(self, identifier: str, run: int) -> None:
        """Leave a run that this worker has left before; do nothing for any other.

        Raises
        ------
        LeftForLater
            If it was left before.
        """
        if (identifier, run) in self._times:
            self.leave(identifier, run)

    def has_left(self, identifier: str, run: int) -> bool:
        """Return whether this worker has left a run."""
        return (identifier, run) in self._times

    def forget(self, identifier: str, run: int) -> None:
        """Forget a run that is over."""
        self._times.pop((identifier, run), None)

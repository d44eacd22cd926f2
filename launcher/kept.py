"""A child that is kept running: started again when it ends, and ended when it hangs."""

import os
from collections.abc import Callable

from launcher.backoff import CRASH_LOOP, LONGEST_DELAY, BackOff
from launcher.child import Child
from launcher.console import print_error, print_line
from launcher.lifecycle import Lifecycle, Seen, Step
from launcher.patience import Patience
from launcher.signs_of_life import Inherited, Watch


class Kept:
    """A child with its state and its watch.

    Parameters
    ----------
    child
        The child.
    watch
        Sees whether it is hung.
    patience
        How long it waits at first before it is started again.
    may_start
        Returns whether what it needs is there; asked before each start.

    Attributes
    ----------
    child : Child
        As it was given.
    has_lived : bool
        Whether any of its processes has given a sign of life.
    """

    def __init__(
        self, child: Child, watch: Watch, patience: Patience, may_start: Callable[[], bool] = lambda: True
    ) -> None:
        self.child = child
        self.has_lived = False
        self._watch = watch
        self._may_start = may_start
        self._lifecycle = Lifecycle(BackOff(patience.back_off))

    @property
    def cannot_run(self) -> bool:
        """Whether it has ended so often in a row that it does not seem able to run, and never gave a sign of life."""
        return self._lifecycle.back_off.is_crash_loop and not self.has_lived

    def seconds_until_due(self, now: float) -> float:
        """Return how long it still waits for its next start; infinity if it runs."""
        return self._lifecycle.seconds_until_due(now)

    def step(self, now: float) -> None:
        """Look at it, and do what is to be done next."""
        self.child.cut_log()
        waits = self._lifecycle.waits
        lives = not waits and self._watch.has_seen_life()
        self.has_lived |= lives
        seen = Seen(
            now=now,
            ended=not waits and self.child.died,
            has_lived=lives,
            is_hung=not waits and self._watch.is_hung(),
            may_start=self._lifecycle.is_due(now) and self._may_start(),
        )
        match self._lifecycle.next(seen):
            case Step.START:
                self._start()
            case Step.KILL:
                print_line(f"{self.child.program.title} has given no sign of life for too long; it is killed.")
                self.child.kill()
            case Step.NOTE_END:
                self._say_that_it_ended()
            case Step.NOTHING:
                pass

    def _start(self) -> None:
        """Start it; where the machine has no memory, process, thread or file for that, it counts as ended."""
        inherited = Inherited()
        try:
            inherited = self._watch.begin()
            self.child.start(inherited)
        except (OSError, RuntimeError) as error:
            self.child.note_failure(error)
        finally:
            for each in inherited.descriptors:
                os.close(each)

    def _say_that_it_ended(self) -> None:
        ends = self._lifecycle.back_off.early_ends
        if ends < CRASH_LOOP:
            print_line(f"{self.child.describe_end()}; starting it again in {self._lifecycle.delay:.1f} s.")
        elif ends == CRASH_LOOP:
            # Once: the user has the reason, and the log has the others.
            print_error(
                f"{self.child.describe_end()}\n{self.child.log_tail()}".rstrip()
                + f"\nIt ended {CRASH_LOOP} times in a row soon after its start, and is started again every "
                f"{LONGEST_DELAY:.0f} s at the latest, without a further line here."
            )

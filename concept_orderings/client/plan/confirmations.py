"""Notice loops that take batches from a loader and do not say so."""

from collections.abc import Callable

from concept_orderings.client.errors import BadArgument, WrongState

SIZE_OF_BATCHES = "Give a DataLoader of items batch_size=dataset.batch_size: each batch is a step."
CURSOR_MOVED = "The cursor was moved while a loader drew its steps: begin a new loop over the loader."


class Confirmations:
    """Compare the steps that loaders drew with those that the loop confirmed.

    A loader draws some steps ahead, always equally many while it runs. If it draws on and the loop confirms nothing,
    the distance grows: the state of the cursor would repeat steps.

    Attributes
    ----------
    moves : int
        How often the cursor was moved to another step; loaders that draw since before a move are stale.
    """

    def __init__(self) -> None:
        self.moves = 0
        self._drawn: int | None = None
        self._least_ahead: int | None = None
        self._followed = False
        self._drawn_elsewhere: Callable[[], bool] = _never

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_drawn_elsewhere": _never}

    def begin(self) -> None:
        """Forget what loaders drew: another one begins."""
        self._drawn = self._least_ahead = None
        self._followed = False

    def followed(self) -> None:
        """Note that a loop over a loader ended, and that each batch was counted when the loop got it."""
        self._followed = True

    def moved(self) -> None:
        """Note that the cursor was moved to another step."""
        self.moves += 1
        self.begin()

    def drew(self, end: int) -> None:
        """Note that a loader drew the steps before `end`."""
        self._drawn = end

    def ask(self, drawn: Callable[[], bool]) -> None:
        """Take a function that says whether workers drew steps in processes of their own."""
        self._drawn_elsewhere = drawn

    def confirmed(self, end: int) -> None:
        """Note that the loop has the steps before `end`.

        Raises
        ------
        BadArgument
            The loader has not drawn them.
        """
        ahead = (end if self._drawn is None else self._drawn) - end
        if ahead < 0:
            raise BadArgument.of(
                f"Step {end - 1:,} was confirmed, and the loader has drawn only the steps before {self._drawn:,}. "
                + SIZE_OF_BATCHES
            )
        self._least_ahead = ahead if self._least_ahead is None else min(ahead, self._least_ahead)

    def refuse_forgotten(self, number: int) -> None:
        """Raise an error if the loop took batches that it did not confirm.

        Raises
        ------
        WrongState
            A loader drew on since the last step that was confirmed.
        """
        if self._followed:
            return
        if self._least_ahead is None:
            forgotten = self._drawn_elsewhere() or (self._drawn is not None and self._drawn > number)
        else:
            # Between two confirmations, the loop has taken one batch more.
            forgotten = self._drawn is not None and self._drawn - number > self._least_ahead + 1
        if forgotten:
            raise WrongState.of(
                f"A loader drew steps from {number:,} on, and the loop has not confirmed them: which were trained "
                "is unknown. Call cursor.done(step) after each step, or loop over cursor.follow(loader)."
            )


def _never() -> bool:
    return False

"""Reports of progress: one that notes them, and one that cancels the work."""

from concept_orderings.errors import Cancelled


class Noted(list[tuple[int, int]]):
    """A list of the reports that were made, which is itself what they are made to."""

    def __call__(self, done: int, total: int) -> None:
        self.append((done, total))


class CancelsAt(Noted):
    """Notes the reports too, and cancels the work at the one of this number, counted from 1."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def __call__(self, done: int, total: int) -> None:
        super().__call__(done, total)
        if len(self) == self._number:
            raise Cancelled

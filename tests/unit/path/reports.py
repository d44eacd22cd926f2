"""Progress reports for tests: one that records its calls, and one that also cancels the work."""

from concept_orderings.errors import Cancelled


class RecordedReports(list[tuple[int, int]]):
    """A progress report that records its calls: a list of (done, total)."""

    def __call__(self, done: int, total: int) -> None:
        self.append((done, total))


class CancelAt(RecordedReports):
    """A progress report that records its calls and cancels the work at a given call, counted from 1."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def __call__(self, done: int, total: int) -> None:
        super().__call__(done, total)
        if len(self) == self._number:
            raise Cancelled

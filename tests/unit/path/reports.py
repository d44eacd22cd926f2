"""Progress reports for tests: one that records its calls, and one that also cancels the work."""

from concept_orderings.errors import Cancelled
from concept_orderings.progress import Phase


class RecordedReports(list[tuple[int, int]]):
    """A progress report that records its calls: a list of (done, total)."""

    def __call__(self, done: int, total: int) -> None:
        self.append((done, total))


class RecordedPhases(RecordedReports):
    """A progress report that records its calls, and each phase once for each time that it began."""

    def __init__(self) -> None:
        super().__init__()
        self.phases: list[Phase] = []

    def enter(self, phase: Phase) -> None:
        if self.phases[-1:] != [phase]:
            self.phases.append(phase)


class CancelAt(RecordedReports):
    """A progress report that records its calls and cancels the work at a given call, counted from 1."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def __call__(self, done: int, total: int) -> None:
        super().__call__(done, total)
        if len(self) == self._number:
            raise Cancelled

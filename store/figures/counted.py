"""What this process has counted since its last report."""

import threading
from bisect import bisect_left
from collections.abc import Mapping
from typing import TypeAlias

from store.figures.declared import Counter, Histogram

Field: TypeAlias = tuple[str, ...]
"""The name, the part (empty for a counter; of a histogram the number of a range, or its sum), and the labels."""

SUM = "sum"


class Counted:
    """Counts in this process; it takes about a microsecond, and may be done in any thread."""

    def __init__(self) -> None:
        self._pending: dict[Field, float] = {}
        self._lock = threading.Lock()

    def count(self, counter: Counter, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        self.add((counter.name, "", *labels), by)

    def observe(self, histogram: Histogram, value: float, *labels: str) -> None:
        """Count a value of a histogram's quantity."""
        part = str(bisect_left(histogram.bounds, value))
        self.add((histogram.name, part, *labels), 1)
        self.add((histogram.name, SUM, *labels), value)

    def add(self, field: Field, by: float) -> None:
        """Add to a field."""
        with self._lock:
            self._pending[field] = self._pending.get(field, 0) + by

    def take(self) -> dict[Field, float]:
        """Return what was counted since the last call."""
        with self._lock:
            taken, self._pending = self._pending, {}
        return taken

    def put_back(self, taken: Mapping[Field, float]) -> None:
        """Add what was taken and could not be reported."""
        for field, by in taken.items():
            self.add(field, by)

    def look(self) -> dict[Field, float]:
        """Return what was counted since the last report, and keep it."""
        with self._lock:
            return dict(self._pending)


COUNTED = Counted()
"""That of this process: its programs count from many places, and each reports once."""

count, observe = COUNTED.count, COUNTED.observe

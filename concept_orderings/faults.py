"""Collect all faults of a request, so that one answer names them all.

The checks of a request run in a fixed order, and each adds its faults. The first one is the error that is raised; it
carries all others. A check is left out where a fault that was found before makes its outcome doubtful: a class list
that cannot be read has no missing counts.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import ParamSpec, TypeVar

from concept_orderings.errors import Fault, InvalidInput

MOST_FAULTS = 100
"""The most faults of one code that an error keeps."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Faults:
    """The faults of one request, in the order in which they are found.

    Attributes
    ----------
    found : int
        How many were found, also those that are not kept. A caller compares it before and after a check.
    """

    def __init__(self) -> None:
        self.found = 0
        self._first: InvalidInput | None = None
        self._kept: list[Fault] = []
        self._number_kept: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()

    def add(self, error: InvalidInput) -> None:
        """Add an error with all faults that it carries."""
        self._first = self._first or error
        self._left_out.update(error.left_out)
        for fault in error.faults:
            self.found += 1
            if self._has_room(fault.code):
                self._number_kept[fault.code] += 1
                self._kept.append(fault)
            else:
                self._left_out[fault.code] += 1

    def add_made(self, code: str, make: Callable[[], InvalidInput]) -> None:
        """Add the error with a code that `make` returns; beyond `MOST_FAULTS` it is only counted, and not made.

        For faults of which a body may have a million.
        """
        if self._has_room(code):
            self.add(make())
        else:
            self.found += 1
            self._left_out[code] += 1

    def add_repeated(self, code: str, places: Sequence[int], make: Callable[[Sequence[int]], InvalidInput]) -> None:
        """Add the fault of a value that is given at several places; `make` returns the error for places.

        The first fault of a request is published with exactly two places. If it has more, they are a second fault.
        """
        if not self.found and len(places) > 2:
            self.add(make(places[:2]))
            places = [places[0], *places[2:]]
        self.add_made(code, partial(make, places))

    def attempt(
        self, check: Callable[_Arguments, _Result], *arguments: _Arguments.args, **options: _Arguments.kwargs
    ) -> _Result | None:
        """Return the result of a call; if it refuses, add its error and return None."""
        try:
            return check(*arguments, **options)
        except InvalidInput as error:
            self.add(error)
            return None

    def first(self) -> InvalidInput | None:
        """Return the first error, which carries all other faults; None if there is no fault."""
        if self._first is not None:
            self._first.others = tuple(self._kept[1:])
            self._first.left_out = dict(self._left_out)
        return self._first

    def refuse(self) -> None:
        """Raise the first error, which carries all other faults, if there is one.

        Raises
        ------
        InvalidInput
        """
        error = self.first()
        if error is not None:
            raise error

    def _has_room(self, code: str) -> bool:
        return self._number_kept[code] < MOST_FAULTS


def repeats(values: Iterable[object]) -> dict[str, list[int]]:
    """Return the places of each string that is given several times, ascending, by string.

    The strings are in the order of their second places, in which a reader meets the repetitions.
    """
    first: dict[str, int] = {}
    places: dict[str, list[int]] = {}
    for i, each in enumerate(values):
        if isinstance(each, str) and (before := first.setdefault(each, i)) != i:
            places.setdefault(each, [before]).append(i)
    return places


def times(number: int) -> str:
    """Return how often a value is given, for the sentence of an error."""
    return "twice" if number == 2 else f"{number:,} times"

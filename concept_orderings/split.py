"""Split arranged concepts into tasks: contiguous runs, numbered from 0, that contain every concept."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeGuard

from concept_orderings.canonical import LARGEST_INTEGER, Json
from concept_orderings.checks import check_mapping, check_sequence, is_integer
from concept_orderings.errors import BadSplit, UnreadableRequest
from concept_orderings.evidence.base import Need

POINTER = "/tasks"


class Split(ABC):
    """A rule for the number of concepts in each task."""

    @property
    def needs(self) -> frozenset[Need]:
        """The evidence that the split needs."""
        return frozenset()

    @abstractmethod
    def sizes(self, groups: Sequence[object]) -> list[int]:
        """Return the task sizes, (T,), which add up to n.

        Parameters
        ----------
        groups
            The dataset or year of each arranged concept, (n,). Splits that do not group read only the length.

        Raises
        ------
        BadSplit
            If n concepts cannot be split in this way.
        """

    @abstractmethod
    def as_json(self) -> dict[str, Json]:
        """Return the split as the canonical request has it."""


@dataclass(frozen=True)
class EqualTasks(Split):
    """T tasks of nearly equal size: the first n mod T have one concept more, as in the benchmark's code."""

    count: int

    def sizes(self, groups: Sequence[object]) -> list[int]:
        """See `Split.sizes`."""
        n = len(groups)
        if not 1 <= self.count <= n:
            raise BadSplit(
                "bad_task_count",
                f"{n} concepts cannot be cut into {self.count} tasks; ask for 1 to {n}.",
                [f"{POINTER}/count"],
            )
        smaller, remainder = divmod(n, self.count)
        return [smaller + 1] * remainder + [smaller] * (self.count - remainder)

    def as_json(self) -> dict[str, Json]:
        """See `Split.as_json`."""
        return {"count": self.count}


@dataclass(frozen=True)
class SizedTasks(Split):
    """Tasks of the sizes that the request lists."""

    task_sizes: tuple[int, ...]

    def sizes(self, groups: Sequence[object]) -> list[int]:
        """See `Split.sizes`."""
        if sum(self.task_sizes) != len(groups):
            raise BadSplit(
                "bad_task_sizes",
                f"The task sizes add up to {sum(self.task_sizes)}, but there are {len(groups)} concepts; "
                "change the sizes so that they add up.",
                [f"{POINTER}/sizes"],
            )
        return list(self.task_sizes)

    def as_json(self) -> dict[str, Json]:
        """See `Split.as_json`."""
        return {"sizes": list(self.task_sizes)}


@dataclass(frozen=True)
class GroupedTasks(Split):
    """One task for each run of adjacent concepts that share their dataset or year."""

    by: Literal["dataset", "year"]

    @property
    def needs(self) -> frozenset[Need]:
        """The evidence that the split needs: years, if tasks are grouped by year."""
        return frozenset({Need.YEARS}) if self.by == "year" else frozenset()

    def sizes(self, groups: Sequence[object]) -> list[int]:
        """See `Split.sizes`."""
        return [sum(1 for _ in run) for _, run in groupby(groups)]

    def as_json(self) -> dict[str, Json]:
        """See `Split.as_json`."""
        return {"by": self.by}


def parse_split(body: object) -> Split:
    """Read ``{"count": T}``, ``{"sizes": [...]}`` or ``{"by": "dataset" | "year"}``.

    Raises
    ------
    BadSplit
        ``bad_task_rule``, ``bad_task_count`` or ``bad_task_sizes``.
    BadValue
        ``wrong_type`` if the value is not an object.
    """
    rule = check_mapping(body, POINTER)
    if len(rule) != 1 or (name := next(iter(rule))) not in _RULES:
        raise BadSplit("bad_task_rule", 'tasks takes exactly one of "count", "sizes" and "by"; give one.', [POINTER])
    return _RULES[name](rule[name])


def read_split(written: object) -> Split:
    """Return the split that `Split.as_json` wrote, in this release or an earlier one.

    Raises
    ------
    UnreadableRequest
        For a rule that this release does not know.
    """
    # As items, because a pattern of a mapping would also match one with further fields.
    match list(written.items()) if isinstance(written, Mapping) else []:
        case [("count", int(count))] if is_integer(count):
            return EqualTasks(count)
        case [("sizes", list(sizes))] if all(map(is_integer, sizes)):
            return SizedTasks(tuple(sizes))
        case [("by", ("dataset" | "year") as by)]:
            return GroupedTasks(by)
        case _:
            raise UnreadableRequest.with_unknown("a rule for the tasks")


def _parse_count(value: object) -> Split:
    if not _is_size(value):
        raise BadSplit(
            "bad_task_count",
            "The number of tasks is an integer from 1 to the number of concepts.",
            [f"{POINTER}/count"],
        )
    return EqualTasks(value)


def _is_size(value: object) -> TypeGuard[int]:
    return is_integer(value) and 1 <= value <= LARGEST_INTEGER


def _parse_sizes(value: object) -> Split:
    sizes = check_sequence(value, f"{POINTER}/sizes")
    integers = [size for size in sizes if _is_size(size)]
    if len(integers) != len(sizes) or not sizes:
        wrong = (f"{POINTER}/sizes/{i}" for i, size in enumerate(sizes) if not _is_size(size))
        raise BadSplit(
            "bad_task_sizes",
            "Task sizes are integers of at least 1; there is at least one.",
            wrong if sizes else [f"{POINTER}/sizes"],
        )
    return SizedTasks(tuple(integers))


def _parse_by(value: object) -> Split:
    match value:
        case "dataset" | "year":
            return GroupedTasks(value)
        case _:
            raise BadSplit("bad_task_rule", 'Tasks are grouped by "dataset" or by "year".', [f"{POINTER}/by"])


_RULES: Mapping[str, Callable[[object], Split]] = {"count": _parse_count, "sizes": _parse_sizes, "by": _parse_by}

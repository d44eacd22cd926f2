"""Split arranged concepts into tasks: contiguous runs, numbered from 0, that contain every concept."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import ceil
from typing import Any, ClassVar, Literal, TypeGuard

from concept_orderings.balance import balanced_sizes, task_samples
from concept_orderings.canonical import LARGEST_INTEGER, Json
from concept_orderings.checks import check_mapping, check_sequence, is_integer
from concept_orderings.errors import BadSplit, UnreadableRequest
from concept_orderings.evidence.base import Need
from concept_orderings.evidence.samples import Number
from concept_orderings.faults import Faults
from concept_orderings.text import nearest

POINTER = "/tasks"

SAMPLES = "samples"
"""What tasks are balanced by, as requests name it."""

_LONGEST_COMPARED = 40


class Split(ABC):
    """A rule for the number of concepts in each task."""

    @property
    def needs(self) -> frozenset[Need]:
        """The evidence that the split needs."""
        return frozenset()

    @abstractmethod
    def sizes(self, values: Sequence[Any]) -> list[int]:
        """Return the task sizes, (T,), which add up to n.

        Parameters
        ----------
        values
            What the split reads of each arranged concept, (n,): its dataset or year, or its exact training samples.
            Others read only the length.

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

    def sizes(self, values: Sequence[Any]) -> list[int]:
        """See `Split.sizes`."""
        n = len(values)
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

    def sizes(self, values: Sequence[Any]) -> list[int]:
        """See `Split.sizes`."""
        if sum(self.task_sizes) != len(values):
            raise BadSplit(
                "bad_task_sizes",
                f"The task sizes add up to {sum(self.task_sizes)}, but there are {len(values)} concepts; "
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

    def sizes(self, values: Sequence[Any]) -> list[int]:
        """See `Split.sizes`."""
        return [sum(1 for _ in run) for _, run in groupby(values)]

    def as_json(self) -> dict[str, Json]:
        """See `Split.as_json`."""
        return {"by": self.by}


class BalancedTasks(Split):
    """Contiguous tasks of about equally many training samples, by the rule of `balanced_sizes`."""

    NEEDS: ClassVar[frozenset[Need]] = frozenset({Need.SAMPLES})

    @property
    def needs(self) -> frozenset[Need]:
        """The evidence that the split needs: training samples."""
        return self.NEEDS


@dataclass(frozen=True)
class BalancedCount(BalancedTasks):
    """T tasks of about equally many training samples."""

    count: int

    def check(self, n: int) -> None:
        """Refuse more tasks than there are concepts.

        Raises
        ------
        BadSplit
            ``too_many_tasks``.
        """
        if self.count > n:
            raise BadSplit(
                "too_many_tasks",
                f"The samples of {n:,} concepts cannot be balanced over {self.count:,} tasks, because a task has at "
                f"least one concept; ask for 1 to {n:,} tasks.",
                [f"{POINTER}/count"],
            )

    def sizes(self, values: Sequence[Any]) -> list[int]:
        """See `Split.sizes`."""
        self.check(len(values))
        return balanced_sizes(values, self.count)

    def as_json(self) -> dict[str, Json]:
        """See `Split.as_json`."""
        return {"count": self.count, "balance": SAMPLES}


@dataclass(frozen=True)
class SampledTasks(BalancedTasks):
    """Tasks of about P training samples: as many as all samples divided by P, rounded, and balanced."""

    per_task: int

    def number_of_tasks(self, n: int, total: Number) -> int:
        """Return T for n concepts that have `total` samples: the nearest integer, the smaller of two, at least 1.

        Raises
        ------
        BadSplit
            ``too_many_tasks``: there would be more tasks than concepts.
        """
        tasks = max(1, ceil(Fraction(total) / self.per_task - Fraction(1, 2)))
        if tasks > n:
            fewest = ceil(Fraction(total) / (n + Fraction(1, 2)))
            raise BadSplit(
                "too_many_tasks",
                f"With {self.per_task:,} samples per task, {round(total):,} samples give {tasks:,} tasks, but there "
                f"are only {n:,} concepts; ask for at least {fewest:,} samples per task.",
                [f"{POINTER}/per_task"],
            )
        return tasks

    def sizes(self, values: Sequence[Any]) -> list[int]:
        """See `Split.sizes`."""
        (total,) = task_samples(values, [len(values)])
        return balanced_sizes(values, self.number_of_tasks(len(values), total))

    def as_json(self) -> dict[str, Json]:
        """See `Split.as_json`."""
        return {"by": SAMPLES, "per_task": self.per_task}


def parse_split(body: object) -> Split:
    """Read the field ``tasks``.

    ``{"count": T}``, also with ``"balance": "samples"``; ``{"sizes": [...]}``; ``{"by": "dataset" | "year"}``; or
    ``{"by": "samples", "per_task": P}``.

    Raises
    ------
    BadSplit
        ``bad_task_rule``, ``bad_task_count``, ``bad_task_sizes`` or ``bad_task_samples``; it carries the other faults.
    BadValue
        ``wrong_type`` if the value is not an object.
    """
    rule = check_mapping(body, POINTER)
    given = [name for name in _RULES if name in rule]
    beside = {"count": "balance", "by": "per_task"}.get(given[0]) if len(given) == 1 else None
    unknown = [name for name in rule if name not in (*given, beside)]
    if len(given) != 1 or unknown:
        raise _bad_rule(unknown, rule)
    return _RULES[given[0]](rule)


def needs_of_rule(body: object) -> frozenset[Need]:
    """Return the evidence that the field ``tasks`` needs whichever numbers it has, also wrong ones."""
    match body:
        case {"count": _, "balance": "samples", **rest} if not rest:
            return BalancedTasks.NEEDS
        case {"by": "samples", **rest} if rest.keys() <= {"per_task"}:
            return BalancedTasks.NEEDS
        case _:
            return frozenset()


def _bad_rule(unknown: Sequence[str], rule: Mapping[str, object]) -> BadSplit:
    lacking = [name for name in _FIELDS if name not in rule]
    meant = next((near for name in unknown if (near := nearest(name[:_LONGEST_COMPARED], lacking))), None)
    return BadSplit(
        "bad_task_rule",
        'tasks takes exactly one of "count", "sizes" and "by"; give one. Beside "count" there may be "balance", and '
        'beside "by": "samples" there is "per_task".' + (f" Did you mean {meant}?" if meant else ""),
        [POINTER],
    )


def read_split(written: object) -> Split:
    """Return the split that `Split.as_json` wrote, in this release or an earlier one.

    Raises
    ------
    UnreadableRequest
        For a rule that this release does not know.
    """
    # As items, because a pattern of a mapping would also match one with further fields.
    match sorted(written.items()) if isinstance(written, Mapping) else []:
        case [("count", int(count))] if is_integer(count):
            return EqualTasks(count)
        case [("sizes", list(sizes))] if all(map(is_integer, sizes)):
            return SizedTasks(tuple(sizes))
        case [("by", ("dataset" | "year") as by)]:
            return GroupedTasks(by)
        case [("balance", "samples"), ("count", int(count))] if is_integer(count):
            return BalancedCount(count)
        case [("by", "samples"), ("per_task", int(per_task))] if is_integer(per_task):
            return SampledTasks(per_task)
        case _:
            raise UnreadableRequest.with_unknown("a rule for the tasks")


def _parse_count(rule: Mapping[str, object]) -> Split:
    count, balance, faults = rule["count"], rule.get("balance"), Faults()
    if not _is_size(count):
        sentence = "The number of tasks is an integer from 1 to the number of concepts."
        faults.add(BadSplit("bad_task_count", sentence, [f"{POINTER}/count"]))
    if balance is not None and balance != SAMPLES:
        sentence = 'Tasks are balanced by "samples"; for equally many concepts leave balance out.'
        faults.add(BadSplit("bad_task_rule", sentence, [f"{POINTER}/balance"]))
    faults.refuse()
    assert _is_size(count)  # otherwise there was a fault
    return EqualTasks(count) if balance is None else BalancedCount(count)


def _is_size(value: object) -> TypeGuard[int]:
    return is_integer(value) and 1 <= value <= LARGEST_INTEGER


def _parse_sizes(rule: Mapping[str, object]) -> Split:
    sizes = check_sequence(rule["sizes"], f"{POINTER}/sizes")
    integers = [size for size in sizes if _is_size(size)]
    if len(integers) != len(sizes) or not sizes:
        wrong = (f"{POINTER}/sizes/{i}" for i, size in enumerate(sizes) if not _is_size(size))
        raise BadSplit(
            "bad_task_sizes",
            "Task sizes are integers of at least 1; there is at least one.",
            wrong if sizes else [f"{POINTER}/sizes"],
        )
    return SizedTasks(tuple(integers))


def _parse_by(rule: Mapping[str, object]) -> Split:
    by = rule["by"]
    if by == SAMPLES:
        return _parse_per_task(rule)
    if "per_task" in rule:
        raise BadSplit("bad_task_rule", 'per_task stands beside "by": "samples" alone.', [f"{POINTER}/per_task"])
    match by:
        case "dataset" | "year":
            return GroupedTasks(by)
        case _:
            raise BadSplit(
                "bad_task_rule", 'Tasks are grouped by "dataset", by "year" or by "samples".', [f"{POINTER}/by"]
            )


def _parse_per_task(rule: Mapping[str, object]) -> Split:
    if "per_task" not in rule:
        sentence = 'Tasks by "samples" need their number in each task; give per_task, such as 50000.'
        raise BadSplit("bad_task_rule", sentence, [f"{POINTER}/per_task"])
    per_task = rule["per_task"]
    if not _is_size(per_task):
        raise BadSplit(
            "bad_task_samples",
            "The number of samples per task is an integer from 1 to 2^53 - 1.",
            [f"{POINTER}/per_task"],
        )
    return SampledTasks(per_task)


_RULES: Mapping[str, Callable[[Mapping[str, object]], Split]] = {
    "count": _parse_count,
    "sizes": _parse_sizes,
    "by": _parse_by,
}
_FIELDS = (*_RULES, "balance", "per_task")

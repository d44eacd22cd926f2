"""The plan of batches: a pure function of the version's digest, the seed, the parameters, the task and the step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_orderings.client.errors import BadArgument
from concept_orderings.client.plan.parameters import Pair, PlanParameters
from concept_orderings.client.plan.permutation import PermutationKey
from concept_orderings.client.plan.pools import (
    Integers,
    Numbered,
    OverConcepts,
    OverImages,
    SampleTable,
    Source,
    plan_key,
)
from concept_orderings.training import Pool, whole_shares


class Arrays(NamedTuple):
    """The samples of a batch, or of several one after the other.

    Attributes
    ----------
    pool : (m,) uint8
        0 pretraining, 1 update, 2 buffer: the place in `concept_orderings.training.POOLS`.
    concept : (m,) int64
        The position in the stream; -1 in the pretraining pool.
    sample : (m,) int64
        The number among the samples of the concept, or of the pretraining pool.
    """

    pool: NDArray[np.uint8]
    concept: Integers
    sample: Integers


@dataclass(frozen=True)
class _Drawn:
    """A source in the batches of a task.

    Attributes
    ----------
    pool : int
        The place of its pool in `POOLS`.
    source : Source
    before : callable
        Returns the number of draws before a step of the task.
    """

    pool: int
    source: Source
    before: Callable[[int], int]


@dataclass(frozen=True)
class UpdateSplit:
    """How many update samples come from which tasks, before each step of a task: shares are exact in the long run.

    Of the first g update samples, the neighbours have ⌊blurry · g⌋, in turn; of the other h, earlier tasks have
    ⌊repeated · h⌋, and the task itself the rest. Each of these numbers grows by at most one with each sample.

    Attributes
    ----------
    share : int
        Update samples of a batch.
    blurry, repeated : Fraction
    neighbours : int
        0 to 2.
    """

    share: int
    blurry: Fraction
    repeated: Fraction
    neighbours: int

    def own(self, step: int) -> int:
        """Return the samples of the task itself."""
        return self._others(step) - self.earlier(step)

    def earlier(self, step: int) -> int:
        """Return the samples of all earlier tasks."""
        return _part(self.repeated, self._others(step))

    def neighbour(self, i: int, step: int) -> int:
        """Return the samples of neighbour `i`."""
        return (_part(self.blurry, step * self.share) + self.neighbours - 1 - i) // self.neighbours

    def _others(self, step: int) -> int:
        return step * self.share - _part(self.blurry, step * self.share)


def _part(share: Fraction, number: int) -> int:
    return share.numerator * number // share.denominator


class Plan:
    """The global batches of all tasks.

    In a batch, the samples come pool by pool, in the order of `concept_orderings.training.POOLS`: the parts of two
    ranks differ by at most one sample of each pool.

    Attributes
    ----------
    digest : str
        That of the version.
    parameters : PlanParameters
    tasks : int
        T.
    steps : int
        The steps of each task.
    pairs : tuple of (str, str), (n,)
        The dataset and the class name of each concept, by position in the stream.
    """

    def __init__(self, digest: str, tasks: Sequence[Sequence[Pair]], parameters: PlanParameters) -> None:
        self.digest = digest
        self.parameters = parameters
        self.tasks = len(tasks)
        self.steps = parameters.steps
        self.pairs: tuple[Pair, ...] = tuple((dataset, name) for task in tasks for dataset, name in task)
        self._starts = (0, *accumulate(map(len, tasks)))
        self._table = SampleTable(parameters.samples)
        self._refuse_empty_tasks()
        self._shares = tuple(self._shares_of(task) for task in range(self.tasks))
        self._pretraining_before = (0, *accumulate(self.steps * each["pretraining"] for each in self._shares))
        self._kept: tuple[int, list[_Drawn]] | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_kept": None}

    def shares(self, task: int) -> Mapping[Pool, int]:
        """Return how many samples of each batch of a task come from each pool."""
        return self._shares[task]

    def arrays(self, task: int, steps: range, rank: int = 0, world_size: int = 1) -> Arrays:
        """Return the samples of the batches of some steps of a task, one batch after the other.

        Parameters
        ----------
        task
            From 0.
        steps
            Steps of the task, ascending.
        rank, world_size
            Only positions `rank`, `rank + world_size`, … of each batch.
        """
        drawn = self._sources(task)
        chosen: list[Integers] = []
        for step in steps:
            at = 0
            for each in drawn:
                start, stop = each.before(step), each.before(step + 1)
                chosen.append(np.arange(start + (rank - at) % world_size, stop, world_size))
                at += stop - start
        lengths = [len(each) for each in chosen]
        numbers = np.concatenate(chosen)
        places = np.repeat(np.tile(np.arange(len(drawn)), len(steps)), lengths)
        concepts, samples = np.empty_like(numbers), np.empty_like(numbers)
        for i, each in enumerate(drawn):
            of_source = np.flatnonzero(places == i)
            if len(of_source):
                concepts[of_source], samples[of_source] = each.source.draw(numbers[of_source])
        return Arrays(np.array([each.pool for each in drawn], np.uint8)[places], concepts, samples)

    def _refuse_empty_tasks(self) -> None:
        empty = [
            task for task in range(self.tasks) if not self._table.samples(self._starts[task], self._starts[task + 1])
        ]
        if empty:
            shown = ", ".join(map(str, empty[:10])) + (", …" if len(empty) > 10 else "")
            raise BadArgument.of(
                f"{len(empty)} of {self.tasks} tasks have no samples (task {shown}): no class of theirs has one."
            )

    def _shares_of(self, task: int) -> Mapping[Pool, int]:
        """Return whole numbers: as those of a first task's buffer, the samples of an empty pool are halved."""
        parameters = self.parameters
        shares = whole_shares(parameters.batch_size, parameters.mixture, first=task == 0, rule=parameters.rule)
        sizes = {"pretraining": parameters.pretraining, "buffer": self._table.samples(0, self._starts[task])}
        others: dict[Pool, Pool] = {"pretraining": "buffer", "buffer": "pretraining"}
        for pool, other in others.items():
            if sizes[pool] == 0:
                half = shares[pool] // 2 if sizes[other] else 0
                shares[other] += half
                shares["update"] += shares[pool] - half
                shares[pool] = 0
        return shares

    def _sources(self, task: int) -> list[_Drawn]:
        if self._kept is None or self._kept[0] != task:
            self._kept = (task, self._make_sources(task))
        return self._kept[1]

    def _make_sources(self, task: int) -> list[_Drawn]:
        shares, before = self._shares[task], self._pretraining_before[task]
        pretraining = Numbered(self.parameters.pretraining, self._key("pretraining", None))
        drawn = [
            _Drawn(0, pretraining, lambda step: before + step * shares["pretraining"]),
            *self._update(task, shares["update"]),
            _Drawn(2, self._source("buffer", task, 0, task), lambda step: step * shares["buffer"]),
        ]
        # A source without draws may be empty, and has no first draw.
        return [each for each in drawn if each.before(self.steps) > each.before(0)]

    def _update(self, task: int, share: int) -> list[_Drawn]:
        """Return the sources of update samples: the task, then with options earlier tasks and the two neighbours."""
        own = self._source("update", task, task, task + 1)
        earlier = self._source("repetition", task, 0, task)
        neighbours = [
            self._source(name, task, other, other + 1)
            for name, other in (("before", task - 1), ("after", task + 1))
            if 0 <= other < self.tasks
        ]
        weight = self.parameters.repetition * earlier.size
        split = UpdateSplit(
            share, self.parameters.blurry if neighbours else Fraction(0), weight / (weight + own.size), len(neighbours)
        )
        return [
            _Drawn(1, own, split.own),
            _Drawn(1, earlier, split.earlier),
            *(_Drawn(1, each, partial(split.neighbour, i)) for i, each in enumerate(neighbours)),
        ]

    def _source(self, name: str, task: int, first: int, end: int) -> Source:
        """Return the samples of the concepts of tasks `first` to before `end`, as a source of a task."""
        kind = OverImages if self.parameters.uniform_over == "images" else OverConcepts
        return kind(self._table, self._starts[first], self._starts[end], self._key(name, task))

    def _key(self, source: str, task: int | None) -> PermutationKey:
        return plan_key(self.digest, self.parameters.seed, source, task)

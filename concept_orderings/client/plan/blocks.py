"""The steps of a plan for a rank, computed in blocks."""

from functools import cached_property
from typing import NamedTuple

from concept_orderings.client.plan.plan import Arrays, Plan
from concept_orderings.training import POOLS

BLOCK_SAMPLES = 16_384
"""The most samples of a block, if it has several steps."""
BLOCK_STEPS = 64
"""The most steps of a block."""


class Item(NamedTuple):
    """A sample of a batch.

    Attributes
    ----------
    pool : {"pretraining", "update", "buffer"}
    dataset, class_name : str or None
        The concept; None in the pretraining pool.
    index : int
        The number among the samples of the class, or of the pretraining pool.
    """

    pool: str
    dataset: str | None
    class_name: str | None
    index: int  # type: ignore[assignment]  # tuples have a method of this name


class Step:
    """A step of training: the part of a rank in a global batch.

    Attributes
    ----------
    task : int
        From 0.
    index : int
        The step in its task, from 0.
    number : int
        The step in the whole stream, from 0.
    weight : float
        What the mean over the rank's samples is multiplied with, so that the mean over all ranks is that over the
        global batch: 1 where all ranks have equally many samples.
    """

    def __init__(self, blocks: "Blocks", number: int) -> None:
        self._blocks = blocks
        self.number = number
        self.task, self.index = divmod(number, blocks.plan.steps)

    def __repr__(self) -> str:
        return f"<step {self.index} of task {self.task}: {len(self)} samples>"

    def __len__(self) -> int:
        return self._blocks.share

    @property
    def weight(self) -> float:
        """See the class."""
        return self._blocks.share * self._blocks.world_size / self._blocks.plan.parameters.batch_size

    @cached_property
    def arrays(self) -> Arrays:
        """Pool, concept and sample of each item; see `Arrays`. They are read-only: copy what is to be changed."""
        return self._blocks.arrays(self.number)

    @cached_property
    def items(self) -> list[Item]:
        """The samples as named tuples (pool, dataset, class_name, index)."""
        pairs = self._blocks.plan.pairs
        pools, concepts, samples = (each.tolist() for each in self.arrays)
        return [
            Item(POOLS[pool], pairs[concept][0], pairs[concept][1], sample)
            if concept >= 0
            else Item(POOLS[pool], None, None, sample)
            for pool, concept, sample in zip(pools, concepts, samples, strict=True)
        ]


class Blocks:
    """Steps for one reader, computed in blocks that grow while the reader asks for steps in order.

    Parameters
    ----------
    plan
    rank, world_size
        Which part of each global batch.
    stride
        The reader asks for every `stride`-th step, as one of several workers does.
    """

    def __init__(self, plan: Plan, rank: int, world_size: int, stride: int = 1) -> None:
        self.plan = plan
        self.rank = rank
        self.world_size = world_size
        self.share = len(range(rank, plan.parameters.batch_size, world_size))
        self._stride = stride
        self._most = max(1, min(BLOCK_STEPS, BLOCK_SAMPLES // self.share))
        self._numbers = range(0)
        self._arrays: Arrays | None = None

    def step(self, number: int) -> Step:
        """Return a step by its number in the whole stream."""
        return Step(self, number)

    def arrays(self, number: int) -> Arrays:
        """Return the arrays of a step; read-only."""
        if self._arrays is None or number not in self._numbers:
            self._compute(number)
        assert self._arrays is not None
        at = self._numbers.index(number) * self.share
        part = slice(at, at + self.share)
        return Arrays(self._arrays.pool[part], self._arrays.concept[part], self._arrays.sample[part])

    def _compute(self, number: int) -> None:
        """Compute a block from a step on: twice as many steps as before if it continues the block before."""
        task, step = divmod(number, self.plan.steps)
        wanted = 2 * len(self._numbers) if number == self._numbers.stop else 1
        steps = range(step, self.plan.steps, self._stride)[: max(1, min(wanted, self._most))]
        self._arrays = self.plan.arrays(task, steps, self.rank, self.world_size)
        for each in self._arrays:
            each.setflags(write=False)
        self._numbers = range(number, number + self._stride * len(steps), self._stride)

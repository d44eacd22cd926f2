"""Where samples are drawn from: each draw is computed from its number alone, not from the draws before it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from concept_orderings.client.plan.permutation import PermutationKey, Words, permuted

Integers: TypeAlias = NDArray[np.int64]

NO_CONCEPT = -1
"""The concept of a sample of the pretraining pool."""
GUIDED = 4
"""How many concepts a sample may lie behind that of its guide before it is searched for."""


def plan_key(digest: str, seed: int, source: str, task: int | None) -> PermutationKey:
    """Return the key of a source of a task; None for a source that all tasks share."""
    return PermutationKey(json.dumps(["concept-orderings plan 1", digest, seed, source, task]))


class Source(Protocol):
    """Draws that repeat a sample only after every other one was drawn.

    Attributes
    ----------
    size : int
        The number of what is drawn uniformly, samples or concepts; 0 if the source is empty.
    """

    @property
    def size(self) -> int:
        """See the class."""

    def draw(self, numbers: Integers) -> tuple[Integers, Integers]:
        """Return the concept and the sample of each draw.

        Parameters
        ----------
        numbers : (m,) int64, ascending
            Which draws, from 0.

        Returns
        -------
        concepts : (m,) int64
            Positions in the stream; `NO_CONCEPT` in the pretraining pool.
        samples : (m,) int64
            Numbers among the samples of the concept, or of the pretraining pool.
        """


class SampleTable:
    """How many samples each concept of the stream has.

    Attributes
    ----------
    sizes : (n,) int64
        By position in the stream.
    ends : (n + 1,) int64
        The number of samples of all concepts before a position.
    drawable : (d,) int64
        The positions of concepts that have samples, ascending.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes: Integers = np.array(sizes, dtype=np.int64)
        self.ends: Integers = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.sizes)])
        self.drawable: Integers = np.flatnonzero(self.sizes)
        # For all samples with the same high bits, the concept of the first number with them: faster than a binary
        # search, whose reads are scattered.
        self._shift = max(0, int(self.ends[-1]).bit_length() - (4 * len(sizes)).bit_length())
        firsts = np.arange((int(self.ends[-1]) >> self._shift) + 1, dtype=np.int64) << self._shift
        self._guide: Integers = np.searchsorted(self.ends, firsts, side="right") - 1

    def samples(self, first: int, end: int) -> int:
        """Return the number of samples of the concepts from position `first` to before `end`."""
        return int(self.ends[end] - self.ends[first])

    def concepts(self, samples: Integers) -> Integers:
        """Return the position of the concept of each sample, counted over the whole stream; (m,) int64."""
        concepts: Integers = self._guide[samples >> self._shift]
        later = np.flatnonzero(self.ends[concepts + 1] <= samples)
        for _ in range(GUIDED):
            concepts[later] += 1
            later = later[self.ends[concepts[later] + 1] <= samples[later]]
        concepts[later] = np.searchsorted(self.ends, samples[later], side="right") - 1
        return concepts


@dataclass(frozen=True)
class Numbered:
    """The pretraining pool: the numbers below `size`."""

    size: int
    key: PermutationKey

    def draw(self, numbers: Integers) -> tuple[Integers, Integers]:
        """See `Source`."""
        return np.full(len(numbers), NO_CONCEPT, np.int64), _in_epochs(numbers, self.size, self.key)


@dataclass(frozen=True)
class OverImages:
    """Uniform over the samples of the concepts from position `first` to before `end`, as FoMo-in-Flux draws them."""

    table: SampleTable
    first: int
    end: int
    key: PermutationKey

    @property
    def size(self) -> int:
        """The number of samples."""
        return self.table.samples(self.first, self.end)

    def draw(self, numbers: Integers) -> tuple[Integers, Integers]:
        """See `Source`."""
        samples = _in_epochs(numbers, self.size, self.key) + self.table.ends[self.first]
        concepts = self.table.concepts(samples)
        return concepts, samples - self.table.ends[concepts]


@dataclass(frozen=True)
class OverConcepts:
    """Uniform over the concepts from position `first` to before `end` that have samples.

    Each comes once before any comes twice, with its next sample: each of its samples comes once before any comes twice.
    """

    table: SampleTable
    first: int
    end: int
    key: PermutationKey

    @property
    def size(self) -> int:
        """The number of concepts that have samples."""
        return int(np.subtract(*np.searchsorted(self.table.drawable, (self.end, self.first))))

    def draw(self, numbers: Integers) -> tuple[Integers, Integers]:
        """See `Source`."""
        skipped = int(np.searchsorted(self.table.drawable, self.first))
        concepts = self.table.drawable[_in_epochs(numbers, self.size, self.key) + skipped]
        drawn_before = numbers // self.size
        sizes = self.table.sizes[concepts]
        epochs = drawn_before // sizes
        tweaks = self.key.tweaks(epochs.astype(np.uint64), concepts.astype(np.uint64))
        within = (drawn_before - epochs * sizes).astype(np.uint64)
        return concepts, permuted(within, sizes.astype(np.uint64), self.key, tweaks).astype(np.int64)


def _in_epochs(numbers: Integers, size: int, key: PermutationKey) -> Integers:
    """Return the number below `size` of each draw: each once in an epoch of `size` draws; (m,) int64."""
    epochs = numbers // size
    within = (numbers - epochs * size).astype(np.uint64)
    # Draws ascend: if the first and the last one are of the same epoch, all are.
    some: Words = (epochs[:1] if len(epochs) and epochs[0] == epochs[-1] else epochs).astype(np.uint64)
    return permuted(within, np.full(1, size, np.uint64), key, key.tweaks(some)).astype(np.int64)

"""Batches as lists of indices of a map-style dataset; PyTorch's loaders take any iterable of lists."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeAlias

from concept_orderings.catalogue import canonical_name
from concept_orderings.client.errors import BadArgument
from concept_orderings.client.plan.confirmations import CURSOR_MOVED
from concept_orderings.client.plan.parameters import Pair
from concept_orderings.concepts import join_concept
from concept_orderings.text import first_of

if TYPE_CHECKING:
    from concept_orderings.client.plan.cursor import Cursor

Indices: TypeAlias = Sequence[int]


class StepSampler:
    """The batches of a cursor, from the step that comes next: each is the rank's part of a step.

    Parameters
    ----------
    cursor
    index
        The indices of the samples in the dataset, by dataset (by either of its names) and class name.
    pretraining
        The indices of the pretraining pool: those of its numbers, or the index of number 0 if the others follow it.

    Raises
    ------
    BadArgument
        Concepts of the stream are missing, or have fewer indices than samples; or the pretraining pool is not given.
    """

    def __init__(
        self, cursor: "Cursor", index: Mapping[Pair, Indices], pretraining: Indices | SupportsIndex | None = None
    ) -> None:
        self.cursor = cursor
        self._blocks = cursor.blocks()
        faults: list[str] = []
        named = _by_pair(index, faults)
        # The concept -1 of the pretraining pool is the last one here.
        self._sequences = [*_of_concepts(cursor, named, faults), _of_pretraining(cursor, pretraining, faults)]
        if faults:
            raise BadArgument.of(" ".join(faults))

    def __len__(self) -> int:
        """Return the steps of all tasks, also those before the cursor."""
        return self.cursor.steps

    def __iter__(self) -> "StepIterator":
        return StepIterator(self)

    def indices(self, number: int) -> list[int]:
        """Return the indices of the samples of a step; see `Cursor.number`."""
        arrays = self._blocks.arrays(number)
        concepts, samples = arrays.concept.tolist(), arrays.sample.tolist()
        sequences = self._sequences
        return [int(sequences[concept][sample]) for concept, sample in zip(concepts, samples, strict=True)]


class StepIterator(Iterator[list[int]]):
    """Batches from the step at which the cursor is when this begins; has the state that `StatefulDataLoader` saves."""

    def __init__(self, sampler: StepSampler) -> None:
        self._sampler = sampler
        self._cursor = sampler.cursor
        self._cursor.refuse_other_ranks()
        self._cursor.confirmations.begin()
        self._start()

    def __next__(self) -> list[int]:
        if self._cursor.confirmations.moves != self._moves:
            raise BadArgument.of(CURSOR_MOVED)
        if self._number >= self._cursor.steps:
            raise StopIteration
        indices = self._sampler.indices(self._number)
        self._number += 1
        self._cursor.confirmations.drew(self._number)
        return indices

    def state_dict(self) -> dict[str, Any]:
        """Return the state before the step that is drawn next."""
        return self._cursor.state_at(self._number)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where a state was saved, with the cursor.

        Raises
        ------
        WrongState
            See `Cursor.load_state_dict`.
        """
        self._cursor.load_state_dict(state)
        self._start()

    def _start(self) -> None:
        self._number = self._cursor.number
        self._moves = self._cursor.confirmations.moves


def _by_pair(index: Mapping[Pair, Indices], faults: list[str]) -> dict[Pair, Indices]:
    try:
        return {(canonical_name(dataset), class_name): each for (dataset, class_name), each in index.items()}
    except (AttributeError, TypeError, ValueError):
        faults.append("The index has the indices of each class by (dataset, class name).")
        return {}


def _of_concepts(cursor: "Cursor", index: Mapping[Pair, Indices], faults: list[str]) -> list[Indices]:
    pairs, samples = cursor.plan.pairs, cursor.plan.parameters.samples
    missing = [each for each in pairs if each not in index]
    if missing:
        faults.append(f"The index lacks {len(missing):,} concepts of the stream ({_named(missing)}).")
    short = [pair for pair, n in zip(pairs, samples, strict=True) if pair in index and len(index[pair]) < n]
    if short:
        faults.append(f"The index has fewer entries than samples for {len(short):,} concepts ({_named(short)}).")
    return [index.get(pair, ()) for pair in pairs]


def _of_pretraining(cursor: "Cursor", given: Indices | SupportsIndex | None, faults: list[str]) -> Indices:
    size = cursor.plan.parameters.pretraining
    if isinstance(given, SupportsIndex):
        first = operator.index(given)
        if first < 0:
            # A list would be read from its end.
            faults.append(f"The pretraining pool begins at an index from 0, and not at {first}.")
        return range(first, first + size)
    indices: Indices = () if given is None else given
    if len(indices) < size:
        faults.append(f"The pretraining pool has {size:,} samples, and {len(indices):,} indices of it are given.")
    return indices


def _named(pairs: Sequence[Pair]) -> str:
    return first_of([join_concept(*pair) for pair in pairs], 3)

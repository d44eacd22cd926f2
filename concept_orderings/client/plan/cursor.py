"""The batches of a stream one after the other, from any step on, for any number of ranks."""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, Unpack

from concept_orderings.client.errors import BadArgument
from concept_orderings.client.plan.batch_sampler import StepSampler
from concept_orderings.client.plan.confirmations import Confirmations
from concept_orderings.client.plan.parameters import Pair, PlannedStream, PlanOptions, read_parameters
from concept_orderings.client.plan.plan import Arrays, Plan
from concept_orderings.client.plan.ranks import Ranks, read_ranks
from concept_orderings.client.plan.state import plan_state, step_of_state
from concept_orderings.training import POOLS

if TYPE_CHECKING:
    from concept_orderings.client.plan.item_dataset import ItemDataset

BLOCK_SAMPLES = 16_384
BLOCK_STEPS = 64
"""A block has at most so many samples, or one step; and at most so many steps."""

_Batch = TypeVar("_Batch")


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

    def __init__(self, blocks: "_Blocks", number: int) -> None:
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
        """Pool, concept and sample of each item; see `Arrays`."""
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


class _Blocks:
    """The batches of a plan for a rank, computed in blocks that grow while steps are asked for in order."""

    def __init__(self, plan: Plan, rank: int, world_size: int) -> None:
        self.plan = plan
        self.rank = rank
        self.world_size = world_size
        self.share = len(range(rank, plan.parameters.batch_size, world_size))
        self._most = max(1, min(BLOCK_STEPS, BLOCK_SAMPLES // self.share))
        self._first = self._end = 0
        self._arrays: Arrays | None = None

    def arrays(self, number: int) -> Arrays:
        """Return the arrays of a step; read-only."""
        if self._arrays is None or not self._first <= number < self._end:
            self._compute(number)
        assert self._arrays is not None
        at = (number - self._first) * self.share
        part = slice(at, at + self.share)
        return Arrays(self._arrays.pool[part], self._arrays.concept[part], self._arrays.sample[part])

    def _compute(self, number: int) -> None:
        """Compute a block from a step on: twice as many steps as before if it continues the block before."""
        task, step = divmod(number, self.plan.steps)
        wanted = 2 * (self._end - self._first) if number == self._end else 1
        steps = max(1, min(wanted, self._most, self.plan.steps - step))
        self._arrays = self.plan.arrays(task, step, step + steps, self.rank, self.world_size)
        for each in self._arrays:
            each.setflags(write=False)
        self._first, self._end = number, number + steps


class Cursor(Iterator[Step]):
    """Hand out the steps of a plan in order, and say where it is.

    Parameters
    ----------
    name, version
        Of the stream; they stand in states.
    plan
    ranks
        This rank takes positions `rank`, `rank + world_size`, … of each global batch.

    Attributes
    ----------
    rank, world_size : int
    number : int
        The step that comes next, counted over all tasks.
    confirmations : Confirmations
        What loaders drew and the loop confirmed.
    """

    def __init__(self, name: str, version: int, plan: Plan, ranks: Ranks) -> None:
        self.plan = plan
        self.rank = ranks.rank
        self.world_size = ranks.world_size
        self.number = 0
        self.confirmations = Confirmations()
        self._name = name
        self._version = version
        self._ranks = ranks
        self._blocks = _Blocks(plan, ranks.rank, ranks.world_size)

    def __repr__(self) -> str:
        return (
            f"<cursor of {self._name} version {self._version} at step {self.index} of {self.plan.steps:,} of task "
            f"{self.task} of {self.plan.tasks:,}, rank {self.rank} of {self.world_size:,}>"
        )

    @property
    def task(self) -> int:
        """The task of the step that comes next; T after the last one."""
        return self.number // self.plan.steps

    @property
    def index(self) -> int:
        """The step that comes next, in its task."""
        return self.number % self.plan.steps

    @property
    def steps(self) -> int:
        """The steps of all tasks."""
        return self.plan.tasks * self.plan.steps

    def __iter__(self) -> "Cursor":
        return self

    def __next__(self) -> Step:
        if self.number >= self.steps:
            raise StopIteration
        step = Step(self._blocks, self.number)
        self._confirm()
        return step

    def done(self, step: Step | int) -> None:
        """Confirm a step that came from a loader: states count it from now on.

        Parameters
        ----------
        step
            The step, or its number counted over all tasks. Steps are confirmed in order, each once.

        Raises
        ------
        BadArgument
            Another step comes next: one was not confirmed, or this one was confirmed before.
        """
        number = step.number if isinstance(step, Step) else operator.index(step)
        if number != self.number:
            raise BadArgument.of(
                f"Step {number:,} was confirmed, and step {self.number:,} comes next: "
                + ("the steps between were not confirmed." if number > self.number else "it was confirmed before.")
            )
        self._confirm()

    def follow(self, loader: Iterable[_Batch]) -> Iterator[tuple[Step, _Batch]]:
        """Yield each step with its batch from a loader, and count it when the loop gets it.

        Parameters
        ----------
        loader
            Yields the batches of this cursor in order, such as a `DataLoader` with `as_batch_sampler`.
        """
        batches = iter(loader)
        for batch in batches:
            yield next(self), batch

    def as_iterable_dataset(self, load: Callable[[Item], object] | None = None) -> "ItemDataset":
        """Return the samples as an `IterableDataset`; see `concept_orderings.client.plan.item_dataset.ItemDataset`."""
        # PyTorch is imported by who uses it.
        from concept_orderings.client.plan.item_dataset import ItemDataset  # noqa: PLC0415

        return ItemDataset(self, load)

    def as_batch_sampler(
        self, index: Mapping[Pair, Sequence[int]], pretraining: Sequence[int] | int | None = None
    ) -> StepSampler:
        """Return batches as lists of indices, for a `DataLoader` over a map-style dataset; see `StepSampler`."""
        return StepSampler(self, index, pretraining)

    def at(self, task: int, index: int = 0) -> Step:
        """Return a step without going there.

        Raises
        ------
        BadArgument
            There is no such task or step.
        """
        return Step(self._blocks, self._number(task, index))

    def seek(self, task: int, index: int = 0) -> None:
        """Go to a step.

        Raises
        ------
        BadArgument
            There is no such task or step.
        """
        self.number = self._number(task, index)
        self.confirmations.moved()

    def state_dict(self) -> dict[str, Any]:
        """Return the state as JSON, below 4 kB: the step that comes next, and what decides the batches.

        Raises
        ------
        WrongState
            A loader drew steps that the loop did not confirm.
        """
        self.confirmations.refuse_forgotten(self.number)
        return self.state_at(self.number)

    def state_at(self, number: int) -> dict[str, Any]:
        """Return the state before another step; see `number`."""
        return plan_state(self._name, self._version, self.plan, number)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where a state was saved, by any number of ranks.

        Raises
        ------
        WrongState
            It belongs to another version, seed or parameters, which are named.
        """
        self.number = step_of_state(state, self.state_at(0), self.plan.steps, self.plan.tasks)
        self.confirmations.moved()

    def refuse_other_ranks(self) -> None:
        """Raise an error if the cursor was made before `torch.distributed` had begun; see `Ranks`.

        Raises
        ------
        BadArgument
        """
        self._ranks.refuse_other_group()

    def _confirm(self) -> None:
        self.refuse_other_ranks()
        self.number += 1
        self.confirmations.confirmed(self.number)

    def _number(self, task: int, index: int) -> int:
        if not (0 <= task < self.plan.tasks and 0 <= index < self.plan.steps):
            raise BadArgument.of(
                f"There is no step {index} of task {task}: the plan has {self.plan.tasks:,} tasks of "
                f"{self.plan.steps:,} steps."
            )
        return task * self.plan.steps + index


def make_cursor(stream: PlannedStream, **options: Unpack[PlanOptions]) -> Cursor:
    """Return the cursor of a stream, before its first step.

    Parameters
    ----------
    stream
        A version.
    **options
        See `PlanOptions`.

    Raises
    ------
    BadArgument
        With all faults.
    InvalidInput
        The samples do not fit the stream; with all faults.
    """
    tasks = [tuple(each) for each in stream.concepts_by_task]
    parameters = read_parameters(stream, options)
    ranks = read_ranks(options.get("rank"), options.get("world_size"), parameters.batch_size)
    return Cursor(stream.name, stream.version, Plan(stream.digest, tasks, parameters), ranks)

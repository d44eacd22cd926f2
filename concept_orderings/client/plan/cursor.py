"""The batches of a stream one after the other, from any step on, for any number of ranks."""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, Unpack

from concept_orderings.client.errors import BadArgument
from concept_orderings.client.plan.batch_sampler import StepSampler
from concept_orderings.client.plan.blocks import Blocks, Item, Step
from concept_orderings.client.plan.confirmations import Confirmations
from concept_orderings.client.plan.loaders import refuse_other_batches
from concept_orderings.client.plan.parameters import Pair, PlannedStream, PlanOptions, read_parameters
from concept_orderings.client.plan.plan import Plan
from concept_orderings.client.plan.ranks import Ranks, read_ranks
from concept_orderings.client.plan.state import plan_state, step_of_state

if TYPE_CHECKING:
    from concept_orderings.client.plan.item_dataset import ItemDataset

_Batch = TypeVar("_Batch")


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
        self._blocks = self.blocks()

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
        step = self._blocks.step(self.number)
        self._confirm()
        return step

    def done(self, step: Step | SupportsIndex) -> None:
        """Confirm a step that came from a loader: states count it from now on.

        Parameters
        ----------
        step
            The step, or its number counted over all tasks. Steps are confirmed in order, each once.

        Raises
        ------
        BadArgument
            Another step comes next: one was not confirmed, or this one was confirmed before. Or the plan has no such
            step, or its loader has not drawn it.
        """
        number = step.number if isinstance(step, Step) else _whole(step)
        if number >= self.steps:
            raise BadArgument.of(f"Step {number:,} was confirmed, and the plan has {self.steps:,} steps.")
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

        Raises
        ------
        BadArgument
            The batches of a `DataLoader` are not the steps of this cursor, or they are more than its steps.
        """
        refuse_other_batches(self, loader)
        try:
            for batch in loader:
                if self.number >= self.steps:
                    raise BadArgument.of(f"The loader has more batches than the plan has steps, {self.steps:,}.")
                yield next(self), batch
        finally:
            # Also where the loader fails before its first batch: the loop has nothing that is not counted.
            self.confirmations.followed()

    def as_iterable_dataset(self, load: Callable[[Item], object] | None = None) -> "ItemDataset":
        """Return the samples as an `IterableDataset`; see `concept_orderings.client.plan.item_dataset.ItemDataset`."""
        # PyTorch is imported by who uses it.
        from concept_orderings.client.plan.item_dataset import ItemDataset  # noqa: PLC0415

        return ItemDataset(self, load)

    def as_batch_sampler(
        self, index: Mapping[Pair, Sequence[int]], pretraining: Sequence[int] | SupportsIndex | None = None
    ) -> StepSampler:
        """Return batches as lists of indices, for a `DataLoader` over a map-style dataset; see `StepSampler`."""
        return StepSampler(self, index, pretraining)

    def at(self, task: SupportsIndex, index: SupportsIndex = 0) -> Step:
        """Return a step without going there.

        Raises
        ------
        BadArgument
            There is no such task or step.
        """
        return self._blocks.step(self._number(task, index))

    def blocks(self, stride: int = 1) -> Blocks:
        """Return the steps anew, for a reader of its own that takes every `stride`-th one."""
        return Blocks(self.plan, self.rank, self.world_size, stride)

    def seek(self, task: SupportsIndex, index: SupportsIndex = 0) -> None:
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
        self.confirmations.confirmed(self.number + 1)
        self.number += 1

    def _number(self, given_task: SupportsIndex, given_index: SupportsIndex) -> int:
        task, index = _whole(given_task), _whole(given_index)
        if not (0 <= task < self.plan.tasks and 0 <= index < self.plan.steps):
            raise BadArgument.of(
                f"There is no step {index} of task {task}: the plan has {self.plan.tasks:,} tasks of "
                f"{self.plan.steps:,} steps."
            )
        return task * self.plan.steps + index


def _whole(number: SupportsIndex) -> int:
    """Return Python's number, also of one of NumPy."""
    try:
        return operator.index(number)
    except TypeError:
        raise BadArgument.of(f"Tasks and steps have whole numbers, and not {number!r}.") from None


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

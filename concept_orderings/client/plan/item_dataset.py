"""The samples of a plan as an `IterableDataset`: the only module of the client that imports PyTorch."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch.utils.data import IterableDataset, get_worker_info

from concept_orderings.client.errors import BadArgument
from concept_orderings.client.plan.confirmations import CURSOR_MOVED

if TYPE_CHECKING:
    from concept_orderings.client.plan.blocks import Item
    from concept_orderings.client.plan.cursor import Cursor


class ItemDataset(IterableDataset[Any]):
    """The rank's samples, step by step, from the step that comes next.

    A `DataLoader` with ``batch_size=dataset.batch_size`` makes a batch of each step, in order, with any number of
    workers: worker k of n has the steps k, k + n, … Do not use it with ``in_order=False``, which yields batches as
    workers finish them.

    Parameters
    ----------
    cursor
    load
        Makes of an item what is trained with; it runs in the workers. By default items are yielded as they are.

    Attributes
    ----------
    batch_size : int
        The number of samples of this rank in a step.
    """

    def __init__(self, cursor: "Cursor", load: "Callable[[Item], object] | None" = None) -> None:
        self.cursor = cursor
        self.batch_size = len(cursor.at(0))
        self._load = load
        # Workers run in processes of their own, with copies of the cursor: they write here that they drew a step.
        self._drawn = torch.zeros(1, dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]
        self._iterated = False
        cursor.confirmations.ask(self._drawn_elsewhere)

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        if worker is None:
            self.cursor.confirmations.begin()
            return self._items(1, 0, self.cursor.number)
        again, self._iterated = self._iterated, True
        # Refused when the first item is asked for: a loader passes on errors of that time alone.
        return map(_refuse, (worker,)) if again else self._items(worker.num_workers, worker.id, self.cursor.number)

    def _items(self, workers: int, worker: int, first: int) -> Iterator[Any]:
        confirmations = self.cursor.confirmations
        moves, blocks = confirmations.moves, self.cursor.blocks(workers)
        for number in range(first + worker, self.cursor.steps, workers):
            if confirmations.moves != moves:
                raise BadArgument.of(CURSOR_MOVED)
            self._drawn[0] = moves + 1
            confirmations.drew(number + 1)
            items = blocks.step(number).items
            yield from items if self._load is None else map(self._load, items)

    def _drawn_elsewhere(self) -> bool:
        return int(self._drawn[0]) == self.cursor.confirmations.moves + 1


def _refuse(_: object) -> NoReturn:
    raise BadArgument.of(
        "Persistent workers have the cursor as it was at their start: make a new DataLoader for another loop."
    )

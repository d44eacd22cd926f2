"""Look at PyTorch's loaders, without importing PyTorch."""

import sys
from typing import TYPE_CHECKING

from concept_orderings.client.errors import BadArgument
from concept_orderings.client.plan.batch_sampler import StepSampler
from concept_orderings.client.plan.confirmations import SIZE_OF_BATCHES

if TYPE_CHECKING:
    from concept_orderings.client.plan.cursor import Cursor


def refuse_other_batches(cursor: "Cursor", loader: object) -> None:
    """Raise an error if the batches of a `DataLoader` are not the steps of a cursor, in order.

    Raises
    ------
    BadArgument
    """
    dataset, sampler = getattr(loader, "dataset", None), getattr(loader, "batch_sampler", None)
    # Without the module, there is no such dataset.
    items = sys.modules.get("concept_orderings.client.plan.item_dataset")
    if items is not None and isinstance(dataset, items.ItemDataset):
        found, own = getattr(loader, "batch_size", None), dataset.cursor
        if found != dataset.batch_size:
            raise BadArgument.of(
                f"A step has {dataset.batch_size} items, and the loader makes batches of {found}. {SIZE_OF_BATCHES}"
            )
    else:
        own = sampler.cursor if isinstance(sampler, StepSampler) else cursor
    if own is not cursor:
        raise BadArgument.of("The loader draws from another cursor.")
    if getattr(loader, "num_workers", 0) and not getattr(loader, "in_order", True):
        raise BadArgument.of("With in_order=False, a loader yields batches in the order in which workers finish them.")

"""Plan batches: pools, exact shares and keyed permutations, the same for any number of ranks, and resumable.

A plan needs NumPy alone; of its modules, `concept_orderings.client.plan.item_dataset` imports PyTorch.
"""

from concept_orderings.client.plan.blocks import Item, Step
from concept_orderings.client.plan.cursor import Cursor, make_cursor
from concept_orderings.client.plan.parameters import PlannedStream
from concept_orderings.client.plan.plan import Arrays, Plan

__all__ = ["Arrays", "Cursor", "Item", "Plan", "PlannedStream", "Step", "make_cursor"]

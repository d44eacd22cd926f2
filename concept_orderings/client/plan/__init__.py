"""Plan batches: pools, exact shares and keyed permutations, the same for any number of ranks, and resumable.

A plan needs NumPy alone. `concept_orderings.client.plan.loaders` has what PyTorch's loaders take, and imports it.
"""

from concept_orderings.client.plan.cursor import Cursor, Item, Step, make_cursor
from concept_orderings.client.plan.parameters import PlannedStream
from concept_orderings.client.plan.plan import Arrays, Plan

__all__ = ["Arrays", "Cursor", "Item", "Plan", "PlannedStream", "Step", "make_cursor"]

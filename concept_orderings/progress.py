"""How long work reports where it is, and how it is told to stop."""

from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[int, int], None]
"""Called as ``report(done, total)`` between steps of long work, at least about once a second.

It may raise `concept_orderings.errors.Cancelled`; the work lets that pass and leaves nothing half-written.
It is called on the thread that does the work, so it must be quick and safe to call from there.
"""


def silent(done: int, total: int) -> None:
    """Report to nobody."""

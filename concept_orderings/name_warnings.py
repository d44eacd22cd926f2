"""Warnings that the names in a request alone decide: about datasets and classes, whatever the ordering.

Add a rule here: a function that takes a request and returns warnings, and a line in `RULES`. They then stand in the
manifest, in the answer to a POST of the request, and in the job that makes its version. Warnings about the evidence of
one kind belong to `concept_orderings.evidence` (`Kind.foreseen_warnings`), those of one ordering to the ordering
(`Ordering.evidence_warnings`).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from concept_orderings.request import StreamRequest
from concept_orderings.stream_warnings import StreamWarning

Rule: TypeAlias = Callable[[StreamRequest], Iterable[StreamWarning]]
"""Returns zero or more warnings. A rule must not change an order."""

RULES: Sequence[Rule] = ()


def name_warnings(request: StreamRequest) -> list[StreamWarning]:
    """Return the warnings of all rules, in the order of `RULES`."""
    return [warning for rule in RULES for warning in rule(request)]

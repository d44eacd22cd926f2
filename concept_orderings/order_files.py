"""Order a request without a server, for the command ``concept-orderings order``."""

import sys
from collections.abc import Callable, Mapping
from typing import TypeAlias

from concept_orderings.evidence import Gathered, Need
from concept_orderings.evidence.at_hand import assemble, evidence_at_hand
from concept_orderings.library import arrange_stream
from concept_orderings.parameters import pointing_within
from concept_orderings.progress import Report, silent
from concept_orderings.request import StreamRequest
from concept_orderings.stream import MOST_VECTOR_BYTES, ArrangedStream, values_of_each

Gatherer: TypeAlias = Callable[[StreamRequest, Report], Gathered]
"""Callable that takes a request and a progress report, and returns evidence of one kind for its concepts."""


def order(
    request: StreamRequest,
    *,
    gatherer: Callable[[Need], Gatherer],
    published: Mapping[Need, Gathered] | None = None,
    report: Report = silent,
) -> ArrangedStream:
    """Arrange and split a request; gather the evidence that neither it nor the catalogue has.

    Parameters
    ----------
    request
        A checked request.
    gatherer
        Called with a kind of evidence; returns the `Gatherer` for it.
    published
        Evidence of the version that is made again, which is neither gathered nor taken from the request.
    report
        Called with (done, total).

    Raises
    ------
    ConceptOrderingsError
        If a gatherer fails.
    """
    gathered = {**evidence_at_hand(request), **(published or {})}
    for need in sorted(request.outside.difference(gathered)):
        with pointing_within(request.ordering.path_to(need)):
            gathered[need] = gatherer(need)(request, report)
    # What was published is listed in the manifest, however large it is.
    most_vector_bytes = sys.maxsize if published else MOST_VECTOR_BYTES
    return arrange_stream(request, gathered, report=report, most_vector_bytes=most_vector_bytes)


def fewest_tasks(request: StreamRequest) -> int:
    """Return the number of tasks into which a request splits its concepts; for groups, if none of them is split."""
    evidence = assemble(evidence_at_hand(request))
    return len(request.split.sizes(sorted(values_of_each(request.split, request.concepts, evidence))))

"""Gathering orders that break ties: the service has put each into the store under its digest."""

import asyncio

from concept_orderings.evidence import Gathered
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.tie_orders import BreaksTies, read_order, ties_as_evidence
from concept_orderings.request import StreamRequest
from store.damage import version_damaged
from store.documents import read_document
from store.objects import Objects
from worker.evidence.gathering import Gathering, about


async def gather_ties(gathering: Gathering) -> Gathered:
    """Return the place of each concept in the order that breaks ties; see `read_ties`.

    Raises
    ------
    StoreError
        See `read_ties`; with a pointer to the parameter.
    """
    with about("/ordering/ties"):
        return await read_ties(gathering.request, gathering.stores.objects)


async def read_ties(request: StreamRequest, objects: Objects) -> Gathered:
    """Read the order that breaks a request's ties.

    Raises
    ------
    StoreError
        ``version_damaged`` if the order is missing, is not what was stored, or is that of other concepts;
        ``store_unavailable``.
    """
    ties = parameters_of(request.ordering, BreaksTies).ties
    assert ties is not None  # otherwise the evidence is not needed
    document = await read_document(objects, ties.digest)
    # In a thread: it takes a second for a million concepts.
    order = await asyncio.to_thread(read_order, document)
    if order is None or not frozenset(order).issuperset(request.concepts.ids):
        raise version_damaged(f"the order of ties {ties.digest}: it is not that of the concepts")
    return await asyncio.to_thread(ties_as_evidence, order, ties.digest, request.concepts)

"""Read canonical requests that are stored: on the queue, in a job's record, in a manifest.

A client's body is read by the rules of today (`concept_orderings.request.parse_request`). A stored request was accepted
by the rules of its own release, and its digest names it for ever. So it is read as it stands: nothing is completed from
the catalogue, no default is filled in, and no name is checked again. A parameter that it lacks has the value that was
meant when the request was written (`Parameter.absent`).
"""

import json
from collections.abc import Mapping
from typing import Any

from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.errors import UnreadableRequest
from concept_orderings.evidence import evidence_fields
from concept_orderings.orderings import read_ordering
from concept_orderings.request import StreamRequest
from concept_orderings.split import read_split
from concept_orderings.training_request import NAME as TRAINING
from concept_orderings.training_request import read_training


def read_canonical(canonical: bytes) -> StreamRequest:
    """Read a canonical request by the rules that it was written under.

    Parameters
    ----------
    canonical
        What `StreamRequest.canonical` gave, in this release or an earlier one.

    Returns
    -------
    StreamRequest
        With these bytes as its canonical request, so with the same digest.

    Raises
    ------
    UnreadableRequest
        ``request_of_later_release``: the request has a field, an ordering, a version of one, a parameter or a value
        that this release does not know.
    UnknownOrdering
        ``unknown_ordering``: the version of the ordering has been raised since the request was written.
    ValueError
        If the bytes are not JSON, so that no release wrote them.
    """
    match json.loads(canonical):
        case {"name": str(name), "datasets": list(datasets), "ordering": dict(ordering), "tasks": tasks, **others} if (
            others.keys() <= {TRAINING}
        ):
            concepts = Concepts(tuple(_read_class_list(each, f"/datasets/{i}") for i, each in enumerate(datasets)))
            training = read_training(others[TRAINING]) if others else None
            request = StreamRequest(name, concepts, read_ordering(ordering), read_split(tasks), training)
        case _:
            raise UnreadableRequest.with_unknown("fields")
    # What is not written again as it stands was not understood, and would be published under another identity.
    if request.canonical != canonical:
        raise UnreadableRequest.with_unknown("a form")
    return request


def _read_class_list(written: object, pointer: str) -> ClassList:
    match written:
        case {"name": str(name), "classes": list(classes), **given} if all(isinstance(each, str) for each in classes):
            evidence = _read_evidence(given)
            return ClassList(name=name, classes=tuple(classes), given=evidence, pointer=pointer)
        case _:
            raise UnreadableRequest.with_unknown("a form of class lists")


def _read_evidence(written: Mapping[Any, object]) -> dict[str, Any]:
    readers = {field.name: field.read for field in evidence_fields()}
    if unknown := sorted(written.keys() - readers.keys()):
        raise UnreadableRequest.with_unknown(f"the field {ascii(unknown[0])[:80]} of a dataset")
    try:
        return {name: readers[name](value) for name, value in written.items()}
    except TypeError as error:
        raise UnreadableRequest.with_unknown(f"a form of evidence ({error})") from error

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

_FIELDS = {"name", "datasets", "ordering", "tasks"}
_OF_A_DATASET = ("name", "classes")


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
    fields: Any = json.loads(canonical)
    if not isinstance(fields, Mapping) or fields.keys() != _FIELDS:
        raise UnreadableRequest.with_unknown("fields")
    request = StreamRequest(
        fields["name"],
        Concepts(tuple(_read_class_list(each, f"/datasets/{i}") for i, each in enumerate(fields["datasets"]))),
        read_ordering(fields["ordering"]),
        read_split(fields["tasks"]),
    )
    # What is not written again as it stands was not understood, and would be published under another identity.
    if request.canonical != canonical:
        raise UnreadableRequest.with_unknown("a form")
    return request


def _read_class_list(written: Mapping[str, Any], pointer: str) -> ClassList:
    readers = {field.name: field.read for field in evidence_fields()}
    name, classes = written.get("name"), written.get("classes")
    given = {name: value for name, value in written.items() if name not in _OF_A_DATASET}
    unknown = sorted(given.keys() - readers.keys())
    if unknown:
        raise UnreadableRequest.with_unknown(f"the field {ascii(unknown[0])[:80]} of a dataset")
    if not isinstance(name, str) or not isinstance(classes, list) or not all(isinstance(each, str) for each in classes):
        raise UnreadableRequest.with_unknown("a form of class lists")
    try:
        evidence = {name: readers[name](value) for name, value in given.items()}
    except TypeError as error:
        raise UnreadableRequest.with_unknown(f"a form of evidence ({error})") from error
    return ClassList(name=name, classes=tuple(classes), given=evidence, pointer=pointer)

"""Records that carry their format and their own digest, so that damage is noticed when they are read."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from concept_orderings.canonical import Json, canonical_json, sha256_hex

_FORMAT = "format"


def seal(fields: Mapping[str, Json], *, record_format: int, added: Mapping[str, Json] | None = None) -> bytes:
    """Return a record in the form in which it is stored.

    Parameters
    ----------
    fields
        The fields that the format has had since its first release.
    record_format
        The number of the format.
    added
        Fields that were added later. They stand beside the record, because release 0.1.0 takes a record with a field
        that it does not know for damaged, and may still run on the same data.

    Raises
    ------
    ValueError
        If a field is named ``format``, which is the name of the record's own: a fault of the program.
    """
    if _FORMAT in fields:
        raise ValueError(f'a record cannot have a field named "{_FORMAT}": that name is taken by its own format')
    body: dict[str, Json] = {_FORMAT: record_format, **fields}
    stored: dict[str, Json] = {"record": body, "record_digest": sha256_hex(canonical_json(body))}
    if added:
        stored |= {"added": dict(added), "added_digest": sha256_hex(canonical_json(dict(added)))}
    return canonical_json(stored)


def unseal(data: bytes, *, record_format: int) -> dict[str, Any]:
    """Return the fields of a stored record, with those that were added.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it is damaged or of another format.
    """
    stored: dict[str, Any] = json.loads(data)
    body: dict[str, Any] = dict(stored["record"])
    if sha256_hex(canonical_json(body)) != stored["record_digest"]:
        raise ValueError("its digest does not match")
    if body[_FORMAT] != record_format:
        raise ValueError(f"its format is {body[_FORMAT]}, this software reads {record_format}")
    del body[_FORMAT]
    if "added" in stored or "added_digest" in stored:
        added: dict[str, Any] = dict(stored["added"])
        if sha256_hex(canonical_json(added)) != stored["added_digest"]:
            raise ValueError("the digest of what was added does not match")
        return {**added, **body}
    return body


def known_members(kind: type[Any], members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that are fields of a dataclass: a later release may add others to what it writes.

    Parameters
    ----------
    kind
        The dataclass.
    members
        By name.
    """
    names = {each.name for each in dataclasses.fields(kind)}
    return {name: value for name, value in members.items() if name in names}


def created_now() -> str:
    """Return the present time as records have it in ``created_at``: UTC, ISO 8601, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")

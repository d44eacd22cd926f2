"""Records that carry their format and their own digest, so that damage is noticed when they are read."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from concept_orderings.canonical import Json, canonical_json, sha256_hex

_FORMAT = "format"


def seal(fields: Mapping[str, Json], *, record_format: int) -> bytes:
    """Return a record in the form in which it is stored.

    Raises
    ------
    ValueError
        If a field is named ``format``, which is the name of the record's own: a fault of the program.
    """
    if _FORMAT in fields:
        raise ValueError(f'a record cannot have a field named "{_FORMAT}": that name is taken by its own format')
    body: dict[str, Json] = {_FORMAT: record_format, **fields}
    return canonical_json({"record": body, "record_digest": sha256_hex(canonical_json(body))})


def unseal(data: bytes, *, record_format: int) -> dict[str, Any]:
    """Return the fields of a stored record.

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

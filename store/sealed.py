"""Records that carry their format and a digest of their own, so that damage is seen when they are read."""

import json
from collections.abc import Mapping
from typing import Any

from concept_orderings.canonical import Json, canonical_json, sha256_hex


def seal(fields: Mapping[str, Json], *, record_format: int) -> bytes:
    """Return a record as it is stored."""
    body: dict[str, Json] = {"format": record_format, **fields}
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
    if body["format"] != record_format:
        raise ValueError(f"its format is {body['format']}, this software reads {record_format}")
    del body["format"]
    return body

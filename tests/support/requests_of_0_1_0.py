"""Read the table of requests and results of release 0.1.0; see tests/fixtures/0.1.0.

No other file connects the table with names in the software: after a rename, change this file.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from concept_orderings.canonical import sha256_hex
from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.counts_request import parse_counts_request
from concept_orderings.evidence import Gathered
from concept_orderings.evidence.counts import QUERIES
from concept_orderings.library import arrange_request
from concept_orderings.progress import silent
from concept_orderings.queries import query_for
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.stream import ArrangedStream
from support.additions import without_additions

Row = Mapping[str, Any]

FIXTURE = Path(__file__).parents[1] / "fixtures" / "0.1.0"

DIMENSIONS = 24

DEFAULTS = {"dtype": "float32"}
"""Parameters whose defaults were others in 0.1.0. They stand in every canonical request."""


@dataclass(frozen=True)
class Published:
    """Version 1 of a stream: SHA-256 of its documents, and its warnings."""

    tasks: list[str]
    order: str
    manifest: str
    warnings: list[str]


def request_of(row: Row) -> StreamRequest:
    """Read a row's body as the service did, at the row's time if it has one."""
    defaults = dict(DEFAULTS)
    if encoder := row.get("default_encoder"):
        defaults["encoder"] = encoder
    request = parse_request(row["body"], defaults=defaults)
    return request.as_of(datetime.fromisoformat(row["now"])) if "now" in row else request


def without_apostrophes(request: StreamRequest) -> StreamRequest:
    """Return a request without the queries that a body's names with an apostrophe get since 0.1.0."""
    return replace(request, concepts=Concepts(tuple(map(_without_apostrophes, request.concepts.datasets))))


def _without_apostrophes(each: ClassList) -> ClassList:
    queries = {name: query for name, query in (QUERIES.of(each) or {}).items() if query != query_for(name)}
    return replace(each, given={**each.given, QUERIES.name: queries})


def job_of(request: StreamRequest) -> str:
    """Return the id of the job that makes a request's version."""
    from store.jobs import job_id

    return job_id(request)


def arranged(row: Row, request: StreamRequest) -> ArrangedStream:
    """Arrange a row's concepts, with the evidence that the row names."""
    rule = row.get("embeddings")
    embeddings = EMBEDDINGS[rule](request) if rule else None
    return arrange_request(request, embeddings=embeddings, counts=_counts(row, request))


def published(stream: ArrangedStream) -> Published:
    """Return the digests and warnings of version 1, without what was added since 0.1.0."""
    tasks, export, manifest = stream.documents(1)
    bare, bare_tasks = without_additions(manifest.data, [each.data for each in tasks])
    fields = json.loads(bare)
    assert fields["order_digest"] == export.digest
    return Published([sha256_hex(each) for each in bare_tasks], export.digest, sha256_hex(bare), fields["warnings"])


def look_of(row: Row) -> tuple[str, str]:
    """Read a look at counts as the service did; return its canonical form and its id."""
    request = parse_counts_request(row["body"])
    if "now" in row:
        request = request.as_of(datetime.fromisoformat(row["now"]))
    queries = sorted(set(request.queries), key=lambda query: query.spellings)
    from store.looks import Look

    look = Look(row["source"], tuple(queries), request.counted_since)
    return look.canonical.decode(), look.id


def stored_look_of(row: Row) -> tuple[str, str]:
    """Read a stored look at counts as the worker does; return its canonical form and its id."""
    from store.looks import Look

    look = Look.of_canonical(row["canonical"].encode())
    return look.canonical.decode(), look.id


def _counts(row: Row, request: StreamRequest) -> list[int] | Gathered | None:
    match row.get("counts"):
        case None:
            return None
        case "by digest":
            return counts_by_digest(request)
        case {"counted": source}:
            return _counted(source, request)
        case values:
            by_name: Mapping[str, int] = values
            return [by_name[name] for name in request.concepts.ids]


def counts_by_digest(request: StreamRequest) -> list[int]:
    """Return the first two bytes of the SHA-256 of each concept as a number: large numbers, of which some are equal."""
    return [int.from_bytes(hashlib.sha256(each.encode()).digest()[:2]) for each in request.concepts.ids]


def _counted(described: Row, request: StreamRequest) -> Gathered:
    """Count as the worker does, in a source that counts letters."""
    pytest.importorskip("docket", reason="the programs' libraries are not installed")
    import anyio

    from support.letter_source import LetterSource
    from worker.evidence.gather_counts import count_concepts

    source = LetterSource()
    source.counted_at = described["counted_at"]
    source.documents = described.get("documents")

    async def count() -> Gathered:
        return await count_concepts(request, source, None, report=silent)

    return anyio.run(count)


def spread_rows(request: StreamRequest) -> NDArray[np.float32]:
    """Return a unit row for each concept, (n, DIMENSIONS), from its SHAKE-256.

    The squares of integers are added exactly, and IEEE 754 rounds square roots and quotients correctly, so that the
    bits are the same on every machine.
    """
    rows = np.empty((len(request.concepts), DIMENSIONS), dtype=np.float32)
    for i, concept in enumerate(request.concepts.ids):
        noise = hashlib.shake_256(concept.encode()).digest(2 * DIMENSIONS)
        row = [int.from_bytes(noise[at : at + 2], signed=True) for at in range(0, len(noise), 2)]
        length = math.sqrt(sum(each * each for each in row))
        rows[i] = [each / length for each in row]
    return rows


def coarse_rows(request: StreamRequest) -> NDArray[np.float32]:
    """Return unit rows of which many are equally far from each other: four numbers of ½ or -½ at places by digest."""
    rows = np.zeros((len(request.concepts), DIMENSIONS), dtype=np.float32)
    for i, concept in enumerate(request.concepts.ids):
        digest = hashlib.sha256(concept.encode()).digest()
        places = sorted(range(8), key=lambda place: digest[place])[:4]
        rows[i, places] = [0.5 if digest[8 + place] % 2 else -0.5 for place in places]
    return rows


def equal_rows(request: StreamRequest) -> NDArray[np.float32]:
    """Return the same unit row for all concepts."""
    rows = np.zeros((len(request.concepts), DIMENSIONS), dtype=np.float32)
    rows[:, 0] = 1
    return rows


EMBEDDINGS = {"spread": spread_rows, "coarse": coarse_rows, "equal": equal_rows}

"""Objects named by their SHA-256 are stored once; damaged ones are mended when the same bytes come again."""

from collections.abc import Awaitable, Callable

import pytest

from concept_orderings.canonical import sha256_hex
from concept_orderings.evidence.tables import JSON_TYPE, EvidenceFile
from concept_orderings.labels import Labels
from concept_orderings.stream import Document
from store import object_keys
from store.contents import store_content
from store.documents import read_document, write_document
from store.evidence_files import read_evidence, write_evidence
from store.labels import StoredLabels
from store.objects import Objects
from support.counted_objects import CountedObjects

pytestmark = pytest.mark.anyio

DATA = b'{"A":["a","b"]}'
DIGEST = sha256_hex(DATA)
LABELS = Labels({"A": ("a", "b")})


async def write_labels(objects: Objects) -> None:
    await StoredLabels(objects).keep(LABELS)


async def read_labels(objects: Objects) -> bytes | None:
    return await StoredLabels(objects).document(LABELS.digest)


Write = Callable[[Objects], Awaitable[object]]
KINDS: dict[str, tuple[str, Write, Write]] = {
    "document": (
        object_keys.document(DIGEST),
        lambda objects: write_document(objects, Document(DATA, DIGEST)),
        lambda objects: read_document(objects, DIGEST),
    ),
    "evidence": (
        object_keys.evidence(DIGEST),
        lambda objects: write_evidence(objects, EvidenceFile("years", JSON_TYPE, DATA)),
        lambda objects: read_evidence(objects, DIGEST),
    ),
    "labels": (object_keys.labels(LABELS.digest), write_labels, read_labels),
}


@pytest.mark.parametrize("damage", [b"", DATA[:-1], DATA + b" ", DATA.replace(b"a", b"b")])
@pytest.mark.parametrize("kind", KINDS)
async def test_damaged_content_is_mended_when_it_is_stored_again(objects: Objects, kind: str, damage: bytes) -> None:
    key, write, read = KINDS[kind]
    await objects.create(key, damage)
    await write(objects)
    assert await read(objects) == DATA


async def test_content_that_is_whole_is_not_written_again(objects: Objects) -> None:
    counted = CountedObjects(objects)
    assert await store_content(counted, "k", DATA)
    assert not await store_content(counted, "k", DATA)
    assert counted.writes == 2, "two tries to create it, of which the second found it"

"""The check of a store names each object that is damaged, missing or unreferred, and no other."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from concept_orderings.canonical import sha256_hex
from concept_orderings.evidence import Need
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.evidence.quantised import embeddings_as_evidence
from concept_orderings.evidence.tie_orders import BreaksTies
from concept_orderings.exporters import EXPORTERS
from concept_orderings.labels import Labels
from concept_orderings.library import arrange_stream
from concept_orderings.request import parse_request
from concept_orderings.stream import ArrangedStream, Document
from store import object_keys
from store.counts_files import CountsFiles, CountsMeaning
from store.descriptions import Descriptions
from store.documents import write_document
from store.evidence_renderings import EvidenceRenderings
from store.exports import KeptExports
from store.fsck import Check, Finding, State
from store.fsck.repair import repair, skip_numbers
from store.labels import StoredLabels
from store.newest import NewestHints
from store.object_keys import Kind, place_of
from store.objects import LocalObjects, Objects, WholeStore, open_objects
from store.versions import Versions
from support.dying_store import DyingStore, Killed

pytestmark = pytest.mark.anyio


def arranged(seed: int, name: str = "s") -> ArrangedStream:
    body = {
        "name": name,
        "datasets": [
            {"name": f"A{seed}", "classes": ["a", "b"], "template": "A {}.", "year": 2001},
            {"name": f"B{seed}", "classes": ["a", "b"], "template": "A {}.", "year": 2002},
        ],
        "ordering": {"kind": "similarity", "encoder": "fake", "seed": seed},
        "tasks": {"by": "year"},
    }
    request = parse_request(body)
    parameters = parameters_of(request.ordering, NeedsEmbeddings)
    vectors = embeddings_as_evidence(np.eye(4, 5), parameters, request.concepts.ids, source="fake")
    return arrange_stream(request, {Need.EMBEDDINGS: vectors, **evidence_at_hand(request)})


NOT_STORED_HERE = {Kind.SCORES_FILE, Kind.DELETED_SCORES_FILE, Kind.SCORES, Kind.TOMBSTONE, Kind.PROBE}


async def fill(objects: Objects) -> None:
    """Store something of every kind."""
    versions = Versions(objects)
    for seed in range(3):
        record = await versions.publish(arranged(seed))
        content = f"export {seed}".encode()
        document = Document(content, sha256_hex(content))
        await KeptExports(objects).keep(record, EXPORTERS["tasks"](), document)
        assert record.evidence is not None
        rendered = Document(content + b" as Parquet", sha256_hex(content + b" as Parquet"))
        await EvidenceRenderings(objects, "parquet", 1).keep(record.evidence.files[0].digest, rendered)
        await Descriptions(objects).keep("s", f"description {seed}")
    labels = Labels({"A": ("a", "b")})
    await StoredLabels(objects).keep(labels)
    await KeptExports(objects).keep(record, EXPORTERS["jsonl"](), document, labels.digest)
    counts = CountsFiles(objects)
    for name, number in (("counted", 3), ("deleted", 4)):
        await counts.create(name, CountsMeaning(unit="documents", corpus="c", documents=9), {"a": number})
    assert await counts.delete("deleted")


async def findings_of(objects: WholeStore) -> list[Finding]:
    return await Check(objects, settle_seconds=0.0).run()


async def keys_of(objects: WholeStore) -> list[str]:
    return [each.key for each in await objects.entries()]


async def test_a_whole_store_has_no_findings(tmp_path: Path) -> None:
    for objects in (LocalObjects(tmp_path), open_objects("memory://")):
        await fill(objects)
        assert await findings_of(objects) == []
        kinds = {place.kind for key in await keys_of(objects) if (place := place_of(key)) is not None}
        assert set(Kind) - kinds == NOT_STORED_HERE


async def test_a_flipped_byte_is_found_in_every_object_and_only_there(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    await fill(objects)
    for key in await keys_of(objects):
        path = tmp_path / key
        whole = path.read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 2}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            found = await findings_of(objects)
            assert [each.key for each in found if each.state is State.DAMAGED] == [key], (key, at)
            assert [each for each in found if each.state is State.MISSING] == []
            assert all(each.remedy.endswith(".") for each in found)
        path.write_bytes(whole)
    assert await findings_of(objects) == []


NOT_MISSED = (Kind.HINT, Kind.DESCRIPTION, Kind.EXPORT, Kind.RENDERING, Kind.COUNTS_FILE, Kind.DELETED_COUNTS_FILE)
"""Nothing says that these were there; what they refer to is then unreferred."""


async def test_every_object_that_something_refers_to_is_missed(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    await fill(objects)
    for key in await keys_of(objects):
        path = tmp_path / key
        whole = path.read_bytes()
        path.unlink()
        found = await findings_of(objects)
        place = place_of(key)
        assert place is not None
        missed = [each.key for each in found if each.state is State.MISSING]
        assert missed == ([] if place.kind in NOT_MISSED else [key])
        assert [each for each in found if each.state is State.DAMAGED] == []
        path.write_bytes(whole)
    assert await findings_of(objects) == []


async def test_publishers_that_tried_the_same_number_leave_nothing_behind(objects: WholeStore) -> None:
    """Two of them have the same tasks, and two are of one request."""
    streams = [arranged(seed) for seed in (0, 1, 1, 2, 3, 4, 5)]
    body = {"name": "s", "concepts": ["A+++a"], "ordering": {"kind": "random"}, "tasks": {"count": 1}}
    for seed in range(2):
        request = parse_request({**body, "ordering": {"kind": "random", "seed": seed}})
        streams.append(arrange_stream(request, evidence_at_hand(request)))
    records = await asyncio.gather(*(Versions(objects).publish(each) for each in streams))
    assert {each.version for each in records} == set(range(1, 9))
    assert await findings_of(objects) == []


@pytest.mark.parametrize("writes", range(1, 9))
async def test_what_a_killed_publisher_left_is_unreferred(tmp_path: Path, writes: int) -> None:
    objects = LocalObjects(tmp_path)
    await fill(objects)
    before = await keys_of(objects)
    with pytest.raises(Killed):
        await Versions(DyingStore(objects, writes)).publish(arranged(9))
    left = [key for key in await keys_of(objects) if key not in before]
    found = await findings_of(objects)
    assert [each.key for each in found] == left
    assert {each.state for each in found} == {State.UNREFERRED}
    assert all("can be deleted while no worker runs" in each.remedy for each in found)
    # As soon as the record is there, all are referred to.
    await Versions(objects).publish(arranged(9))
    assert await findings_of(objects) == []


async def test_the_parts_of_a_damaged_version_are_not_to_be_deleted(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    await fill(objects)
    path = tmp_path / object_keys.version_record("s", 2)
    path.write_bytes(b"damaged")
    found = await findings_of(objects)
    assert [(each.state, each.key) for each in found if each.state is not State.UNREFERRED] == [
        (State.DAMAGED, object_keys.version_record("s", 2))
    ]
    # The manifest names all but the margins.
    assert [place_of(each.key) for each in found if each.state is State.UNREFERRED and "can be" in each.remedy] == []
    path.unlink()
    assert [each.key for each in await findings_of(objects) if each.state is State.MISSING] == [
        object_keys.version_record("s", 2)
    ]


async def test_a_document_that_a_manifest_names_is_referred_to(tmp_path: Path) -> None:
    """The order that breaks ties is stored before the job, and stands in the request by its digest."""
    objects = LocalObjects(tmp_path)
    body = {
        "name": "tied",
        "datasets": [{"name": "A", "classes": ["a", "b"], "scores": 0.5}],
        "ordering": {"kind": "performance", "ties": {"order": ["A+++b", "A+++a"]}},
        "tasks": {"count": 1},
    }
    request = parse_request(body)
    ties = parameters_of(request.ordering, BreaksTies).ties
    assert ties is not None
    await write_document(objects, Document(ties.document, ties.digest))
    assert [each.state for each in await findings_of(objects)] == [State.UNREFERRED]
    await Versions(objects).publish(arrange_stream(request, evidence_at_hand(request)))
    assert await findings_of(objects) == []


async def test_pointers_and_hints_are_made_again(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    await fill(objects)
    pointers = sorted(key for key in await keys_of(objects) if "/requests/" in key)
    whole = {key: (tmp_path / key).read_bytes() for key in pointers}
    (tmp_path / pointers[0]).unlink()
    (tmp_path / pointers[1]).write_bytes(b'{"version":9}')
    (tmp_path / pointers[2]).write_bytes(b"")
    (tmp_path / object_keys.newest("s")).write_bytes(b"x")
    check = Check(objects, settle_seconds=0.0)
    found = await check.run()
    assert {each.key for each in found} == {*pointers, object_keys.newest("s")}
    assert await repair(objects, check.records, found) == found
    assert {key: (tmp_path / key).read_bytes() for key in pointers} == whole
    assert await findings_of(objects) == []


async def test_numbers_of_an_older_backup_are_left_out(tmp_path: Path) -> None:
    """The backup lacks version 3, its pointer and the hint; its manifest is there, or not even that."""
    objects = LocalObjects(tmp_path)
    await fill(objects)
    newest = object_keys.newest("s")
    backup = {key: (tmp_path / key).read_bytes() for key in await keys_of(objects)}
    third = await Versions(objects).record("s", 3)
    assert third is not None
    lost = {
        object_keys.version_record("s", 3),
        object_keys.request_pointer("s", third.request_digest),
        *(key for key in backup if key.startswith(f"{object_keys.exports('s')}/00000003")),
        newest,
    }
    for key in lost:
        (tmp_path / key).unlink()
    check = Check(objects, settle_seconds=0.0)
    found = await check.run()
    await repair(objects, check.records, found)
    hint = await NewestHints(objects).read("s")
    assert hint is not None
    assert (hint.latest, hint.taken) == (2, 3)
    assert await skip_numbers(objects, check.records, 100) == {"s": 104}
    assert await Versions(objects).latest("s") == 2
    assert (await Versions(objects).publish(arranged(7))).version == 104
    missing = [each.key for each in await findings_of(objects) if each.state is State.MISSING]
    assert missing == [object_keys.version_record("s", 3)], "the numbers that were left out are not missed"


async def test_a_file_that_no_release_writes_is_named(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    await fill(objects)
    for key in ("streams/.DS_Store", "documents/ab/short", "notes.txt", "streams/s/versions/1.json"):
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(b"")
        found = await findings_of(objects)
        assert [(each.key, each.state) for each in found] == [(key, State.UNREFERRED)]
        (tmp_path / key).unlink()


async def test_versions_that_are_published_meanwhile_are_whole(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    await fill(objects)
    published = asyncio.create_task(publish_many(objects))
    for _ in range(5):
        assert await Check(objects, settle_seconds=60.0).run() == []
    await published


async def publish_many(objects: Objects) -> None:
    for seed in range(20, 60):
        await Versions(objects).publish(arranged(seed))


async def test_every_object_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = LocalObjects(tmp_path)
    await fill(objects)
    read: list[str] = []
    get = LocalObjects.get

    async def noting(self: LocalObjects, key: str) -> bytes | None:
        read.append(key)
        return await get(self, key)

    monkeypatch.setattr(LocalObjects, "get", noting)
    reports: list[tuple[int, int]] = []
    assert await Check(objects, settle_seconds=0.0).run(lambda done, total: reports.append((done, total))) == []
    assert sorted(read) == await keys_of(objects)
    assert reports[-1] == (len(read), len(read))

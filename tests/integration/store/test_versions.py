"""Versions: a request has one version; another request gets the next number; a version never changes."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concept_orderings.errors import StoreError
from concept_orderings.evidence import Need
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.evidence.quantised import embeddings_as_evidence
from concept_orderings.library import arrange_stream
from concept_orderings.request import parse_request
from concept_orderings.stream import ArrangedStream
from store.objects import LocalObjects, Objects
from store.sealed import seal
from store.versions import VersionRecord, Versions
from support.dying_store import DyingStore, Killed
from support.requests import random_request

pytestmark = pytest.mark.anyio


def arranged(name: str = "s", *, seed: int = 0) -> ArrangedStream:
    request = parse_request(random_request(name, seed=seed))
    return arrange_stream(request, evidence_at_hand(request))


def contents(root: Path) -> dict[Path, bytes]:
    """Return all files by path, but for hints, which are replaced."""
    return {each: each.read_bytes() for each in root.rglob("*") if each.is_file() and each.name != "newest.json"}


class Interleaving:
    """A store in which other tasks run before every step."""

    def __init__(self, objects: Objects, steps: Sequence[int]) -> None:
        self._objects = objects
        self._steps = iter(steps)

    async def _let_others_go_first(self) -> None:
        for _ in range(next(self._steps, 0)):
            await asyncio.sleep(0)

    async def get(self, key: str) -> bytes | None:
        await self._let_others_go_first()
        return await self._objects.get(key)

    async def check_writable(self) -> None: ...

    async def remove(self, key: str) -> None: ...

    def remove_leftovers(self) -> None: ...

    async def names(self, prefix: str, *, after: str = "", most: int | None = None) -> list[str]:
        await self._let_others_go_first()
        return await self._objects.names(prefix, after=after, most=most)

    async def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        await self._let_others_go_first()
        await self._objects.replace(key, data, durable=durable)

    async def create(self, key: str, data: bytes) -> bool:
        await self._let_others_go_first()
        return await self._objects.create(key, data)


async def test_versions_are_numbered_from_one_and_found_by_their_request(objects: Objects) -> None:
    versions = Versions(objects)
    first, second = arranged(seed=1), arranged(seed=2)
    assert (await versions.publish(first)).version == 1
    assert (await versions.publish(second)).version == 2
    assert (await versions.publish(first)).version == 1
    assert await versions.numbers("s") == [1, 2]
    assert await versions.streams() == ["s"]
    found = await versions.find("s", second.request.digest)
    assert found == await versions.record("s", 2)


async def test_streams_do_not_share_numbers(objects: Objects) -> None:
    versions = Versions(objects)
    assert (await versions.publish(arranged("a"))).version == 1
    assert (await versions.publish(arranged("b"))).version == 1
    assert await versions.streams() == ["a", "b"]


async def test_unknown_streams_and_versions_are_not_found(objects: Objects) -> None:
    versions = Versions(objects)
    assert await versions.streams() == []
    assert await versions.numbers("s") == []
    assert await versions.record("s", 1) is None
    assert await versions.find("s", "0" * 64) is None


async def test_a_record_leads_to_every_document(objects: Objects) -> None:
    versions = Versions(objects)
    record = await versions.publish(arranged())
    manifest = json.loads(await versions.document(record.digest))
    assert manifest["version"] == 1
    assert [each["digest"] for each in manifest["tasks"]] == [each.digest for each in record.tasks]
    tasks = [json.loads(await versions.document(each.digest)) for each in record.tasks]
    export = json.loads(await versions.document(record.order_digest))
    assert [concept["concept"] for task in tasks for concept in task["concepts"]] == export


async def test_concurrent_publishers_of_one_request_make_one_version(objects: Objects) -> None:
    stream = arranged()
    records = await asyncio.gather(*(Versions(objects).publish(stream) for _ in range(30)))
    assert {each.version for each in records} == {1}
    assert await Versions(objects).numbers("s") == [1]


async def test_concurrent_requests_get_numbers_without_gaps(objects: Objects) -> None:
    streams = [arranged(seed=seed) for seed in range(20)]
    records = await asyncio.gather(*(Versions(objects).publish(each) for each in streams))
    assert sorted(each.version for each in records) == list(range(1, 21))
    for stream, record in zip(streams, records, strict=True):
        assert record.request_digest == stream.request.digest


@pytest.mark.parametrize("lag", range(40))
async def test_the_same_request_in_any_interleaving_is_one_version(objects: Objects, lag: int) -> None:
    """The second publisher pauses before one of its steps; each step is tried."""
    stream = arranged()
    first = Versions(Interleaving(objects, [1] * 40))
    second = Versions(Interleaving(objects, [1] * (lag % 8) + [lag // 8 * 10] + [1] * 40))
    records = await asyncio.gather(first.publish(stream), second.publish(stream))
    assert {each.version for each in records} == {1}
    assert await Versions(objects).numbers("s") == [1]


async def test_a_version_that_appears_between_two_searches_is_not_made_again(objects: Objects) -> None:
    """A lists versions; B publishes the same request; A goes on."""

    class Late:
        """A store that lists the old versions, and then publishes a new one itself."""

        def __init__(self) -> None:
            self.published = False

        async def get(self, key: str) -> bytes | None:
            return await objects.get(key)

        async def create(self, key: str, data: bytes) -> bool:
            return await objects.create(key, data)

        async def check_writable(self) -> None: ...
        async def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
            await objects.replace(key, data, durable=durable)

        async def remove(self, key: str) -> None: ...

        def remove_leftovers(self) -> None: ...

        async def names(self, prefix: str, *, after: str = "", most: int | None = None) -> list[str]:
            before = await objects.names(prefix, after=after, most=most)
            if not self.published:
                self.published = True
                await Versions(objects).publish(stream)
            return before

    stream = arranged()
    assert (await Versions(Late()).publish(stream)).version == 1
    assert await Versions(objects).numbers("s") == [1]


@pytest.mark.parametrize("writes", range(7))
async def test_a_publisher_may_die_before_any_write(objects: Objects, writes: int) -> None:
    """Two tasks, the export, the manifest, the record, the pointer, the hint: a retry completes it after any."""
    stream = arranged()
    with pytest.raises(Killed):
        await Versions(DyingStore(objects, writes)).publish(stream)
    versions = Versions(objects)
    # The record is the fifth write: before it, there is no version.
    assert await versions.numbers("s") == ([1] if writes >= 5 else [])
    assert (await versions.find("s", stream.request.digest) is None) == (writes < 6)
    record = await versions.publish(stream)
    assert record.version == 1
    assert await versions.find("s", stream.request.digest) == record
    assert (await versions.publish(arranged(seed=9))).version == 2


def publish_from_process(root: Path, seeds: Sequence[int]) -> list[int]:
    async def publish() -> list[VersionRecord]:
        versions = Versions(LocalObjects(root))
        return await asyncio.gather(*(versions.publish(arranged(seed=seed)) for seed in seeds))

    return [each.version for each in asyncio.run(publish())]


def test_concurrent_processes_publish_each_request_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        # Each process has an order of its own, so that they collide at every request.
        orders = [list(range(8)), list(range(8))[::-1], [3, 1, 4, 0, 5, 2, 6, 7], [7, 0, 6, 1, 5, 2, 4, 3]]
        futures = [pool.submit(publish_from_process, tmp_path, order) for order in orders]
        numbers = [dict(zip(order, each.result(), strict=True)) for order, each in zip(orders, futures, strict=True)]
    assert all(each == numbers[0] for each in numbers)
    assert sorted(numbers[0].values()) == list(range(1, 9))


async def test_bytes_never_change(tmp_path: Path) -> None:
    versions = Versions(LocalObjects(tmp_path))
    await versions.publish(arranged(seed=1))
    before = contents(tmp_path)
    for seed in (1, 2, 1, 3):
        await Versions(LocalObjects(tmp_path)).publish(arranged(seed=seed))
    assert before.items() <= contents(tmp_path).items()


async def test_a_record_is_read_as_it_was_written(objects: Objects) -> None:
    record = await Versions(objects).publish(arranged())
    assert VersionRecord.from_bytes(record.to_bytes()) == record


async def test_a_record_of_a_later_release_may_have_further_fields(objects: Objects) -> None:
    record = await Versions(objects).publish(arranged())
    fields = json.loads(record.to_bytes())["record"]
    record_format = fields.pop("format")
    tasks = [{**each, "seconds": 0.5} for each in fields.pop("tasks")]
    later = seal({**fields, "tasks": tasks, "licence": "CC0"}, record_format=record_format)
    assert VersionRecord.from_bytes(later) == replace(record, evidence=None, follows_indexed=False)


def embedded(name: str = "s", *, seed: int = 0) -> ArrangedStream:
    """Return a stream that has vectors, margins and years."""
    body = {
        "name": name,
        "datasets": [{"name": "A", "classes": ["a", "b"], "template": "A {}.", "year": 2001}],
        "ordering": {"kind": "similarity", "encoder": "fake", "seed": seed},
        "tasks": {"by": "year"},
    }
    request = parse_request(body)
    parameters = parameters_of(request.ordering, NeedsEmbeddings)
    vectors = embeddings_as_evidence(np.eye(2, 3), parameters, request.concepts.ids, source="fake")
    return arrange_stream(request, {Need.EMBEDDINGS: vectors, **evidence_at_hand(request)})


async def test_a_record_leads_to_the_evidence(objects: Objects) -> None:
    versions = Versions(objects)
    stream = embedded()
    record = await versions.publish(stream)
    assert record.evidence is not None
    assert VersionRecord.from_bytes(record.to_bytes()) == record

    listed = {each.kind: each for each in record.evidence.files}
    assert {kind: each.in_manifest for kind, each in listed.items()} == {
        "vectors": True,
        "years": True,
        "margins": False,
    }
    for file in (*stream.evidence_files, *stream.files_beside):
        assert await versions.evidence(listed[file.kind].digest) == file.data
        assert listed[file.kind].bytes == len(file.data)
    manifest = json.loads(await versions.document(record.digest))
    in_manifest = {each.kind: each.digest for each in record.evidence.files if each.in_manifest}
    assert {each["kind"]: each["digest"] for each in manifest["evidence_files"]} == in_manifest


async def test_versions_share_evidence(tmp_path: Path) -> None:
    versions = Versions(LocalObjects(tmp_path))
    for seed in range(3):
        await versions.publish(embedded(seed=seed))
        await versions.publish(embedded("other", seed=seed))

    assert len([each for each in (tmp_path / "evidence").rglob("*") if each.is_file()]) == 3


@pytest.mark.parametrize("writes", range(8))
async def test_a_publisher_may_die_before_evidence_is_complete(objects: Objects, writes: int) -> None:
    """Three files of evidence, the task, the export, the manifest, then the record: it lists what is there."""
    stream = embedded()
    with pytest.raises(Killed):
        await Versions(DyingStore(objects, writes)).publish(stream)
    versions = Versions(objects)
    assert await versions.numbers("s") == ([1] if writes == 7 else [])
    record = await versions.publish(stream)
    assert record.version == 1
    assert record.evidence is not None
    for each in record.evidence.files:
        assert len(await versions.evidence(each.digest)) == each.bytes


async def test_a_record_says_what_was_too_large(objects: Objects) -> None:
    stream = replace(embedded(), most_vector_bytes=11)
    record = await Versions(objects).publish(stream)
    assert record.evidence is not None
    assert record.evidence.left_out == ("vectors",)
    assert record.evidence.file("vectors") is None
    assert VersionRecord.from_bytes(record.to_bytes()) == record


async def test_damaged_parts_are_made_again_when_the_version_is_published_again(tmp_path: Path) -> None:
    versions = Versions(LocalObjects(tmp_path))
    stream = embedded()
    record = await versions.publish(stream)
    for digest in record.parts:
        folder = "evidence" if digest in record.evidence_digests else "documents"
        path = tmp_path / folder / digest[:2] / digest
        whole = path.read_bytes()
        for damage in (whole[:-1] + b"?", None):
            path.unlink()
            if damage is not None:
                path.write_bytes(damage)
            assert await versions.find_whole("s", stream.request.digest, thorough=True) is None
            assert await versions.publish(stream) == record
            assert path.read_bytes() == whole
            assert await versions.find_whole("s", stream.request.digest, thorough=True) == record


async def test_parts_that_the_request_does_not_give_any_more_stay_damaged(tmp_path: Path) -> None:
    versions = Versions(LocalObjects(tmp_path))
    stream = embedded()
    record = await versions.publish(stream)
    path = tmp_path / "documents" / record.digest[:2] / record.digest
    path.write_bytes(b"damaged")
    other = replace(stream, diagnostics={"other": 1})
    with pytest.raises(StoreError) as refusal:
        await versions.publish(other)
    assert refusal.value.code == "version_damaged"
    assert path.read_bytes() == b"damaged"
    assert await versions.numbers("s") == [1]


async def test_damaged_evidence_is_refused(tmp_path: Path) -> None:
    versions = Versions(LocalObjects(tmp_path))
    record = await versions.publish(embedded())
    assert record.evidence is not None
    for entry in record.evidence.files:
        path = tmp_path / "evidence" / entry.digest[:2] / entry.digest
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(StoreError) as refusal:
            await versions.evidence(entry.digest)
        assert refusal.value.code == "version_damaged"
        path.unlink()
        with pytest.raises(StoreError) as refusal:
            await versions.evidence(entry.digest)
        assert refusal.value.code == "version_damaged"


def damaged(path: Path, kind: str) -> None:
    data = path.read_bytes()
    match kind:
        case "truncated":
            path.write_bytes(data[: len(data) // 2])
        case "empty":
            path.write_bytes(b"")
        case "flipped":
            middle = len(data) // 2
            path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        case "other json":
            path.write_bytes(b"[1, 2]")
        case "binary":
            path.write_bytes(bytes(range(256)))


DAMAGE = ("truncated", "empty", "flipped", "other json", "binary")


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("part", ["record", "manifest", "task", "export", "pointer"])
async def test_damage_is_an_error_and_never_served(tmp_path: Path, part: str, kind: str) -> None:
    versions = Versions(LocalObjects(tmp_path))
    stream = arranged()
    record = await versions.publish(stream)
    digest = {"manifest": record.digest, "task": record.tasks[0].digest, "export": record.order_digest}.get(part)
    paths = {
        "record": "streams/s/versions/00000001.json",
        "pointer": f"streams/s/requests/{stream.request.digest}.json",
    }
    damaged(tmp_path / (paths[part] if digest is None else f"documents/{digest[:2]}/{digest}"), kind)
    if digest is not None:
        reading: Coroutine[Any, Any, object] = versions.document(digest)
    else:
        reading = versions.record("s", 1) if part == "record" else versions.find("s", stream.request.digest)
    with pytest.raises(StoreError) as caught:
        await reading
    assert caught.value.code == "version_damaged"
    assert "backup" in caught.value.detail


async def test_a_missing_document_is_damage(tmp_path: Path) -> None:
    versions = Versions(LocalObjects(tmp_path))
    record = await versions.publish(arranged())
    (tmp_path / f"documents/{record.digest[:2]}/{record.digest}").unlink()
    with pytest.raises(StoreError) as caught:
        await versions.document(record.digest)
    assert caught.value.code == "version_damaged"


async def test_a_lost_record_is_damage_and_its_request_gets_no_second_number(tmp_path: Path) -> None:
    versions = Versions(LocalObjects(tmp_path))
    stream = arranged(seed=1)
    await versions.publish(stream)
    await versions.publish(arranged(seed=2))
    (tmp_path / "streams/s/versions/00000001.json").unlink()
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            await versions.publish(stream)
        assert caught.value.code == "version_damaged"
    assert await versions.numbers("s") == [2]


@pytest.mark.parametrize("other", ["streams/t/versions/00000001.json", "streams/s/versions/00000002.json"])
async def test_a_record_of_another_version_is_damage(tmp_path: Path, other: str) -> None:
    versions = Versions(LocalObjects(tmp_path))
    await versions.publish(arranged())
    copy = tmp_path / other
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes((tmp_path / "streams/s/versions/00000001.json").read_bytes())
    with pytest.raises(StoreError) as caught:
        await versions.record(other.split("/")[1], int(copy.stem))
    assert caught.value.code == "version_damaged"


async def test_foreign_files_in_the_directories_are_ignored(tmp_path: Path) -> None:
    versions = Versions(LocalObjects(tmp_path))
    await versions.publish(arranged())
    streams = tmp_path / "streams"
    (streams / ".DS_Store").write_text("junk")
    (streams / "lost+found").mkdir()
    (streams / "notes.txt").write_text("junk")
    junk = (
        "1.json",
        "00000001.json~",
        ".00000002.json.swp",
        "00000003.json.tmp",
        "abc.json",
        "٠٠٠٠٠٠٠٤.json",
        "README",
    )
    for name in junk:
        (streams / "s" / "versions" / name).write_text("junk")
    assert [each for each in await versions.streams() if await versions.numbers(each)] == ["s"]
    assert ".DS_Store" not in await versions.streams()
    assert await versions.numbers("s") == [1]
    assert (await versions.publish(arranged(seed=2))).version == 2

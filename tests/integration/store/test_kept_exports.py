"""Kept exports: the first rendering of a version by a version of an exporter is served for ever."""

import asyncio
from pathlib import Path

import pytest

from concept_orderings.canonical import sha256_hex
from concept_orderings.errors import StoreError
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.exporters import Exporter
from concept_orderings.exporters.fomo import Fomo
from concept_orderings.library import arrange_stream
from concept_orderings.published import PublishedVersion
from concept_orderings.request import parse_request
from concept_orderings.stream import Document
from store.exports import KeptExport, KeptExports
from store.objects import LocalObjects, Objects
from store.versions import VersionRecord, Versions
from support.dying_store import DyingStore, Killed
from support.requests import random_request

pytestmark = pytest.mark.anyio


class Probe(Exporter):
    """An exporter; the tests make its renderings."""

    name = "probe"
    media_type = "text/plain"
    suffix = "txt"
    summary = "Anything."

    def render(self, version: PublishedVersion) -> bytes:
        raise NotImplementedError


class Later(Probe):
    """The same exporter in a later release."""

    version = 2
    media_type = "text/csv"


def rendering(text: str) -> Document:
    return Document(text.encode(), sha256_hex(text.encode()))


async def publish(objects: Objects, *, seed: int = 0, name: str = "s") -> VersionRecord:
    request = parse_request(random_request(name, seed=seed))
    return await Versions(objects).publish(arrange_stream(request, evidence_at_hand(request)))


async def test_a_kept_rendering_is_found_with_its_bytes(objects: Objects) -> None:
    record, exports = await publish(objects), KeptExports(objects)
    assert await exports.find(record, Probe(), 1) is None
    kept = await exports.keep(record, Probe(), rendering("one"))

    assert await KeptExports(objects).find(record, Probe(), 1) == kept
    assert (kept.version_digest, kept.exporter, kept.exporter_version) == (record.digest, "probe", 1)
    assert kept.media_type == "text/plain"
    assert await Versions(objects).document(kept.digest) == b"one"
    assert await Versions(objects).numbers("s") == [1]
    assert await Versions(objects).streams() == ["s"]


async def test_the_first_rendering_is_kept(objects: Objects) -> None:
    record, exports = await publish(objects), KeptExports(objects)
    first = await exports.keep(record, Probe(), rendering("one"))

    assert await exports.keep(record, Probe(), rendering("another")) == first
    assert await exports.keep(record, Probe(), rendering("one")) == first


async def test_concurrent_writers_all_get_the_same_rendering(objects: Objects) -> None:
    record = await publish(objects)
    kept = await asyncio.gather(
        *(KeptExports(objects).keep(record, Probe(), rendering(f"program {i}")) for i in range(30))
    )

    assert len(set(kept)) == 1
    assert await KeptExports(objects).find(record, Probe(), 1) == kept[0]


async def test_each_version_of_an_exporter_and_of_a_stream_has_its_own_rendering(objects: Objects) -> None:
    first, second = await publish(objects, seed=1), await publish(objects, seed=2)
    exports = KeptExports(objects)
    kept = {
        (record.version, exporter.version): await exports.keep(
            record, exporter(), rendering(f"{record.version} {exporter.version}")
        )
        for record in (first, second)
        for exporter in (Probe, Later)
    }

    assert len({each.digest for each in kept.values()}) == 4
    for record in (first, second):
        # Software with either version finds the renderings of both.
        for exporter in (Probe(), Later()):
            for number in (1, 2):
                assert await exports.find(record, exporter, number) == kept[record.version, number]
    assert kept[1, 1].media_type == "text/plain"
    assert kept[1, 2].media_type == "text/csv"


@pytest.mark.parametrize("writes", range(2))
async def test_a_program_may_die_before_either_write(objects: Objects, writes: int) -> None:
    record = await publish(objects)
    with pytest.raises(Killed):
        await KeptExports(DyingStore(objects, writes)).keep(record, Probe(), rendering("one"))
    exports = KeptExports(objects)

    assert await exports.find(record, Probe(), 1) is None
    kept = await exports.keep(record, Probe(), rendering("two"))
    assert await Versions(objects).document(kept.digest) == b"two"


async def test_the_fomo_export_is_that_of_the_version_s_own_record(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    record = await publish(objects)
    kept = await KeptExports(objects).find(record, Fomo(), 1)

    assert kept is not None
    assert (kept.digest, kept.media_type) == (record.order_digest, "application/json")
    assert not (tmp_path / "streams" / "s" / "exports").exists()
    version = PublishedVersion.from_documents(await Versions(objects).documents(record))
    assert Fomo().render(version) == await Versions(objects).document(kept.digest)


async def test_a_record_is_read_as_it_was_written(objects: Objects) -> None:
    kept = await KeptExports(objects).keep(await publish(objects), Probe(), rendering("one"))
    assert KeptExport.from_bytes(kept.to_bytes()) == kept


def damaged(data: bytes, kind: str) -> bytes:
    middle = len(data) // 2
    return {
        "truncated": data[:middle],
        "empty": b"",
        "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "other json": b"[1, 2]",
        "binary": bytes(range(256)),
    }[kind]


@pytest.mark.parametrize("kind", ["truncated", "empty", "flipped", "other json", "binary"])
async def test_a_damaged_record_is_an_error_and_never_replaced(tmp_path: Path, kind: str) -> None:
    exports = KeptExports(LocalObjects(tmp_path))
    record = await publish(LocalObjects(tmp_path))
    await exports.keep(record, Probe(), rendering("one"))
    path = tmp_path / "streams/s/exports/00000001/probe/1.json"
    path.write_bytes(damaged(path.read_bytes(), kind))

    with pytest.raises(StoreError) as found:
        await exports.find(record, Probe(), 1)
    with pytest.raises(StoreError) as written:
        await exports.keep(record, Probe(), rendering("two"))
    assert found.value.code == written.value.code == "version_damaged"
    assert "the export probe of s version 1" in found.value.detail


@pytest.mark.parametrize(
    "other", ["s/exports/00000002/probe/1.json", "s/exports/00000001/probe/2.json", "t/exports/00000001/probe/1.json"]
)
async def test_a_record_of_another_export_is_damage(tmp_path: Path, other: str) -> None:
    objects = LocalObjects(tmp_path)
    records = [await publish(objects), await publish(objects, seed=2), await publish(objects, name="t")]
    await KeptExports(objects).keep(records[0], Probe(), rendering("one"))
    copy = tmp_path / "streams" / other
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes((tmp_path / "streams/s/exports/00000001/probe/1.json").read_bytes())

    [record] = [each for each in records if f"{each.stream}/exports/{each.version:08d}" in other]
    with pytest.raises(StoreError) as caught:
        await KeptExports(objects).find(record, Probe(), int(copy.stem))
    assert caught.value.code == "version_damaged"


@pytest.mark.parametrize("tasks", [1, 31, 32, 33, 70])
async def test_the_documents_of_a_version_are_in_order(objects: Objects, tasks: int) -> None:
    request = parse_request(random_request("s", concepts=100, tasks=tasks))
    stream = arrange_stream(request, evidence_at_hand(request))
    record = await Versions(objects).publish(stream)

    assert await Versions(objects).documents(record) == stream.published(1).documents()

"""Numbers of versions: the newest in three reads, the next in as many for ten thousand as for two, none used again."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.canonical import canonical_json
from concept_orderings.errors import StoreError
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.library import arrange_stream
from concept_orderings.progress import silent
from concept_orderings.request import parse_request
from concept_orderings.stream import ArrangedStream
from store import object_keys
from store.newest import Newest, NewestHints
from store.numbering import Numbering
from store.objects import LocalObjects, Objects, open_objects
from store.versions import VersionRecord, Versions
from support.counted_objects import CountedObjects
from support.requests import random_request

pytestmark = pytest.mark.anyio


def arranged(seed: int) -> ArrangedStream:
    request = parse_request(random_request("s", seed=seed))
    return arrange_stream(request, evidence_at_hand(request))


def record_path(root: Path, version: int) -> Path:
    return root / object_keys.version_record("s", version)


def hint_path(root: Path) -> Path:
    return root / object_keys.newest("s")


async def published(objects: Objects, seeds: range) -> list[VersionRecord]:
    return [await Versions(objects).publish(arranged(seed)) for seed in seeds]


async def many_versions(objects: Objects, number: int, *, by_0_1_0: bool = False) -> None:
    """Make a stream with copies of the record of one version, each for another request."""
    [first] = await published(objects, range(1))
    for version in range(2, number + 1):
        record = replace(first, version=version, request_digest=f"{version:064x}", follows_indexed=not by_0_1_0)
        await objects.create(object_keys.version_record("s", version), record.to_bytes())
        pointer = canonical_json({"version": version})
        await objects.create(object_keys.request_pointer("s", record.request_digest), pointer)
    if not by_0_1_0:
        await NewestHints(objects).write("s", Newest(number, number))


async def nothing_readable(stream: str, version: int) -> None:
    return None


@given(
    numbers=st.sets(st.integers(1, 60), max_size=40),
    hinted=st.none() | st.integers(1, 60),
    taken=st.none() | st.integers(0, 9),
)
def test_the_newest_is_the_largest_wherever_the_hint_points(
    numbers: set[int], hinted: int | None, taken: int | None
) -> None:
    """A hint is always of a version that existed; records before and after it may be lost, but not the next one."""
    if hinted is not None and hinted + 1 not in numbers and numbers and max(numbers) > hinted:
        numbers = numbers | {hinted + 1}

    async def latest() -> int | None:
        objects = open_objects("memory://")
        for number in numbers:
            await objects.create(object_keys.version_record("s", number), b"")
        if hinted is not None:
            await NewestHints(objects).write("s", Newest(hinted, None if taken is None else hinted + taken))
        numbering = Numbering(objects, nothing_readable)
        assert await numbering.latest("s") == (max(numbers) if numbers else None)
        assert await numbering.every("s") == sorted(numbers)
        # The hint is mended then.
        counted = CountedObjects(objects)
        again = await Numbering(counted, nothing_readable).latest("s")
        if numbers:
            hint = await NewestHints(objects).read("s")
            assert hint is not None
            is_beyond = hint.taken is not None and hint.taken > hint.latest
            assert (counted.reads, counted.lists) == (3 + is_beyond, 0)
        return again

    assert asyncio.run(latest()) == (max(numbers) if numbers else None)


@given(numbers=st.sets(st.integers(1, 60), max_size=40), after=st.integers(0, 61), most=st.integers(1, 20))
def test_a_page_has_the_first_numbers_after_one(numbers: set[int], after: int, most: int) -> None:
    async def page() -> list[int]:
        objects = open_objects("memory://")
        for number in numbers:
            await objects.create(object_keys.version_record("s", number), b"")
            await objects.create(f"streams/s/versions/{number:08d}.json~", b"junk")
        return await Numbering(objects, nothing_readable).page("s", after=after, most=most)

    assert asyncio.run(page()) == sorted(number for number in numbers if number > after)[:most]


async def cost_of(objects: Objects, call: Callable[[Versions], Awaitable[object]]) -> tuple[int, int, int]:
    counted = CountedObjects(objects)
    await call(Versions(counted))
    return counted.reads, counted.lists, counted.writes


@pytest.mark.parametrize("number", [3, 300, pytest.param(10_000, marks=pytest.mark.faults)])
async def test_the_next_version_takes_as_many_steps_as_the_second(objects: Objects, number: int) -> None:
    await many_versions(objects, number)
    reads, lists, writes = await cost_of(objects, lambda versions: versions.publish(arranged(7)))
    empty = await cost_of(open_objects("memory://"), lambda versions: versions.publish(arranged(7)))
    assert (reads, lists, writes) == (6, 0, 7)
    assert reads + lists <= sum(empty[:2]) + 3
    assert writes == empty[2]
    assert await Versions(objects).latest("s") == number + 1
    assert await cost_of(objects, lambda versions: versions.latest("s")) == (3, 0, 0)


async def test_the_newest_after_numbers_that_were_left_out_is_found_without_its_hint(objects: Objects) -> None:
    """Its publisher died before it wrote the hint."""
    await published(objects, range(2))
    before = Newest(2, 100)
    await NewestHints(objects).write("s", before)
    assert await Versions(objects).latest("s") == 2
    assert (await Versions(objects).publish(arranged(2))).version == 101
    await NewestHints(objects).write("s", before)
    assert await Versions(objects).latest("s") == 101
    assert await NewestHints(objects).read("s") == Newest(101, 101)


async def test_versions_of_0_1_0_are_read_once(objects: Objects) -> None:
    await many_versions(objects, 40, by_0_1_0=True)
    assert (await Versions(objects).publish(arranged(7))).version == 41
    counted = CountedObjects(objects)
    assert (await Versions(counted).publish(arranged(8))).version == 42
    assert (counted.reads, counted.lists) == (6, 0)


async def write_like_0_1_0(objects: Objects, seed: int, version: int, *, pointer: bool = True) -> None:
    """Publish as release 0.1.0 does, which neither writes hints nor says that earlier versions have their pointers."""
    made = await Versions(objects)._write_documents(arranged(seed), version, silent)
    record = replace(made, follows_indexed=False)
    await objects.create(object_keys.version_record("s", version), record.to_bytes())
    if pointer:
        key = object_keys.request_pointer("s", record.request_digest)
        await objects.create(key, canonical_json({"version": version}))


async def test_a_version_that_0_1_0_writes_beside_is_the_newest(objects: Objects) -> None:
    await published(objects, range(2))
    await write_like_0_1_0(objects, 7, 3)
    await write_like_0_1_0(objects, 8, 4)
    assert await Versions(objects).latest("s") == 4
    assert (await Versions(objects).publish(arranged(9))).version == 5


async def test_a_version_whose_writer_in_0_1_0_died_is_found_by_its_request(objects: Objects) -> None:
    """Neither was indexed, and a version of this release follows them."""
    await published(objects, range(2))
    await write_like_0_1_0(objects, 7, 3, pointer=False)
    await write_like_0_1_0(objects, 8, 4, pointer=False)
    assert (await Versions(objects).publish(arranged(9))).version == 5
    assert (await Versions(objects).publish(arranged(7))).version == 3
    assert (await Versions(objects).publish(arranged(8))).version == 4


async def test_the_pointer_of_a_publisher_that_died_is_written_by_the_next(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    first, second = await published(objects, range(2))
    (tmp_path / object_keys.request_pointer("s", second.request_digest)).unlink()
    await NewestHints(objects).write("s", Newest(1, 1))
    assert (await Versions(objects).publish(arranged(9))).version == 3
    assert await Versions(objects).find("s", second.request_digest) == second
    assert (await Versions(objects).publish(arranged(1))).version == 2
    assert (await Versions(objects).publish(arranged(0))) == first


@pytest.mark.parametrize("hint", ["as written", "lost", "damaged", "old"])
@pytest.mark.parametrize("lost", [{4}, {3, 4}, {1, 2, 3, 4}, {2}, {2, 4}, {1}])
async def test_the_number_of_a_lost_record_is_never_used_again(tmp_path: Path, lost: set[int], hint: str) -> None:
    """The newest one, several at the end, all, and one in the middle: documents and pointers are there."""
    objects = LocalObjects(tmp_path)
    records = await published(objects, range(4))
    for version in lost:
        record_path(tmp_path, version).unlink()
    match hint:
        case "lost":
            hint_path(tmp_path).unlink()
        case "damaged":
            hint_path(tmp_path).write_bytes(hint_path(tmp_path).read_bytes().replace(b"4", b"2"))
        case "old":
            # As it was before the newest record that is left, so the records after it are in one piece.
            # A hint is written when a version is, so it is not older than a record that was lost since.
            if 4 not in lost:
                await NewestHints(objects).write("s", Newest(3, 3))
    left = [number for number in range(1, 5) if number not in lost]
    assert await Versions(objects).latest("s") == (left[-1] if left else None)

    assert [each.version for each in await published(objects, range(10, 13))] == [5, 6, 7]
    assert await Versions(objects).latest("s") == 7
    assert await Versions(objects).page("s", after=0, most=99) == [*left, 5, 6, 7]
    for record in records:
        if record.version in lost:
            assert await Versions(objects).record("s", record.version) is None
            with pytest.raises(StoreError) as refusal:
                await Versions(objects).publish(arranged(record.version - 1))
            assert refusal.value.code == "version_damaged"
        else:
            assert await Versions(objects).publish(arranged(record.version - 1)) == record


async def test_a_number_of_which_an_export_or_a_tombstone_is_left_is_never_used_again(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    await published(objects, range(2))
    hint_path(tmp_path).unlink()
    await objects.create(object_keys.export_record("s", 5, "tasks", 1, None), b"{}")
    assert [each.version for each in await published(objects, range(10, 11))] == [6]
    hint_path(tmp_path).unlink()
    record_path(tmp_path, 6).unlink()
    await objects.create(object_keys.tombstone("s", 8), b"{}")
    assert [each.version for each in await published(objects, range(11, 12))] == [9]


async def test_a_lost_pointer_of_the_newest_version_is_made_again(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    records = await published(objects, range(3))
    for each in records[-1:]:
        (tmp_path / object_keys.request_pointer("s", each.request_digest)).unlink()
    assert await Versions(objects).publish(arranged(2)) == records[2]


async def test_lost_pointers_are_made_again_when_the_hint_is_lost(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    records = await published(objects, range(3))
    for each in records:
        (tmp_path / object_keys.request_pointer("s", each.request_digest)).unlink()
    hint_path(tmp_path).unlink()
    assert [await Versions(objects).publish(arranged(seed)) for seed in range(3)] == records


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_new_versions_follow_a_damaged_record(tmp_path: Path, version: int) -> None:
    objects = LocalObjects(tmp_path)
    await published(objects, range(3))
    path = record_path(tmp_path, version)
    path.write_bytes(path.read_bytes().replace(b'"created_at":"2', b'"created_at":"3'))
    assert [each.version for each in await published(objects, range(10, 12))] == [4, 5]
    with pytest.raises(StoreError) as refusal:
        await Versions(objects).record("s", version)
    assert refusal.value.code == "version_damaged"


async def test_a_damaged_record_that_another_publisher_has_just_written_is_passed_by(objects: Objects) -> None:
    await published(objects, range(2))

    class Late(CountedObjects):
        """A store in which a damaged record appears after the newest one was searched for."""

        async def create(self, key: str, data: bytes) -> bool:
            await objects.create(object_keys.version_record("s", 3), b"damaged")
            return await super().create(key, data)

    assert (await Versions(Late(objects)).publish(arranged(9))).version == 4


async def test_an_unreadable_hint_is_none(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    await published(objects, range(1))
    good = hint_path(tmp_path).read_bytes()
    assert json.loads(good)["record"] == {"format": 1, "latest": 1, "taken": 1}
    for at in range(len(good)):
        hint_path(tmp_path).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert await NewestHints(objects).read("s") is None
    for cut in (b"", b"{}", b"[]", b"null", good[:40]):
        hint_path(tmp_path).write_bytes(cut)
        assert await NewestHints(objects).read("s") is None
        assert await Versions(objects).latest("s") == 1


@pytest.mark.parametrize("pointer", [b"", b"null", b'{"version":1}', b'{"version":9}', b'{"versioo":2}', b"{}"])
async def test_a_damaged_pointer_of_the_newest_version_is_mended(tmp_path: Path, pointer: bytes) -> None:
    objects = LocalObjects(tmp_path)
    _, second = await published(objects, range(2))
    (tmp_path / object_keys.request_pointer("s", second.request_digest)).write_bytes(pointer)
    assert (await Versions(objects).publish(arranged(9))).version == 3
    assert await Versions(objects).find("s", second.request_digest) == second

"""The contract of the object stores: an object is written once, and completely or not at all."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from concept_orderings.errors import StoreError
from store.objects import LocalObjects, Objects, open_objects
from support.processes import ROOT
from support.waiting import until

pytestmark = pytest.mark.anyio

PART = 1 << 16


async def test_a_created_object_is_read_back(objects: Objects) -> None:
    assert await objects.get("a/b.json") is None
    assert await objects.create("a/b.json", b"first")
    assert await objects.get("a/b.json") == b"first"


async def test_a_second_writer_changes_nothing(objects: Objects) -> None:
    assert await objects.create("a/b.json", b"first")
    assert not await objects.create("a/b.json", b"second")
    assert await objects.get("a/b.json") == b"first"


async def test_a_store_that_takes_writes_has_no_object_of_the_check(objects: Objects) -> None:
    await objects.create("a/b", b"first")
    for _ in range(2):
        await objects.check_writable()
    assert [each for each in await objects.names("") if each != "probes"] == ["a"]


async def test_a_removed_object_is_gone_and_can_be_created_again(objects: Objects) -> None:
    await objects.remove("a/never-there")
    await objects.create("a/b", b"first")
    await objects.create("a/c", b"other")
    await objects.remove("a/b")
    await objects.remove("a/b")
    assert await objects.get("a/b") is None
    assert await objects.names("a") == ["c"]
    assert await objects.create("a/b", b"second")


async def test_an_empty_object_is_an_object(objects: Objects) -> None:
    assert await objects.create("empty", b"")
    assert await objects.get("empty") == b""
    assert not await objects.create("empty", b"now full")


async def test_names_are_sorted_and_one_level_deep(objects: Objects) -> None:
    for key in ("s/b/2.json", "s/a/1.json", "s/c.json", "s/b/1.json", "t/x"):
        await objects.create(key, b"")
    assert await objects.names("s") == ["a", "b", "c.json"]
    assert await objects.names("s/b") == ["1.json", "2.json"]


async def test_the_names_after_one_are_listed_up_to_a_number(objects: Objects) -> None:
    for number in range(1, 8):
        await objects.create(f"s/versions/{number}.json", b"")
    await objects.create("s/other/9.json", b"")
    assert await objects.names("s/versions", after="5.json") == ["6.json", "7.json"]
    assert await objects.names("s/versions", after="2.json", most=2) == ["3.json", "4.json"]
    assert await objects.names("s/versions", most=2) == ["1.json", "2.json"]
    assert await objects.names("s/versions", after="6.json", most=9) == ["7.json"]
    assert await objects.names("s/none", most=9) == []


@pytest.mark.parametrize("durable", [True, False])
async def test_an_object_is_replaced(objects: Objects, durable: bool) -> None:
    await objects.replace("a/b.json", b"first", durable=durable)
    assert await objects.get("a/b.json") == b"first"
    await objects.replace("a/b.json", b"second", durable=durable)
    assert await objects.get("a/b.json") == b"second"
    assert not await objects.create("a/b.json", b"third")


async def test_an_empty_prefix_has_no_names(objects: Objects) -> None:
    assert await objects.names("streams") == []
    assert await objects.names("streams/none/versions") == []


async def test_a_prefix_matches_whole_parts_of_a_key_only(objects: Objects) -> None:
    await objects.create("streams/ab/x", b"")
    assert await objects.names("streams/a") == []


async def test_of_concurrent_writers_exactly_one_gets_true(objects: Objects) -> None:
    answers = await asyncio.gather(*(objects.create("k/contended", bytes([i]) * 1000) for i in range(50)))
    assert sum(answers) == 1
    assert await objects.get("k/contended") == bytes([answers.index(True)]) * 1000


def create_from_process(root: Path, key: str, content: int) -> list[bool]:
    async def create() -> list[bool]:
        objects = LocalObjects(root)
        return await asyncio.gather(*(objects.create(f"{key}-{i}", bytes([content]) * PART) for i in range(20)))

    return asyncio.run(create())


def test_of_concurrent_processes_exactly_one_gets_true(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        futures = [pool.submit(create_from_process, tmp_path, "k/contended", i) for i in range(4)]
        created = [each.result() for each in futures]
    for i, answers in enumerate(zip(*created, strict=True)):
        assert sum(answers) == 1
        assert (tmp_path / f"k/contended-{i}").read_bytes() == bytes([answers.index(True)]) * PART


def test_readers_see_whole_objects_or_none(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    data = os.urandom(64 * PART)
    seen: list[bytes | None] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(asyncio.run(objects.get("k/large")))

    reader = threading.Thread(target=read)
    reader.start()
    until(lambda: None in seen, "the reader reads")
    asyncio.run(objects.create("k/large", data))
    until(lambda: data in seen, "the reader sees it")
    stop.set()
    reader.join()
    assert {len(each) for each in seen if each is not None} == {len(data)}


WRITER = """
import asyncio, os, sys
from pathlib import Path
from store import objects
fsync = os.fsync
def hang(descriptor):
    print("written", flush=True)
    import time; time.sleep(600)
if sys.argv[2] == "before-sync":
    os.fsync = hang
else:
    objects._sync_directory = lambda path: hang(0) if path.name == "k" and path.joinpath("object").exists() else None
asyncio.run(objects.LocalObjects(Path(sys.argv[1])).create("k/object", b"x" * 100_000))
"""


@pytest.fixture(params=["before-sync", "after-link"])
def killed_writer(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Kill a process while it creates an object; return at which moment."""
    command = [sys.executable, "-c", WRITER, str(tmp_path), request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    moment: str = request.param
    return moment


async def test_a_killed_writer_leaves_the_whole_object_or_none(killed_writer: str, tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    if killed_writer == "after-link":
        assert await objects.get("k/object") == b"x" * 100_000
        assert not await objects.create("k/object", b"other")
    else:
        assert await objects.get("k/object") is None
        assert await objects.names("k") == []
        assert await objects.create("k/object", b"other")
        assert await objects.get("k/object") == b"other"


async def test_finding_an_object_syncs_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writer may have died between the link and the sync of the directory, and a power failure may follow."""
    objects = LocalObjects(tmp_path)
    await objects.create("k/object", b"data")
    synced: list[Path] = []
    monkeypatch.setattr("store.objects._sync_directory", synced.append)
    assert not await objects.create("k/object", b"data")
    assert synced == [tmp_path / "k"]


@pytest.mark.parametrize("moment", ["fchmod", "fsync", "link"])
async def test_a_full_disk_is_an_error_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    objects = LocalObjects(tmp_path)
    await objects.create("k/other", b"")
    monkeypatch.setattr(f"store.objects.os.{moment}", full)
    with pytest.raises(StoreError) as caught:
        await objects.create("k/object", b"data")
    assert caught.value.code == "store_full"
    assert "Free some space" in caught.value.detail
    with pytest.raises(StoreError) if moment == "fsync" else nullcontext():
        await objects.check_writable()
    monkeypatch.undo()
    await objects.check_writable()
    assert await objects.get("k/object") is None
    assert await objects.names("k") == ["other"]
    assert list((tmp_path / ".tmp").iterdir()) == []
    assert await objects.create("k/object", b"data")


@pytest.mark.parametrize("moment", ["fchmod", "fsync", "replace"])
async def test_a_full_disk_leaves_the_object_that_was_to_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    objects = LocalObjects(tmp_path)
    await objects.create("k/object", b"old")
    monkeypatch.setattr("store.objects.Path.replace" if moment == "replace" else f"store.objects.os.{moment}", full)
    with pytest.raises(StoreError) as caught:
        await objects.replace("k/object", b"new")
    assert caught.value.code == "store_full"
    monkeypatch.undo()
    assert await objects.get("k/object") == b"old"
    assert list((tmp_path / ".tmp").iterdir()) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    path = tmp_path / "tiny"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(path)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield path
    subprocess.run(["umount", str(path)], check=True)


async def test_a_disk_that_is_really_full(tiny_disk: Path) -> None:
    objects = LocalObjects(tiny_disk)
    assert await objects.create("k/fits", b"x" * 100_000)
    with pytest.raises(StoreError, match="The disk of the service is full: a file could not be written"):
        await objects.create("k/too-large", b"x" * 300_000)
    await objects.check_writable()
    await objects.create("k/rest", b"x" * 159_000)
    with pytest.raises(StoreError) as caught:
        await objects.check_writable()
    assert caught.value.code == "store_full"
    assert await objects.names("k") == ["fits", "rest"]
    assert await objects.get("k/fits") == b"x" * 100_000
    assert list((tiny_disk / ".tmp").iterdir()) == []


async def test_a_directory_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "streams").write_text("a file")
    objects = LocalObjects(tmp_path / "streams")
    for write in (objects.create("k/object", b"data"), objects.check_writable()):
        with pytest.raises(StoreError) as caught:
            await write
        assert caught.value.code == "store_unavailable"
        assert str(tmp_path) not in caught.value.detail, "clients see it"


async def test_a_key_below_a_file_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("a note")
    objects = LocalObjects(tmp_path)
    assert await objects.get("notes/versions/00000001.json") is None
    assert await objects.names("notes/versions") == []


async def test_leftovers_of_killed_writers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    objects.remove_leftovers()
    await objects.create("k/object", b"data")
    old, fresh = tmp_path / ".tmp" / "old", tmp_path / ".tmp" / "fresh"
    old.write_bytes(b"half")
    fresh.write_bytes(b"being written")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    objects.remove_leftovers()
    assert [each.name for each in (tmp_path / ".tmp").iterdir()] == ["fresh"]
    assert await objects.get("k/object") == b"data"


async def test_temporary_files_are_not_listed(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    await objects.create("k/object", b"")
    await objects.check_writable()
    assert await objects.names("") == ["k"]


@pytest.mark.parametrize("location", ["nonsense://bucket", "s3://", "ftp://host/path"])
def test_an_invalid_location_is_an_error(location: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_objects(location)
    assert caught.value.code == "store_unavailable"


def test_a_file_url_is_a_directory(tmp_path: Path) -> None:
    objects = open_objects(f"file://{tmp_path}/with%20space")
    assert asyncio.run(objects.create("k", b"data"))
    assert (tmp_path / "with space" / "k").read_bytes() == b"data"


async def test_an_unreachable_server_is_an_error() -> None:
    unreachable = "http://127.0.0.1:9/bucket"
    objects = open_objects(unreachable)
    for call in (objects.get("k"), objects.check_writable(), objects.remove("k")):
        with pytest.raises(StoreError) as caught:
            await call
        assert caught.value.code == "store_unavailable"
        assert unreachable not in caught.value.detail, "clients see it"

"""Uploaded files in the store, of each kind: written once and found again; damage is an error."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from concept_orderings.errors import StoreError
from store.counts_files import CountsFile, CountsFiles, CountsMeaning
from store.objects import LocalObjects, Objects
from store.scores_files import ScoresFile, ScoresFiles, ScoresMeaning
from store.uploaded_files import Stored, UploadedFile, UploadedFiles
from support.dying_store import DyingStore, Killed

pytestmark = pytest.mark.anyio

COUNTED = CountsMeaning(unit="documents", corpus="C4 (en), 2019", documents=364_868_892)
COUNTS = {"apple": 3, "aquarium fish": 0, "naïve café 🐟": 2**53 - 1}
SCORED = ScoresMeaning(model="a CLIP", metric="top-1 accuracy in percent", direction="higher is easier")
SCORES = {"CIFAR100": {"apple": 3.0, "otter": -1e300}, "naïve café 🐟": 1e300}


@dataclass(frozen=True)
class Kind:
    """A kind of uploaded file, and where it is stored."""

    files: type[UploadedFiles[Any, Any, Any]]
    file: type[UploadedFile[Any]]
    meaning: Any
    content: dict[str, Any]
    names: int
    others: Sequence[tuple[Any, dict[str, Any]]]
    records: str
    contents: str
    code: str


KINDS = {
    "counts": Kind(
        CountsFiles,
        CountsFile,
        COUNTED,
        COUNTS,
        3,
        [
            (COUNTED, {**COUNTS, "apple": 4}),
            (COUNTED, {"apple": 3}),
            (replace(COUNTED, unit="occurrences"), COUNTS),
            (replace(COUNTED, corpus="another"), COUNTS),
            (replace(COUNTED, documents=None), COUNTS),
            (replace(COUNTED, tokens=5), COUNTS),
        ],
        "sources",
        "counts",
        "counts_file_damaged",
    ),
    "scores": Kind(
        ScoresFiles,
        ScoresFile,
        SCORED,
        SCORES,
        3,
        [
            (SCORED, {**SCORES, "naïve café 🐟": 1e299}),
            (SCORED, {"naïve café 🐟": 1e300}),
            (SCORED, {**SCORES, "naïve café 🐟": {"a": 1e300}}),
            (replace(SCORED, model="another"), SCORES),
            (replace(SCORED, metric="top-1 accuracy"), SCORES),
            (replace(SCORED, direction="lower is easier"), SCORES),
        ],
        "scores-files",
        "scores",
        "scores_file_damaged",
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


async def test_a_stored_file_is_read_again(kind: Kind, objects: Objects) -> None:
    files = kind.files(objects)
    record, stored = await files.create("mine", kind.meaning, kind.content)

    assert stored is Stored.NEW
    assert (record.name, record.meaning, record.names) == ("mine", kind.meaning, kind.names)
    assert await files.record("mine") == record
    assert repr(await files.content(record)) == repr(dict(sorted(kind.content.items())))
    assert await files.names() == ["mine"]


async def test_an_empty_store_has_no_files(kind: Kind, objects: Objects) -> None:
    files = kind.files(objects)

    assert await files.names() == []
    assert await files.record("mine") is None


async def test_each_kind_has_names_of_its_own(objects: Objects) -> None:
    for kind in KINDS.values():
        assert (await kind.files(objects).create("mine", kind.meaning, kind.content))[1] is Stored.NEW
    for kind in KINDS.values():
        assert await kind.files(objects).names() == ["mine"]


@pytest.mark.parametrize("name", ["../mine", "a/b", "", "Mine", "mine.json/x", "a" * 200])
async def test_a_name_that_is_a_path_has_no_record(kind: Kind, tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.json").write_text("{}")

    assert await kind.files(LocalObjects(tmp_path)).record(name) is None


async def test_the_same_content_again_changes_nothing(kind: Kind, objects: Objects) -> None:
    files = kind.files(objects)
    first, _ = await files.create("mine", kind.meaning, kind.content)
    again, stored = await files.create("mine", kind.meaning, dict(reversed(kind.content.items())))

    assert stored is Stored.SAME
    assert again == first


async def test_a_name_keeps_its_content(kind: Kind, objects: Objects) -> None:
    files = kind.files(objects)
    first, _ = await files.create("mine", kind.meaning, kind.content)
    for meaning, content in kind.others:
        taken, stored = await files.create("mine", meaning, content)

        assert stored is Stored.OTHER, (meaning, content)
        assert taken == first == await files.record("mine")
    assert await files.content(first) == kind.content


async def test_two_names_may_have_the_same_content(kind: Kind, objects: Objects) -> None:
    files = kind.files(objects)
    mine, _ = await files.create("mine", kind.meaning, kind.content)
    yours, stored = await files.create("yours", kind.meaning, kind.content)

    assert stored is Stored.NEW
    assert mine.digest == yours.digest
    assert await files.content(yours) == kind.content
    assert await files.names() == ["mine", "yours"]


async def test_of_concurrent_writers_one_is_first(kind: Kind, objects: Objects) -> None:
    files = kind.files(objects)
    results = await asyncio.gather(*(files.create("mine", kind.meaning, {"apple": each % 4}) for each in range(16)))
    winner = await files.record("mine")

    assert winner is not None
    assert [stored for _, stored in results].count(Stored.NEW) == 1
    assert [stored for _, stored in results].count(Stored.SAME) == 3
    assert {record for record, _ in results} == {winner}
    kept = (await files.content(winner))["apple"]
    assert all((stored is Stored.OTHER) == (each % 4 != kept) for each, (_, stored) in enumerate(results))


async def test_a_writer_that_died_before_the_record_does_not_block_the_name(kind: Kind, tmp_path: Path) -> None:
    files = kind.files(LocalObjects(tmp_path))
    await files.create("mine", kind.meaning, kind.content)
    (tmp_path / kind.records / "mine.json").unlink()

    assert await files.record("mine") is None
    assert (await files.create("mine", kind.meaning, kind.content))[1] is Stored.NEW


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "flipped": lambda data: data.replace(b"3", b"4", 1),
    "other json": lambda data: b"[1, 2]",
    "no object": lambda data: b'{"record": 3, "record_digest": ""}',
    "binary": lambda data: bytes(range(256)),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("part", ["record", "content"])
async def test_damage_is_an_error_and_never_served(kind: Kind, tmp_path: Path, part: str, damage: str) -> None:
    files = kind.files(LocalObjects(tmp_path))
    record, _ = await files.create("mine", kind.meaning, kind.content)
    content = f"{kind.contents}/{record.digest[:2]}/{record.digest}"
    path = tmp_path / (f"{kind.records}/mine.json" if part == "record" else content)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(StoreError) as caught:
        await (files.record("mine") if part == "record" else files.content(record))

    assert caught.value.code == kind.code
    assert "backup" in caught.value.detail


async def test_missing_content_is_damage(kind: Kind, tmp_path: Path) -> None:
    files = kind.files(LocalObjects(tmp_path))
    record, _ = await files.create("mine", kind.meaning, kind.content)
    (tmp_path / f"{kind.contents}/{record.digest[:2]}/{record.digest}").unlink()
    with pytest.raises(StoreError) as caught:
        await files.content(record)

    assert caught.value.code == kind.code


async def test_a_record_of_another_name_is_damage(kind: Kind, tmp_path: Path) -> None:
    files = kind.files(LocalObjects(tmp_path))
    await files.create("mine", kind.meaning, kind.content)
    (tmp_path / kind.records / "yours.json").write_bytes((tmp_path / kind.records / "mine.json").read_bytes())
    with pytest.raises(StoreError) as caught:
        await files.record("yours")

    assert caught.value.code == kind.code


async def test_foreign_files_in_the_directory_are_ignored(kind: Kind, tmp_path: Path) -> None:
    files = kind.files(LocalObjects(tmp_path))
    await files.create("mine", kind.meaning, kind.content)
    for junk in (".DS_Store", "README", ".mine.json.swp", "Mine.json", "notes.txt"):
        (tmp_path / kind.records / junk).write_text("junk")

    assert await files.names() == ["mine"]


def test_a_record_is_read_as_it_was_written(kind: Kind) -> None:
    record = kind.file(
        name="mine", meaning=kind.meaning, names=3, digest="0f" * 32, created_at="2026-01-31T12:00:00+00:00"
    )

    assert kind.file.from_bytes(record.to_bytes()) == record


# --- Deleting.


async def test_a_deleted_file_is_gone_with_its_content(kind: Kind, objects: Objects) -> None:
    files = kind.files(objects)
    record, _ = await files.create("mine", kind.meaning, kind.content)

    assert await files.delete("mine")
    assert await files.record("mine") is None
    assert await files.names() == []
    assert await objects.get(files.content_key(record.digest)) is None
    assert not await files.delete("mine")
    assert not await files.delete("never-there")


async def test_only_the_same_content_can_have_the_name_of_a_deleted_file(kind: Kind, objects: Objects) -> None:
    files = kind.files(objects)
    first, _ = await files.create("mine", kind.meaning, kind.content)
    await files.delete("mine")
    for meaning, content in kind.others:
        assert await files.create("mine", meaning, content) == (first, Stored.DELETED)
        assert await files.record("mine") is None
    again, stored = await files.create("mine", kind.meaning, kind.content)

    assert (stored, again.digest) == (Stored.NEW, first.digest)
    assert repr(await files.content(again)) == repr(dict(sorted(kind.content.items())))
    assert await files.delete("mine"), "it can be deleted as often as it is uploaded"


async def test_content_that_another_file_has_too_is_kept(kind: Kind, objects: Objects) -> None:
    files = kind.files(objects)
    for name in ("mine", "yours"):
        await files.create(name, kind.meaning, kind.content)
    await files.delete("mine")
    left = await files.record("yours")

    assert left is not None
    assert repr(await files.content(left)) == repr(dict(sorted(kind.content.items())))


@pytest.mark.parametrize("writes", range(4))
async def test_a_process_that_dies_while_it_deletes_leaves_the_file_or_none(
    kind: Kind, objects: Objects, writes: int
) -> None:
    files = kind.files(objects)
    await files.create("mine", kind.meaning, kind.content)
    with suppress(Killed):
        await kind.files(DyingStore(objects, writes)).delete("mine")
    left = await files.record("mine")

    assert left is None or repr(await files.content(left)) == repr(dict(sorted(kind.content.items())))
    await files.delete("mine")
    assert await files.record("mine") is None
    assert (await files.create("mine", *kind.others[0]))[1] is Stored.DELETED


async def test_a_file_that_is_uploaded_while_another_with_its_content_is_deleted_is_whole(
    kind: Kind, objects: Objects
) -> None:
    """The content is removed after the other file was listed: the upload, or the deletion, stores it again."""

    class Late(DyingStore):
        async def remove(self, key: str) -> None:
            if not key.endswith(".json"):
                await kind.files(objects).create("yours", kind.meaning, kind.content)
            await super().remove(key)

    files = kind.files(objects)
    await files.create("mine", kind.meaning, kind.content)
    await kind.files(Late(objects, 99)).delete("mine")
    left = await files.record("yours")

    assert left is not None
    assert repr(await files.content(left)) == repr(dict(sorted(kind.content.items())))

"""Counts files in the store: written once and found again; damage is an error."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from concept_orderings.errors import StoreError
from store.counts_files import CountsFile, CountsFiles, CountsMeaning, Stored
from store.objects import LocalObjects, Objects

pytestmark = pytest.mark.anyio

MEANING = CountsMeaning(unit="documents", corpus="C4 (en), 2019", documents=364_868_892)
COUNTS = {"apple": 3, "aquarium fish": 0, "naïve café 🐟": 2**53 - 1}


async def test_a_stored_file_is_read_again(objects: Objects) -> None:
    files = CountsFiles(objects)
    record, stored = await files.create("mine", MEANING, COUNTS)

    assert stored is Stored.NEW
    assert (record.name, record.meaning, record.names) == ("mine", MEANING, 3)
    assert await files.record("mine") == record
    assert await files.counts(record) == COUNTS
    assert await files.names() == ["mine"]


async def test_an_empty_store_has_no_files(objects: Objects) -> None:
    files = CountsFiles(objects)

    assert await files.names() == []
    assert await files.record("mine") is None


@pytest.mark.parametrize("name", ["../mine", "a/b", "", "Mine", "mine.json/x", "a" * 200])
async def test_a_name_that_is_a_path_has_no_record(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.json").write_text("{}")

    assert await CountsFiles(LocalObjects(tmp_path)).record(name) is None


async def test_the_same_content_again_changes_nothing(objects: Objects) -> None:
    files = CountsFiles(objects)
    first, _ = await files.create("mine", MEANING, COUNTS)
    again, stored = await files.create("mine", MEANING, dict(reversed(COUNTS.items())))

    assert stored is Stored.SAME
    assert again == first


@pytest.mark.parametrize(
    ("meaning", "counts"),
    [
        (MEANING, {**COUNTS, "apple": 4}),
        (MEANING, {"apple": 3}),
        (CountsMeaning(unit="occurrences", corpus=MEANING.corpus, documents=MEANING.documents), COUNTS),
        (CountsMeaning(unit="documents", corpus="another", documents=MEANING.documents), COUNTS),
        (CountsMeaning(unit="documents", corpus=MEANING.corpus), COUNTS),
        (CountsMeaning(unit="documents", corpus=MEANING.corpus, documents=MEANING.documents, tokens=5), COUNTS),
    ],
)
async def test_a_name_keeps_its_content(objects: Objects, meaning: CountsMeaning, counts: dict[str, int]) -> None:
    files = CountsFiles(objects)
    first, _ = await files.create("mine", MEANING, COUNTS)
    taken, stored = await files.create("mine", meaning, counts)

    assert stored is Stored.OTHER
    assert taken == first == await files.record("mine")
    assert await files.counts(first) == COUNTS


async def test_two_names_may_have_the_same_content(objects: Objects) -> None:
    files = CountsFiles(objects)
    mine, _ = await files.create("mine", MEANING, COUNTS)
    yours, stored = await files.create("yours", MEANING, COUNTS)

    assert stored is Stored.NEW
    assert mine.digest == yours.digest
    assert await files.counts(yours) == COUNTS
    assert await files.names() == ["mine", "yours"]


async def test_of_concurrent_writers_one_is_first(objects: Objects) -> None:
    files = CountsFiles(objects)
    results = await asyncio.gather(*(files.create("mine", MEANING, {"apple": count % 4}) for count in range(16)))
    winner = await files.record("mine")

    assert winner is not None
    assert [stored for _, stored in results].count(Stored.NEW) == 1
    assert [stored for _, stored in results].count(Stored.SAME) == 3
    assert {record for record, _ in results} == {winner}
    kept = (await files.counts(winner))["apple"]
    assert all((stored is Stored.OTHER) == (count % 4 != kept) for count, (_, stored) in enumerate(results))


async def test_a_writer_that_died_before_the_record_does_not_block_the_name(tmp_path: Path) -> None:
    files = CountsFiles(LocalObjects(tmp_path))
    await files.create("mine", MEANING, COUNTS)
    (tmp_path / "sources" / "mine.json").unlink()

    assert await files.record("mine") is None
    assert (await files.create("mine", MEANING, COUNTS))[1] is Stored.NEW


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "flipped": lambda data: data.replace(b"3", b"4", 1),
    "other json": lambda data: b"[1, 2]",
    "no object": lambda data: b'{"record": 3, "record_digest": ""}',
    "binary": lambda data: bytes(range(256)),
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("part", ["record", "counts"])
async def test_damage_is_an_error_and_never_served(tmp_path: Path, part: str, kind: str) -> None:
    files = CountsFiles(LocalObjects(tmp_path))
    record, _ = await files.create("mine", MEANING, COUNTS)
    path = tmp_path / ("sources/mine.json" if part == "record" else f"counts/{record.digest[:2]}/{record.digest}")
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    with pytest.raises(StoreError) as caught:
        await (files.record("mine") if part == "record" else files.counts(record))

    assert caught.value.code == "counts_file_damaged"
    assert "backup" in caught.value.detail


async def test_missing_counts_are_damage(tmp_path: Path) -> None:
    files = CountsFiles(LocalObjects(tmp_path))
    record, _ = await files.create("mine", MEANING, COUNTS)
    (tmp_path / f"counts/{record.digest[:2]}/{record.digest}").unlink()
    with pytest.raises(StoreError) as caught:
        await files.counts(record)

    assert caught.value.code == "counts_file_damaged"


async def test_a_record_of_another_name_is_damage(tmp_path: Path) -> None:
    files = CountsFiles(LocalObjects(tmp_path))
    await files.create("mine", MEANING, COUNTS)
    (tmp_path / "sources/yours.json").write_bytes((tmp_path / "sources/mine.json").read_bytes())
    with pytest.raises(StoreError) as caught:
        await files.record("yours")

    assert caught.value.code == "counts_file_damaged"


async def test_foreign_files_in_the_directory_are_ignored(tmp_path: Path) -> None:
    files = CountsFiles(LocalObjects(tmp_path))
    await files.create("mine", MEANING, COUNTS)
    for junk in (".DS_Store", "README", ".mine.json.swp", "Mine.json", "notes.txt"):
        (tmp_path / "sources" / junk).write_text("junk")

    assert await files.names() == ["mine"]


def test_a_record_is_read_as_it_was_written() -> None:
    record = CountsFile(name="mine", meaning=MEANING, names=3, digest="0f" * 32, created_at="2026-01-31T12:00:00+00:00")

    assert CountsFile.from_bytes(record.to_bytes()) == record

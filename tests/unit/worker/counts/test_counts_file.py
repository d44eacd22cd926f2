"""A counts file as a source: what it has is exact, what it lacks is said."""

from pathlib import Path

import pytest

from concept_orderings.errors import SourceError, StoreError
from concept_orderings.queries import Query
from store.counts_files import CountsFile, CountsFiles, CountsMeaning
from store.objects import LocalObjects
from store.sources import SourceFacts, Unit
from worker.evidence.counts import counts_file
from worker.evidence.counts.base import Count, CountSource
from worker.evidence.counts.counts_file import CountsFileSource

pytestmark = pytest.mark.anyio

COUNTS = {"apple": 3, "aquarium fish": 0, "Apple": 5}


@pytest.fixture(autouse=True)
def _nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """No counts of another test."""
    monkeypatch.setattr(counts_file, "_LAST_READ", counts_file._LastRead())


def record(unit: str = "occurrences", **others: object) -> CountsFile:
    meaning = CountsMeaning(
        unit="documents" if unit == "documents" else "occurrences", corpus="C4", documents=10, tokens=90
    )
    fields = {
        "name": "mine",
        "meaning": meaning,
        "names": 3,
        "digest": "0f" * 32,
        "created_at": "2026-01-31T12:00:00+00:00",
        **others,
    }
    return CountsFile(**fields)  # type: ignore[arg-type]


def source(unit: str = "occurrences") -> CountSource:
    return CountsFileSource(record(unit), COUNTS)


async def counted(source: CountSource, *queries: Query) -> dict[Query, Count]:
    return {query: count async for some in source.count(queries) for query, count in some.items()}


async def refused(source: CountSource, *queries: Query) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await counted(source, *queries)
    return caught.value


async def test_its_facts_are_those_of_its_record() -> None:
    facts = await source("documents").facts()

    assert facts == record("documents").facts
    assert facts == SourceFacts(
        name="mine",
        kind="file",
        unit=Unit.DOCUMENTS,
        corpus="C4",
        documents=10,
        tokens=90,
        query_form=facts.query_form,
        fingerprint=facts.fingerprint,
        ttl_seconds=None,
        counted_at="2026-01-31T12:00:00Z",
    )
    assert "underscores" in facts.query_form


def test_the_fingerprint_is_that_of_counts_and_unit() -> None:
    fingerprint = record().fingerprint

    assert record(name="yours", created_at="2026-02-28T12:00:00+00:00").fingerprint == fingerprint
    assert record("documents").fingerprint != fingerprint
    assert record(digest="1f" * 32).fingerprint != fingerprint


async def test_counts_are_those_of_the_file() -> None:
    apple, fish = Query.of(["apple"]), Query.of(["aquarium fish"])

    assert await counted(source("documents"), apple, fish) == {apple: Count(3), fish: Count(0)}


async def test_no_queries_send_no_request() -> None:
    assert await counted(source()) == {}


def test_names_are_looked_up_folded() -> None:
    assert source().form(" aquarium_fish/") == "aquarium fish"


async def test_occurrences_of_several_spellings_are_summed() -> None:
    both = Query.of(["apple", "Apple"])

    assert await counted(source(), both) == {both: Count(8)}


async def test_documents_of_several_spellings_are_refused() -> None:
    error = await refused(source("documents"), Query.of(["aquarium fish"]), Query.of(["apple", "Apple"]))

    assert error.code == "source_refused"
    assert "'Apple', 'apple'" in error.detail
    assert "mine" in error.detail


TYPED, PRINTED = "baird's tapir", "baird’s tapir"


@pytest.mark.parametrize("unit", ["documents", "occurrences"])
@pytest.mark.parametrize("counts", [{TYPED: 3}, {PRINTED: 3}, {TYPED: 3, PRINTED: 0}, {TYPED: 0, PRINTED: 3}])
async def test_one_spelling_of_an_apostrophe_is_enough(unit: str, counts: dict[str, int]) -> None:
    both = Query.of([TYPED, PRINTED])

    assert await counted(CountsFileSource(record(unit), counts), both) == {both: Count(3)}


async def test_both_spellings_of_an_apostrophe_are_summed_where_that_is_known() -> None:
    both, none = Query.of([TYPED, PRINTED]), {TYPED: 0, PRINTED: 0}
    some = {TYPED: 3, PRINTED: 4}

    assert await counted(CountsFileSource(record("documents"), none), both) == {both: Count(0)}
    assert await counted(CountsFileSource(record("occurrences"), some), both) == {both: Count(7)}
    error = await refused(CountsFileSource(record("documents"), some), both)
    assert error.code == "source_refused"
    assert f'"{TYPED}"' in error.detail


async def test_a_name_without_any_spelling_is_missing_once() -> None:
    error = await refused(source("documents"), Query.of([TYPED, PRINTED]))

    assert error.code == "source_incomplete"
    assert f'no counts for 1 of the requested names: "{TYPED}". ' in error.detail
    assert error.queries == (Query.of([TYPED, PRINTED]),)


async def test_missing_names_are_listed() -> None:
    error = await refused(source(), Query.of(["apple"]), Query.of(["pear", "apple"]), Query.of(["fig"]))

    assert error.code == "source_incomplete"
    assert "2 of the requested names: 'pear', 'fig'. " in error.detail
    assert "'apple'" not in error.detail
    assert error.queries == (Query.of(["pear", "apple"]), Query.of(["fig"]))


@pytest.mark.parametrize("missing", [1, 2, 19, 20, 21, 60])
async def test_at_most_twenty_missing_names_are_named(missing: int) -> None:
    error = await refused(source(), *(Query.of([f"n{number:02}"]) for number in range(missing)))

    assert f" {missing} of the requested names" in error.detail
    assert error.detail.count("'n") == min(missing, 20)
    assert ("more" in error.detail) == (missing > 20)
    assert f"and {missing - 20} more" in error.detail or missing <= 20


async def test_it_is_opened_from_the_store(tmp_path: Path) -> None:
    files = CountsFiles(LocalObjects(tmp_path))
    stored, _ = await files.create("mine", record().meaning, COUNTS)
    opened = await CountsFileSource.open("mine", files)

    assert opened is not None
    assert await opened.facts() == stored.facts
    assert await counted(opened, Query.of(["Apple"])) == {Query.of(["Apple"]): Count(5)}
    assert await CountsFileSource.open("yours", files) is None


async def test_the_counts_read_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = LocalObjects(tmp_path)
    files, read = CountsFiles(objects), list[str]()
    get = LocalObjects.get

    async def noted(self: LocalObjects, key: str) -> bytes | None:
        read.append(key.split("/", maxsplit=1)[0])
        return await get(self, key)

    monkeypatch.setattr(LocalObjects, "get", noted)
    others = {name: count + 1 for name, count in COUNTS.items()}
    await files.create("mine", record().meaning, COUNTS)
    await files.create("copy", record("documents").meaning, COUNTS)
    await files.create("other", record().meaning, others)
    read.clear()  # storing looks at contents that are there
    for name, counts, times in [("mine", COUNTS, 1), ("copy", COUNTS, 1), ("other", others, 2), ("mine", COUNTS, 3)]:
        opened = await CountsFileSource.open(name, files)
        assert opened is not None
        asked = [Query.of([each]) for each in counts]
        assert [each.value for each in (await counted(opened, *asked)).values()] == list(counts.values())
        assert read.count("counts") == times


async def test_many_counts_come_in_parts() -> None:
    """So that nothing else waits long for what is done with one of them."""
    many = {f"n{number}": number for number in range(20_000)}
    asked = [Query.of([name]) for name in many]
    parts = [some async for some in CountsFileSource(record(), many).count(asked)]
    assert max(map(len, parts)) < 10_000
    assert {query.spellings[0]: count.value for some in parts for query, count in some.items()} == many


@pytest.mark.parametrize("part", ["sources", "counts"])
async def test_a_damaged_counts_file_is_a_damaged_source(tmp_path: Path, part: str) -> None:
    files = CountsFiles(LocalObjects(tmp_path))
    await files.create("mine", record().meaning, COUNTS)
    [path] = [each for each in (tmp_path / part).rglob("*") if each.is_file()]
    path.write_bytes(path.read_bytes().replace(b"3", b"4"))
    with pytest.raises(SourceError) as caught:
        await CountsFileSource.open("mine", files)

    assert caught.value.code == "source_damaged"


async def test_a_store_that_is_away_may_be_back(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "mine.json").mkdir()
    with pytest.raises(StoreError) as caught:
        await CountsFileSource.open("mine", CountsFiles(LocalObjects(tmp_path)))

    assert caught.value.code == "store_unavailable"

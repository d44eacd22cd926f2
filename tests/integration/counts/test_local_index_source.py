"""A local index as a source: its counts against a plain reading of the documents, and which index it counts in."""

import asyncio
import gzip
import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_orderings.errors import SourceError
from concept_orderings.progress import Report, silent
from concept_orderings.queries import Query
from store.sources import Unit
from worker.evidence.counts.elasticsearch import ElasticsearchSettings
from worker.evidence.counts.local_index import LocalIndexSource, has_index, index_facts
from worker.evidence.counts.spellings import LONGEST
from worker.evidence.local_index import LocalIndex, build_index

pytestmark = pytest.mark.anyio

WORDS = ["big", "dog", "cat", "hot"]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), min_size=1, max_size=12)
SPELLINGS = st.lists(st.sampled_from([*WORDS, "owl", "!"]), min_size=1, max_size=3).map(" ".join)
QUERIES = st.lists(st.lists(SPELLINGS, min_size=1, max_size=4).map(Query.of), min_size=1, max_size=12, unique=True)


def build(directory: Path, shard: str, texts: Sequence[str]) -> None:
    path = directory.with_name(f"{shard}.json.gz")
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    path.write_bytes(gzip.compress(lines.encode(), mtime=0))  # the same texts are the same shard, whatever the time
    build_index([path], directory)


async def counts(source: LocalIndexSource, queries: Sequence[Query]) -> dict[Query, int]:
    found: dict[Query, int] = {}
    async for part in source.count(queries):
        assert not found.keys() & part.keys()
        found |= {query: count.value for query, count in part.items()}
        assert not any(count.approximate for count in part.values())
    return found


def contains(text: str, phrase: str) -> bool:
    words = phrase.replace("!", " ").split()
    # Words of this vocabulary are not in one another.
    return bool(words) and f" {' '.join(words)} " in f" {text} "


@settings(max_examples=30, deadline=None)
@given(TEXTS, QUERIES)
def test_documents_with_any_of_several_spellings(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], queries: list[Query]
) -> None:
    directory = tmp_path_factory.mktemp("any") / "c4"
    build(directory, "shard", texts)

    async def check() -> None:
        source = await LocalIndexSource.open(directory)
        assert await counts(source, queries) == {
            query: sum(any(contains(text, each) for each in query.spellings) for text in texts) for query in queries
        }

    asyncio.run(check())


async def test_facts_say_what_is_counted(tmp_path: Path) -> None:
    build(tmp_path / "c4", "shard", ["a dog", "a cat"])
    source = await LocalIndexSource.open(tmp_path / "c4")
    facts = await source.facts()
    assert (facts.name, facts.kind, facts.unit, facts.documents) == ("c4", "local-index", Unit.DOCUMENTS, 2)
    assert (facts.tokens, facts.ttl_seconds) == (None, None)
    assert index_facts(tmp_path / "c4") == facts


async def test_the_fingerprint_is_that_of_the_documents(tmp_path: Path) -> None:
    for name in ("one", "same", "other"):
        build(tmp_path / name, "shard", ["a dog"])
    one, same, other = (index_facts(tmp_path / name).fingerprint for name in ("one", "same", "other"))
    assert one == same == other
    build(tmp_path / "other", "more", ["a cat"])
    assert index_facts(tmp_path / "other").fingerprint != one


async def test_what_is_far_longer_than_a_name_is_cut_as_for_elasticsearch(tmp_path: Path) -> None:
    build(tmp_path / "c4", "shard", ["a dog " * 300])
    source = await LocalIndexSource.open(tmp_path / "c4")
    elsewhere = ElasticsearchSettings(url="http://127.0.0.1:1", index="c4").open("c4")
    for spelling in ("a dog", "a dog " * 400_000, "x" * 2_000, "a\ud800b", ""):
        form = source.form(spelling)
        assert form == elsewhere.form(spelling)
        assert len(form) <= LONGEST
    await elsewhere.aclose()
    cut = Query.of([source.form("a dog " * 400_000)])
    assert await counts(source, [cut]) == {cut: 1}


async def test_an_unchanged_index_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    really = LocalIndex.open

    def noted(directory: Path) -> LocalIndex:
        opened.append(directory)
        return really(directory)

    monkeypatch.setattr(LocalIndex, "open", noted)
    build(tmp_path / "c4", "shard", ["a dog"])
    dog = Query.of(["dog"])
    for _ in range(3):
        assert await counts(await LocalIndexSource.open(tmp_path / "c4"), [dog]) == {dog: 1}
    assert len(opened) == 1
    old = await LocalIndexSource.open(tmp_path / "c4")
    build(tmp_path / "c4", "more", ["the dog"])
    new = await LocalIndexSource.open(tmp_path / "c4")
    assert (await counts(old, [dog]), await counts(new, [dog])) == ({dog: 1}, {dog: 2})
    assert len(opened) == 2


async def test_an_index_that_is_opened_and_then_damaged_is_refused(tmp_path: Path) -> None:
    build(tmp_path / "c4", "shard", ["a dog"])
    await LocalIndexSource.open(tmp_path / "c4")
    [segment, *_] = sorted((tmp_path / "c4").glob("generation-*/*.idx"))
    segment.unlink()
    for look in (index_facts, lambda directory: asyncio.run(LocalIndexSource.open(directory))):
        with pytest.raises(SourceError) as caught:
            await asyncio.to_thread(look, tmp_path / "c4")
        assert caught.value.code == "source_damaged"
    assert has_index(tmp_path / "c4")


async def test_no_index(tmp_path: Path) -> None:
    assert not has_index(tmp_path / "c4")
    with pytest.raises(SourceError, match="concept-orderings index"):
        index_facts(tmp_path / "c4")
    with pytest.raises(SourceError) as caught:
        await LocalIndexSource.open(tmp_path / "c4")
    assert caught.value.code == "source_not_configured"


async def test_a_cancelled_count_leaves_no_running_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path / "c4", "shard", ["a dog"])
    source = await LocalIndexSource.open(tmp_path / "c4")
    started, ended = threading.Event(), threading.Event()

    def endless(self: LocalIndex, names: Sequence[str], *, report: Report = silent) -> list[int]:
        started.set()
        try:
            while True:
                report(0, 1)
        finally:
            ended.set()

    monkeypatch.setattr(LocalIndex, "count", endless)
    task = asyncio.create_task(counts(source, [Query.of(["dog"])]))
    await asyncio.to_thread(started.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()

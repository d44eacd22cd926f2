import errno
import gzip
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_orderings.errors import Cancelled, SourceError
from worker.evidence.counts.local_index import index_facts
from worker.evidence.local_index import LocalIndex, build, build_index, cutters, layout, shards, tokens

from .plain_counter import plain_counts

CHECKOUT = Path(__file__).parents[4]
DATA = CHECKOUT.parent / "shared" / "data"

MakeShard = Callable[..., Path]


def write_shard(path: Path, texts: Sequence[str]) -> Path:
    lines = [json.dumps({"text": text, "url": "https://example.org", "date": "2019-04-21T18:54:04Z"}) for text in texts]
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    return path


@pytest.fixture
def shard(tmp_path: Path) -> MakeShard:
    def make(name: str, *texts: str) -> Path:
        return write_shard(tmp_path / f"{name}.json.gz", texts)

    return make


def generations(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if layout.is_generation(path))


def counts(directory: Path, *names: str) -> list[int]:
    return LocalIndex.open(directory).count(names)


# Counting


def test_counts_documents_not_occurrences(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    build_index([shard("a", "A dog, a dog.", "Dogs", "the DOG", "")], directory)
    assert counts(directory, "dog", "Dog", "dogs", "a dog", "cat", "???", "", "dog dog") == [2, 2, 1, 1, 0, 0, 0, 0]


def test_repeated_words_need_to_be_repeated(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    build_index([shard("a", "a a b", "a b a", "b a a a", "a")], directory)
    assert counts(directory, "a a", "a a a", "a b a", "b a a", "a b") == [2, 1, 1, 1, 2]


WORDS = [
    "new",
    "York",
    "NEW",
    "don't",
    "dont",
    "3.5",
    "3",
    "5",
    "U.S.",
    "us",
    "foo_bar",
    "foo",
    "café",
    "漢字",
    "😀",
    "_",
]
SEPARATORS = [" ", " ", " ", "-", ", ", "/", ".", "'", "\n", "_", ""]
PHRASES = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SEPARATORS)), max_size=4).map(
    lambda parts: "".join(word + separator for word, separator in parts)
)
TEXTS = st.lists(PHRASES, max_size=8).map(" ".join)


@settings(max_examples=25, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=30), st.lists(PHRASES, max_size=30), st.integers(0, 30))
def test_counts_are_those_of_the_plain_counter(texts: list[str], names: list[str], cut: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        parts = [texts[:cut], texts[cut:]]
        paths = [write_shard(Path(root, f"{at}.json.gz"), part) for at, part in enumerate(parts)]
        build_index(paths, Path(root, "c4"))
        assert counts(Path(root, "c4"), *names) == plain_counts(names, texts)


def test_counts_in_the_sample_of_c4_are_those_of_the_plain_counter(tmp_path: Path) -> None:
    sample = DATA / "c4" / "c4-sample.json.gz"
    if not sample.exists():
        pytest.skip(f"the C4 sample is not beside the checkout: {sample}")
    stream = json.loads((DATA / "fomo_in_flux" / "streams" / "random_sequence_1.json").read_text())
    names = [concept.split("+++", 1)[1] for concept in stream]
    with gzip.open(sample) as lines:
        texts = [json.loads(line)["text"] for line in lines]

    build_index([sample], tmp_path / "c4")

    index = LocalIndex.open(tmp_path / "c4")
    assert index.documents == 1000
    assert index.count(["new york", "ice cream", "dog"]) == [38, 7, 19]
    assert len(names) == 18_381
    assert index.count(names) == plain_counts(names, texts)


def test_counting_reports_and_stops_when_the_report_raises(tmp_path: Path, shard: MakeShard) -> None:
    build_index([shard("a", "a b c")], tmp_path / "c4")
    index = LocalIndex.open(tmp_path / "c4")
    reports: list[tuple[int, int]] = []
    names = [f"a {number % 70}" for number in range(1000)]
    index.count(names, report=lambda done, total: reports.append((done, total)))
    assert reports[-1] == (1000, 1000)
    assert reports == sorted(reports)
    with pytest.raises(Cancelled):
        index.count(names, report=_cancel)


def _cancel(done: int, total: int) -> None:
    raise Cancelled


# What an index is


def test_an_index_says_what_it_holds(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    summary = build_index([shard("a", "x", "y"), shard("b", "z")], directory)
    index = LocalIndex.open(directory)
    assert [(one.name, one.documents) for one in summary.shards] == [("a.json.gz", 2), ("b.json.gz", 1)]
    assert (index.name, index.documents, index.fingerprint) == ("c4", 3, summary.fingerprint)


def test_the_fingerprint_follows_the_content_alone(tmp_path: Path, shard: MakeShard) -> None:
    a, b = shard("a", "x"), shard("b", "y")
    forth = build_index([a, b], tmp_path / "forth")
    build_index([b], tmp_path / "back")
    back = build_index([a], tmp_path / "back")
    other = build_index([a], tmp_path / "other")
    assert forth.fingerprint == back.fingerprint != other.fingerprint


def test_blank_lines_and_members_of_a_gzip_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "two.json.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n\n') + gzip.compress(b'{"text": "b", "url": 1}'))
    assert build_index([path], tmp_path / "c4").documents == 2
    assert counts(tmp_path / "c4", "a", "b") == [1, 1]


def test_building_reports_compressed_bytes(tmp_path: Path, shard: MakeShard) -> None:
    paths = [shard("a", "x"), shard("b", "y"), shard("a-again", "x")]
    reports: list[tuple[int, int]] = []
    build_index(paths, tmp_path / "c4", report=lambda done, total: reports.append((done, total)))
    total = sum(path.stat().st_size for path in paths)
    assert reports[-1] == (total, total)
    assert reports == sorted(reports)


# Extending


def test_extending_keeps_what_is_there(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    build_index([shard("a", "new york", "dog")], directory)
    summary = build_index([shard("b", "New York City")], directory)
    assert summary.documents == 3
    assert counts(directory, "new york", "dog") == [2, 1]
    assert len(generations(directory)) == 1


def test_many_small_shards_make_one_index(tmp_path: Path, shard: MakeShard) -> None:
    # More than the library keeps apart: it merges them on the way.
    paths = [shard(f"s{number}", f"common only{number}") for number in range(12)]
    build_index(paths, tmp_path / "c4")
    assert counts(tmp_path / "c4", "common", "only7", "common only7", "only12") == [12, 1, 1, 0]


def test_a_shard_is_counted_once(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    a, same, b = shard("a", "x"), shard("same", "x"), shard("b", "y")
    first = build_index([a, same, a], directory)
    assert (first.documents, first.skipped) == (1, (same, a))
    second = build_index([b, same], directory)
    assert (second.documents, second.skipped) == (2, (same,))
    assert counts(directory, "x", "y") == [1, 1]


def test_a_reader_keeps_the_index_it_opened(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    build_index([shard("a", "new york", "ice cream")], directory)
    reader = LocalIndex.open(directory)
    build_index([shard("b", "new york")], directory)
    assert reader.count(["new york", "ice cream"]) == [1, 1]
    assert reader.documents == 2
    assert counts(directory, "new york") == [2]


def test_a_reader_that_comes_while_a_build_publishes_opens_the_new_index(
    tmp_path: Path, shard: MakeShard, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "c4"
    build_index([shard("a", "x")], directory)
    stale = layout.read(directory)
    build_index([shard("b", "x too")], directory)
    answers = [stale]
    read = layout.read
    monkeypatch.setattr(layout, "read", lambda where: answers.pop() if answers else read(where))
    assert counts(directory, "x") == [2]


def test_reading_writes_nothing(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    build_index([shard("a", "x")], directory)
    for leftover in directory.rglob(".*.lock"):
        leftover.unlink()
    before = sorted(directory.rglob("*"))
    assert counts(directory, "x") == [1]
    assert sorted(directory.rglob("*")) == before
    modes = {path.stat().st_mode & 0o777 for path in directory.glob("generation-*/[!.]*")}
    assert modes == {(directory / "lock").stat().st_mode & 0o777}


# Damaged shards


def damage_end(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:-12])
    return "after line"


def damage_checksum(path: Path) -> str:
    content = path.read_bytes()
    path.write_bytes(content[:-8] + bytes(4) + content[-4:])
    return "after line"


def damage_nature(path: Path) -> str:
    path.write_text('{"text": "not compressed"}\n')
    return """after line 0: the file is not gzip: it begins with '{"text": "not compressed"}"""


def damage_download(path: Path) -> str:
    path.write_text("<!DOCTYPE html><html><title>502 Bad Gateway</title>")
    return "begins with '<!DOCTYPE html><html><title>"


def damage_page(path: Path) -> str:
    path.write_bytes(gzip.compress(b"<!DOCTYPE html><html>"))
    return "line 1: not JSON"


def damage_size(path: Path) -> str:
    path.write_bytes(b"")
    return "the file is empty (0 bytes)"


def damage_header(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:7])
    return "after line 0"


def damage_tail(path: Path) -> str:
    path.write_bytes(path.read_bytes() + b"<!DOCTYPE html>")
    return "after line 3: Not a gzipped file"


def damage_member(path: Path) -> str:
    path.write_bytes(path.read_bytes() + path.read_bytes()[:-20])
    return "after line"


def damage_kind(path: Path) -> str:
    path.unlink()
    path.mkdir()
    return f"Is a directory: name the files in it, such as {path}/*.json.gz"


def damage_json(path: Path) -> str:
    path.write_bytes(gzip.compress(b'{"text": "good"}\n{"text": "bad\n'))
    return "line 2: not JSON"


def damage_encoding(path: Path) -> str:
    path.write_bytes(gzip.compress(b'{"text": "good"}\n{"text": "\xff"}\n'))
    return "line 2: not JSON"


def damage_text(path: Path) -> str:
    path.write_bytes(gzip.compress(b'{"text": "good"}\n{"text": "good"}\n{"url": "good"}\n'))
    return "line 3: not an object with a text"


def damage_type(path: Path) -> str:
    path.write_bytes(gzip.compress(b'{"text": 3}\n'))
    return "line 1: not an object with a text"


def damage_object(path: Path) -> str:
    path.write_bytes(gzip.compress(b'["text"]\n'))
    return "line 1: not an object with a text"


def remove(path: Path) -> str:
    path.unlink()
    return "No such file"


DAMAGES = [
    damage_end,
    damage_checksum,
    damage_nature,
    damage_download,
    damage_page,
    damage_size,
    damage_header,
    damage_tail,
    damage_member,
    damage_kind,
    damage_json,
    damage_encoding,
    damage_text,
    damage_type,
    damage_object,
    remove,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_shard_is_refused_by_name_and_leaves_no_trace(
    tmp_path: Path, shard: MakeShard, damage: Callable[[Path], str]
) -> None:
    directory = tmp_path / "c4"
    first, bad, last = shard("first", "good one"), shard("bad", "good", "good", "good"), shard("last", "good two")
    where = damage(bad)

    with pytest.raises(SourceError) as refusal:
        build_index([first, bad, last], directory)

    assert refusal.value.code == "source_damaged"
    assert f"{bad}" in refusal.value.detail
    assert where in refusal.value.detail
    assert "it has 2 shard(s) with 2 documents" in refusal.value.detail
    assert counts(directory, "good", "good one", "good two") == [2, 1, 1]
    assert len(generations(directory)) == 1


@pytest.mark.parametrize("full", ["_link", "_write", "shard_warnings"])
def test_on_a_full_disk_the_index_stays_as_it_was(
    tmp_path: Path, shard: MakeShard, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    directory = tmp_path / "c4"
    first, second = shard("first", "good one"), shard("second", "good two")
    build_index([first], directory)
    real = getattr(build, full)

    def no_room(*given: object) -> object:
        real(*given)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(build, full, no_room)
        with pytest.raises(SourceError) as refusal:
            build_index([second], directory)

    assert refusal.value.code == "source_unavailable"
    assert f"{second.name}" in refusal.value.detail
    assert "No space left" in refusal.value.detail
    assert counts(directory, "good") == [1]
    assert len(generations(directory)) == 1
    build_index([second], directory)
    assert counts(directory, "good") == [2]


def test_damaged_shards_alone_make_no_index(tmp_path: Path, shard: MakeShard) -> None:
    bad = shard("bad", "x")
    damage_json(bad)
    with pytest.raises(SourceError, match="it has 0 shard"):
        build_index([bad], tmp_path / "c4")
    with pytest.raises(SourceError) as absent:
        LocalIndex.open(tmp_path / "c4")
    assert absent.value.code == "source_not_configured"


def test_a_pattern_that_matches_nothing_is_named(tmp_path: Path, shard: MakeShard) -> None:
    with pytest.raises(SourceError, match=r"c4/\*\.json\.gz: No such file or directory: nothing matches this pattern"):
        build_index([shard("a", "x"), Path("c4/*.json.gz")], tmp_path / "c4")
    assert counts(tmp_path / "c4", "x") == [1]


# Shards without documents, and parts of numbered sets


def nothing(path: Path, content: bytes = b"") -> Path:
    path.write_bytes(gzip.compress(content))
    return path


def published_warnings(directory: Path) -> tuple[str, ...]:
    published = layout.read(directory)
    assert published is not None
    warnings = layout.read_warnings(directory, published)
    assert index_facts(directory).warnings == LocalIndex.open(directory).warnings == warnings
    return warnings


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_shard_without_documents_is_a_part_of_the_index_and_a_warning(
    tmp_path: Path, shard: MakeShard, content: bytes
) -> None:
    directory = tmp_path / "c4"
    summary = build_index([nothing(tmp_path / "empty.json.gz", content), shard("a", "x")], directory)
    assert {(one.name, one.documents) for one in summary.shards} == {("a.json.gz", 1), ("empty.json.gz", 0)}
    assert summary.warnings == ("1 of 2 shards has no documents: 'empty.json.gz'.",)
    assert published_warnings(directory) == summary.warnings
    assert build_index([shard("b", "y"), tmp_path / "empty.json.gz"], directory).skipped
    assert published_warnings(directory) == ("1 of 3 shards has no documents: 'empty.json.gz'.",)
    assert counts(directory, "x", "y") == [1, 1]


def test_an_index_of_an_empty_shard_has_the_same_fingerprint_whenever_it_is_added(
    tmp_path: Path, shard: MakeShard
) -> None:
    empty, a = nothing(tmp_path / "empty.json.gz"), shard("a", "x")
    first = build_index([empty, a], tmp_path / "first")
    build_index([a], tmp_path / "last")
    assert build_index([empty], tmp_path / "last").fingerprint == first.fingerprint


def test_without_any_document_no_index_is_made(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    with pytest.raises(SourceError, match=r"There is no document in .*empty\.json\.gz") as refusal:
        build_index([nothing(tmp_path / "empty.json.gz")], directory)
    assert refusal.value.code == "source_damaged"
    assert not layout.is_published(directory)
    assert build_index([shard("a", "x"), tmp_path / "empty.json.gz"], directory).documents == 1


def test_beside_refused_shards_those_without_documents_are_named_too(tmp_path: Path, shard: MakeShard) -> None:
    bad = shard("bad", "x")
    damage_size(bad)
    with pytest.raises(SourceError, match=r"2 shard\(s\) refused: .*0 bytes.*; empty\.json\.gz: it has no documents"):
        build_index([nothing(tmp_path / "empty.json.gz"), bad], tmp_path / "c4")
    assert not layout.is_published(tmp_path / "c4")


def test_an_index_without_documents_of_an_earlier_version_counts_nothing(tmp_path: Path, shard: MakeShard) -> None:
    directory, path = tmp_path / "c4", tmp_path / "failed.json.gz"
    path.write_bytes(b"\n")
    earlier_index(directory, path, [])
    for open_it in (LocalIndex.open, index_facts):
        with pytest.raises(SourceError, match="has no documents") as refusal:
            open_it(directory)
        assert refusal.value.code == "source_damaged"
    assert build_index([shard("a", "x")], directory).documents == 1
    assert counts(directory, "x") == [1]


def test_a_part_of_a_numbered_set_is_a_warning_until_it_is_whole(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    paths = [shard(f"c4-train.{number:05d}-of-00003", f"x{number}") for number in range(3)]
    build_index(paths[:1], directory)
    part = "shards named 'c4-train.*-of-00003.json.gz' are in the index; not in it:"
    assert published_warnings(directory) == (f"1 of 3 {part} 00001, 00002.",)
    before = LocalIndex.open(directory)
    assert build_index(paths[:2], directory).warnings == (f"2 of 3 {part} 00002.",)
    assert published_warnings(directory) == (f"2 of 3 {part} 00002.",)
    assert before.warnings == (f"1 of 3 {part} 00001, 00002.",)
    assert build_index(paths, directory).warnings == ()
    assert published_warnings(directory) == ()


def test_an_index_of_an_earlier_version_has_no_warnings_until_it_is_extended(tmp_path: Path, shard: MakeShard) -> None:
    """The manifests that are made from it stay as they were."""
    directory, a, b = tmp_path / "c4", shard("a.1-of-3", "x"), shard("a.2-of-3", "y")
    earlier_index(directory, a, ["x"])
    assert published_warnings(directory) == ()
    assert build_index([a], directory).warnings, "the command prints them"
    assert published_warnings(directory) == ()
    build_index([a, b], directory)
    assert published_warnings(directory) == ("2 of 3 shards named 'a.*-of-3.json.gz' are in the index; not in it: 0.",)


def test_an_earlier_version_reads_an_index_with_warnings(tmp_path: Path, shard: MakeShard) -> None:
    """It refuses an index.json with another field than these, and takes what it does not know for index files."""
    directory = tmp_path / "c4"
    build_index([shard("a.0-of-2", "x")], directory)
    document = json.loads((directory / "index.json").read_text())
    assert set(document) == {"format", "tokens", "fingerprint", "documents", "shards", "generation", "files"}
    assert [set(each) for each in document["shards"]] == [{"name", "digest", "documents"}]
    assert "warnings.json" in document["files"]


def test_a_lost_or_damaged_file_of_warnings_is_refused(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    build_index([shard("a.0-of-2", "x")], directory)
    path = next(directory.glob("generation-*/warnings.json"))
    path.write_bytes(b"?" * path.stat().st_size)
    with pytest.raises(SourceError, match=r"warnings\.json"):
        LocalIndex.open(directory)
    path.unlink()
    with pytest.raises(SourceError, match=r"warnings\.json"):
        index_facts(directory)


# Interrupted builds


def test_a_cancelled_build_keeps_the_shards_it_finished(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    a, b = shard("a", "x"), shard("b", "y")

    reports = 0

    def cancel_after_a(done: int, total: int) -> None:
        # The first report comes with a's one document, the second when a is finished.
        nonlocal reports
        reports += 1
        if reports == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        build_index([a, b], directory, report=cancel_after_a)
    assert counts(directory, "x", "y") == [1, 0]
    assert build_index([a, b], directory).skipped == (a,)
    assert counts(directory, "x", "y") == [1, 1]


def test_a_build_cancelled_within_a_shard_leaves_nothing_of_it(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    build_index([shard("a", "x")], directory)
    with pytest.raises(Cancelled):
        build_index([shard("b", "y", "z")], directory, report=_cancel)
    assert counts(directory, "x", "y") == [1, 0]
    assert len(generations(directory)) == 1


DIE = """
import os, signal, sys
from pathlib import Path
from worker.evidence.local_index import build, layout

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

directory, shard, moment = sys.argv[1:]
if moment == "publishing":
    layout.publish = die
if moment == "tidying":
    build._remove_all_but = lambda directory, published: published.generation.endswith("2") and die()
build.build_index([Path(shard)], Path(directory), report=die if moment == "reading" else lambda *_: None)
"""


@pytest.mark.parametrize(("moment", "finished"), [("reading", False), ("publishing", False), ("tidying", True)])
def test_a_killed_build_leaves_an_index_whole(tmp_path: Path, shard: MakeShard, moment: str, finished: bool) -> None:
    directory = tmp_path / "c4"
    a, b = shard("a", "x", "x"), shard("b", "y")
    build_index([a], directory)

    command = [sys.executable, "-c", DIE, str(directory), str(b), moment]
    killed = subprocess.run(command, cwd=CHECKOUT, check=False, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})

    assert killed.returncode == -signal.SIGKILL
    assert len(generations(directory)) == 2
    assert counts(directory, "x", "y") == [2, int(finished)]
    build_index([b], directory)
    assert len(generations(directory)) == 1
    assert counts(directory, "x", "y") == [2, 1]


def test_a_killed_first_build_leaves_no_index(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    command = [sys.executable, "-c", DIE, str(directory), str(shard("b", "y")), "reading"]
    subprocess.run(command, cwd=CHECKOUT, check=False, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})
    with pytest.raises(SourceError) as absent:
        LocalIndex.open(directory)
    assert absent.value.code == "source_not_configured"
    assert build_index([shard("b", "y")], directory).documents == 1


def test_a_second_build_of_an_index_is_refused(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    second = shard("second", "y")
    refusals = []

    def build_too(done: int, total: int) -> None:
        with pytest.raises(SourceError) as refusal:
            build_index([second], directory)
        refusals.append(refusal.value.code)

    build_index([shard("first", "x")], directory, report=build_too)
    assert set(refusals) == {"source_unavailable"}
    assert build_index([second], directory).documents == 2


# Other processes


@pytest.fixture
def cut_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two processes cut even the smallest shards, some lines at a time."""
    monkeypatch.setattr(build, "_FEWEST_FOR_PROCESSES", 0)
    monkeypatch.setattr(cutters, "MOST", 2)
    monkeypatch.setattr(shards, "_CHUNK_BYTES", 150)
    monkeypatch.setattr(shards, "_READ_BYTES", 100)


def test_chunks_are_the_lines_of_a_shard(tmp_path: Path, shard: MakeShard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_CHUNK_BYTES", 150)
    monkeypatch.setattr(shards, "_READ_BYTES", 100)
    path = shard("a", *[f"text {number}" for number in range(20)], "long " * 100, "last")
    content = gzip.decompress(path.read_bytes())
    chunks = list(shards.chunks(path))
    assert b"\n".join(chunk.lines for chunk in chunks) == content
    assert [chunk.before for chunk in chunks] == [
        b"\n".join([*(before.lines for before in chunks[:at]), b""]).count(b"\n") for at in range(len(chunks))
    ]
    assert len(chunks) > 5
    assert chunks[-1].read == path.stat().st_size


@pytest.mark.usefixtures("cut_elsewhere")
def test_counts_are_the_same_when_other_processes_cut(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    texts = [f"the dog{number % 3} and don’t {number}.5 U.S." for number in range(50)]
    summary = build_index([shard("a", *texts[:30]), shard("b"), shard("c", *texts[30:])], directory)
    assert summary.documents == 50
    names = ["dog0", "the dog1 and", "don’t", "17.5", "17.5 u.s", "dog3"]
    assert counts(directory, *names) == plain_counts(names, texts) == [17, 17, 50, 1, 1, 0]


@pytest.mark.usefixtures("cut_elsewhere")
def test_a_damaged_shard_takes_nothing_from_the_next_when_other_processes_cut(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    first, not_json, cut_short, last = (
        shard(name, *[f"{name} {number}" for number in range(40)]) for name in ("first", "json", "short", "last")
    )
    lines = gzip.decompress(not_json.read_bytes()).splitlines()
    not_json.write_bytes(gzip.compress(b"\n".join([*lines[:17], b'{"text": ', *lines[17:]])))
    damage_end(cut_short)

    with pytest.raises(SourceError) as refusal:
        build_index([first, not_json, cut_short, last], directory)

    assert f"{not_json}, line 18: not JSON" in refusal.value.detail
    assert f"{cut_short}, after line " in refusal.value.detail
    assert "it has 2 shard(s) with 80 documents" in refusal.value.detail
    assert counts(directory, "first", "json", "short", "last", "last 39") == [40, 0, 0, 40, 1]


@pytest.mark.usefixtures("cut_elsewhere")
def test_a_build_is_cancelled_when_other_processes_cut(tmp_path: Path, shard: MakeShard) -> None:
    paths = [shard(name, *[f"{name} {number}" for number in range(40)]) for name in ("a", "b")]
    with pytest.raises(Cancelled):
        build_index(paths, tmp_path / "c4", report=_cancel)
    assert not multiprocessing.active_children()
    assert build_index(paths, tmp_path / "c4").documents == 80


@pytest.mark.usefixtures("cut_elsewhere")
def test_a_process_that_ends_ends_the_build_and_keeps_what_was_finished(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    paths = [shard(name, *[f"{name} {number}" for number in range(40)]) for name in ("a", "b")]

    def kill_after_a(done: int, total: int) -> None:
        if layout.read(directory) is not None:
            for process in multiprocessing.active_children():
                process.kill()
                process.join()

    with pytest.raises(SourceError, match="for lack of memory") as failure:
        build_index(paths, directory, report=kill_after_a)
    assert failure.value.code == "source_unavailable"
    assert counts(directory, "a", "b") == [40, 0]
    assert len(generations(directory)) == 1
    assert build_index(paths, directory).skipped == (paths[0],)
    assert counts(directory, "a", "b") == [40, 40]


def test_processes_of_a_killed_build_end_too(tmp_path: Path, shard: MakeShard) -> None:
    die = DIE.replace(
        "build.build_index", "build._FEWEST_FOR_PROCESSES = 0\nif __name__ == '__main__': build.build_index"
    )
    command = [sys.executable, "-c", die, str(tmp_path / "c4"), str(shard("b", "y")), "reading"]
    # They have its output open, so that it ends when the last of them does.
    killed = subprocess.run(
        command, cwd=CHECKOUT, check=False, capture_output=True, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}
    )
    assert (killed.returncode, killed.stdout, killed.stderr) == (-signal.SIGKILL, b"", b"")


# Indexes of earlier versions


def earlier_index(directory: Path, path: Path, texts: Sequence[str]) -> None:
    """Make an index as version 0.1 did: the library cut the texts itself, by the exact rule."""
    directory.mkdir()
    (directory / "lock").touch()
    generation = directory / layout.next_generation(layout.empty())
    generation.mkdir()
    schema = tantivy.SchemaBuilder()
    schema.add_text_field("text", stored=False, tokenizer_name="tokens-1", index_option="position")
    index = tantivy.Index(schema.build(), path=str(generation))
    index.register_tokenizer("tokens-1", tokens.analyser())
    writer = index.writer(num_threads=1)
    for text in texts:
        document = tantivy.Document()
        document.add_text("text", tokens.prepare(text))
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    summary = layout.IndexSummary.of([layout.Shard(path.name, shards.digest(path), len(texts))])
    layout.publish(directory, layout.Published(summary, generation.name, layout.sizes(generation)))


def test_an_index_of_an_earlier_version_is_read_and_extended(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    texts = ["The U.S. dog", "don't ask a dog3.5", "漢字 café"]
    a, b = shard("a", *texts), shard("b", "the U.S. Dog", "漢字")
    earlier_index(directory, a, texts)
    names = ["u.s dog", "a dog3.5", "漢字", "Café", "don't ask"]
    assert counts(directory, *names) == [1, 1, 1, 1, 1]
    summary = build_index([a, b], directory)
    assert (summary.documents, summary.skipped) == (5, (a,))
    assert counts(directory, *names) == [2, 1, 2, 1, 1]


# Damaged indexes


def test_an_index_with_deleted_documents_is_refused(tmp_path: Path, shard: MakeShard) -> None:
    directory = tmp_path / "c4"
    texts = ["x", "y x", "z"]
    # One thread makes one segment; of a segment that holds nothing but deleted documents, nothing would be left to see.
    earlier_index(directory, shard("a", *texts), texts)
    published = layout.read(directory)
    assert published is not None
    generation = directory / published.generation
    index = tantivy.Index.open(str(generation))
    writer = index.writer(num_threads=1)
    writer.delete_documents_by_term("text", "y")
    writer.commit()
    writer.wait_merging_threads()
    summary = layout.IndexSummary.of([replace(published.summary.shards[0], documents=2)])
    layout.publish(directory, layout.Published(summary, generation.name, layout.sizes(generation)))
    with pytest.raises(SourceError, match="1 documents were deleted") as refusal:
        LocalIndex.open(directory)
    assert refusal.value.code == "source_damaged"


def test_the_error_for_a_missing_index_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"concept-orderings index SHARD.json.gz --name c4") as absent:
        LocalIndex.open(tmp_path / "c4")
    assert absent.value.code == "source_not_configured"


def damage_summary(directory: Path) -> str:
    (directory / "index.json").write_text("{")
    return "index.json"


def damage_total(directory: Path) -> str:
    path = directory / "index.json"
    path.write_text(path.read_text().replace('"documents": 2,', '"documents": 3,'))
    return "contradict"


def lose_a_file(directory: Path) -> str:
    path = next(directory.glob("generation-*/*.term"))
    path.unlink()
    return path.name


def cut_a_file(directory: Path) -> str:
    path = next(directory.glob("generation-*/*.pos"))
    path.write_bytes(path.read_bytes()[:-1])
    return path.name


def scramble_the_file_list(directory: Path) -> str:
    path = next(directory.glob("generation-*/meta.json"))
    path.write_bytes(b"?" * path.stat().st_size)
    return str(directory)


def change_format(directory: Path) -> str:
    path = directory / "index.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    return "format 99"


def change_rule(directory: Path) -> str:
    path = directory / "index.json"
    path.write_text(path.read_text().replace('"tokens": 1', '"tokens": "other"'))
    return "token rule 'other'"


BREAKAGES = [
    damage_summary,
    damage_total,
    lose_a_file,
    cut_a_file,
    scramble_the_file_list,
    change_format,
    change_rule,
]


@pytest.mark.parametrize("damage", BREAKAGES)
def test_a_damaged_index_is_refused(tmp_path: Path, shard: MakeShard, damage: Callable[[Path], str]) -> None:
    directory = tmp_path / "c4"
    build_index([shard("a", "x", "y")], directory)
    what = damage(directory)
    with pytest.raises(SourceError) as opening:
        LocalIndex.open(directory)
    with pytest.raises(SourceError) as extending:
        build_index([shard("b", "z")], directory)
    for refusal in (opening, extending):
        assert refusal.value.code == "source_damaged"
        assert what in refusal.value.detail
        assert "build" in refusal.value.detail

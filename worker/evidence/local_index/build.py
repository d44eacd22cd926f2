"""Building and extending an index, one shard at a time.

A shard is decompressed here, cut into tokens by other processes (see `cutters`) and indexed by threads of the index
library, all at the same time. Each shard is published by itself, whole or not at all: its documents are added beside
hard links to the files of what is published, made durable, and only then named in ``index.json``. So a build that is
killed or cancelled has lost the shard it was at and nothing else, a damaged shard leaves no trace, and readers never
see a half of either.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import tantivy

from concept_orderings.errors import SourceError
from concept_orderings.progress import Report, silent
from worker.evidence.local_index import cutters, layout, shards, tokens
from worker.evidence.local_index.cutters import Cut, Cutters
from worker.evidence.local_index.layout import IndexSummary, Published, Shard

_THREADS = min(8, os.cpu_count() or 1)
_HEAP_PER_THREAD = 64_000_000
# Compressed. Starting processes takes a few tenths of a second, and so does cutting as much in this one.
_WORTH_PROCESSES = 4_000_000
_TOKENISER = f"tokens-{tokens.VERSION}"
_REPORT_SECONDS = 0.5
_LOCK = "lock"


def build_index(paths: Sequence[Path], directory: Path, *, report: Report = silent) -> IndexSummary:
    """Add shards to the index in a directory, which is made if need be.

    Shards are known by their content: one that is in the index already, or is given twice, is skipped. A damaged
    shard is refused, the others are indexed all the same, and then the refusals are raised together.

    Parameters
    ----------
    paths : sequence of Path
        C4 shards, ``.json.gz``.
    directory : Path
        Where the index is or will be; its last part is the index's name.
    report : Report
        Called with compressed bytes read and compressed bytes of all shards. If it raises, every shard that was
        finished before is in the index, and nothing of the one in hand.

    Returns
    -------
    IndexSummary
        Of the whole index, with the shards that were there before.

    Raises
    ------
    SourceError
        ``source_damaged``: shards were refused, each named with the line, or the index to be extended is damaged;
        ``source_unavailable``: another build is at work in the directory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _only_build(directory):
        published = layout.read(directory) or layout.empty()
        layout.check_files(directory, published)
        _remove_all_but(directory, published)
        progress = _Progress(paths, report)
        with cutters.started(cutters.MOST if progress.total >= _WORTH_PROCESSES else 0) as pool:
            return _add_all(directory, published, paths, pool, progress)


def _add_all(
    directory: Path, published: Published, paths: Sequence[Path], pool: Cutters, progress: "_Progress"
) -> IndexSummary:
    skipped: list[Path] = []
    refused: list[str] = []
    for path in paths:
        try:
            digest = shards.digest(path)
            if any(shard.digest == digest for shard in published.summary.shards):
                skipped.append(path)
            else:
                with closing(_read(path, pool)) as cut:
                    published = _add(directory, published, Shard(path.name, digest, documents=0), cut, progress)
        except shards.DamagedShard as damage:
            refused.append(str(damage))
        progress.finished(path)
    if refused:
        raise _refusal(directory, refused, published.summary)
    return replace(published.summary, skipped=tuple(skipped))


def _read(path: Path, pool: Cutters) -> Generator[Cut]:
    """Yield all documents of a shard as tokens; raise DamagedShard if it cannot be read to its end."""
    try:
        yield from pool.cut(shards.chunks(path))
    except shards.BadLine as error:
        raise shards.DamagedShard(f"{path}, {error}") from error


def _add(directory: Path, published: Published, shard: Shard, cut: Iterator[Cut], progress: "_Progress") -> Published:
    """Index one shard on top of what is published, and publish the result."""
    generation = directory / layout.next_generation(published)
    try:
        _link(directory / published.generation, generation)
        documents = _write(generation, cut, progress)
    except BaseException as error:
        _remove(generation)
        if isinstance(error, OSError | ValueError):  # a full disk is either, by who meets it
            raise _not_written(directory, shard, error) from error
        raise
    # The library's list of files is readable by its owner alone; like the rest, it is for whoever may read the index.
    shutil.copymode(directory / _LOCK, generation / "meta.json")
    layout.fsync_directory(generation)
    summary = IndexSummary.of((*published.summary.shards, replace(shard, documents=documents)))
    extended = Published(summary, generation.name, layout.sizes(generation))
    layout.publish(directory, extended)
    _remove_all_but(directory, extended)
    return extended


def _write(generation: Path, cut: Iterator[Cut], progress: "_Progress") -> int:
    """Add a shard's documents to the files in a directory, and return how many they are."""
    try:
        index = tantivy.Index(_schema(), path=str(generation))
    except ValueError as error:
        raise layout.damaged(generation, str(error)) from error
    index.register_tokenizer(_TOKENISER, _at_spaces())
    writer = index.writer(heap_size=_THREADS * _HEAP_PER_THREAD, num_threads=_THREADS)
    documents = 0
    try:
        for chunk, texts in cut:
            for text in texts:
                document = tantivy.Document()
                document.add_text(layout.FIELD, text)
                writer.add_document(document)
            documents += len(texts)
            progress.within(chunk.read)
        writer.commit()
    except BaseException:
        with suppress(OSError, ValueError):  # it would hide what is wrong
            writer.rollback()
        raise
    finally:
        # Its threads write to the directory until they are waited for.
        writer.wait_merging_threads()
    return documents


def _at_spaces() -> tantivy.TextAnalyzer:
    """Return the library's part in the rule: its tokens are what is between two spaces of texts that are cut."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field(layout.FIELD, stored=False, tokenizer_name=_TOKENISER, index_option="position")
    return builder.build()


def _link(source: Path, target: Path) -> None:
    """Make the target hold the source's files without copying them."""
    target.mkdir()
    if not source.exists():
        return
    for path in source.iterdir():
        # The library writes each segment file once and replaces its lists of files, so links are as good as copies.
        if not path.name.endswith(".lock"):
            (target / path.name).hardlink_to(path)


def _remove_all_but(directory: Path, published: Published) -> None:
    for path in directory.iterdir():
        if layout.is_generation(path) and path.name != published.generation:
            _remove(path)


def _remove(generation: Path) -> None:
    """Remove a directory of index files; what resists is left to the next build."""
    # For a moment after opening, a thread of the library may still put a lock file there: once, so twice is enough.
    shutil.rmtree(generation, ignore_errors=True)
    shutil.rmtree(generation, ignore_errors=True)


@contextmanager
def _only_build(directory: Path) -> Iterator[None]:
    with (directory / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SourceError(
                "source_unavailable",
                f"Another build is at work on the index {directory}. Wait until it is done, then run this one again.",
            ) from error
        yield


def _not_written(directory: Path, shard: Shard, error: Exception) -> SourceError:
    return SourceError(
        "source_unavailable",
        f"The shard {shard.name} cannot be added to the index {directory}: {error}. The index is as it was before that "
        "shard; make room if there is none, then run this again, and it goes on there.",
    )


def _refusal(directory: Path, refused: Sequence[str], kept: IndexSummary) -> SourceError:
    return SourceError(
        "source_damaged",
        f"{len(refused)} shard(s) refused: {'; '.join(refused)}. Nothing of them is in the index {directory}; it holds "
        f"{len(kept.shards)} shard(s) with {kept.documents} documents. Get the refused ones again and give only them.",
    )


class _Progress:
    """Compressed bytes over all shards, reported now and then."""

    def __init__(self, paths: Sequence[Path], report: Report) -> None:
        self._sizes = {path: path.stat().st_size if path.exists() else 0 for path in paths}
        self.total = sum(self._sizes[path] for path in paths)
        self._report = report
        self._before = 0
        self._next = time.monotonic()

    def within(self, read: int) -> None:
        """Note how much of the shard in hand is read."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _REPORT_SECONDS
            self._report(self._before + read, self.total)

    def finished(self, path: Path) -> None:
        """Note that a shard is done with."""
        self._before += self._sizes[path]
        self._report(self._before, self.total)

"""Building and extending an index, one shard at a time.

A shard is decompressed here, cut into tokens by other processes (see `cutters`) and indexed by threads of the index
library, all at the same time. Each shard is published as a whole or not at all: a new directory gets hard links to the
published files and the documents of the shard, is synced to disk, and is then named in ``index.json``. So a build that
is killed or cancelled loses only the shard that it was working on, a damaged shard leaves nothing in the index, and
readers never see a part of a shard.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

import tantivy

from concept_orderings.errors import SourceError
from concept_orderings.progress import Report, silent
from concept_orderings.text import first_of
from worker.evidence.local_index import cutters, layout, shards, tokens
from worker.evidence.local_index.cutters import Cut, Cutters
from worker.evidence.local_index.layout import IndexSummary, Published, Shard
from worker.evidence.local_index.shard_warnings import shard_warnings

_THREADS = min(8, os.cpu_count() or 1)
_HEAP_PER_THREAD = 64_000_000
# Compressed bytes from which on other processes cut. Starting them takes a few tenths of a second, and so does cutting
# this much in this process.
_FEWEST_FOR_PROCESSES = 4_000_000
_TOKENISER = f"tokens-{tokens.VERSION}"
_REPORT_SECONDS = 0.5
_LOCK = "lock"
_MOST_NAMED = 10


def build_index(paths: Sequence[Path], directory: Path, *, report: Report = silent) -> IndexSummary:
    """Add shards to the index in a directory, which is created if it is missing.

    Shards are identified by their content: one that is in the index already, or is given twice, is skipped. A damaged
    shard is refused and the others are still indexed; then one error names all refused shards.

    Parameters
    ----------
    paths : sequence of Path
        C4 shards, ``.json.gz``.
    directory : Path
        Directory of the index; its last part is the name of the index.
    report : Report
        Called with the compressed bytes read and those of all shards. If it raises, the index has every shard that was
        finished before, and nothing of the current one.

    Returns
    -------
    IndexSummary
        Summary of the whole index, including shards from earlier builds.

    Raises
    ------
    SourceError
        ``source_damaged``: shards were refused, each named with its line, or no shard has a document, or the index to
        extend is damaged;
        ``source_unavailable``: another build is running in the directory, or a process failed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _only_build(directory):
        published = layout.read(directory) or layout.empty()
        layout.check_files(directory, published)
        _remove_all_but(directory, published)
        progress = _Progress(paths, report)
        with cutters.started(cutters.MOST if progress.total >= _FEWEST_FOR_PROCESSES else 0) as pool:
            return _add_all(directory, published, paths, pool, progress)


def _add_all(
    directory: Path, published: Published, paths: Sequence[Path], pool: Cutters, progress: "_Progress"
) -> IndexSummary:
    skipped: list[Path] = []
    refused: list[str] = []
    empty: list[Shard] = []
    for path in paths:
        try:
            shard = Shard(path.name, shards.digest(path), documents=0)
            if any(each.digest == shard.digest for each in (*published.summary.shards, *empty)):
                skipped.append(path)
            else:
                with closing(_read(path, pool)) as cut:
                    # Read up to the first document: a shard without any, alone, must not be published as an index.
                    if first := next((each for each in cut if each[1]), None):
                        published = _add(directory, published, shard, chain([first], cut), progress)
                    else:
                        empty.append(shard)
        except shards.DamagedShard as damage:
            refused.append(str(damage))
        progress.finished(path)
    if empty and published.summary.documents:
        published = _add_empty(directory, published, empty)
    elif refused:
        refused += [f"{shard.name}: it has no documents" for shard in empty]
    if refused:
        raise _refusal(directory, refused, published.summary)
    if not published.summary.documents:
        raise _no_documents(directory, paths)
    warnings = shard_warnings(published.summary.shards)
    return replace(published.summary, skipped=tuple(skipped), warnings=warnings)


def _read(path: Path, pool: Cutters) -> Generator[Cut]:
    """Yield all documents of a shard as tokens; raise DamagedShard if it cannot be read to its end."""
    try:
        yield from pool.cut(shards.chunks(path))
    except shards.BadLine as error:
        raise shards.DamagedShard(f"{path}, {error}") from error


def _add(directory: Path, published: Published, shard: Shard, cut: Iterator[Cut], progress: "_Progress") -> Published:
    """Index one shard on top of what is published, and publish the result."""

    def write(generation: Path) -> list[Shard]:
        return [replace(shard, documents=_write(generation, cut, progress))]

    return _publish_next(directory, published, shard.name, write)


def _add_empty(directory: Path, published: Published, empty: Sequence[Shard]) -> Published:
    """Add shards without documents: they are a part of the corpus, and readers see that they are empty."""
    return _publish_next(directory, published, empty[0].name, lambda _: empty)


def _publish_next(
    directory: Path, published: Published, name: str, write: Callable[[Path], Sequence[Shard]]
) -> Published:
    """Let a function write shards into a copy of what is published, and publish the result.

    Parameters
    ----------
    directory, published
        The index.
    name
        The name of the shard for an error.
    write
        Writes into the directory of the copy; returns the shards to add.
    """
    generation = directory / layout.next_generation(published)
    try:
        _link(directory / published.generation, generation)
        added = write(generation)
        summary = IndexSummary.of((*published.summary.shards, *added))
        layout.write_warnings(generation, shard_warnings(summary.shards))
    except BaseException as error:
        _remove(generation)
        if isinstance(error, OSError | ValueError):  # a full disk raises either, here or in the library
            raise _not_written(directory, name, error) from error
        raise
    # The library makes its list of files readable for the owner alone; all who may read the index need it.
    shutil.copymode(directory / _LOCK, generation / "meta.json")
    layout.fsync_directory(generation)
    extended = Published(summary, generation.name, layout.sizes(generation))
    layout.publish(directory, extended)
    _remove_all_but(directory, extended)
    return extended


def _write(generation: Path, cut: Iterator[Cut], progress: "_Progress") -> int:
    """Add a shard's documents to the files in a directory; return the number of documents."""
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
        with suppress(OSError, ValueError):  # it would hide the first error
            writer.rollback()
        raise
    finally:
        # Until its threads have ended, they write to the directory.
        writer.wait_merging_threads()
    return documents


def _at_spaces() -> tantivy.TextAnalyzer:
    """Return the analyser for texts that are already cut: a token is the text between two spaces."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field(layout.FIELD, stored=False, tokenizer_name=_TOKENISER, index_option="position")
    return builder.build()


def _link(source: Path, target: Path) -> None:
    """Fill the target directory with hard links to the files of the source."""
    target.mkdir()
    if not source.exists():
        return
    for path in source.iterdir():
        # The library writes a segment file once and replaces its lists of files, so links never change.
        if not path.name.endswith(".lock"):
            (target / path.name).hardlink_to(path)


def _remove_all_but(directory: Path, published: Published) -> None:
    for path in directory.iterdir():
        if layout.is_generation(path) and path.name != published.generation:
            _remove(path)


def _remove(generation: Path) -> None:
    """Remove a directory of index files; the next build removes what is left."""
    # Twice: for a moment after opening, a thread of the library may create one lock file in it.
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
                f"Another build is running on the index {directory}. Wait until it ends, then run this build again.",
            ) from error
        yield


def _not_written(directory: Path, name: str, error: Exception) -> SourceError:
    return SourceError(
        "source_unavailable",
        f"The shard {name} cannot be added to the index {directory}: {error}. The index has all earlier shards. "
        "Free some space if the disk is full, then run the build again: it continues with that shard.",
    )


def _refusal(directory: Path, refused: Sequence[str], kept: IndexSummary) -> SourceError:
    return SourceError(
        "source_damaged",
        f"{len(refused)} shard(s) refused: {'; '.join(refused)}. Nothing of them is in the index {directory}; it has "
        f"{len(kept.shards)} shard(s) with {kept.documents} documents. Download the refused shards again and add them.",
    )


def _no_documents(directory: Path, paths: Sequence[Path]) -> SourceError:
    named = first_of([str(path) for path in paths], _MOST_NAMED)
    return SourceError(
        "source_damaged",
        f"There is no document in {named}, so no index is made in {directory}. Download the shards again.",
    )


class _Progress:
    """Reports the compressed bytes read of all shards, at most twice a second."""

    def __init__(self, paths: Sequence[Path], report: Report) -> None:
        self._sizes = {path: path.stat().st_size if path.exists() else 0 for path in paths}
        self.total = sum(self._sizes[path] for path in paths)
        self._report = report
        self._before = 0
        self._next = time.monotonic()

    def within(self, read: int) -> None:
        """Note the compressed bytes that are read of the current shard."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _REPORT_SECONDS
            self._report(self._before + read, self.total)

    def finished(self, path: Path) -> None:
        """Note that a shard is finished."""
        self._before += self._sizes[path]
        self._report(self._before, self.total)

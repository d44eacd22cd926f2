"""The files of an index on disk.

::

    c4/
    ├── index.json             names the published generation; replaced in one step, and read before anything else
    ├── lock                   held (flock) by the one build that may write here
    ├── generation-000007/     files of the index library, and warnings.json if there are warnings; never changed once
    │                          index.json names the directory
    └── generation-000008/     files of a running build, or of one that was killed

The next build removes generations that ``index.json`` does not name. A reader that has opened a generation can read its
files also after that.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from concept_orderings.errors import SourceError
from worker.evidence.local_index import tokens

FORMAT = 1
"""Version of this layout; an index of another version is refused."""

FIELD = "text"
"""The one field of the index."""

_SUMMARY = "index.json"
_WARNINGS = "warnings.json"
_GENERATION = "generation-"


@dataclass(frozen=True)
class Shard:
    """A shard that is in an index.

    Attributes
    ----------
    name : str
        File name of the shard when it was indexed; shown to people, and not compared.
    digest : str
        SHA-256 of the file, hexadecimal; it identifies the shard.
    documents : int
        Number of its documents, one a line.
    """

    name: str
    digest: str
    documents: int


@dataclass(frozen=True)
class IndexSummary:
    """The contents of an index.

    Attributes
    ----------
    documents : int
        Number of documents of all shards.
    shards : tuple of Shard
        The shards, in the order in which they were indexed.
    fingerprint : str
        SHA-256 of the version of the token rule and the digests of the shards in sorted order. Indexes with the same
        fingerprint give the same counts.
    skipped : tuple of Path
        Files that the build did not add, because their content was in the index already.
    warnings : tuple of str
        What a build that has just ended warns of; `read_warnings` has those of a published index.
    """

    documents: int
    shards: tuple[Shard, ...]
    fingerprint: str
    skipped: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, shards: Sequence[Shard], *, skipped: Sequence[Path] = ()) -> "IndexSummary":
        """Return the summary of an index of these shards."""
        return cls(
            documents=sum(shard.documents for shard in shards),
            shards=tuple(shards),
            fingerprint=_fingerprint([shard.digest for shard in shards]),
            skipped=tuple(skipped),
        )


@dataclass(frozen=True)
class Published:
    """The contents of ``index.json``.

    Attributes
    ----------
    summary : IndexSummary
        The contents of the index.
    generation : str
        Name of the directory of its files.
    files : dict of str to int
        Size of each of these files in bytes, by name.
    """

    summary: IndexSummary
    generation: str
    files: dict[str, int]


def empty() -> Published:
    """Return the contents of an index without shards."""
    return Published(IndexSummary.of(()), f"{_GENERATION}000000", {})


def next_generation(published: Published) -> str:
    """Return the name of the directory to which the next build writes."""
    return f"{_GENERATION}{int(published.generation.removeprefix(_GENERATION)) + 1:06d}"


def is_generation(path: Path) -> bool:
    """Tell whether the path is named like a directory of index files."""
    return path.name.startswith(_GENERATION)


def is_published(directory: Path) -> bool:
    """Tell whether the directory has a published index, damaged or not."""
    return (directory / _SUMMARY).exists()


def read(directory: Path) -> Published | None:
    """Return what is published in the directory, or None if it has no published index.

    Raises
    ------
    SourceError
        ``source_damaged`` if ``index.json`` is of another version, or cannot have been written by a build.
    """
    path = directory / _SUMMARY
    try:
        content = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise damaged(path, str(error)) from error
    return _parse(path, content)


def publish(directory: Path, published: Published) -> None:
    """Publish an index: readers find all of it or, if the machine stops meanwhile, the one published before."""
    temporary = directory / f"{_SUMMARY}.new"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(_document(published), file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(directory / _SUMMARY)
    fsync_directory(directory)


def write_warnings(generation: Path, warnings: Sequence[str]) -> None:
    """Write the warnings about an index into a directory that is not yet published; without any, no file.

    They are a file of their own, and not a part of ``index.json``: earlier releases ignore a file that they do not
    know, and refuse a field.
    """
    path = generation / _WARNINGS
    # The file may be a link to that of the published index, which must not change.
    path.unlink(missing_ok=True)
    if warnings:
        with path.open("x", encoding="utf-8") as file:
            json.dump(list(warnings), file, ensure_ascii=False, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())


def read_warnings(directory: Path, published: Published) -> tuple[str, ...]:
    """Return the warnings that were written when an index was built; earlier releases wrote none.

    Raises
    ------
    SourceError
        ``source_damaged``.
    """
    path = directory / published.generation / _WARNINGS
    if path.name not in published.files:
        return ()
    try:
        return tuple(str(each) for each in json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise damaged(path, repr(error)) from error


def check_has_documents(directory: Path, published: Published) -> None:
    """Refuse an index without any document, such as an earlier release made of empty files: all its counts are 0.

    Raises
    ------
    SourceError
        ``source_damaged``.
    """
    if not published.summary.documents:
        raise SourceError(
            "source_damaged",
            f"The index in {directory} has no documents, so it can count nothing. Remove the directory and build the "
            "index again, of shards that have documents.",
        )


def missing(directory: Path) -> SourceError:
    """Return the error for a directory without a published index."""
    return SourceError(
        "source_not_configured",
        f"There is no index in {directory}. Build one with "
        f"`concept-orderings index SHARD.json.gz --name {directory.name}`.",
    )


def damaged(path: Path, reason: str) -> SourceError:
    """Return the error for an index with a damaged file."""
    return SourceError(
        "source_damaged",
        f"The index is damaged: {path}: {reason}. Remove the index's directory and build it again.",
    )


def sizes(generation: Path) -> dict[str, int]:
    """Return the size in bytes of each file of a finished generation that readers need."""
    # The library's bookkeeping and locks have names with a leading dot, and readers do not need them.
    return {path.name: path.stat().st_size for path in sorted(generation.iterdir()) if path.name[0] != "."}


def check_files(directory: Path, published: Published) -> None:
    """Check that all files of a published index exist and have their size.

    Raises
    ------
    SourceError
        ``source_damaged`` for the first one that does not.
    """
    generation = directory / published.generation
    for name, size in published.files.items():
        try:
            found = (generation / name).stat().st_size
        except OSError as error:
            raise damaged(generation / name, error.strerror or str(error)) from error
        if found != size:
            raise damaged(generation / name, f"{found} bytes instead of {size}")


def documents_ever(generation: Path) -> int:
    """Return the number of documents that were ever added to a finished generation, including deleted ones.

    Raises
    ------
    SourceError
        ``source_damaged`` if the library's list of files cannot be read.
    """
    path = generation / "meta.json"
    try:
        return sum(int(segment["max_doc"]) for segment in json.loads(path.read_bytes())["segments"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(path, repr(error)) from error


def fsync_directory(directory: Path) -> None:
    """Sync the entries of a directory to disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fingerprint(digests: Sequence[str]) -> str:
    content = json.dumps({"tokens": tokens.VERSION, "shards": sorted(digests)})
    return hashlib.sha256(content.encode()).hexdigest()


def _document(published: Published) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "tokens": tokens.VERSION,
        "fingerprint": published.summary.fingerprint,
        "documents": published.summary.documents,
        "shards": [asdict(shard) for shard in published.summary.shards],
        "generation": published.generation,
        "files": published.files,
    }


def _parse(path: Path, content: str) -> Published:
    try:
        document = json.loads(content)
        versions = document["format"], document["tokens"]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, repr(error)) from error
    if versions != (FORMAT, tokens.VERSION):
        raise SourceError(
            "source_damaged",
            f"{path} is of format {versions[0]!r} with token rule {versions[1]!r}; this version reads format {FORMAT} "
            f"with token rule {tokens.VERSION}. Remove {path.parent} and build the index again.",
        )
    try:
        shards = [Shard(str(one["name"]), str(one["digest"]), int(one["documents"])) for one in document["shards"]]
        files = {str(name): int(size) for name, size in document["files"].items()}
        published = Published(IndexSummary.of(shards), str(document["generation"]), files)
        next_generation(published)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, repr(error)) from error
    if _document(published) != document:
        raise damaged(path, "its fields contradict each other")
    return published

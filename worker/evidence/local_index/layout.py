"""What an index looks like on disk, and the file that says which part of it counts.

::

    c4/
    ├── index.json             what is published: replaced in one step, and read before anything else
    ├── lock                   held (flock) by the one build that may write here
    ├── generation-000007/     the files of the index library, never changed once index.json names them
    └── generation-000008/     a build in progress, or what is left of one that was killed

Directories that ``index.json`` does not name are nobody's: the next build removes them. A reader that has opened
a generation keeps its files, also after they are removed.
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
_GENERATION = "generation-"


@dataclass(frozen=True)
class Shard:
    """A shard that is in an index.

    Attributes
    ----------
    name : str
        Its file name when it was indexed; for people only.
    digest : str
        SHA-256 of the file, hexadecimal: what the shard is known by.
    documents : int
        Lines with a document in it.
    """

    name: str
    digest: str
    documents: int


@dataclass(frozen=True)
class IndexSummary:
    """What an index holds.

    Attributes
    ----------
    documents : int
        Documents of all shards.
    shards : tuple of Shard
        In the order they were indexed.
    fingerprint : str
        Digest of the token rule's version and the shards' digests. The order in which shards were added does
        not matter: indexes with the same fingerprint give the same counts.
    skipped : tuple of Path
        Given to the build that returned this summary, and passed over because their content was in the index.
    """

    documents: int
    shards: tuple[Shard, ...]
    fingerprint: str
    skipped: tuple[Path, ...] = ()

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
        What the index holds.
    generation : str
        Name of the directory with its files.
    files : dict of str to int
        Size of each of these files in bytes, by name.
    """

    summary: IndexSummary
    generation: str
    files: dict[str, int]


def empty() -> Published:
    """Return what is published before anything is."""
    return Published(IndexSummary.of(()), f"{_GENERATION}000000", {})


def next_generation(published: Published) -> str:
    """Return the name of the directory that a build on top of this one writes to."""
    return f"{_GENERATION}{int(published.generation.removeprefix(_GENERATION)) + 1:06d}"


def is_generation(path: Path) -> bool:
    """Tell whether the path is named like a directory of index files."""
    return path.name.startswith(_GENERATION)


def is_published(directory: Path) -> bool:
    """Tell whether something is published in the directory, damaged or not."""
    return (directory / _SUMMARY).exists()


def read(directory: Path) -> Published | None:
    """Return what is published in the directory, or None if nothing is.

    Raises
    ------
    SourceError
        ``source_damaged`` if the file is of another version, or cannot be what a build wrote.
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
    """Make this what readers find: either all of it or, if the machine stops now, what was there before."""
    temporary = directory / f"{_SUMMARY}.new"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(_document(published), file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(directory / _SUMMARY)
    fsync_directory(directory)


def missing(directory: Path) -> SourceError:
    """Return the error for a directory in which nothing is published."""
    return SourceError(
        "source_not_configured",
        f"There is no index in {directory}. Build one with "
        f"`concept-orderings index SHARD.json.gz --name {directory.name}`.",
    )


def damaged(path: Path, reason: str) -> SourceError:
    """Return the error for an index of which this path cannot be used."""
    return SourceError(
        "source_damaged",
        f"The index is damaged: {path}: {reason}. Remove the index's directory and build it again.",
    )


def sizes(generation: Path) -> dict[str, int]:
    """Return the size of each file of a finished generation that reading it takes."""
    # The library's own bookkeeping and locks are named with a leading dot, and are not read.
    return {path.name: path.stat().st_size for path in sorted(generation.iterdir()) if path.name[0] != "."}


def check_files(directory: Path, published: Published) -> None:
    """Look whether all files of what is published are there, as long as they were.

    Raises
    ------
    SourceError
        ``source_damaged`` if not.
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
    """Return how many documents were put into a finished generation, with those deleted since.

    Raises
    ------
    SourceError
        ``source_damaged`` if the library's list of files does not say.
    """
    path = generation / "meta.json"
    try:
        return sum(int(segment["max_doc"]) for segment in json.loads(path.read_bytes())["segments"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(path, repr(error)) from error


def fsync_directory(directory: Path) -> None:
    """Wait until the names in the directory are on the disk."""
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
        raise damaged(path, "its parts contradict each other")
    return published

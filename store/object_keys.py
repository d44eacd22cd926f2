"""Every key of the object store, and every folder in it that is listed. No other file spells one.

::

    streams/NAME/versions/00000001.json          the record of a version; it exists if and only if the version does
    streams/NAME/requests/DIGEST.json            the number of the version that a request has, by the request's SHA-256
    streams/NAME/newest.json                     a hint: the newest version, and the largest number that is taken
    streams/NAME/tombstones/00000001.json        a number without a version that no version may get
    streams/NAME/exports/00000001/FORMAT/1.json  the record of a rendering of version 1 by version 1 of an exporter
    streams/NAME/exports/00000001/FORMAT/1-DIGEST.json  the same with labels that a client gave, by their SHA-256
    streams/NAME/descriptions/00000001.json      a description of a stream; the one with the largest number holds
    documents/AB/ABCD…                           manifests, tasks and renderings, named by their SHA-256
    evidence/AB/ABCD…                            the evidence that versions were made from, named by its SHA-256
    renderings/AB/ABCD…/FORMAT/1.json            the record of a rendering of evidence by version 1 of a renderer
    sources/NAME.json                            the record of a counts file; it exists if and only if the file does
    counts/AB/ABCD…                              the counts of a counts file as canonical JSON, named by their SHA-256
    labels/AB/ABCD…                              labels as canonical JSON, named by their SHA-256
    scores-files/NAME.json                       the record of a scores file; it exists if and only if the file does
    scores/AB/ABCD…                              the scores of a scores file as canonical JSON, named by their SHA-256
    deleted/sources/NAME.json                    the record of a counts file that was deleted: only its content may have
                                                 the name again; deleted/scores-files/NAME.json likewise
    probes/A                                     written again and again in a bucket, to see that it takes writes
"""

import re
from enum import StrEnum
from typing import NamedTuple

STREAMS = "streams"
COUNTS_FILES = "sources"
SCORES_FILES = "scores-files"


def versions(stream: str) -> str:
    """Return the folder of the records of a stream's versions."""
    return f"streams/{stream}/versions"


def version_record(stream: str, version: int) -> str:
    """Return the key of the record of a version."""
    return f"streams/{stream}/versions/{version:08d}.json"


def request_pointer(stream: str, request_digest: str) -> str:
    """Return the key of the number of the version that a request has."""
    return f"streams/{stream}/requests/{request_digest}.json"


def stream(name: str) -> str:
    """Return the folder of everything that a stream has."""
    return f"streams/{name}"


def request_pointers(stream: str) -> str:
    """Return the folder of the numbers of versions by request."""
    return f"streams/{stream}/requests"


def newest(stream: str) -> str:
    """Return the key of the hint to the newest version of a stream."""
    return f"streams/{stream}/newest.json"


def exports(stream: str) -> str:
    """Return the folder that has a folder for each version that was rendered."""
    return f"streams/{stream}/exports"


def tombstones(stream: str) -> str:
    """Return the folder of the numbers without a version that no version may get."""
    return f"streams/{stream}/tombstones"


def tombstone(stream: str, version: int) -> str:
    """Return the key of a number without a version that no version may get."""
    return f"streams/{stream}/tombstones/{version:08d}.json"


def export_record(stream: str, version: int, exporter: str, exporter_version: int, labels: str | None) -> str:
    """Return the key of the record of a rendering; `labels` is the digest of labels that a client gave."""
    name = f"{exporter_version}" if labels is None else f"{exporter_version}-{labels}"
    return f"streams/{stream}/exports/{version:08d}/{exporter}/{name}.json"


def descriptions(stream: str) -> str:
    """Return the folder of the descriptions of a stream."""
    return f"streams/{stream}/descriptions"


def description(stream: str, number: int) -> str:
    """Return the key of a description of a stream, by its number from 1."""
    return f"streams/{stream}/descriptions/{number:08d}.json"


def documents(digest: str) -> str:
    """Return the folder of the documents whose SHA-256 (hexadecimal) begins with these digits, at least two."""
    return f"documents/{digest[:2]}"


def document(digest: str) -> str:
    """Return the key of a document by its SHA-256 (hexadecimal)."""
    return f"documents/{digest[:2]}/{digest}"


def evidence(digest: str) -> str:
    """Return the key of a file of evidence by its SHA-256 (hexadecimal)."""
    return f"evidence/{digest[:2]}/{digest}"


def uploaded_file_record(folder: str, name: str) -> str:
    """Return the key of the record of an uploaded file; the folder is `COUNTS_FILES` or `SCORES_FILES`."""
    return f"{folder}/{name}.json"


def deleted_file_record(folder: str, name: str) -> str:
    """Return the key of the record of an uploaded file that was deleted; the folder as of `uploaded_file_record`."""
    return f"deleted/{folder}/{name}.json"


def evidence_rendering(digest: str, form: str, form_version: int) -> str:
    """Return the key of the record of a rendering of a file of evidence by its SHA-256 (hexadecimal)."""
    return f"renderings/{digest[:2]}/{digest}/{form}/{form_version}.json"


def counts_file_record(name: str) -> str:
    """Return the key of the record of a counts file."""
    return f"sources/{name}.json"


def counts(digest: str) -> str:
    """Return the key of the counts of a counts file by their SHA-256 (hexadecimal)."""
    return f"counts/{digest[:2]}/{digest}"


def labels(digest: str) -> str:
    """Return the key of labels by their SHA-256 (hexadecimal)."""
    return f"labels/{digest[:2]}/{digest}"


def scores(digest: str) -> str:
    """Return the key of the scores of a scores file by their SHA-256 (hexadecimal)."""
    return f"scores/{digest[:2]}/{digest}"


def probe(writer: int) -> str:
    """Return the key that a process writes to see that a bucket takes writes: one of 16, by a number of the process."""
    return f"probes/{writer % 16:x}"


class Kind(StrEnum):
    """What an object is, by its key; the values are what people call it."""

    RECORD = "the record of a version"
    POINTER = "the number of the version of a request"
    HINT = "the hint to the newest version"
    TOMBSTONE = "a number that no version may get"
    EXPORT = "the record of an export"
    DESCRIPTION = "a description"
    RENDERING = "the record of evidence as Parquet"
    COUNTS_FILE = "the record of a counts file"
    SCORES_FILE = "the record of a scores file"
    DELETED_COUNTS_FILE = "the record of a counts file that was deleted"
    DELETED_SCORES_FILE = "the record of a scores file that was deleted"
    DOCUMENT = "a document"
    EVIDENCE = "a file of evidence"
    COUNTS = "the counts of a counts file"
    LABELS = "labels"
    SCORES = "the scores of a scores file"
    PROBE = "a probe"


CONTENTS = (Kind.DOCUMENT, Kind.EVIDENCE, Kind.COUNTS, Kind.LABELS, Kind.SCORES)
"""The objects that are named by the SHA-256 of their bytes."""


class Place(NamedTuple):
    """A key, taken apart.

    Attributes
    ----------
    kind : Kind
    name : str
        The name of a stream or an uploaded file; empty for other kinds.
    number : int
        The number of a version or a description; 0 for other kinds.
    digest : str
        The SHA-256 of the bytes, of the request of a pointer, or of the evidence of a rendering; else empty.
    """

    kind: Kind
    name: str = ""
    number: int = 0
    digest: str = ""


_NAME, _NUMBER, _DIGEST = "(?P<name>[^/]+)", "(?P<number>[0-9]{8,})", "(?P<digest>[0-9a-f]{64})"
_PATTERNS = {
    Kind.RECORD: rf"streams/{_NAME}/versions/{_NUMBER}\.json",
    Kind.POINTER: rf"streams/{_NAME}/requests/{_DIGEST}\.json",
    Kind.HINT: rf"streams/{_NAME}/newest\.json",
    Kind.TOMBSTONE: rf"streams/{_NAME}/tombstones/{_NUMBER}\.json",
    Kind.EXPORT: rf"streams/{_NAME}/exports/{_NUMBER}/[^/]+/[0-9]+(-[0-9a-f]{{64}})?\.json",
    Kind.DESCRIPTION: rf"streams/{_NAME}/descriptions/{_NUMBER}\.json",
    Kind.RENDERING: rf"renderings/[0-9a-f]{{2}}/{_DIGEST}/[^/]+/[0-9]+\.json",
    Kind.COUNTS_FILE: rf"sources/{_NAME}\.json",
    Kind.SCORES_FILE: rf"scores-files/{_NAME}\.json",
    Kind.DELETED_COUNTS_FILE: rf"deleted/sources/{_NAME}\.json",
    Kind.DELETED_SCORES_FILE: rf"deleted/scores-files/{_NAME}\.json",
    Kind.DOCUMENT: rf"documents/[0-9a-f]{{2}}/{_DIGEST}",
    Kind.EVIDENCE: rf"evidence/[0-9a-f]{{2}}/{_DIGEST}",
    Kind.COUNTS: rf"counts/[0-9a-f]{{2}}/{_DIGEST}",
    Kind.LABELS: rf"labels/[0-9a-f]{{2}}/{_DIGEST}",
    Kind.SCORES: rf"scores/[0-9a-f]{{2}}/{_DIGEST}",
    Kind.PROBE: "probes/[0-9a-f]",
}
_COMPILED = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}


def place_of(key: str) -> Place | None:
    """Return a key taken apart; None for a key that no release writes."""
    for kind, pattern in _COMPILED.items():
        if found := pattern.fullmatch(key):
            parts = found.groupdict()
            return Place(kind, parts.get("name") or "", int(parts.get("number") or 0), parts.get("digest") or "")
    return None

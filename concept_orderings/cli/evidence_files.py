"""Read published evidence for `order`: files, or a directory that has them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from concept_orderings.canonical import sha256_hex
from concept_orderings.errors import BadEvidence
from concept_orderings.evidence.tables import MARGINS, EvidenceTable, read_table
from concept_orderings.faults import Faults

_SUFFIXES = (".json", ".npz")
_LIST = "evidence_files"
_TABLE = frozenset({"format", "kind", "values", "provenance", "rows"})
# One field alone does not make a table: a page of a version's concepts has `rows`, too.
_LEAST_FIELDS = 2


def read_evidence(paths: Sequence[Path]) -> dict[str, EvidenceTable]:
    """Return the tables in files by the names of the files; margins, from which no order is made, are left out.

    A manifest among the files says which SHA-256 the others must have.

    Parameters
    ----------
    paths
        Files, and directories whose files ``*.json`` and ``*.npz`` are read; other JSON in them is ignored.

    Raises
    ------
    BadEvidence
        With the faults of all files. ``bad_evidence_file``: a file cannot be read, or there is none with evidence.
        ``evidence_damaged``: a file does not have the digest that the manifest or the file itself states.
    """
    faults = Faults()
    files = [(path, data) for path, data in _files(paths, faults) if data is not None]
    manifests = [(path, found) for path, data in files if (found := _manifest(data)) is not None]
    of_manifests = {path for path, _ in manifests}
    tables: dict[str, EvidenceTable] = {}
    for path, data in files:
        table = None if path in of_manifests else faults.attempt(_table, path, data)
        if table is not None and table.kind != MARGINS:
            tables[str(path)] = table
            for manifest_path, manifest in manifests:
                faults.attempt(_check_listed, f"{path}", table.kind, data, manifest, f"{manifest_path}")
    faults.refuse()
    if not tables:
        raise BadEvidence(
            "bad_evidence_file",
            f"There is no evidence in {', '.join(map(str, paths))}: download the files that the manifest lists as "
            "evidence_files.",
        )
    return tables


def _files(paths: Sequence[Path], faults: Faults) -> Iterator[tuple[Path, bytes | None]]:
    """Yield the files with their content; other JSON in a directory, such as the request, is left out."""
    for path in paths:
        if not path.is_dir():
            yield path, faults.attempt(_read, path)
            continue
        for each in sorted(path.iterdir()):
            data = faults.attempt(_read, each) if each.suffix in _SUFFIXES and each.is_file() else None
            fields = _fields(data) if data is not None else frozenset[str]()
            if _LIST in fields or len(_TABLE & fields) >= _LEAST_FIELDS:
                yield each, data


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise BadEvidence("bad_evidence_file", f"{path} is no regular file; evidence is read from one.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadEvidence("bad_evidence_file", f"{path} cannot be read: {error.strerror}.") from error


def _fields(data: bytes) -> frozenset[str]:
    """Return the names of the fields of a JSON object; those of a table for an archive; none for what is neither."""
    if data.startswith(b"PK"):
        return _TABLE
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        # It is no JSON: reading it as a table says why.
        return _TABLE
    return frozenset(value if isinstance(value, dict) else ())


def _manifest(data: bytes) -> Mapping[str, Any] | None:
    if _LIST not in _fields(data):
        return None
    manifest: Mapping[str, Any] = json.loads(data)
    return manifest


def _check_listed(path: str, kind: str, data: bytes, manifest: Mapping[str, Any], file: str) -> None:
    listed = manifest[_LIST]
    entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    stated = next((each.get("digest") for each in entries if each.get("kind") == kind), None)
    if stated is None:
        raise BadEvidence("evidence_not_needed", f"The manifest {file} lists no {kind}; leave {path} or it out.")
    if sha256_hex(data) != stated:
        raise BadEvidence(
            "evidence_damaged",
            f"{path} does not have the SHA-256 that the manifest {file} states for {kind}: download it again, or leave "
            "the manifest out if it is that of another version.",
        )


def _table(path: Path, data: bytes) -> EvidenceTable:
    try:
        return read_table(data)
    except BadEvidence as error:
        raise BadEvidence(error.code, f"{path}: {error.detail}") from error

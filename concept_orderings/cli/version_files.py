"""Read a version from its files for `export`: manifest, tasks and evidence, as the service serves them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from concept_orderings.bundles import is_bundle, read_bundle
from concept_orderings.canonical import sha256_hex
from concept_orderings.cli.files import read_bytes
from concept_orderings.errors import BadValue
from concept_orderings.exporters.bundle import CHECKSUMS
from concept_orderings.published import PublishedVersion, VersionDocuments
from concept_orderings.text import first_of

_SUFFIXES = (".json", ".npz")
_BESIDE = (CHECKSUMS, ".md", ".cff")
_OF_MANIFESTS = {"request_digest", "order_digest", "tasks", "ordering"}
_MOST_NAMED = 20
_MOST_BYTES = 2**32


def read_version(paths: Sequence[Path]) -> PublishedVersion:
    """Return the version of a manifest, with the tasks and the evidence that have the digests in it.

    Parameters
    ----------
    paths
        See `read_files_of_version`. Files that are no part of the version are ignored.

    Raises
    ------
    BadValue
        ``bad_file``: a file cannot be read; there is no manifest, or several; a task is missing.
    """
    files = read_files_of_version(paths)
    manifests = {path: data for path, data in files.items() if is_manifest(data)}
    if len(manifests) != 1:
        found = f"{len(manifests)} manifests ({first_of(list(manifests), _MOST_NAMED)})"
        what = "no manifest" if not manifests else found
        raise BadValue("bad_file", f"There is {what} in {', '.join(map(str, paths))}; give the files of one version.")
    [manifest] = manifests.values()
    by_digest = {sha256_hex(data): data for data in files.values()}
    listed: Mapping[str, Any] = json.loads(manifest)
    missing = [str(each["task"]) for each in listed["tasks"] if each["digest"] not in by_digest]
    if missing:
        raise BadValue(
            "bad_file",
            f"There is no file with the digest of {len(missing)} of the tasks ({first_of(missing, _MOST_NAMED)}): "
            "download them again, from /v1/streams/NAME/versions/V/tasks/N.",
        )
    tasks = tuple(by_digest[each["digest"]] for each in listed["tasks"])
    version = PublishedVersion.from_documents(VersionDocuments(manifest, tasks))
    return version.with_evidence(lambda: _evidence(listed, by_digest))


def read_files_of_version(paths: Sequence[Path], *, with_checksums: bool = False) -> dict[str, bytes]:
    """Return the content of files by their paths.

    Parameters
    ----------
    paths
        Files; directories whose ``*.json`` and ``*.npz`` files are read, also those in directories below; and bundles,
        whose files are read without unpacking them.
    with_checksums
        Whether to read what else a bundle has, too: its checksums and the files that these list.

    Raises
    ------
    BadValue
        ``bad_file``: a file cannot be read; see `read_bundle`.
    """
    files: dict[str, bytes] = {}
    for path in _files(paths, (*_SUFFIXES, *_BESIDE) if with_checksums else _SUFFIXES):
        data = read_version_file(path)
        if is_bundle(data):
            files |= {f"{path}/{name}": each for name, each in read_bundle(data, str(path)).items()}
        else:
            files[str(path)] = data
    return files


def read_version_file(path: Path) -> bytes:
    """Return the content of one file of a version, or of a bundle; errors as for `read_bytes`."""
    return read_bytes(path, most=_MOST_BYTES, why="which no file of a version has")


def _evidence(manifest: Mapping[str, Any], by_digest: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of evidence by kind; asked for by formats that have them."""
    listed = manifest.get("evidence_files", [])
    missing = [each["kind"] for each in listed if each["digest"] not in by_digest]
    if missing:
        raise BadValue(
            "bad_file",
            f"There is no file with the digest of the evidence {', '.join(missing)}: download it again, from "
            "/v1/streams/NAME/versions/V/evidence/KIND.",
        )
    return {each["kind"]: by_digest[each["digest"]] for each in listed}


def _files(paths: Sequence[Path], endings: tuple[str, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if each.name.endswith(endings) and each.is_file())
        else:
            yield path


def is_manifest(data: bytes) -> bool:
    """Tell whether a file is the manifest of a version."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.keys() >= _OF_MANIFESTS

"""The command ``fetch``: download a version, checked, into the cache or into a directory."""

import argparse
from pathlib import Path
from typing import Any

from concept_orderings.cli.of_service import NAME_FORM, add_digest, add_url, client_of, fetch, version_name
from concept_orderings.cli.output import write
from concept_orderings.errors import BadValue
from concept_orderings.exporters.croissant import IN_BUNDLE
from concept_orderings.published import PublishedVersion


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: the version, its digest, the service and a directory."""
    parser.add_argument("name", type=version_name, metavar="NAME", help=NAME_FORM)
    add_url(parser)
    add_digest(parser)
    parser.add_argument("--evidence", action="store_true", help="also the files of evidence")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="write the files into a new directory, which `export` and `compare` read; without it they are in the "
        "client's cache alone",
    )


def run(options: argparse.Namespace) -> int:
    """Fetch the version, and print what pins it: name, number and digest.

    Raises
    ------
    ConceptOrderingsError
        The version is not there, has another digest, or cannot be written.
    """
    if options.output is not None:
        _make(options.output)
    with client_of(options) as client:
        stream = fetch(client, options.name, options.digest)
        version = stream.published()
        files = files_of(version, with_evidence=options.evidence)
    if options.output is not None:
        outputs: list[tuple[bytes, Path | None]] = [(data, options.output / name) for name, data in files.items()]
        for path in {path.parent for _, path in outputs if path is not None}:
            path.mkdir(exist_ok=True)
        write(outputs)
    write([(f"{stream.name} version {stream.version} digest {stream.digest}\n".encode(), None)])
    return 0


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise BadValue("bad_file", f"The directory {directory} is not empty; name a new one.")
    except OSError as error:
        raise BadValue("bad_file", f"The directory {directory} cannot be made: {error.strerror}.") from error


def files_of(version: PublishedVersion, *, with_evidence: bool) -> dict[str, bytes]:
    """Return the files of a version under the names that they have in a bundle."""
    documents = version.documents()
    files = {"manifest.json": documents.manifest}
    files |= {IN_BUNDLE.task_at(i): each for i, each in enumerate(documents.tasks)}
    if with_evidence:
        places = {each["kind"]: IN_BUNDLE.evidence_at(each["kind"], each["media_type"]) for each in _listed(version)}
        files |= {places[kind]: data for kind, data in version.evidence().items()}
    return files


def _listed(version: PublishedVersion) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = version.manifest.get("evidence_files", [])
    return listed

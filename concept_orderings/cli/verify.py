"""The command ``verify``: make a published version again from its request and its evidence, and compare."""

import argparse
import re
import sys
from pathlib import Path

from concept_orderings.cli.fetch import files_of
from concept_orderings.cli.of_service import add_url, client_of, faults_of_name, fetch, version_name
from concept_orderings.cli.output import write
from concept_orderings.cli.terminal import escaped
from concept_orderings.cli.usage import refuse
from concept_orderings.cli.version_files import read_files_of_version
from concept_orderings.progress_line import progress_on
from concept_orderings.verification import Findings, Outcome, verify

_DIGEST = re.compile("[0-9a-f]{12,64}")

_STATUS = {None: 0, Outcome.FAILED: 1, Outcome.UNPROVEN: 3}
_VERDICT = {None: "verified", Outcome.FAILED: "FAILED", Outcome.UNPROVEN: "not verified as a whole"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: the files of a version, and what to verify."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="PATH",
        help="a bundle, a directory such as an unpacked one, or the manifest, the evidence and the tasks of a version "
        "as the service serves them; with --url, NAME or NAME@VERSION of the service",
    )
    add_url(parser)
    parser.add_argument(
        "--digest",
        type=_digest,
        metavar="SHA256",
        help="the digest of the version as it is cited, which it must have; at least the first 12 digits",
    )
    parser.add_argument(
        "--all-starts",
        action="store_true",
        help="for similarity: walk from all starts, which proves that the path is the best one, instead of checking "
        "the steps of the path alone; it takes as long as ordering, and needs numba",
    )


def run(options: argparse.Namespace) -> int:
    """Print what was found; return 0 if the version is verified, 1 if it fails, 3 if a part could not be verified.

    Raises
    ------
    UsageError
        With ``--url``, several versions are named.
    ConceptOrderingsError
        A file cannot be read, there is no manifest, or what the service sends has another digest.
    """
    refuse(faults_of_name(options))
    if options.url is None:
        files = read_files_of_version([Path(each) for each in options.files], with_checksums=True)
    else:
        files = _fetched(options)
    with progress_on(sys.stderr) as report:
        findings = verify(files, digest=options.digest or "", all_starts=options.all_starts, report=report)
    write([("".join(f"{escaped(each)}\n" for each in _lines(findings)).encode(), None)])
    return _STATUS[findings.outcome]


def _fetched(options: argparse.Namespace) -> dict[str, bytes]:
    """Return the files of a version of a service, after checking those in the client's cache."""
    with client_of(options) as client:
        stream = fetch(client, version_name(options.files[0]), options.digest)
        stream.verify()
        return files_of(stream.published(), with_evidence=True)


def _lines(findings: Findings) -> list[str]:
    found = [f"{each.outcome}: {each.detail} [{each.code}]" for each in findings.all()]
    return [*found, f"{_VERDICT[findings.outcome]}: {findings.version}"]


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{ascii(text)[:80]} is not a SHA-256 in lower case, or its first 12 digits or more"
        )
    return text

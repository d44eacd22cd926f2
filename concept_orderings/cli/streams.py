"""The command ``streams``: list the streams of a service, or the versions of one."""

import argparse
import sys

from concept_orderings.cli.of_service import add_url, client_of
from concept_orderings.cli.output import write
from concept_orderings.client.asking import StreamSummary, VersionSummary, no_count
from concept_orderings.progress_line import line_on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: a stream, and the service."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="list the versions of this stream (default: all streams)"
    )
    add_url(parser)


def run(options: argparse.Namespace) -> int:
    """Print a line for each stream, or for each version: name, number, ordering, concepts, day, digest.

    Of a damaged version, the line has the name, the number and the word ``damaged``.

    Raises
    ------
    ConceptOrderingsError
        There is no such stream, or the service does not answer.
    """
    with client_of(options) as client, line_on(sys.stderr) as line:
        progress = no_count if line is None else lambda number: line.show(f"{number:,} read")
        if options.name is not None:
            rows = [_row(each, each.version, each.digest) for each in client.versions(options.name, progress=progress)]
        else:
            rows = [_row(each, each.latest_version) for each in client.streams(progress=progress)]
    write([("".join("\t".join(filter(None, row)) + "\n" for row in rows).encode(), None)])
    return 0


def _row(listed: StreamSummary | VersionSummary, version: int, digest: str = "") -> tuple[str, ...]:
    name = f"{listed.name}@{version}"
    if listed.damaged:
        return name, "damaged"
    return name, listed.ordering, str(listed.concepts), listed.created_at, digest

"""The command ``streams``: list the streams of a service, or the versions of one."""

import argparse
import sys

from concept_orderings.cli.of_service import add_url, client_of
from concept_orderings.cli.output import write
from concept_orderings.client.asking import no_count
from concept_orderings.progress_line import line_on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: a stream, and the service."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="list the versions of this stream (default: all streams)"
    )
    add_url(parser)


def run(options: argparse.Namespace) -> int:
    """Print a line for each stream, or for each version: name, number, ordering, concepts, day, digest.

    Raises
    ------
    ConceptOrderingsError
        There is no such stream, or the service does not answer.
    """
    with client_of(options) as client, line_on(sys.stderr) as line:
        progress = no_count if line is None else lambda number: line.show(f"{number:,} read")
        if options.name is not None:
            rows = [
                (f"{each.name}@{each.version}", each.ordering, str(each.concepts), each.created_at, each.digest)
                for each in client.versions(options.name, progress=progress)
            ]
        else:
            rows = [
                (f"{each.name}@{each.latest_version}", each.ordering, str(each.concepts), each.created_at, "")
                for each in client.streams(progress=progress)
            ]
    write([("".join("\t".join(filter(None, row)) + "\n" for row in rows).encode(), None)])
    return 0

"""The command ``verify``: check a version of a service byte by byte."""

import argparse

from concept_orderings.cli.of_service import NAME_FORM, add_digest, add_url, client_of, fetch, version_name
from concept_orderings.cli.output import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: the version, its digest and the service."""
    parser.add_argument("name", type=version_name, metavar="NAME", help=NAME_FORM)
    add_url(parser)
    add_digest(parser)


def run(options: argparse.Namespace) -> int:
    """Check the version, and print what was checked.

    Raises
    ------
    ConceptOrderingsError
        A document has another digest, or the documents contradict each other.
    """
    with client_of(options) as client:
        stream = fetch(client, options.name, options.digest)
        stream.verify()
    what = f"the manifest and {len(stream.tasks):,} tasks with {stream.manifest.concepts:,} concepts"
    line = f"{stream.name} version {stream.version}: {what} have the digests of {stream.digest}\n"
    write([(line.encode(), None)])
    return 0

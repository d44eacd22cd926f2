"""What the commands that read from a service share: its address, and names such as ``job-1@2``."""

import argparse
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from concept_orderings.cli.usage import refuse
from concept_orderings.progress_line import progress_on

if TYPE_CHECKING:
    from concept_orderings.client import Client, Stream

_URL = "CONCEPT_ORDERINGS_URL"
NAME_FORM = "NAME or NAME@VERSION: a stream of the service; without a version its latest"


class VersionName(NamedTuple):
    """The name of a stream, and the number of a version or ``latest``."""

    stream: str
    version: int | str


def add_url(parser: argparse.ArgumentParser) -> None:
    """Declare ``--url``."""
    parser.add_argument(
        "--url",
        metavar="URL",
        help=f"the address of the service, such as http://127.0.0.1:8000 (default: that in the variable {_URL}); a "
        "bearer token is taken from CONCEPT_ORDERINGS_TOKEN",
    )


def add_digest(parser: argparse.ArgumentParser) -> None:
    """Declare ``--digest``."""
    parser.add_argument(
        "--digest", metavar="SHA256", help="refuse a version with another digest; at least the first 12 digits"
    )


def version_name(text: str) -> VersionName:
    """Return what ``NAME`` or ``NAME@VERSION`` names; the client checks the name.

    Raises
    ------
    argparse.ArgumentTypeError
        The version is no number.
    """
    name, at, version = text.partition("@")
    if not at or version == "latest":
        return VersionName(name, "latest")
    if not (version.isascii() and version.isdigit()) or int(version) == 0 or len(version) > 9:
        raise argparse.ArgumentTypeError(f"{ascii(text)[:80]} has no number of a version after the @")
    return VersionName(name, int(version))


def faults_of_name(options: argparse.Namespace) -> Iterator[str]:
    """Yield what is wrong with the files of the options if, with ``--url``, they are to name a version of a service."""
    if options.url is None:
        return
    if len(options.files) > 1:
        yield "With --url, name one version: NAME or NAME@VERSION."
    try:
        version_name(options.files[0])
    except argparse.ArgumentTypeError as error:
        yield f"{error}."


def client_of(options: argparse.Namespace) -> "Client":
    """Return a client of the service that the options name.

    Raises
    ------
    UsageError
        They name none.
    ConceptOrderingsError
        It is no address, or httpx is not installed.
    """
    if options.url is None and not os.environ.get(_URL):
        refuse([f"Name the service: --url URL, or the variable {_URL}."])
    from concept_orderings.client import Client

    return Client(options.url)


def fetch(client: "Client", name: VersionName, digest: str | None = None) -> "Stream":
    """Return a version with all of its tasks in the cache, and show on a terminal how many there are."""
    stream = client.stream(name.stream, name.version, digest)
    with progress_on(sys.stderr) as report:
        for number in range(len(stream.tasks)):
            report(number, len(stream.tasks))
            stream.tasks[number]
    return stream

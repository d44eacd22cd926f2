"""Options of the commands that start the API."""

import argparse
import os

from launcher.errors import CannotRun

PROCESSES = "CONCEPT_ORDERINGS_PROCESSES"
MOST_PROCESSES = 64


def add_address(parser: argparse.ArgumentParser, host: str = "127.0.0.1") -> None:
    """Declare where to listen."""
    parser.add_argument("--host", default=host, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on (default: %(default)s)")


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Declare how many processes the API has."""
    parser.add_argument(
        "--processes",
        type=_processes,
        metavar="N",
        help=f"processes of the API that share the port (default: {PROCESSES}, or 1)",
    )


def number_of_processes(option: int | None) -> int:
    """Return how many processes the API has: the option, or else what the environment says.

    Raises
    ------
    CannotRun
        The environment says something else.
    """
    if option is not None:
        return option
    try:
        return _processes(os.environ.get(PROCESSES, "1"))
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise CannotRun(f"{PROCESSES}: a number from 1 to {MOST_PROCESSES} is needed.") from error


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _processes(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_PROCESSES:
        raise argparse.ArgumentTypeError(f"the API has from 1 to {MOST_PROCESSES} processes")
    return number

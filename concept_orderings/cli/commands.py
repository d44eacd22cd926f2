"""The names of the commands, and the search for the one to run.

A program declares its commands in its package metadata, as entry points of the group ``concept_orderings.commands``.
Each entry point is a module with the two functions of `Command`.
"""

import argparse
from typing import Protocol

from concept_orderings.cli.entry_points import load

COMMANDS = {
    "serve": "run Valkey, a worker and the HTTP service, all in one",
    "worker": "run a worker alone; its settings are environment variables",
    "index": "build or extend a local full-text index of C4 shards",
    "order": "order class-list files without a server",
    "export": "write a downloaded version in another format, without a server",
}
"""Each command and what it does. This is a table so that the help is shown without importing a program."""

_GROUP = "concept_orderings.commands"


class Command(Protocol):
    """A command of the command line: a module with these two functions."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        ...

    def run(self, options: argparse.Namespace) -> int:
        """Run the command with parsed arguments; return the exit status."""
        ...


class CommandNotInstalled(Exception):
    """The program of a command is not installed; the text says how to get it."""


def find_command(name: str) -> Command:
    """Return the command with a name.

    Raises
    ------
    CommandNotInstalled
        Its program, or a library that the program needs, is not installed.
    """
    if name == "order":
        from concept_orderings.cli import order

        return order
    if name == "export":
        from concept_orderings.cli import export

        return export
    try:
        command: Command = load(_GROUP, name)
    except ModuleNotFoundError as error:
        raise CommandNotInstalled(
            f"`{name}` needs the service, which this package does not contain ({error}). Get it with its source: clone "
            "the repository, then `make setup` there, or use its container images (docker/compose.yaml)."
        ) from error
    return command

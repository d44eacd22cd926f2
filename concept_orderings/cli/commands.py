"""The commands by name, and how the one that is to run is found.

A command of a program is declared in the program's metadata, as an entry point of the group
``concept_orderings.commands``. The entry point is a module with the two functions of `Command`.
"""

import argparse
from typing import Protocol

from concept_orderings.cli.entry_points import load

COMMANDS = {
    "serve": "run Valkey, a worker and the HTTP service, all in one",
    "worker": "run a worker alone; its settings are environment variables",
    "index": "build or extend a local full-text index of C4 shards",
    "order": "order class-list files without a server",
}
"""Each command and what it does: a table, so that the list of commands is shown without importing a program."""

_GROUP = "concept_orderings.commands"


class Command(Protocol):
    """What runs under a name; a module with these two functions is one."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        ...

    def run(self, options: argparse.Namespace) -> int:
        """Run it with parsed arguments; return the exit status."""
        ...


class CommandNotInstalled(Exception):
    """A command's program is not installed; the text says how to get it."""


def find_command(name: str) -> Command:
    """Return the command of that name.

    Raises
    ------
    CommandNotInstalled
        Its program, or a library that the program needs, is not installed.
    """
    if name == "order":
        from concept_orderings.cli import order

        return order
    try:
        command: Command = load(_GROUP, name)
    except ModuleNotFoundError as error:
        raise CommandNotInstalled(
            f"`{name}` needs the service, which this package does not hold ({error}). Get it with its source: clone "
            "the repository, then `make setup` there, or use its container images (docker/compose.yaml)."
        ) from error
    return command

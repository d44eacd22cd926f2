"""The names of the commands, and the search for the one to run.

A program declares its commands in its package metadata, as entry points of the group ``concept_orderings.commands``.
Each entry point is a module with the two functions of `Command`.
"""

import argparse
from importlib import import_module
from typing import Protocol

from concept_orderings.cli.entry_points import load

COMMANDS = {
    "serve": "run Valkey, a worker and the HTTP service, all in one",
    "worker": "run a worker alone; its settings are environment variables",
    "index": "build or extend a local full-text index of C4 shards",
    "fsck": "check every file of the store of streams, and say what can be done",
    "doctor": "say what is configured, reachable, full or old, and what to do about it",
    "keys": "make, list and revoke the keys of a service",
    "order": "order class-list files without a server",
    "export": "write a version in another format, downloaded or from a service",
    "compare": "compare two orders: versions, exported files or published streams",
    "fetch": "download a version from a service, checked",
    "verify": "make a published version again from its request and evidence, and compare",
    "streams": "list the streams of a service, or the versions of one",
    "jobs": "list the jobs of a service, follow one, or cancel one",
}
"""Each command and what it does. This is a table so that the help is shown without importing a program."""

OF_THE_LIBRARY = ("order", "export", "compare", "fetch", "verify", "streams", "jobs")
"""The commands that the wheel contains, each a module of this package."""

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
    if name in OF_THE_LIBRARY:
        own: Command = import_module(f"concept_orderings.cli.{name}")
        return own
    try:
        command: Command = load(_GROUP, name)
    except ModuleNotFoundError as error:
        raise CommandNotInstalled(
            f"`{name}` needs the service, which this package does not contain ({error}). Get it with its source: clone "
            "the repository, then `make setup` there, or use its container images (docker/compose.yaml)."
        ) from error
    return command

"""The command ``concept-orderings``.

Some commands need only this package (`OF_THE_LIBRARY`). All others belong to programs that the wheel does not contain.
They are found by entry points and run from a checkout or an image; if one is not installed, the command says how to get
it.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from concept_orderings.cli.commands import COMMANDS, CommandNotInstalled, find_command
from concept_orderings.cli.options import Once
from concept_orderings.cli.terminal import abandon, flush, say
from concept_orderings.cli.usage import UsageError
from concept_orderings.errors import ConceptOrderingsError
from concept_orderings.version import __version__

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments
        The arguments without the program's name; by default those of this process.

    Returns
    -------
    int
        The exit status: that of the command; 1 if the input is refused or the work fails; 2 for a command line that
        cannot be carried out as it is written; 130 after Ctrl-C; 141 if the reader of the output has ended.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version``, and with status 2 for an unknown command or option.
    """
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except BrokenPipeError:
        # 128 + SIGPIPE, as for a program that the signal ends: `order ... | head` is no error.
        abandon(sys.stdout, sys.stderr)
        return 141
    except KeyboardInterrupt:
        return 130


def _run(arguments: Sequence[str]) -> int:
    """Run the command, and print each error as one line."""
    try:
        try:
            options = _parser(arguments).parse_args(arguments)
            status: int = options.run(options)
        finally:
            # What `--help` and other commands print.
            flush()
    except UsageError as error:
        for fault in error.faults:
            say(fault)
        return 2
    except ConceptOrderingsError as error:
        for each in error.faults:
            say(f"{each.detail} [{each.code}]")
        for code, number in error.left_out.items():
            say(f"There are {number:,} more such faults. [{code}]")
        return 1
    except CommandNotInstalled as error:
        say(str(error))
        return 1
    except MemoryError:
        say("There is not enough memory for this input. [not_enough_memory]")
        return 1
    return status


class _Parser(argparse.ArgumentParser):
    """A parser whose help can be piped into a reader that ends early, also if it is longer than the pipe's buffer."""

    def print_help(self, file: Any = None) -> None:
        """Print the help; argparse's own method keeps silent about a reader that has ended."""
        (file or sys.stdout).write(self.format_help())


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser with the names of all commands and the arguments of the command to run."""
    parser = _Parser(prog="concept-orderings", description="Orderings of concepts for pretraining.")
    parser.add_argument("--version", action="version", version=f"concept-orderings {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        subparser = commands.add_parser(name, help=text)
        if name in arguments[:1]:
            # Only for this command, because declaring its arguments imports its program.
            command = find_command(name)
            subparser.register("action", None, Once)
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    return parser

"""The command ``concept-orderings``.

``order`` needs only this package. All other commands belong to programs that the wheel does not contain. They are found
by entry points and run from a checkout or an image; if one is not installed, the command says how to get it.
"""

import argparse
import sys
from collections.abc import Sequence

from concept_orderings.cli.commands import COMMANDS, CommandNotInstalled, find_command
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
        The exit status: that of the command, 1 after an error (printed as one line), 130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        options = _parser(arguments).parse_args(arguments)
        status: int = options.run(options)
    except ConceptOrderingsError as error:
        print(f"concept-orderings: {error.detail} [{error.code}]", file=sys.stderr)
        return 1
    except CommandNotInstalled as error:
        print(f"concept-orderings: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser with the names of all commands and the arguments of the command to run."""
    parser = argparse.ArgumentParser(prog="concept-orderings", description="Orderings of concepts for pretraining.")
    parser.add_argument("--version", action="version", version=f"concept-orderings {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        subparser = commands.add_parser(name, help=text)
        if name in arguments[:1]:
            # Only for this command, because declaring its arguments imports its program.
            command = find_command(name)
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    return parser

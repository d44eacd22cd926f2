"""``concept-orderings fsck``: check every object of the store of streams, beside a running service or without one."""

import argparse
import asyncio
import sys

from concept_orderings.cli.options import Once, add_data_dir
from concept_orderings.cli.terminal import escaped, say
from concept_orderings.errors import StoreError
from concept_orderings.progress import silent
from concept_orderings.progress_line import line_on
from store.fsck import Check, Finding
from store.fsck.check import BEING_WRITTEN_SECONDS
from store.fsck.repair import repair, skip_numbers
from store.locations import local_directory
from store.objects import WholeStore, open_objects
from store.settings import StoreSettings, read_settings

_MOST_SECONDS = 3600
_MOST_NUMBERS = 1_000_000
"""Each check has all of them in memory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the data directory, and what is done beside checking."""
    add_data_dir(parser)
    parser.add_argument(
        "--repair",
        action="store_true",
        help="make again what records decide: the pointers from requests to versions, and the hints to the newest one",
    )
    parser.add_argument(
        "--skip-numbers",
        action=Once,
        type=_number,
        default=0,
        metavar="N",
        help="leave out the next N numbers of each stream, which versions that a backup lacks may have had",
    )
    parser.add_argument(
        "--wait",
        action=Once,
        type=_seconds,
        default=BEING_WRITTEN_SECONDS,
        metavar="SECONDS",
        help="how old a file must be before it is called unreferred, since a version that is being published may refer "
        "to it in a moment (default: %(default)g)",
    )


def run(options: argparse.Namespace) -> int:
    """Check the store; print a line for each object with which something is wrong, and return 1 if there is one.

    Raises
    ------
    StoreError
        ``store_unavailable``.
    SettingError
        ``bad_setting``.
    """
    settings = read_settings(StoreSettings, data_dir=options.data_dir)
    location = settings.streams_location
    directory = local_directory(location)
    if directory is not None and not directory.is_dir():
        raise StoreError("store_unavailable", f"There is no store of streams at {directory}; name it with --data-dir.")
    return asyncio.run(_check(open_objects(location), location, options))


async def _check(objects: WholeStore, location: str, options: argparse.Namespace) -> int:
    check = Check(objects, settle_seconds=options.wait)
    with line_on(sys.stderr) as line:
        report = silent if line is None else lambda done, total: line.show("reading", done, total)
        findings = await check.run(report)
    repaired = await repair(objects, check.records, findings) if options.repair else []
    left = [each for each in findings if each not in repaired]
    _print("repaired ", repaired)
    _print("", left)
    if options.skip_numbers:
        for stream, number in (await skip_numbers(objects, check.records, options.skip_numbers)).items():
            print(f"{stream}: the next version is {number}")
    wrong = f"{len(left):,} with something wrong" if left else "all are whole"
    say(f"{check.objects_read:,} objects in {location.split('?', maxsplit=1)[0]} read; {wrong}")
    return 1 if left else 0


def _print(before: str, findings: list[Finding]) -> None:
    for each in findings:
        print(f"{before}{escaped(str(each))}")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"give seconds from 0 to {_MOST_SECONDS}")
    return seconds


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MOST_NUMBERS:
        raise argparse.ArgumentTypeError(f"give a number from 1 to {_MOST_NUMBERS:,}")
    return number

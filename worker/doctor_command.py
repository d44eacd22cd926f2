"""``concept-orderings doctor``: say what is configured, reachable, full or old, and what to do about it."""

import argparse
import asyncio
import json
import os
from collections.abc import Sequence

from concept_orderings.cli.options import add_data_dir
from concept_orderings.errors import SettingError
from store.settings import read_settings
from worker.doctor.examination import examine
from worker.doctor.findings import Finding, State, wrong
from worker.settings import WorkerSettings

_SIGNS = {State.OK: "ok   ", State.NOTE: "note ", State.WRONG: "WRONG"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the data directory, the API's address and the form of the output."""
    add_data_dir(parser)
    parser.add_argument(
        "--url",
        default=os.environ.get("CONCEPT_ORDERINGS_URL", ""),
        help="ask the API there, too (default: CONCEPT_ORDERINGS_URL)",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(options: argparse.Namespace) -> int:
    """Examine everything and print what was found; return 1 if something is wrong."""
    try:
        settings = read_settings(WorkerSettings, data_dir=options.data_dir)
        # The checks of the programs read it there.
        os.environ["CONCEPT_ORDERINGS_DATA_DIR"] = str(options.data_dir.absolute())
        found = asyncio.run(examine(settings, options.url.rstrip("/")))
    except SettingError as error:
        found = [wrong("settings", error.detail, "Correct the variable: the program does not start with it.")]
    print(_as_json(found) if options.json else _as_lines(found))
    return int(any(each.state is State.WRONG for each in found))


def _as_json(found: Sequence[Finding]) -> str:
    is_well = all(each.state is not State.WRONG for each in found)
    return json.dumps({"ok": is_well, "findings": [each.as_json() for each in found]}, indent=2)


def _as_lines(found: Sequence[Finding]) -> str:
    lines = list[str]()
    for each in found:
        lines.append(f"{_SIGNS[each.state]} {each.about}: {each.found}")
        if each.advice:
            lines.append(f"      → {each.advice}")
    return "\n".join(lines)

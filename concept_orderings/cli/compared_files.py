"""Read an order for `compare`: a version's bundle or folder, an export, or the name of a published stream."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from concept_orderings.bundles import is_bundle
from concept_orderings.cli.version_files import read_version, read_version_file
from concept_orderings.comparison import Side
from concept_orderings.errors import BadValue
from concept_orderings.evidence.tie_orders import is_concept
from concept_orderings.faults import repeats
from concept_orderings.listed_orders import canonical_order
from concept_orderings.published_streams import PUBLISHED_STREAMS, no_such_stream, published_order
from concept_orderings.text import first_of, shown

_MOST_NAMED = 5
_KNOWN = (
    "a bundle, a folder with the files of a version, the list of all concepts (fomo), the tasks (tasks), the rows of "
    "an export (jsonl, csv) or of …/order"
)


def read_side(argument: str) -> Side:
    """Return the order of a file, a folder or a published stream.

    Raises
    ------
    BadValue
        ``bad_file``: it cannot be read, or is no order; it has a concept twice.
    """
    path = Path(argument)
    if not path.exists() and argument in PUBLISHED_STREAMS:
        return Side(argument, [published_order(argument)])
    if path.is_dir():
        return _version(argument)
    try:
        data = read_version_file(path)
    except BadValue as error:
        hint = f" {no_such_stream(argument)}" if "/" in argument and not path.is_absolute() else ""
        raise BadValue(error.code, f"{error.detail}{hint}") from error
    if is_bundle(data):
        return _version(argument)
    tasks = _tasks(argument, data)
    concepts = [concept for task in tasks for concept in task]
    if twice := list(repeats(concepts)):
        named = first_of([shown(each) for each in twice], _MOST_NAMED)
        raise BadValue("bad_file", f"{argument} has {len(twice)} concepts more than once ({named}); keep one of each.")
    return Side(argument, tasks)


def _version(argument: str) -> Side:
    return Side.of_version(argument, read_version([Path(argument)]).documents())


def _tasks(file: str, data: bytes) -> list[Sequence[str]]:
    """Return the concepts of each task, with the canonical names of their datasets."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_order(file, "it is not text in UTF-8") from error
    found = _of_value(_decoded(text))
    if found is None:
        raise _no_order(file, "its content is something else")
    return [canonical_order(each) for each in found]


def _decoded(text: str) -> object:
    """Return the value of a JSON file, or the rows of JSON lines or of a table."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return list(csv.DictReader(io.StringIO(text, newline="")))


def _of_value(value: object) -> list[list[str]] | None:
    """Return the tasks of a value, one for a list without tasks; None if it is no order."""
    if not isinstance(value, list) or not value:
        return None
    if all(map(is_concept, value)):
        return [value]
    if all(isinstance(each, list) and all(map(is_concept, each)) for each in value):
        return value
    if all(isinstance(each, dict) and is_concept(each.get("concept")) for each in value):
        return [[each["concept"] for each in rows] for _, rows in groupby(value, key=_task)]
    return None


def _task(row: Mapping[str, Any]) -> str:
    return str(row.get("task"))


def _no_order(file: str, why: str) -> BadValue:
    return BadValue(
        "bad_file",
        f"{file} is no order that can be compared: {why}. Give {_KNOWN}; a request or a class list is ordered first, "
        "with `concept-orderings order`.",
    )

"""The command ``compare``: how far two orders agree."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from concept_orderings.canonical import canonical_json
from concept_orderings.cli.compared_files import read_side
from concept_orderings.cli.of_service import add_url, client_of, fetch, version_name
from concept_orderings.cli.output import check_writable, write
from concept_orderings.cli.terminal import escaped
from concept_orderings.comparison import Side, compare
from concept_orderings.errors import BadValue
from concept_orderings.faults import Faults

_MOST_LINES = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: the two orders and the output."""
    what = (
        "a bundle, a folder with the files of a version, an exported file, the name of a published stream, or "
        "NAME@VERSION of a service"
    )
    parser.add_argument("a", metavar="A", help=f"the first order: {what}")
    parser.add_argument("b", metavar="B", help="the second order, in any of these forms")
    add_url(parser)
    parser.add_argument(
        "--json", action="store_true", help="write the whole comparison as JSON, as GET /v1/compare answers"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to this file instead of standard output")


def run(options: argparse.Namespace) -> int:
    """Write the comparison; return the exit status, which is 0 also for orders that differ.

    Raises
    ------
    BadValue
        With the faults of both files.
    """
    if options.output is not None:
        check_writable(options.output)
    faults = Faults()
    a, b = (faults.attempt(_side, each, options) for each in (options.a, options.b))
    faults.refuse()
    assert a is not None
    assert b is not None
    found = compare(a, b)
    data = (
        canonical_json(found) + b"\n"
        if options.json
        else "".join(f"{escaped(each)}\n" for each in _lines(found)).encode()
    )
    write([(data, options.output)])
    return 0


def _side(argument: str, options: argparse.Namespace) -> Side:
    """Return the order of a file, of a published stream, or of ``NAME@VERSION``, which is fetched."""
    if "@" not in argument or Path(argument).exists():
        return read_side(argument)
    try:
        name = version_name(argument)
    except argparse.ArgumentTypeError as error:
        raise BadValue("bad_file", f"There is no file {argument}, and {error}.") from error
    with client_of(options) as client:
        return Side.of_version(argument, fetch(client, name).documents())


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the comparison for people; long lists are cut."""
    for side in ("a", "b"):
        yield _about(side, found[side])
    same = "the same tasks" if found["same_tasks"] else "the same order" if found["same_order"] else "other orders"
    yield f"{same}; {_counted(found['shared'], 'shared concept')}"
    yield f"Kendall's tau {_number(found['kendall_tau'])}, Spearman's rho {_number(found['spearman'])}"
    if (tied := found["with_ties"]) is not None:
        yield from _about_ties(tied)
    for side in ("a", "b"):
        yield from _about_others(side, found[f"only_in_{side}"])
    yield from _about_movers(found["largest_movers"])
    yield from _about_tasks(found["shared_between_tasks"])
    for part, listed in (found["differences"] or {}).items():
        yield f"places that differ in the {part}: {listed['total']:,}"
        for each in listed["differences"][:_MOST_LINES]:
            yield f"  {each['pointer']}: {each['a'] or 'absent'} | {each['b'] or 'absent'}"


def _about(side: str, order: Mapping[str, Any]) -> str:
    version = f", {order['stream']} version {order['version']}" if order["stream"] else ""
    size = f"{_counted(order['concepts'], 'concept')}, {_counted(order['tasks'], 'task')}"
    return f"{side}: {order['name']}{version}: {size}, order {order['order_digest']}"


def _counted(number: int, thing: str) -> str:
    return f"1 {thing}" if number == 1 else f"{number:,} {thing}s"


def _about_ties(tied: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"with equal values as ties: Kendall's tau-b {_number(tied['kendall_tau'])}, Spearman's rho "
        f"{_number(tied['spearman'])}"
    )
    for side in ("a", "b"):
        if tied[side] is not None:
            yield f"  {side}: {tied[side]['tied']:,} concepts share their {tied[side]['value']} with another"


def _about_others(side: str, others: Mapping[str, Any]) -> Iterator[str]:
    if others["total"]:
        yield f"{_counted(others['total'], 'concept')} only in {side}"
        for concept in others["concepts"][:_MOST_LINES]:
            yield f"  {concept}"


def _about_movers(movers: list[Mapping[str, Any]]) -> Iterator[str]:
    if movers:
        yield "moved furthest, from the position in a to that in b"
        for each in movers[:_MOST_LINES]:
            yield f"  {each['moved']:+,}  {each['position_in_a']} to {each['position_in_b']}  {each['concept']}"


def _about_tasks(matrix: list[list[int]] | None) -> Iterator[str]:
    """Yield a row for each task of a, if the table is narrow enough to be read."""
    if matrix and len(matrix) > 1 and 1 < len(matrix[0]) <= 2 * _MOST_LINES:
        yield "shared concepts of the tasks of a (rows) and b (columns)"
        width = max(len(str(cell)) for row in matrix for cell in row)
        for row in matrix:
            yield "  " + " ".join(f"{cell:>{width}}" for cell in row)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6f}"

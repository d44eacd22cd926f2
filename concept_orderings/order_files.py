"""Order class-list files without a server, for the command ``concept-orderings order``."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from concept_orderings.checks import check_mapping, check_strings
from concept_orderings.concepts import SEPARATOR
from concept_orderings.errors import BadValue
from concept_orderings.evidence import Gathered, Need
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.library import arrange_stream
from concept_orderings.progress import Report, silent
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.stream import ArrangedStream

Gatherer: TypeAlias = Callable[[StreamRequest, Report], Gathered]
"""Callable that takes a request and a progress report, and returns evidence of one kind for its concepts."""


def read_request(paths: Sequence[Path], *, ordering: Mapping[str, object], tasks: object) -> dict[str, object]:
    """Read class-list files and return the body of a request.

    Parameters
    ----------
    paths
        Each file holds one of these as JSON: a list of class names, for the dataset that the file is named after; a
        list of ``DATASET+++class name`` (a FoMo-in-Flux stream); or an object with ``datasets`` or ``concepts``, as in
        a request.
    ordering, tasks
        The fields of the request.

    Raises
    ------
    BadValue
        ``bad_file``: a file cannot be read or holds something else, or some hold datasets and others concepts.
    """
    datasets: list[object] = []
    concepts: list[str] = []
    for path in paths:
        given = _read(path)
        datasets.extend(given.get("datasets", []))
        concepts.extend(given.get("concepts", []))
    if datasets and concepts:
        raise BadValue("bad_file", "Some files hold class lists, others concepts; order one sort at a time.")
    lists: dict[str, object] = {"concepts": concepts} if concepts else {"datasets": datasets}
    return {"name": "file", **lists, "ordering": ordering, "tasks": tasks}


def order(
    body: Mapping[str, object], *, gatherer: Callable[[Need], Gatherer], report: Report = silent
) -> ArrangedStream:
    """Arrange and split a request; gather the evidence that neither it nor the catalogue has.

    Parameters
    ----------
    body
        The request.
    gatherer
        Called with a kind of evidence; returns the `Gatherer` for it.
    report
        Called with (done, total).

    Raises
    ------
    ConceptOrderingsError
        If the request is refused, or a gatherer fails.
    """
    request = parse_request(body)
    gathered = evidence_at_hand(request)
    for need in sorted(request.outside):
        gathered[need] = gatherer(need)(request, report)
    return arrange_stream(request, gathered, report=report)


def _read(path: Path) -> dict[str, Any]:
    try:
        content: object = json.loads(path.read_bytes())
    except OSError as error:
        raise BadValue("bad_file", f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise BadValue("bad_file", f"{path} is not JSON: {error}.") from error
    if isinstance(content, Mapping):
        return _read_object(check_mapping(content, ""), path)
    if not isinstance(content, list) or not all(isinstance(name, str) for name in content):
        raise BadValue("bad_file", f"{path} has neither a list of names nor an object; see the README for what it may.")
    names = check_strings(content, "")
    if names and all(SEPARATOR in name for name in names):
        return {"concepts": list(names)}
    return {"datasets": [{"name": path.stem, "classes": list(names)}]}


def _read_object(content: Mapping[str, object], path: Path) -> dict[str, Any]:
    lists = {name: content[name] for name in ("datasets", "concepts") if isinstance(content.get(name), list)}
    if not lists:
        raise BadValue("bad_file", f"{path} has neither datasets nor concepts; see the README for what a file holds.")
    return lists

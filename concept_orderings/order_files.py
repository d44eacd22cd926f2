"""Order class-list files without a server, for the command ``concept-orderings order``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from concept_orderings.checks import check_mapping, check_strings
from concept_orderings.concepts import SEPARATOR
from concept_orderings.errors import BadValue
from concept_orderings.evidence import Gathered, Need
from concept_orderings.evidence.at_hand import assemble, evidence_at_hand
from concept_orderings.json_text import decode_json
from concept_orderings.library import arrange_stream
from concept_orderings.progress import Report, silent
from concept_orderings.request import StreamRequest
from concept_orderings.stream import ArrangedStream, group_of_each
from concept_orderings.text import first_of, shown

Gatherer: TypeAlias = Callable[[StreamRequest, Report], Gathered]
"""Callable that takes a request and a progress report, and returns evidence of one kind for its concepts."""


_OWN_FIELDS = ("name", "ordering", "tasks")
_FIELDS = ("datasets", "concepts", *_OWN_FIELDS)


@dataclass(frozen=True)
class ClassFile:
    """What a file says.

    Attributes
    ----------
    path : Path
    datasets : sequence
        Class lists as in a request.
    concepts : sequence of str
        ``DATASET+++class name`` of each concept; a file has either datasets or concepts.
    own : mapping of str to object
        The fields `name`, `ordering` and `tasks` of a request that the file has.
    """

    path: Path
    datasets: Sequence[object] = ()
    concepts: Sequence[str] = ()
    own: Mapping[str, object] = field(default_factory=dict)


class OwnFields(Mapping[str, object]):
    """The fields `name`, `ordering` and `tasks` that files have.

    Raises
    ------
    BadValue
        ``bad_file``: two files have the same field.
    """

    def __init__(self, files: Sequence[ClassFile]) -> None:
        self._from = {name: [each for each in files if name in each.own] for name in _OWN_FIELDS}
        for name, several in self._from.items():
            if len(several) > 1:
                paths = first_of([str(each.path) for each in several], 10)
                raise BadValue("bad_file", f"Each of {paths} has the field {name}; one file at most may have it.")

    def path(self, name: str) -> Path:
        """Return the file that has a field."""
        return self._from[name][0].path

    def __getitem__(self, name: str) -> object:
        for each in self._from.get(name, ()):
            return each.own[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name, has_it in self._from.items() if has_it)

    def __len__(self) -> int:
        return sum(map(bool, self._from.values()))


def read_files(paths: Sequence[Path]) -> list[ClassFile]:
    """Read class-list files.

    Parameters
    ----------
    paths
        Each file holds one of these as JSON: a list of class names, for the dataset that the file is named after; a
        list of ``DATASET+++class name`` (a FoMo-in-Flux stream); or an object with ``datasets`` or ``concepts`` and
        perhaps the other fields of a request.

    Raises
    ------
    BadValue
        ``bad_file``: a file cannot be read or holds something else.
    """
    return [_read(path) for path in paths]


def request_of(files: Sequence[ClassFile], **fields: object) -> dict[str, object]:
    """Return the body of a request for the class lists or the concepts of all files.

    Parameters
    ----------
    files
        From `read_files`.
    **fields
        The other fields of the request.

    Raises
    ------
    BadValue
        ``bad_file``: some files hold datasets and others concepts.
    """
    datasets = [dataset for each in files for dataset in each.datasets]
    concepts = [concept for each in files for concept in each.concepts]
    if datasets and concepts:
        raise BadValue("bad_file", "Some files hold class lists, others concepts; order one sort at a time.")
    lists: dict[str, object] = {"concepts": concepts} if concepts else {"datasets": datasets}
    return {"name": "file", **lists, **fields}


def order(request: StreamRequest, *, gatherer: Callable[[Need], Gatherer], report: Report = silent) -> ArrangedStream:
    """Arrange and split a request; gather the evidence that neither it nor the catalogue has.

    Parameters
    ----------
    request
        A checked request.
    gatherer
        Called with a kind of evidence; returns the `Gatherer` for it.
    report
        Called with (done, total).

    Raises
    ------
    ConceptOrderingsError
        If a gatherer fails.
    """
    gathered = evidence_at_hand(request)
    for need in sorted(request.outside):
        gathered[need] = gatherer(need)(request, report)
    return arrange_stream(request, gathered, report=report)


def fewest_tasks(request: StreamRequest) -> int:
    """Return the number of tasks into which a request splits its concepts; for groups, if none of them is split."""
    evidence = assemble(evidence_at_hand(request))
    groups = group_of_each(request.split, request.concepts, evidence)
    return len(request.split.sizes(sorted(groups.tolist())))


def _read(path: Path) -> ClassFile:
    try:
        content: object = decode_json(path.read_bytes())
    except OSError as error:
        raise BadValue("bad_file", f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise BadValue("bad_file", f"{path} is not JSON: {error}.") from error
    except BadValue as error:
        raise BadValue(error.code, f"{path}: {error.detail}") from error
    if isinstance(content, Mapping):
        return _read_object(check_mapping(content, ""), path)
    if not isinstance(content, list) or not all(isinstance(name, str) for name in content):
        raise BadValue("bad_file", f"{path} has neither a list of names nor an object; see the README for what it may.")
    names = check_strings(content, "")
    if names and all(SEPARATOR in name for name in names):
        return ClassFile(path, concepts=names)
    return ClassFile(path, datasets=[{"name": path.stem, "classes": names}])


def _read_object(content: Mapping[str, object], path: Path) -> ClassFile:
    given = {name: content[name] for name in ("datasets", "concepts") if content.get(name) is not None}
    lists = {name: value for name, value in given.items() if isinstance(value, list)}
    if not lists or len(lists) < len(given):
        raise BadValue("bad_file", f"{path} has neither datasets nor concepts; see the README for what a file holds.")
    if unknown := [name for name in content if name not in _FIELDS]:
        names = first_of([shown(name) for name in unknown], 10)
        raise BadValue("unknown_field", f"{path} has the fields {names}, which a request has not; leave them out.")
    own = {name: content[name] for name in _OWN_FIELDS if content.get(name) is not None}
    return ClassFile(path, lists.get("datasets", ()), lists.get("concepts", ()), own)

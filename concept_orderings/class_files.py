"""Combine the files of the command ``concept-orderings order`` into one request, and find places of faults in them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from concept_orderings.asked_classes import asked_datasets
from concept_orderings.catalogue import find_dataset
from concept_orderings.errors import BadValue, ConceptOrderingsError, Fault
from concept_orderings.label_files import Body, Labels, are_concepts, read_labels
from concept_orderings.nearest_names import meant_dataset
from concept_orderings.text import first_of

_LISTS = ("datasets", "concepts")
_MOST_PLACES = 5
_NO_NAMES = frozenset(
    ("class", "classes", "classname", "classnames", "label", "labels", "name", "names", "category", "categories",
     "word", "words", "synset", "synsets", "wnids", "index", "to", "idx", "id2label", "label2id", "map", "labelmap",
     "config", "dataset", "datasets", "info", "infos", "list", "")
)  # fmt: skip
"""Words in the names of files that say nothing of the dataset."""


@dataclass(frozen=True)
class ClassFile:
    """What a file says.

    Attributes
    ----------
    path : str
        The file's name in errors.
    datasets, concepts : sequence
        Class lists, or ``DATASET+++class name`` of each concept, as in a request; one of the two is empty.
    own : mapping of str to object
        The other fields of a request that the file has, such as `ordering`.
    labels : Labels or None
        The labels, if the file is no request.
    notes : tuple of str
        What was left out or read in one of several possible ways, one sentence each.
    without_lists : bool
        Whether it is a request without class lists and concepts, which may mean those of its ordering.
    """

    path: str
    datasets: Sequence[object] = ()
    concepts: Sequence[object] = ()
    own: Mapping[str, object] = field(default_factory=dict)
    labels: Labels | None = None
    notes: tuple[str, ...] = ()
    without_lists: bool = False


class OwnFields(Mapping[str, object]):
    """The fields `name`, `ordering`, `tasks` and any others that files have beside their lists.

    Raises
    ------
    BadValue
        ``bad_file``: two files have the same field.
    """

    def __init__(self, files: Sequence[ClassFile]) -> None:
        names = dict.fromkeys(name for each in files for name in each.own)
        self._from = {name: [each for each in files if name in each.own] for name in names}
        for name, several in self._from.items():
            if len(several) > 1:
                paths = first_of([each.path for each in several], 10)
                raise BadValue("bad_file", f"Each of {paths} has its own {name}; at most one file may have it.")

    def path(self, name: str) -> str:
        """Return the file that has a field."""
        return self._from[name][0].path

    def __getitem__(self, name: str) -> object:
        return self._from[name][0].own[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._from)

    def __len__(self) -> int:
        return len(self._from)


def read_class_file(
    path: str, data: bytes, *, dataset: str | None = None, stem: str | None = None, column: str | None = None
) -> ClassFile:
    """Read the content of a file.

    Parameters
    ----------
    path
        The file's path; its suffix says how it is read.
    data
        Its content; see `read_labels`.
    dataset
        The name of the dataset to which the class names belong.
    stem
        The name of the dataset if `dataset` is None: that of the file without its suffix.
    column
        See `read_labels`.

    Raises
    ------
    BadValue
        ``bad_file``: the file cannot be read, or needs a name for its dataset, or has names of datasets itself.
    """
    content = read_labels(path, data, column=column)
    named_inside = isinstance(content, Body) or are_concepts(content)
    if named_inside and dataset is not None:
        raise BadValue("bad_file", f"{path} names its datasets itself; leave {dataset}= out.")
    if isinstance(content, Body):
        return _of_body(path, content)
    notes = tuple(f"{path}: {note}." for note in content.notes)
    if named_inside:
        tasks = {"tasks": {"sizes": list(content.sizes)}} if content.sizes else {}
        return ClassFile(path, concepts=content.names, own=tasks, labels=content, notes=notes)
    name = dataset if dataset is not None else stem
    if name is None:
        raise BadValue("bad_file", f"{path} is a pipe, after which no dataset can be named; write NAME={path}.")
    if dataset is None and (known := _meant(name)) is not None:
        notes = (*notes, f"{path}: the dataset is named {name}, after the file; write {known}={path} to name it.")
    return ClassFile(path, [{"name": name, "classes": content.classes()}], labels=content, notes=notes)


def of_catalogue(name: str) -> ClassFile:
    """Return what stands for a file where the command line names a dataset of the catalogue, or `ALL_DATASETS`."""
    option = f"--dataset {name}"
    everything = asked_datasets(name)
    return ClassFile(option, everything if isinstance(everything, list) else [{"name": name}])


def request_of(files: Sequence[ClassFile], **fields: object) -> dict[str, object]:
    """Return the body of a request for the class lists or the concepts of all files.

    Parameters
    ----------
    files
        From `read_class_file`; none for a request without class lists and concepts.
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
        first = {bool(each.datasets): each.path for each in reversed(files) if each.datasets or each.concepts}
        which = " and ".join(dict.fromkeys(first.values()))
        raise BadValue(
            "bad_file",
            f"Class lists and concepts (DATASET+++class name) are mixed in {which}; order one sort at a time.",
        )
    lists: dict[str, object] = {"concepts": concepts} if concepts else {"datasets": datasets}
    if all(each.without_lists for each in files):
        lists = {}
    return {"name": "file", **lists, **fields}


def located(error: ConceptOrderingsError, files: Sequence[ClassFile]) -> ConceptOrderingsError:
    """Return an error whose sentences end with the places in the files to which its pointers lead."""
    first, *others = [_located(fault, files) for fault in error.faults]
    same = type(error)(first.code, first.detail, first.pointers)
    same.others = tuple(others)
    same.left_out = error.left_out
    return same


def _meant(stem: str) -> str | None:
    """Return the name that a dataset named after its file may be meant to have; None if its own name will do."""
    words = re.split(r"[\W_]+", stem.lower())
    if all(word in _NO_NAMES for word in words):
        return "NAME"
    if find_dataset(stem) is not None:
        return None
    meant = meant_dataset("".join(word for word in words if word not in _NO_NAMES))
    return None if meant is None else meant.handle


def _of_body(path: str, body: Body) -> ClassFile:
    lists = {name: each for name in _LISTS if isinstance(each := body.fields.get(name), list)}
    own = {name: each for name, each in body.fields.items() if name not in _LISTS}
    without_lists = all(body.fields.get(name) is None for name in _LISTS)
    return ClassFile(path, lists.get("datasets", ()), lists.get("concepts", ()), own, without_lists=without_lists)


def _located(fault: Fault, files: Sequence[ClassFile]) -> Fault:
    places: dict[str, list[str]] = {}
    for pointer in fault.pointers[:_MOST_PLACES]:
        if (place := _place(pointer, files)) is not None:
            places.setdefault(place[0], []).append(place[1])
    if not places:
        return fault
    of_each = [f"{path}: {', '.join(inside)}" for path, inside in places.items()]
    more = [f"{len(fault.pointers) - _MOST_PLACES} more"] if len(fault.pointers) > _MOST_PLACES else []
    return Fault(fault.code, f"{fault.detail} ({'; '.join([*of_each, *more])})", fault.pointers)


def _place(pointer: str, files: Sequence[ClassFile]) -> tuple[str, str] | None:
    """Return the file and the place in it to which a pointer into the request leads; None if it is in no file."""
    match = re.fullmatch(r"/(datasets|concepts)/([0-9]+)(.*)", pointer, re.DOTALL)
    if match is None:
        name = pointer.split("/")[1] if pointer else ""
        return next(((each.path, pointer) for each in files if name in each.own), None)
    i = int(match[2])
    for each in files:
        length = len(each.datasets if match[1] == "datasets" else each.concepts)
        if i < length:
            return each.path, _inside(each, match[1], i, match[3])
        i -= length
    return None


def _inside(file: ClassFile, lists: str, i: int, rest: str) -> str:
    if file.labels is None:
        return f"/{lists}/{i}{rest}"
    if lists == "concepts":
        return file.labels.places[i]
    position = re.fullmatch(r"/classes/([0-9]+)(/[0-9]+)?", rest)
    return file.labels.places[int(position[1])] + (position[2] or "") if position else "its dataset"

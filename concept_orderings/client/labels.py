"""Number the classes of a stream by the lists of the caller, as the exports of the service do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.catalogue import canonical_name
from concept_orderings.concepts import join_concept, split_concept
from concept_orderings.errors import BadValue, MissingEvidence
from concept_orderings.faults import Faults
from concept_orderings.labels import LabelledOrder, catalogue_labels, label_order, parse_labels
from concept_orderings.text import first_of, in_sentence, shown

_GIVE_LISTS = "Give the list of each dataset: stream.labels({dataset: classes})."
_GIVE_LABELS = "Give the labels of lists of samples, from stream.labels; or give samples by class."


@dataclass(frozen=True)
class StreamLabels:
    """The labels of the concepts of a stream (docs/labels.md).

    Attributes
    ----------
    order : LabelledOrder
        What the exports of the service are made from.
    sizes : tuple of int, (T,)
        The number of concepts in each task.
    """

    order: LabelledOrder
    sizes: tuple[int, ...]

    @cached_property
    def old_of_new(self) -> NDArray[np.int64]:
        """The global label of the k-th concept of the stream, (n,) int64."""
        return _frozen(self.order.old_of_new)

    @cached_property
    def new_of_old(self) -> NDArray[np.int64]:
        """The position in the stream of each global label, (K,) int64; -1 for a class that the stream lacks."""
        return _frozen([-1 if each is None else each for each in self.order.new_of_old])

    @cached_property
    def own(self) -> NDArray[np.int64]:
        """The label of the k-th concept in its own dataset, (n,) int64."""
        return _frozen(self.order.own)

    @property
    def offsets(self) -> Mapping[str, int]:
        """The offset of each dataset, in the order of their first appearance in the stream."""
        return self.order.offsets

    @property
    def digest(self) -> str:
        """SHA-256 of the lists, which the service calls ``labels_digest``."""
        return self.order.labels.digest

    @property
    def lists(self) -> Mapping[str, tuple[str, ...]]:
        """The classes of each dataset in the order of their labels, by the dataset's name in streams."""
        return self.order.labels.lists


def stream_labels(
    given: Mapping[str, Iterable[str]] | None, concepts: Sequence[str], sizes: Sequence[int]
) -> StreamLabels:
    """Return the labels of a stream.

    Parameters
    ----------
    given
        For each dataset, by either of its names, its classes in the order of their labels; by default those of the
        catalogue.
    concepts
        ``DATASET+++class name`` of each concept in order, (n,).
    sizes
        The number of concepts in each task, (T,).

    Raises
    ------
    InvalidInput
        See `concept_orderings.labels.parse_labels`, `label_order` and `catalogue_labels`; with all faults.
    """
    labels = catalogue_labels(concepts, _GIVE_LISTS) if given is None else parse_labels(_as_json(given))
    return StreamLabels(label_order(labels, concepts), tuple(sizes))


def samples_of(
    given: Mapping[str, Sequence[int] | Mapping[str, int]], concepts: Sequence[str], labels: StreamLabels | None
) -> dict[tuple[str, str], int]:
    """Return the number of samples of each concept; see `concept_orderings.client.stream.Stream.samples`."""
    faults = Faults()
    datasets: dict[str, list[str]] = {}
    pairs = [split_concept(each) for each in concepts]
    for dataset, class_name in pairs:
        datasets.setdefault(dataset, []).append(class_name)
    numbers: dict[str, Mapping[str, int]] = {}
    for name, each in given.items():
        dataset = canonical_name(name)
        if dataset not in datasets:
            faults.add(_bad(f"There are samples of {in_sentence(name)}, which the stream lacks."))
        elif dataset in numbers:
            faults.add(_bad(f"The samples of {dataset} are given twice, by both of its names."))
        else:
            numbers[dataset] = faults.attempt(_by_class, dataset, each, datasets[dataset], labels) or {}
    for dataset in datasets:
        if dataset not in {canonical_name(name) for name in given}:
            faults.add(_missing(f"There are no samples of {in_sentence(dataset)}, which the stream has."))
    faults.refuse()
    return {pair: numbers[pair[0]][pair[1]] for pair in pairs}


def _by_class(
    dataset: str, given: Sequence[int] | Mapping[str, int], classes: Sequence[str], labels: StreamLabels | None
) -> dict[str, int]:
    if isinstance(given, Mapping):
        found = {str(name): number for name, number in given.items()}
    else:
        if isinstance(given, str | bytes) or not hasattr(given, "__len__"):
            raise _bad(f"The samples of {in_sentence(dataset)} are neither a list nor numbers by class.")
        names = labels.lists[dataset] if labels is not None else _catalogue_list(dataset, classes)
        if len(given) != len(names):
            raise _bad(
                f"The list of samples of {in_sentence(dataset)} has {len(given)} numbers, and its labels are of "
                f"{len(names)} classes."
            )
        found = dict(zip(names, given, strict=True))
    missing = [each for each in classes if each not in found]
    if missing:
        raise _missing(f"The samples of {in_sentence(dataset)} lack {_named(missing)}.")
    wrong = [name for name, each in found.items() if not _is_number(each)]
    if wrong:
        raise _bad(f"The samples of {in_sentence(dataset)} are no whole numbers from 0 for {_named(wrong)}.")
    return {name: int(each) for name, each in found.items()}


def _catalogue_list(dataset: str, classes: Sequence[str]) -> tuple[str, ...]:
    return catalogue_labels([join_concept(dataset, each) for each in classes], _GIVE_LABELS).lists[dataset]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 0)


def _named(classes: Sequence[str]) -> str:
    return f"{len(classes)} class{'es'[: 2 * (len(classes) != 1)]} ({first_of([shown(each) for each in classes], 50)})"


def _bad(detail: str) -> BadValue:
    return BadValue("bad_samples", detail)


def _missing(detail: str) -> MissingEvidence:
    return MissingEvidence("missing_samples", detail)


def _as_json(given: Any) -> Any:
    """Return lists where the caller has other sequences, such as arrays of strings; parsing refuses the rest."""
    if not isinstance(given, Mapping):
        return given
    return {name: _listed(each) for name, each in given.items()}


def _listed(classes: Any) -> Any:
    if isinstance(classes, str | bytes | Mapping) or not isinstance(classes, Iterable):
        return classes
    # A string of NumPy is a string, and as such it is one in messages.
    return [str(each) if isinstance(each, str) else each for each in classes]


def _frozen(values: Sequence[int]) -> NDArray[np.int64]:
    array = np.array(values, dtype=np.int64)
    array.setflags(write=False)
    return array

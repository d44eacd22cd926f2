"""Labels: for each dataset, the list of classes in which a class's position is its label.

Trainers number classes. The number of a class in its dataset is its position in a list, and over several datasets that
number plus the dataset's offset. No version holds such lists, because the order in which a request lists classes means
nothing to it. Labels are objects of their own, named by their digest, and an export says which labels it was made with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.catalogue import canonical_name, find_dataset
from concept_orderings.checks import check_mapping, check_strings, escape_pointer
from concept_orderings.class_lists import class_list
from concept_orderings.concepts import DATASET_NAME, find_class_name_faults, split_concept
from concept_orderings.errors import BadLabels, DuplicateConcept, EmptyClassList
from concept_orderings.faults import Faults, repeats, times
from concept_orderings.text import first_of, in_sentence, shown

_MOST_NAMED = 50

_GIVE_BY_HTTP = (
    "Give labels: PUT /v1/labels with the list of each dataset, then ?labels= with the digest in the "
    "answer. The answer to the POST of a stream has the labels_digest of the lists in that POST."
)


@dataclass(frozen=True)
class Labels:
    """The classes of each dataset, in the order of their labels.

    Attributes
    ----------
    lists : mapping of str to tuple of str
        By the dataset's name, which is the FoMo-in-Flux name for one of the catalogue. The label of a class is its
        index in the list, from 0. A class is in a list once.
    """

    lists: Mapping[str, tuple[str, ...]]

    @cached_property
    def canonical(self) -> bytes:
        """The labels as canonical JSON: an object with the list of each dataset."""
        body: dict[str, Json] = {name: list(classes) for name, classes in self.lists.items()}
        return canonical_json(body)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal: the name of these labels."""
        return sha256_hex(self.canonical)


def parse_labels(body: object) -> Labels:
    """Check labels and return them.

    Parameters
    ----------
    body
        A JSON object: for each dataset, by either of its names, an array of class names in the order of their labels.

    Raises
    ------
    InvalidInput
        ``wrong_type``, ``empty_class_list``, ``bad_name``, ``bad_class_name``, and ``duplicate_concept`` for a class or
        a dataset that is given several times; with all faults.
    """
    given = check_mapping(body, "")
    faults = Faults()
    if not given:
        faults.add(
            EmptyClassList("empty_class_list", "The labels have no dataset; give the list of at least one.", [""])
        )
    _find_repeated_datasets(given, faults)
    lists = {canonical_name(name): _parse_list(name, classes, faults) for name, classes in given.items()}
    faults.refuse()
    return Labels(lists)


def _find_repeated_datasets(given: Mapping[str, object], faults: Faults) -> None:
    names = list(given)
    for name, places in repeats(map(canonical_name, names)).items():
        detail = f"The dataset {shown(name)} is given {times(len(places))}, by each of its names; leave one list out."
        faults.add(DuplicateConcept("duplicate_concept", detail, (f"/{escape_pointer(names[i])}" for i in places)))


def _parse_list(name: str, classes: object, faults: Faults) -> tuple[str, ...]:
    pointer = f"/{escape_pointer(name)}"
    faults.attempt(DATASET_NAME.check, name, pointer)
    if isinstance(classes, list | tuple):
        find_class_name_faults(canonical_name(name), classes, pointer, faults)
        if not classes:
            detail = f"The dataset {shown(name)} has no classes; give at least one or leave it out."
            faults.add(EmptyClassList("empty_class_list", detail, [pointer]))
    return faults.attempt(check_strings, classes, pointer) or ()


def listed_labels(listed: Iterable[tuple[str, str]]) -> Labels:
    """Return the labels of a request: its lists as they are listed.

    For a dataset of the catalogue whose classes are all in the catalogue's list, that list is taken instead: the
    labels of a part of a dataset are those that its classes have in the whole.

    Parameters
    ----------
    listed
        The dataset and the class of each concept in the order in which the request lists them, from
        `concept_orderings.asked_classes.listed_pairs`.
    """
    lists: dict[str, list[str]] = {}
    for dataset, class_name in listed:
        lists.setdefault(dataset, []).append(class_name)
    return Labels({name: _catalogue_list(name, classes) or tuple(classes) for name, classes in lists.items()})


def catalogue_labels(concepts: Sequence[str], advice: str = _GIVE_BY_HTTP) -> Labels:
    """Return the catalogue's labels of the datasets of a stream.

    Parameters
    ----------
    concepts
        ``DATASET+++class name`` of each concept, (n,).
    advice
        The sentences of the error on how to give labels.

    Raises
    ------
    BadLabels
        ``labels_needed`` for each dataset that the catalogue has no list for, or whose list lacks classes.
    """
    faults = Faults()
    lists: dict[str, tuple[str, ...]] = {}
    for name, classes in _by_dataset(concepts).items():
        known = _catalogue_list(name, classes)
        if known is None:
            faults.add(BadLabels("labels_needed", _why_needed(name, classes, advice)))
        else:
            lists[name] = known
    faults.refuse()
    return Labels(lists)


def _why_needed(name: str, classes: Sequence[str], advice: str) -> str:
    whole = _list_of(name)
    if whole is None:
        reason = f"The catalogue has no class list for the dataset {shown(name)}, so its labels are not known."
    else:
        others = sorted(set(classes).difference(whole))
        reason = f"The catalogue's class list of {name} lacks {_named(others)}, so the labels are not known."
    return f"{reason} {advice}"


def _list_of(dataset: str) -> tuple[str, ...] | None:
    known = find_dataset(dataset)
    return None if known is None else class_list(known)


def _catalogue_list(dataset: str, classes: Sequence[str]) -> tuple[str, ...] | None:
    """Return the catalogue's list of a dataset if it has all of these classes."""
    whole = _list_of(dataset)
    return whole if whole is not None and set(classes).issubset(whole) else None


def _by_dataset(concepts: Sequence[str]) -> dict[str, list[str]]:
    """Return the classes of each dataset in the order of a stream; the datasets by their first appearance in it."""
    found: dict[str, list[str]] = {}
    for concept in concepts:
        dataset, class_name = split_concept(concept)
        found.setdefault(dataset, []).append(class_name)
    return found


@dataclass(frozen=True)
class LabelledOrder:
    """The concepts of a stream with their labels.

    A global label is a class's label in its dataset plus the dataset's offset. Offsets follow the first appearance of
    the datasets in the stream, each dataset taking as many global labels as its list has classes: the rule of the
    FoMo-in-Flux benchmark.

    Attributes
    ----------
    labels : Labels
    offsets : mapping of str to int
        The offset of each dataset of the stream, in the order of their first appearance.
    own : sequence of int, (n,)
        The label of each concept in its dataset, in the order of the stream.
    old_of_new : sequence of int, (n,)
        The global label of the k-th concept of the stream.
    total : int
        The number of global labels, K; more than n if lists have classes that the stream lacks.
    """

    labels: Labels
    offsets: Mapping[str, int]
    own: Sequence[int]
    old_of_new: Sequence[int]
    total: int

    @cached_property
    def new_of_old(self) -> list[int | None]:
        """The position in the stream of the class with each global label, (K,); None for one that the stream lacks."""
        found: list[int | None] = [None] * self.total
        for position, label in enumerate(self.old_of_new):
            found[label] = position
        return found

    @property
    def is_whole(self) -> bool:
        """Whether the stream has all classes of the lists, so that both sequences are permutations of range(n)."""
        return len(self.old_of_new) == self.total

    @cached_property
    def original_ids(self) -> list[int]:
        """The global labels that the stream has, ascending, (n,): those that reindexed labels 0 to n - 1 stand for."""
        return sorted(self.old_of_new)

    @cached_property
    def reindexed(self) -> list[int]:
        """`old_of_new` with each label replaced by its index in `original_ids`: a permutation of range(n)."""
        index = {label: i for i, label in enumerate(self.original_ids)}
        return [index[label] for label in self.old_of_new]

    def as_json(self) -> dict[str, Json]:
        """Return what each export with labels says of them."""
        return {
            "labels_digest": self.labels.digest,
            "offsets": dict(self.offsets),
            "old_of_new": self.old_of_new,
            "new_of_old": self.new_of_old,
        }


def label_order(labels: Labels, concepts: Sequence[str]) -> LabelledOrder:
    """Label the concepts of a stream.

    Parameters
    ----------
    labels
        They may have classes that the stream lacks: the stream is then a part of its datasets.
    concepts
        ``DATASET+++class name`` of each concept in order, (n,).

    Raises
    ------
    BadLabels
        ``missing_labels``: the labels lack a dataset or a class of the stream. ``extra_labels``: they have a dataset
        that the stream lacks, or a class that neither the stream nor the catalogue's list of its dataset has. With a
        fault for each dataset.
    """
    by_dataset = _by_dataset(concepts)
    _check_fit(labels, by_dataset)
    places = {name: {class_name: i for i, class_name in enumerate(labels.lists[name])} for name in by_dataset}
    offsets: dict[str, int] = {}
    total = 0
    for name in by_dataset:
        offsets[name] = total
        total += len(labels.lists[name])
    pairs = [split_concept(concept) for concept in concepts]
    own = [places[dataset][class_name] for dataset, class_name in pairs]
    old_of_new = [offsets[dataset] + label for (dataset, _), label in zip(pairs, own, strict=True)]
    return LabelledOrder(labels, offsets, own, old_of_new, total)


def _check_fit(labels: Labels, by_dataset: Mapping[str, Sequence[str]]) -> None:
    faults = Faults()
    for name, classes in by_dataset.items():
        missing = sorted(set(classes).difference(labels.lists.get(name, ())))
        if missing:
            faults.add_made("missing_labels", partial(_missing, name, missing, name in labels.lists))
    for name in labels.lists:
        if name not in by_dataset:
            faults.add_made("extra_labels", partial(_extra_dataset, name, list(by_dataset)))
            continue
        whole = _list_of(name)
        if whole is not None:
            extra = sorted(set(labels.lists[name]).difference(whole, by_dataset[name]))
            if extra:
                faults.add_made("extra_labels", partial(_extra_classes, name, extra))
    faults.refuse()


def _missing(name: str, classes: Sequence[str], has_list: bool) -> BadLabels:
    what = (
        f"the list of {in_sentence(name)} lacks {_named(classes)}"
        if has_list
        else (f"there is no list for {in_sentence(name)}, of which the stream has {_named(classes)}")
    )
    return BadLabels(
        "missing_labels",
        f"The labels do not have all classes of the stream: {what}. Give labels with the whole lists.",
    )


def _extra_dataset(name: str, datasets: Sequence[str]) -> BadLabels:
    return BadLabels(
        "extra_labels",
        f"The labels have a list for {in_sentence(name)}, which the stream does not have; its datasets are "
        f"{first_of(datasets, _MOST_NAMED)}. Give labels with the lists of these.",
    )


def _extra_classes(name: str, classes: Sequence[str]) -> BadLabels:
    return BadLabels(
        "extra_labels",
        f"The list of {name} has {_named(classes)}, which neither the stream nor the catalogue's list of the dataset "
        "has. Give labels with the right names.",
    )


def _named(classes: Sequence[str]) -> str:
    count = f"{len(classes):,} class" + ("" if len(classes) == 1 else "es")
    return f"{count} ({first_of([shown(each) for each in classes], _MOST_NAMED)})"

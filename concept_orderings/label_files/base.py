"""What every reader of label files returns and raises, and the rules that they share."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from concept_orderings.errors import BadValue
from concept_orderings.text import first_of, shown

IDENTIFIER = re.compile(r"n[0-9]{8}|/[mgt]/[0-9a-z_]+")
"""The identifier of a noun in WordNet, as in ImageNet, or of a topic in Freebase, as in Open Images."""

_MOST_SHOWN = 10


@dataclass(frozen=True)
class Labels:
    """Class names, or concepts, in the order in which a file lists them.

    Attributes
    ----------
    names : tuple of str, (n,)
        Class names, or ``DATASET+++class name`` of concepts.
    places : tuple of str, (n,)
        Where each name stands in the file: ``line 3``, or a JSON pointer such as ``/3``.
    notes : tuple of str
        What was left out or read in one of several possible ways, one sentence each.
    column : str
        The column of a table that has the names; empty if the file is no table.
    sizes : tuple of int
        The sizes of the tasks that the file has; empty if it has none.
    synonyms : tuple of tuple of str, (n,)
        The other names of each class, after its first; empty if the file gives no class several names.
    """

    names: tuple[str, ...]
    places: tuple[str, ...]
    notes: tuple[str, ...] = ()
    column: str = ""
    sizes: tuple[int, ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()

    def noted(self, *notes: str) -> "Labels":
        """Return these labels with further notes."""
        return replace(self, notes=(*self.notes, *notes))

    def classes(self) -> list[str | list[str]]:
        """Return the classes as a request lists them, (n,): a class with synonyms as an array of all its names."""
        if not self.synonyms:
            return list(self.names)
        return [[name, *others] if others else name for name, others in zip(self.names, self.synonyms, strict=True)]


@dataclass(frozen=True)
class Body:
    """The body of a request, or a part of it.

    Attributes
    ----------
    fields : mapping of str to object
        ``datasets`` or ``concepts``, each an array, and perhaps ``name``, ``ordering`` and ``tasks``.
    """

    fields: Mapping[str, object] = field(default_factory=dict)


def unreadable(file: str, sentence: str) -> BadValue:
    """Return the error for a file whose content cannot be read as labels."""
    return BadValue("bad_file", f"{file} {sentence}")


def named(items: Iterable[object]) -> str:
    """Return the first 10 items for a sentence, and how many others there are."""
    return first_of([shown(each) if isinstance(each, str) else str(each) for each in items], _MOST_SHOWN)


def by_index(file: str, indices: Sequence[int], labels: Labels) -> Labels:
    """Sort labels by their indices.

    Parameters
    ----------
    file
        The name of the file, for errors.
    indices
        The index of each name, (n,).
    labels
        The names in the order of the file, (n,).

    Raises
    ------
    BadValue
        ``bad_file``: an index stands twice, or the indices are neither 0 to n - 1 nor 1 to n.
    """
    seen: dict[int, str] = {}
    for index, place in zip(indices, labels.places, strict=True):
        if index in seen:
            raise unreadable(file, f"has the index {index} twice: {seen[index]} and {place}; leave one out.")
        seen[index] = place
    if not are_consecutive(indices):
        first, last = min(indices), max(indices)
        first = min(first, 1)
        gaps = [i for i in range(first, min(last, first + len(indices) + _MOST_SHOWN)) if i not in seen]
        raise unreadable(
            file,
            f"has {len(indices)} classes with indices up to {last}: {named(gaps)} and perhaps others are missing. "
            "Complete the file, or leave the indices out.",
        )
    order = sorted(range(len(indices)), key=indices.__getitem__)
    return replace(labels, names=tuple(labels.names[i] for i in order), places=tuple(labels.places[i] for i in order))


def are_consecutive(indices: Sequence[int]) -> bool:
    """Tell whether indices are those from 0 to n - 1 or from 1 to n, in any order."""
    return sorted(indices) in (list(range(len(indices))), list(range(1, len(indices) + 1)))


def labels_of_pairs(file: str, pairs: Sequence[tuple[str, str]], places: Sequence[str]) -> Labels:
    """Return the labels of rows of two cells, one of which is an index or an identifier (`IDENTIFIER`).

    Parameters
    ----------
    file
        The name of the file, for errors.
    pairs, places
        The rows, and where each stands, (n,).

    Raises
    ------
    BadValue
        ``bad_file``: neither cell is an index or an identifier in each row, or both are; or see `by_index`.
    """
    columns = tuple(zip(*pairs, strict=True))
    numbers, keys = _key_columns(columns)
    if len(keys) != 1:
        raise unreadable(
            file,
            f"has two columns, such as {shown(pairs[0][0])} and {shown(pairs[0][1])}, and it is not clear which has "
            "the class names; write one class per line, or a CSV file with a header.",
        )
    labels = Labels(tuple(columns[1 - keys[0]]), tuple(places))
    if numbers:
        return by_index(file, [int(cell) for cell in columns[keys[0]]], without_ids(labels))
    return labels.noted(
        f"the identifiers are left out; a class name is what stands beside one, as {shown(labels.names[0])}"
    )


def have_keys(pairs: Sequence[Sequence[str]]) -> bool:
    """Tell whether in rows of two cells exactly one column has indices, or else identifiers."""
    _, keys = _key_columns(tuple(zip(*pairs, strict=True)))
    return len(keys) == 1


def _key_columns(columns: Sequence[Sequence[str]]) -> tuple[list[int], list[int]]:
    """Return the columns of indices, and those, or else the columns of identifiers."""
    numbers = [i for i, cells in enumerate(columns) if all(map(is_index, cells))]
    ids = [i for i, cells in enumerate(columns) if all(map(IDENTIFIER.fullmatch, cells))]
    return numbers, numbers or ids


def without_ids(labels: Labels) -> Labels:
    """Leave out the identifier with which each name begins, if all do; keep names that are nothing but identifiers."""
    if not labels.names:
        return labels
    if all(map(IDENTIFIER.fullmatch, labels.names)):
        return labels.noted("the class names are identifiers, which no caption or corpus has; give a list of names")
    matches = [_WITH_ID.fullmatch(name) for name in labels.names]
    names = tuple(match[1] for match in matches if match)
    if len(names) < len(labels.names):
        return labels
    note = f"the identifier of each line is left out; a class name is all that follows it, as {shown(names[0])}"
    return replace(labels, names=names).noted(note)


def is_index(text: str) -> bool:
    """Tell whether text is an integer from 0 to 10^9 - 1, in digits."""
    return text.isascii() and text.isdigit() and len(text) < 10


_WITH_ID = re.compile(rf"(?:{IDENTIFIER.pattern})(?:\s*[,:]\s*|\s+)(\S.*)")

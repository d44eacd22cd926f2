"""Text with a class per line, perhaps with an index or an identifier."""

import re
from dataclasses import replace

from concept_orderings.label_files.base import (
    Labels,
    are_consecutive,
    by_index,
    is_index,
    labels_of_pairs,
    unreadable,
    without_ids,
)
from concept_orderings.label_files.tables import has_class_column, labels_of_table, named_places, read_table
from concept_orderings.label_files.text import split_lines

_INDEX_FIRST = re.compile(r"([0-9]{1,9})(?:\s*[,:]\s*|\s+)(\S.*)")
_ID_FIRST = re.compile(r"[0-9]{1,9}\s*:\s*(\S.*)")
_INDEX_LAST = re.compile(r"(.*\S)\s+([0-9]{1,9})")


def read_lines(file: str, text: str, column: str | None) -> Labels:
    """Read text with a class per line.

    Blank lines are left out, and so are comments, which begin with ``# ``. Lines with tabs are a table, with or without
    a header. If all lines begin (or end) with the numbers from 0 or from 1 on, these are indices. If all begin with
    an identifier (`IDENTIFIER`), or with a number before a colon, the class name is what follows it.

    Parameters
    ----------
    file
        The name of the file, for errors.
    text
        Its content.
    column
        For a table with a header: the column with the class names.

    Raises
    ------
    BadValue
        ``bad_file``.
    """
    lines = [(f"line {number}", line) for number, line in enumerate(split_lines(text), 1) if line.strip()]
    _refuse_unclear_comments(file, lines)
    lines = [(place, line) for place, line in lines if not _is_comment(line)]
    if not lines:
        raise unreadable(file, "has no class: all lines are blank or comments.")
    first = lines[0][1]
    if "," in first and has_class_column(first.split(",")):
        return read_table(file, "\n".join(line for _, line in lines), ",", column)
    if any("\t" in line.strip() for _, line in lines):
        return _of_columns(file, lines, column)
    spaced = [place for place, line in lines if line != line.strip()]
    labels = Labels(tuple(line.strip() for _, line in lines), tuple(place for place, _ in lines))
    indexed = _without_index(file, labels)
    named_only = without_ids(indexed)
    # Some lists of ImageNet have the index after the identifier.
    after_it = indexed is labels and named_only is not labels
    labels = _without_index(file, named_only) if after_it else named_only
    if all(map(is_index, labels.names)) and not are_consecutive(list(map(int, labels.names))):
        labels = labels.noted("the class names are numbers; if they are indices into another list, give the names")
    if not spaced:
        return labels
    return labels.noted(f"spaces at the ends of lines are left out: {named_places(spaced)}")


def _of_columns(file: str, lines: list[tuple[str, str]], column: str | None) -> Labels:
    rows = [[cell.strip() for cell in line.split("\t")] for _, line in lines]
    places = [place for place, _ in lines]
    wrong = [place for row, place in zip(rows, places, strict=True) if len(row) != len(rows[0])]
    if wrong:
        raise unreadable(
            file, f"has {len(rows[0])} columns in {places[0]}, divided by tabs, but not in {named_places(wrong)}."
        )
    if column is not None or has_class_column(rows[0]):
        return labels_of_table(file, rows[0], rows[1:], places[1:], column)
    if len(rows[0]) == 2:
        return labels_of_pairs(file, [(row[0], row[1]) for row in rows], places)
    raise unreadable(
        file,
        f"has {len(rows[0])} columns and no header that names one of class names; add a header, such as index and "
        "class, or write one class per line.",
    )


def _without_index(file: str, labels: Labels) -> Labels:
    """Leave out the indices that all lines begin or end with."""
    first = [match for name in labels.names if (match := _INDEX_FIRST.fullmatch(name))]
    if len(first) == len(labels.names):
        indices = [int(match[1]) for match in first]
        if not are_consecutive(indices):
            if (ids := _without_numeric_ids(labels, indices)) is not None:
                return ids
            raise unreadable(
                file,
                "has a number at the beginning of each line, but not the numbers from 0 or from 1 on. If they are "
                "indices, complete them; if they belong to the class names, write a JSON list of names.",
            )
        return _numbered(file, indices, [match[2] for match in first], labels, "begins")
    last = [match for name in labels.names if (match := _INDEX_LAST.fullmatch(name))]
    indices = [int(match[2]) for match in last]
    # One name that ends with a number, such as "area 1", is hardly a list with indices.
    if len(last) == len(labels.names) > 1 and are_consecutive(indices):
        return _numbered(file, indices, [match[1] for match in last], labels, "ends")
    return labels


def _without_numeric_ids(labels: Labels, numbers: list[int]) -> Labels | None:
    """Leave out numbers before colons that grow with gaps, as in ``11:Fixed-wing Aircraft``; None for other lines.

    A comma or a space may belong to a class name that begins with a number. A colon that follows such a number on each
    line does not.
    """
    matches = [match for name in labels.names if (match := _ID_FIRST.fullmatch(name))]
    if len(matches) < len(labels.names) or sorted(set(numbers)) != numbers:
        return None
    found = replace(labels, names=tuple(match[1] for match in matches))
    return found.noted(
        f"the number before the colon of each line is left out; the numbers from {numbers[0]} to {numbers[-1]} have "
        "gaps, so they are not the indices of the classes"
    )


def _numbered(file: str, indices: list[int], names: list[str], labels: Labels, where: str) -> Labels:
    found = by_index(file, indices, replace(labels, names=tuple(names)))
    return found.noted(f"each line {where} with an index, which is left out; the first class is {found.names[0]!r}")


def _is_comment(line: str) -> bool:
    stripped = line.strip()
    return stripped == "#" or stripped.startswith(("# ", "#\t"))


def _refuse_unclear_comments(file: str, lines: list[tuple[str, str]]) -> None:
    """Refuse a line such as ``#1 fan``, which may be a class or one that was commented out."""
    unclear = [place for place, line in lines if line.strip().startswith("#") and not _is_comment(line)]
    if unclear:
        raise unreadable(
            file,
            f"has a # without a space after it at the beginning of {named_places(unclear)}: write `# ` for a comment; "
            "write a JSON list if it begins a class name.",
        )

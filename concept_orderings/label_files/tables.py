"""Tables with a header: CSV, TSV, and JSON objects with the same names."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from concept_orderings.concepts import join_concept
from concept_orderings.label_files.base import Labels, by_index, have_keys, is_index, labels_of_pairs, named, unreadable
from concept_orderings.text import shown

CLASS_COLUMNS = (
    "class", "class_name", "classname", "classes", "name", "names", "display_name", "label", "label_name", "labels",
    "category", "category_name", "concept",
)  # fmt: skip
"""Names of columns with class names, in lower case and with underscores for spaces and hyphens."""

_TYPE = re.compile(r"\s*\((?:str|string|text|int|integer)\)$")

DATASET_COLUMNS = ("dataset", "dataset_name")
"""Names of columns with the dataset of each class."""

INDEX_COLUMNS = ("index", "idx", "class_index", "class_idx", "class_id", "label_id", "target")
"""Names of columns with indices, by which classes are sorted."""


def read_table(file: str, text: str, delimiter: str, column: str | None) -> Labels:
    """Read delimited text whose first line is a header; two columns, one with indices or identifiers, need none.

    Parameters
    ----------
    file
        The name of the file, for errors.
    text
        Its content.
    delimiter
        A comma or a tab. A header without commas but with semicolons has semicolons.
    column
        The column with the class names; by default the only one that has one of `CLASS_COLUMNS` as its name.

    Raises
    ------
    BadValue
        ``bad_file``.
    """
    header_line = text.lstrip("\r\n").partition("\n")[0]
    if delimiter not in header_line and ";" in header_line:
        delimiter = ";"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, places = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                places.append(f"line {reader.line_num}")
    except csv.Error as error:
        raise unreadable(file, f"is not a table: line {reader.line_num}: {error}.") from error
    if not rows:
        raise unreadable(file, "is a table of empty cells.")
    wrong = [place for row, place in zip(rows, places, strict=True) if len(row) != len(rows[0])]
    if wrong:
        raise unreadable(file, f"has {len(rows[0])} columns in its first line, but not in {named_places(wrong)}.")
    if column is None and len(rows[0]) == 2 and not has_class_column(rows[0]) and have_keys(rows):
        return labels_of_pairs(file, [(row[0], row[1]) for row in rows], places)
    return labels_of_table(file, rows[0], rows[1:], places[1:], column)


def labels_of_objects(
    file: str, objects: Sequence[Mapping[str, object]], places: Sequence[str], column: str | None
) -> Labels:
    """Return the labels of JSON objects that have the same names, each like a row of a table.

    Raises
    ------
    BadValue
        ``bad_file``.
    """
    header = [name for name in objects[0] if all(isinstance(each.get(name), str | int) for each in objects)]
    rows = [[str(each[name]) for name in header] for each in objects]
    return labels_of_table(file, header, rows, places, column)


def labels_of_table(
    file: str, header: Sequence[str], rows: Sequence[Sequence[str]], places: Sequence[str], column: str | None
) -> Labels:
    """Return the labels in a column: concepts if another column has their datasets, else sorted by index if one has it.

    Parameters
    ----------
    file
        The name of the file, for errors.
    header
        The names of the columns, (c,).
    rows, places
        The cells, (n, c), and where each row stands, (n,).
    column
        See `read_table`.

    Raises
    ------
    BadValue
        ``bad_file``: there is no row, or which column has the class names is not clear; or see `by_index`.
    """
    if not rows:
        raise unreadable(file, f"has the header {named(header)} and no row below it.")
    cells = {i: [row[i] for row in rows] for i in range(len(header))}
    numbers = [i for i in cells if all(map(is_index, cells[i]))]
    chosen = _chosen(file, header, numbers, column)
    labels = Labels(tuple(cells[chosen]), tuple(places), column=header[chosen])
    if empty := [place for cell, place in zip(labels.names, places, strict=True) if not cell]:
        raise unreadable(file, f"has no {header[chosen]} in {named_places(empty)}.")
    if datasets := [i for i in cells if i != chosen and _normal(header[i]) in DATASET_COLUMNS]:
        concepts = map(join_concept, cells[datasets[0]], labels.names)
        return replace(labels, names=tuple(concepts))
    # A column of numbers that could have been that of the class names, such as `label` beside `name`, has the indices.
    allowed = (*INDEX_COLUMNS, *(CLASS_COLUMNS if column is None else ()))
    index = [i for i in numbers if i != chosen and _normal(header[i]) in allowed]
    if not index:
        return labels
    labels = by_index(file, [int(cell) for cell in cells[index[0]]], labels)
    return replace(labels, column=header[chosen])


def has_class_column(header: Sequence[str]) -> bool:
    """Tell whether cells are a header: one of them names a column of class names."""
    return any(_normal(name) in CLASS_COLUMNS for name in header)


def named_places(places: Sequence[str]) -> str:
    """Return places for a sentence: ``line 3, line 7 and 12 more``."""
    return named([_Bare(each) for each in places])


def _chosen(file: str, header: Sequence[str], numbers: Sequence[int], column: str | None) -> int:
    """Return the column with the class names."""
    if column is not None:
        found = [i for i, name in enumerate(header) if name == column]
        problem = f"has {len(found) or 'no'} columns {shown(column)}"
    else:
        found = [i for i, name in enumerate(header) if _normal(name) in CLASS_COLUMNS]
        # Beside a column of names, a column of numbers has indices.
        found = [i for i in found if i not in numbers] or found
        problem = "has several columns that may have the class names" if found else "has no column of class names"
    if len(found) != 1:
        raise unreadable(file, f"{problem}; its header is {named(header)}. Name one with --column.")
    return found[0]


def _normal(name: str) -> str:
    # Some tables state the type of a column, as in "Class Name (str)".
    return _TYPE.sub("", name.strip().lower()).replace(" ", "_").replace("-", "_")


class _Bare:
    """Text that a list in a sentence shows without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

"""Read caption embeddings from a file, and bring its rows into the order of the concepts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.cli.files import read_bytes
from concept_orderings.cli.npy import StoredArray, stored_arrays
from concept_orderings.concepts import Concepts
from concept_orderings.errors import BadValue, SourceError
from concept_orderings.label_files import Body, read_labels
from concept_orderings.rows import check_listing, rows_by_name

EMBEDDINGS, NAMES = "embeddings", "names"
"""The names of the arrays in an .npz file."""

_LONGEST = 2**16
"""The most bytes of a name in an array, in which all names take the memory of the longest."""

_WAYS_OUT = (
    f"Give the names of the rows: an .npz file with the arrays {EMBEDDINGS} and {NAMES}, or --names FILE with a name "
    "per line; --print-order writes such a file for rows in the order of names. Or list the concepts in that order."
)


def read_embeddings(path: Path, names: Path | None, concepts: Concepts, listed: Sequence[str]) -> NDArray[Any]:
    """Read the embeddings of concepts.

    Parameters
    ----------
    path
        A file of ``numpy.save`` with one array of floats, or of ``numpy.savez`` with such an array named `embeddings`
        and perhaps the array of text `names`.
    names
        A file with the name of each row; None if `path` has them, or if the rows have none.
    concepts
        n concepts in canonical order.
    listed
        The same concepts in the order of the request's lists. Rows without names are taken only if it is canonical.

    Returns
    -------
    ndarray of floats, shape (n, d)
        A row per concept, in canonical order.

    Raises
    ------
    BadValue
        ``bad_file``: a file cannot be read. ``bad_rows``: see `rows_by_name` and `check_listing`.
    SourceError
        ``source_damaged``: the array has another shape, or a row is all zero or not finite.
    """
    from concept_orderings.path import quantise

    with stored_arrays(path, (EMBEDDINGS, NAMES)) as arrays:
        stored = _embeddings_in(path, arrays)
        row_names = _names(path, arrays, names)
        _check_shape(path, stored.shape, row_names, len(concepts))
        rows = _rows(path, row_names, concepts, listed)
        embeddings = stored.read()[rows]
    try:
        # What orderings compute with: a number may be too large for it.
        with np.errstate(over="ignore"):
            quantise(embeddings.astype(np.float32))
    except ValueError as error:
        raise SourceError("source_damaged", f"{path}: {error}.") from error
    return embeddings


def _embeddings_in(path: Path, arrays: Mapping[str, StoredArray]) -> StoredArray:
    stored = arrays.get("") or arrays.get(EMBEDDINGS)
    if stored is None:
        raise BadValue("bad_file", f"{path} has no array {EMBEDDINGS}, but {', '.join(arrays) or 'none at all'}.")
    if not np.issubdtype(stored.dtype, np.floating):
        raise BadValue("bad_file", f"{stored.file} does not hold floats but {stored.dtype}; save embeddings as floats.")
    return stored


def _check_shape(path: Path, shape: tuple[int, ...], names: Sequence[str] | None, concepts: int) -> None:
    from concept_orderings.path.distances import MAX_DIMENSIONS

    rows = concepts if names is None else len(names)
    if len(shape) != 2 or shape[0] != rows or not 1 <= shape[1] <= MAX_DIMENSIONS:
        of = f"{rows} concepts" if names is None else f"{rows} names of rows"
        raise SourceError(
            "source_damaged",
            f"{path} has the shape {shape}, but there are {of}; "
            f"give one row of 1 to {MAX_DIMENSIONS} numbers for each.",
        )


def _names(path: Path, arrays: Mapping[str, StoredArray], file: Path | None) -> Sequence[str] | None:
    stored = arrays.get(NAMES)
    if stored is not None and file is not None:
        raise BadValue("bad_file", f"{path} has names, and so has {file}; leave --names out.")
    if file is not None:
        labels = read_labels(str(file), read_bytes(file))
        if isinstance(labels, Body):
            raise BadValue("bad_file", f"{file} is a request, not a list of names.")
        return labels.names
    if stored is None:
        return None
    if len(stored.shape) != 1 or stored.dtype.kind not in "US" or stored.dtype.itemsize > _LONGEST:
        raise BadValue("bad_file", f"{stored.file} is not a list of names; write numpy.array(names, dtype=str).")
    values = stored.read()
    try:
        return [each.decode() if isinstance(each, bytes) else str(each) for each in values.tolist()]
    except UnicodeDecodeError as error:
        raise BadValue("bad_file", f"{stored.file} is not text in UTF-8.") from error


def _rows(path: Path, names: Sequence[str] | None, concepts: Concepts, listed: Sequence[str]) -> NDArray[np.int64]:
    """Return the row of each concept, (n,)."""
    try:
        if names is not None:
            return rows_by_name(names, concepts)
        check_listing(listed, concepts)
    except BadValue as error:
        ways_out = f" {_WAYS_OUT}" if names is None else ""
        raise BadValue(error.code, f"{path}: {error.detail}{ways_out}") from error
    return np.arange(len(concepts), dtype=np.int64)

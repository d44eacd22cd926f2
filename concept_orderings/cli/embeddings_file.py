"""Read caption embeddings from a file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concept_orderings.errors import BadValue, SourceError


def read_embeddings(path: Path, n: int) -> NDArray[np.float32]:
    """Read the embeddings of n concepts from a file of ``numpy.save``.

    Parameters
    ----------
    path
        A file with one array of floats, (n, d): a row per concept, sorted by dataset and class name.
    n
        Number of concepts.

    Raises
    ------
    BadValue
        ``bad_file``: the file cannot be read, or is not a file of ``numpy.save``.
    SourceError
        ``source_damaged``: the array has another shape, or a row is all zero or not finite.
    """
    from concept_orderings.path import quantise

    try:
        embeddings = np.load(path, allow_pickle=False)
    except OSError as error:
        raise BadValue("bad_file", f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, EOFError) as error:
        raise BadValue("bad_file", f"{path} is not a .npy file: {error}.") from error
    if not isinstance(embeddings, np.ndarray) or not np.issubdtype(embeddings.dtype, np.floating):
        raise BadValue("bad_file", f"{path} does not hold one array of floats; write it with numpy.save.")
    if embeddings.ndim != 2 or len(embeddings) != n:
        raise SourceError(
            "source_damaged",
            f"{path} has the shape {embeddings.shape}, but there are {n} concepts; "
            "give one row per concept, sorted by dataset and class name.",
        )
    try:
        quantise(embeddings)
    except ValueError as error:
        raise SourceError("source_damaged", f"{path}: {error}.") from error
    return embeddings

"""Ties: concepts with equal evidence, whose order among themselves is random."""

import numpy as np
from numpy.typing import NDArray

from concept_orderings.concepts import Concepts
from concept_orderings.stream_warnings import StreamWarning, WarningCode, chosen

RANDOM = "random"
"""What the order of concepts with equal evidence is, unless the request gives one."""

LARGE_TIE = 10
"""The smallest group of equal values that is reported."""


def tie_groups(values: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each concept the number of concepts with the same value, itself included, (n,) int64."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(sizes[group], dtype=np.int64)


def equal_values(
    values: NDArray[np.int64] | NDArray[np.float64],
    concepts: Concepts,
    code: WarningCode,
    *,
    one: str,
    several: str,
    form: str = "",
    among: str = RANDOM,
) -> tuple[StreamWarning, ...]:
    """Warn of large groups of equal values, whose order is random and not by value.

    Parameters
    ----------
    values
        The value of each concept, (n,).
    concepts
        n concepts.
    code
        The warning's code.
    one, several
        What a value is called, such as "count" and "counts".
    form
        How a value is written, as `format` takes it.
    among
        What the order of concepts with equal values is.
    """
    distinct, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    large = sizes >= LARGE_TIE
    if not large.any():
        return ()
    largest, groups = int(sizes.argmax()), int(large.sum())
    tied = np.flatnonzero(large[group]).tolist()
    sentence = (
        f"{len(tied)} of {len(values)} concepts are in {groups} {'group' if groups == 1 else 'groups'} of {LARGE_TIE} "
        f"or more with equal {several}, inside which their order is {among}; the largest has {sizes[largest]} "
        f"concepts, with a {one} of {distinct[largest]:{form}}."
    )
    return (StreamWarning.of(code, sentence, count=len(tied), concepts=chosen(concepts.ids, tied)),)

"""The two searches for the path, compiled and with numpy alone, as the tests run them."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from concept_orderings.machine import Machine
from concept_orderings.path import GreedyPath, plain
from concept_orderings.path.tuning import DEFAULT, Tuning
from concept_orderings.progress import Report, silent
from support.optional import needs_numba
from unit.path.oracle import Vectors, paths_from

# Lists so short that they run out all the time, and walks that are compared after every few steps.
TIGHT = Tuning(
    near=1,
    listed=2,
    deep=4,
    scan_below=0,
    checkpoints=(1, 2, 3, 5, 8, 13),
    first_batch=1,
    seen_bytes=24,
    rows=3,
    columns=5,
    tile_candidates=1,
)

grids = hnp.arrays(
    np.int16, st.tuples(st.integers(2, 24), st.integers(1, 3)), elements=st.integers(-2, 2)
)  # few distinct vectors, so that most have duplicates and most distances are tied


def compiled(
    vectors: Vectors,
    tuning: Tuning = DEFAULT,
    threads: int = 1,
    report: Report = silent,
    starts: NDArray[np.int64] | None = None,
    deadline: float | None = None,
) -> plain.Found:
    from concept_orderings.path import fast

    starts = np.arange(len(vectors)) if starts is None else starts
    return fast.search(vectors, starts, deadline, Machine(threads=threads), report, tuning)


def uncompiled(
    vectors: Vectors,
    near: int = 32,
    listed: int = 1024,
    report: Report = silent,
    starts: NDArray[np.int64] | None = None,
    deadline: float | None = None,
) -> plain.Found:
    starts = np.arange(len(vectors)) if starts is None else starts
    return plain.search(vectors, starts, deadline, report, near, listed)


def lists_of(found: plain.Found | GreedyPath) -> tuple[list[int], list[int]]:
    return found.order.tolist(), found.steps.tolist()


def some_starts(n: int) -> st.SearchStrategy[NDArray[np.int64]]:
    """Return a strategy for distinct starts among `n` vectors, in any order."""
    return st.lists(st.integers(0, n - 1), min_size=1, max_size=n, unique=True).map(np.array)


def check_paths_from(starts: NDArray[np.int64], vectors: Vectors, found: plain.Found) -> None:
    paths = paths_from(vectors, starts)
    assert lists_of(found) == min(paths, key=lambda path: sum(path[1]))  # min takes the first of equal totals
    assert found.totals.tolist() == [sum(steps) for _, steps in paths]


def each(**searches: Any) -> pytest.MarkDecorator:
    """Parametrize a test with searches by their names; without numba, those named ``compiled...`` are skipped."""
    return pytest.mark.parametrize(
        "find",
        [
            pytest.param(find, id=name.replace("_", " "), marks=needs_numba if name.startswith("compiled") else ())
            for name, find in searches.items()
        ],
    )


each_search = each(compiled=compiled, numpy_alone=uncompiled)
each_tight_search = each(compiled=partial(compiled, tuning=TIGHT), numpy_alone=partial(uncompiled, near=1, listed=1))
each_kind_of_search = each(
    compiled=partial(compiled, threads=2),
    compiled_tight=partial(compiled, tuning=TIGHT, threads=2),
    compiled_shallow=partial(compiled, tuning=replace(TIGHT, deep=100, listed=8, first_batch=8), threads=2),
    numpy_alone=partial(uncompiled, near=4, listed=16),
)

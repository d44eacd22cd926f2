"""Test ties: how many concepts have the same value."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from concept_orderings.evidence.ties import tie_groups

counts = hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 4) | st.integers(0, 2**53 - 1))
scores = hnp.arrays(np.float64, st.integers(1, 60), elements=st.sampled_from([0.0, 0.1 + 0.2, 0.3, 75.8, 1e9]))


@given(counts | scores)
def test_a_tie_group_is_the_number_of_concepts_with_that_value(values: NDArray[np.int64] | NDArray[np.float64]) -> None:
    times = Counter(values.tolist())

    assert tie_groups(values).tolist() == [times[value] for value in values.tolist()]

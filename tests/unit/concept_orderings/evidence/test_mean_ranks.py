"""Test mean ranks against ranks that are counted one by one, as fractions."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.evidence.mean_ranks import combined_ranks

# Few values, so that there are ties.
_VALUE = st.sampled_from([-1e300, -1.5, -0.0, 0.0, 0.1 + 0.2, 0.3, 75.8, 1e300])


@st.composite
def scores_of_models(draw: st.DrawFn) -> list[list[float]]:
    n = draw(st.integers(1, 12))
    return draw(st.lists(st.lists(_VALUE, min_size=n, max_size=n), min_size=1, max_size=4))


def mid_ranks(scores: Sequence[float]) -> list[Fraction]:
    """Return ranks from 1, the highest score first; equal scores get the mean of the places that they take."""
    ranks = []
    for each in scores:
        higher, equal = sum(other > each for other in scores), sum(other == each for other in scores)
        places = range(higher + 1, higher + equal + 1)
        ranks.append(Fraction(sum(places), len(places)))
    return ranks


@given(scores_of_models())
def test_ranks_sums_means_and_spreads_are_those_of_fractions(scores: list[list[float]]) -> None:
    found = combined_ranks([np.array(each) for each in scores])
    ranks = [mid_ranks(each) for each in scores]
    sums = [sum(each, Fraction(0)) for each in zip(*ranks, strict=True)]

    assert found.doubled.dtype == found.doubled_sums.dtype == np.int64
    assert found.doubled.tolist() == [[2 * rank for rank in each] for each in ranks]
    assert found.doubled_sums.tolist() == [2 * each for each in sums]
    assert found.means.tolist() == [float(each / len(scores)) for each in sums]
    assert found.spreads.tolist() == [float(max(each) - min(each)) for each in zip(*ranks, strict=True)]


@given(scores_of_models())
def test_means_are_equal_only_where_sums_are(scores: list[list[float]]) -> None:
    found = combined_ranks([np.array(each) for each in scores])

    assert np.array_equal(np.argsort(found.means, kind="stable"), np.argsort(found.doubled_sums, kind="stable"))
    assert len(set(found.means.tolist())) == len(set(found.doubled_sums.tolist()))


@given(scores_of_models(), st.sampled_from([1e-6, 0.01, 1, 100]))
def test_ranks_do_not_depend_on_the_scale(scores: list[list[float]], factor: float) -> None:
    some = [np.array([rank(each, value) for value in each], np.float64) for each in scores]
    found = combined_ranks([each * factor + 7 for each in some])

    assert found.doubled.tolist() == combined_ranks(some).doubled.tolist()


def rank(values: Sequence[float], value: float) -> int:
    return sorted(set(values)).index(value)

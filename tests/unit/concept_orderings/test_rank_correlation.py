"""Test rank correlation against counting all pairs."""

from collections.abc import Callable, Sequence
from itertools import combinations
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.rank_correlation import count_pairs, kendall_tau_b, spearman_rho
from support.ranks import spearman

VALUES = st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 3)), max_size=40)
DISTINCT = st.integers(1, 60).flatmap(lambda n: st.permutations(range(n)))


def sign(number: int) -> int:
    return (number > 0) - (number < 0)


@given(VALUES)
def test_the_pairs_are_those_of_counting_them_all(pairs: list[tuple[int, int]]) -> None:
    first, second = [x for x, _ in pairs], [y for _, y in pairs]
    signs = [(sign(a - c), sign(b - d)) for (a, b), (c, d) in combinations(pairs, 2)]
    found = count_pairs(first, second)

    assert found.all == len(signs)
    assert found.tied_first == sum(x == 0 for x, _ in signs)
    assert found.tied_second == sum(y == 0 for _, y in signs)
    assert found.tied_both == sum(x == y == 0 for x, y in signs)
    assert found.concordant == sum(x * y > 0 for x, y in signs)
    assert found.discordant == sum(x * y < 0 for x, y in signs)
    untied = sum(x != 0 for x, _ in signs) * sum(y != 0 for _, y in signs)
    expected = sum(x * y for x, y in signs) / sqrt(untied) if untied else None
    assert found.tau_b == expected


@given(DISTINCT)
def test_an_order_agrees_with_itself_and_opposes_its_reverse(order: list[int]) -> None:
    ways = (kendall_tau_b(order, order), kendall_tau_b(order, [-each for each in order]))

    assert ways == ((1.0, -1.0) if len(order) > 1 else (None, None))


@given(VALUES)
def test_only_the_order_of_values_matters(pairs: list[tuple[int, int]]) -> None:
    first, second = [x for x, _ in pairs], [y for _, y in pairs]

    assert kendall_tau_b(first, second) == kendall_tau_b(second, first)
    assert kendall_tau_b(first, second) == kendall_tau_b([10.0**x for x in first], np.array(second, dtype=np.int64))


def test_a_known_value() -> None:
    # Of 10 pairs, 6 agree and 2 oppose; one is tied in the first values, and one in the second.
    assert kendall_tau_b([1, 2, 2, 3, 4], [1, 3, 2, 2, 5]) == pytest.approx(0.6666666666666666)


@pytest.mark.parametrize("correlation", [kendall_tau_b, spearman_rho])
def test_lengths_must_agree(correlation: Callable[[Sequence[float], Sequence[float]], float | None]) -> None:
    with pytest.raises(ValueError, match="2 first values and 1 second"):
        correlation([1, 2], [1])


@given(VALUES)
def test_spearman_is_the_correlation_of_mean_ranks(pairs: list[tuple[int, int]]) -> None:
    first, second = [x for x, _ in pairs], [y for _, y in pairs]
    found = spearman_rho(first, second)

    if len(set(first)) < 2 or len(set(second)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(spearman(first, second))


@given(DISTINCT)
def test_spearman_of_an_order_and_its_reverse_is_exact(order: list[int]) -> None:
    ways = (spearman_rho(order, order), spearman_rho(order, [-each for each in order]))

    assert ways == ((1.0, -1.0) if len(order) > 1 else (None, None))


def test_many_things_are_compared_exactly() -> None:
    values = np.random.default_rng(0).permutation(200_000)

    assert kendall_tau_b(values, values // 3) == pytest.approx(1.0, abs=1e-5)
    # The sum of 200,000 products is not computed at once.
    assert spearman_rho(values, values // 3) == pytest.approx(1.0, abs=1e-5)
    assert spearman_rho(values, -values) == -1.0

"""Shares of a batch are exact, and whole numbers follow the benchmark's rule or the largest remainders."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.training import (
    BATCH_SIZE,
    MIXTURE,
    POOLS,
    RULES,
    Pool,
    Rule,
    exact_share,
    steps_of,
    whole_shares,
)

shares = st.lists(st.integers(0, 1000), min_size=3, max_size=3).filter(any)


def mixture_of(parts: list[int]) -> dict[Pool, Fraction]:
    return {pool: Fraction(part, sum(parts)) for pool, part in zip(POOLS, parts, strict=True)}


def test_the_benchmark_s_batch() -> None:
    assert whole_shares(BATCH_SIZE, MIXTURE, first=False) == {"pretraining": 169, "update": 175, "buffer": 168}
    assert whole_shares(BATCH_SIZE, MIXTURE, first=True) == {"pretraining": 253, "update": 259, "buffer": 0}
    assert steps_of(727_040, BATCH_SIZE) == 1_420
    assert [steps_of(28_400 // tasks * 512, 512) for tasks in (20, 50, 100, 200)] == [1_420, 568, 284, 142]


def test_the_odd_sample_of_the_buffer_goes_to_update() -> None:
    thirds = mixture_of([1, 1, 1])
    assert whole_shares(9, thirds, first=True) == {"pretraining": 4, "update": 5, "buffer": 0}


def test_largest_remainders() -> None:
    parts = mixture_of([33, 34, 33])
    assert whole_shares(512, parts, first=False, rule="largest-remainder") == {
        "pretraining": 169,
        "update": 174,
        "buffer": 169,
    }
    assert whole_shares(9, mixture_of([1, 1, 1]), first=True, rule="largest-remainder") == {
        "pretraining": 5,
        "update": 4,
        "buffer": 0,
    }


@given(shares, st.integers(1, 10**6), st.booleans(), st.sampled_from(["benchmark", "largest-remainder"]))
def test_whole_numbers_add_up_and_lie_near_the_shares(parts: list[int], size: int, first: bool, rule: Rule) -> None:
    mixture = mixture_of(parts)
    whole = whole_shares(size, mixture, first=first, rule=rule)
    assert sum(whole.values()) == size
    assert all(type(number) is int and number >= 0 for number in whole.values())
    wanted = {pool: size * share for pool, share in mixture.items()}
    if first:
        assert whole["buffer"] == 0
        buffer = wanted.pop("buffer")
        half = buffer / 2 if mixture["pretraining"] or (rule == "benchmark" and whole["pretraining"]) else Fraction(0)
        wanted = {"pretraining": wanted["pretraining"] + half, "update": wanted["update"] + buffer - half}
    bound = 1 if rule == "largest-remainder" else 2
    assert all(abs(whole[pool] - share) < bound for pool, share in wanted.items())


@given(shares, st.integers(1, 60))
def test_the_benchmark_s_rule_step_by_step(parts: list[int], size: int) -> None:
    sizes = {pool: int(size * share) for pool, share in mixture_of(parts).items()}
    left = size - sum(sizes.values())
    for pool in POOLS:
        if left > 0:
            sizes[pool] += 1
            left -= 1
    assert whole_shares(size, mixture_of(parts), first=False) == sizes
    # Its code gives the buffer to one pool, the update, or to two.
    pools = 1 + int(sizes["pretraining"] > 0)
    update = sizes["update"] + sizes["buffer"] // pools + sizes["buffer"] % pools
    assert whole_shares(size, mixture_of(parts), first=True) == {
        "pretraining": size - update,
        "update": update,
        "buffer": 0,
    }


def test_without_pretraining_the_first_task_has_updates_alone() -> None:
    without = mixture_of([0, 1, 1])
    for rule in RULES:
        first = whole_shares(10, without, first=True, rule=rule)
        assert first == {"pretraining": 0, "update": 10, "buffer": 0}
    # As the benchmark's code computes it: what rounding leaves goes to pretraining first.
    assert whole_shares(5, without, first=False) == {"pretraining": 1, "update": 2, "buffer": 2}
    assert whole_shares(5, without, first=False, rule="largest-remainder") == {
        "pretraining": 0,
        "update": 3,
        "buffer": 2,
    }


@given(shares, st.integers(1, 12))
def test_largest_remainders_lie_nearest_to_the_shares(parts: list[int], size: int) -> None:
    wanted = {pool: size * share for pool, share in mixture_of(parts).items()}
    whole = whole_shares(size, mixture_of(parts), first=False, rule="largest-remainder")

    def off(numbers: tuple[int, ...]) -> Fraction:
        return sum(((n - wanted[p]) ** 2 for n, p in zip(numbers, POOLS, strict=True)), Fraction(0))

    others = (each for each in product(range(size + 1), repeat=3) if sum(each) == size)
    assert off(tuple(whole.values())) == min(map(off, others))


@pytest.mark.parametrize(
    ("value", "share"),
    [
        (0.33, Fraction(33, 100)),
        (0.1 + 0.2, Fraction(30000000000000004, 10**17)),
        (1e-3, Fraction(1, 1000)),
        (1, Fraction(1)),
        (0, Fraction(0)),
        (1.0, Fraction(1)),
        ("1/3", Fraction(1, 3)),
        ("0", Fraction(0)),
        ("1", Fraction(1)),
        ("02/06", Fraction(1, 3)),
        (np.float64(0.34), Fraction(34, 100)),
        (Fraction(2, 7), Fraction(2, 7)),
    ],
)
def test_a_number_means_its_shortest_decimal(value: object, share: Fraction) -> None:
    assert exact_share(value) == share


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        -0.1,
        1.5,
        2,
        "2",
        "0.5",
        "1/3\n",
        "1/0",
        "3/2",
        "1 / 3",
        "¹/3",
        float("nan"),
        float("inf"),
        1e-300,
        [0.5],
    ],
)
def test_what_is_no_share_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="share"):
        exact_share(value)


def test_every_share_of_at_most_18_digits_is_taken() -> None:
    assert exact_share(f"1/{10**17}") == Fraction(1, 10**17)
    with pytest.raises(ValueError, match="18 digits"):
        exact_share(1e-19)

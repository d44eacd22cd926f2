"""How long a child that ended waits."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from launcher.backoff import CRASH_LOOP, EARLY_SECONDS, LONGEST_DELAY, LONGEST_DELAY_AFTER_LIFE, BackOff

FIRST = 0.2
EARLY = st.floats(0, EARLY_SECONDS, exclude_max=True)
AGES = st.floats(0, 1e9)


def test_the_delays_of_a_child_that_never_runs() -> None:
    back_off = BackOff(FIRST)
    assert [round(back_off.delay(1.0, has_lived=False), 3) for _ in range(9)] == [
        0.2,
        0.4,
        0.8,
        1.6,
        3.2,
        6.4,
        12.8,
        15.0,
        15.0,
    ]


@given(st.lists(AGES))
def test_delays_are_bounded(ages: list[float]) -> None:
    back_off = BackOff(FIRST)
    assert all(FIRST <= back_off.delay(age, has_lived=False) <= LONGEST_DELAY for age in ages)


@given(st.lists(EARLY, min_size=2, max_size=3000))
def test_early_ends_in_a_row_never_shorten_the_delay(ages: list[float]) -> None:
    back_off = BackOff(FIRST)
    delays = [back_off.delay(age, has_lived=False) for age in ages]
    assert all(one <= two for one, two in pairwise(delays))
    assert back_off.is_crash_loop == (len(ages) >= CRASH_LOOP)


@given(st.lists(AGES), st.floats(EARLY_SECONDS, 1e9))
def test_a_late_end_begins_a_new_row(ages: list[float], late: float) -> None:
    back_off = BackOff(FIRST)
    for age in ages:
        back_off.delay(age, has_lived=False)
    assert back_off.delay(late, has_lived=False) == FIRST
    assert not back_off.is_crash_loop


@given(st.lists(AGES), AGES)
def test_a_child_that_has_lived_is_started_again_soon(ages: list[float], last: float) -> None:
    back_off = BackOff(FIRST)
    for age in ages:
        back_off.delay(age, has_lived=False)
    assert FIRST <= back_off.delay(last, has_lived=True) <= LONGEST_DELAY_AFTER_LIFE

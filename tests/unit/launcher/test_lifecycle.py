"""The states of a child: without processes, with a made-up clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.backoff import BackOff
from launcher.lifecycle import Lifecycle, Seen, State, Step


def lifecycle() -> Lifecycle:
    return Lifecycle(BackOff(0.2))


def test_a_child_waits_for_what_it_needs() -> None:
    life = lifecycle()
    assert life.next(Seen(now=0, may_start=False)) is Step.NOTHING
    assert life.next(Seen(now=1)) is Step.START
    assert life.next(Seen(now=2)) is Step.NOTHING


def test_an_end_is_followed_by_a_delay_and_a_start() -> None:
    life = lifecycle()
    life.next(Seen(now=0))
    assert life.next(Seen(now=10, ended=True)) is Step.NOTE_END
    assert (life.state, life.delay) == (State.BACKING_OFF, 0.2)
    assert life.seconds_until_due(10) == pytest.approx(0.2)
    assert life.next(Seen(now=10.1)) is Step.NOTHING
    assert life.next(Seen(now=10.2, may_start=False)) is Step.NOTHING
    assert life.next(Seen(now=10.3)) is Step.START


def test_a_hung_child_is_killed_once_and_its_end_awaited() -> None:
    life = lifecycle()
    life.next(Seen(now=0))
    assert life.next(Seen(now=50, is_hung=True)) is Step.KILL
    assert life.next(Seen(now=51, is_hung=True)) is Step.NOTHING, "the system has not ended it yet"
    assert life.next(Seen(now=52, is_hung=True, ended=True)) is Step.NOTE_END
    assert life.next(Seen(now=53)) is Step.START


SEEN = st.lists(st.tuples(st.floats(0, 60), st.booleans(), st.booleans(), st.booleans()))


@given(SEEN)
def test_at_most_one_process_at_a_time_and_never_too_early(moments: list[tuple[float, bool, bool, bool]]) -> None:
    life = lifecycle()
    now = 0.0
    has_process, killed, may_start_at = False, False, 0.0
    for pause, ends, hung, may_start in moments:
        now += pause
        ended = has_process and ends
        step = life.next(Seen(now=now, ended=ended, is_hung=hung and has_process, may_start=may_start))
        match step:
            case Step.START:
                assert not has_process
                assert may_start
                assert now >= may_start_at
                has_process, killed = True, False
            case Step.KILL:
                assert has_process
                assert not killed
                killed = True
            case Step.NOTE_END:
                assert ended
                has_process, may_start_at = False, now + life.delay
            case Step.NOTHING:
                assert not ended, "each end is noted at once"
                assert has_process or not may_start or now < may_start_at, "a child that may run is started at once"
                assert not (has_process and hung) or killed, "a child that hangs is killed at once"

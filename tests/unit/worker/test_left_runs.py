"""A worker remembers the runs that it cannot read, and lets them pause for longer each time."""

import pytest

from worker import left_runs
from worker.left_runs import LeftForLater, LeftRuns

ID, OTHER = "0" * 32, "1" * 32


def pause(left: LeftRuns, identifier: str = ID, run: int = 1) -> float:
    with pytest.raises(LeftForLater) as caught:
        left.leave(identifier, run)
    return caught.value.seconds


def test_the_pause_doubles_up_to_the_longest() -> None:
    left = LeftRuns(longest_pause=30.0)
    assert [pause(left) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert pause(left, OTHER) == 0.5, "each run has its own pause"
    assert pause(left, run=2) == 0.5, "and so has the next run of the same request"


def test_a_run_may_be_left_thousands_of_times() -> None:
    left = LeftRuns(longest_pause=30.0)
    assert {pause(left) for _ in range(3000)} == {0.5, 1, 2, 4, 8, 16, 30}


def test_only_a_run_that_was_left_is_left_again() -> None:
    left = LeftRuns(longest_pause=30.0)
    left.leave_again(ID, 1)
    pause(left)
    with pytest.raises(LeftForLater):
        left.leave_again(ID, 1)
    left.leave_again(ID, 2)
    left.forget(ID, 1)
    left.leave_again(ID, 1)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_runs, "_MOST_REMEMBERED", 3)
    left = LeftRuns(longest_pause=30.0)
    for run in range(1, 5):
        pause(left, run=run)
    left.leave_again(ID, 1)
    with pytest.raises(LeftForLater):
        left.leave_again(ID, 4)

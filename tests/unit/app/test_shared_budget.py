"""An amount that several processes share, some of which die."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.shared_budget import GRAIN, SharedBudget
from support.processes import ROOT

HOLDER = """
import sys
from pathlib import Path
from app.shared_budget import SharedBudget
budget = SharedBudget(Path(sys.argv[1]))
print(budget.take(int(sys.argv[2]), int(sys.argv[3])), flush=True)
sys.stdin.read()
"""


def test_an_amount_is_taken_and_given(tmp_path: Path) -> None:
    with SharedBudget(tmp_path) as budget:
        assert budget.take(6 * GRAIN, 10 * GRAIN)
        assert not budget.take(5 * GRAIN, 10 * GRAIN)
        assert budget.used == 6 * GRAIN
        budget.give(6 * GRAIN)
        assert budget.take(10 * GRAIN, 10 * GRAIN)
    assert list(tmp_path.iterdir()) == []


def test_two_users_share_it_up_to_a_grain(tmp_path: Path) -> None:
    with SharedBudget(tmp_path) as one, SharedBudget(tmp_path) as other:
        assert one.take(6 * GRAIN, 10 * GRAIN)
        assert not other.take(5 * GRAIN, 10 * GRAIN)
        assert other.take(4 * GRAIN, 10 * GRAIN)
        one.give(6 * GRAIN)
        assert other.take(5 * GRAIN, 10 * GRAIN)


@pytest.mark.parametrize("end", [subprocess.Popen.kill, lambda process: process.communicate(b"")])
def test_what_a_process_had_is_free_once_it_has_ended(
    tmp_path: Path, end: Callable[["subprocess.Popen[bytes]"], object]
) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path), str(8 * GRAIN), str(10 * GRAIN)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"True\n"
    with SharedBudget(tmp_path) as budget:
        assert not budget.take(3 * GRAIN, 10 * GRAIN)
        end(process)
        process.wait()
        assert budget.take(3 * GRAIN, 10 * GRAIN)
        assert len(list(tmp_path.iterdir())) == 1


def test_without_a_directory_it_is_that_of_the_process(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory in (None, tmp_path / "file" / "below"):
        with SharedBudget(directory) as budget:
            assert budget.take(10, 10)
            assert not budget.take(1, 10)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4 * GRAIN)), max_size=40))
def test_all_together_never_have_more(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]) -> None:
    directory, most = tmp_path_factory.mktemp("budget"), 8 * GRAIN
    users = [SharedBudget(directory) for _ in range(3)]
    held: list[list[int]] = [[], [], []]
    for user, amount in steps:
        if held[user] and amount % 2:
            users[user].give(held[user].pop())
        elif users[user].take(amount, most):
            held[user].append(amount)
        else:
            assert sum(map(sum, held)) + amount > most - 2 * 2 * GRAIN, "two others may keep a grain, and round up"
        assert sum(map(sum, held)) <= most
    for each in users:
        each.close()

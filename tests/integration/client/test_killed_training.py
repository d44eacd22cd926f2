"""Training that is killed and goes on with another number of ranks trains the batches of an undisturbed run."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from support.exporting_libraries import FOLDER, folder_of
from support.processes import ROOT

PROGRAM = ROOT / "tests" / "support" / "killed_training.py"
LOADERS = ("follow", "done", "items", "stateful", "lightning")
WAYS = [
    *(f"{name} {workers}" for name in LOADERS for workers in (0, 4)),
    *(f"{name} 0 ranks" for name in LOADERS),
]
KILLS = 15
"""Of each way, in the long form: 225 in all, of which a few would come after the end."""


def run(kills: dict[str, int]) -> dict[str, Any]:
    for each in ("torchdata", "lightning"):
        if any(way.startswith({"torchdata": "stateful"}.get(each, each)) for way in kills):
            folder_of(each)
    ran = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", str(PROGRAM)],
        input=json.dumps({"seed": 20, "kills": kills}),
        env={**os.environ, "PYTHONPATH": f"{FOLDER}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    assert len(found["undisturbed"]) == 60
    for way, each in found["ways"].items():
        assert each["trained"] == found["undisturbed"], way
    return found


def test_plain_loaders() -> None:
    found = run({"follow 0": 3, "follow 4": 1, "done 0": 3, "items 0": 3})

    assert [each["kills"] for each in found["ways"].values()] == [3, 1, 3, 3]


def test_torchdata_and_lightning() -> None:
    run({"stateful 0": 3, "lightning 0": 1, "lightning 0 ranks": 1})


def test_ranks_in_processes_of_their_own() -> None:
    run({"follow 0 ranks": 3})


@pytest.mark.faults
@pytest.mark.timeout(3000)
def test_two_hundred_kills() -> None:
    found = run(dict.fromkeys(WAYS, KILLS))

    assert sum(each["kills"] for each in found["ways"].values()) >= 200

"""The examples of training loops: in one process and in several, stopped and resumed, they train the same model."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from support.deployment import Deployment
from support.processes import ROOT
from support.requests import random_request

ONE = [sys.executable, "examples/train.py"]
TWO = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node",
    "2",
    "examples/train_on_several.py",
]


def train(program: list[str], url: str, checkpoint: Path) -> list[str]:
    ran = subprocess.run(
        [*program, url, "training-example", str(checkpoint)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CONCEPT_ORDERINGS_CACHE": str(checkpoint.parent / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_two_processes_go_on_with_what_one_began_and_train_the_same_model(service: Deployment, tmp_path: Path) -> None:
    service.publish(random_request("training-example", seed=5, concepts=9, tasks=3))
    url = str(service.http.base_url)
    whole, stopped = tmp_path / "whole.pt", tmp_path / "stopped.pt"

    with ThreadPoolExecutor() as pool:
        undisturbed, begun = (
            pool.submit(train, *each) for each in ((ONE, url, whole), ([sys.executable, "-c", STOPPED], url, stopped))
        )
    lines = undisturbed.result()
    assert [line.partition(":")[0] for line in lines] == ["task 0", "task 1", "task 2"]
    assert begun.result() == lines[:1]
    assert train(TWO, url, stopped) == [f"task {t}: trained on 2 processes" for t in (1, 2)]

    trained, same = torch.load(whole), torch.load(stopped)
    assert trained["stream"] == same["stream"]
    torch.testing.assert_close(trained["model"], same["model"])


STOPPED = """
import runpy, sys, torch
save = torch.save
def save_and_stop(*arguments):
    save(*arguments)
    sys.exit()
torch.save = save_and_stop
sys.argv[0] = "examples/train.py"
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs train.py until it has saved its first task."""

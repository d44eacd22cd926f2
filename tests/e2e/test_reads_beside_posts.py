"""Reads of tasks while 40 clients post: bench/reads_beside_posts.py measures both, and this holds its figure."""

import re
import shutil
import subprocess
import sys

import pytest

from support.processes import ROOT

MOST = 3


@pytest.mark.faults
def test_reads_take_at_most_three_times_those_beside_busy_loops() -> None:
    """It needs a quiet machine: other programs delay an API that works much more than one that reads."""
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    command = [sys.executable, "bench/reads_beside_posts.py"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600).stdout
    print(text)
    found = re.search(r"p99 beside posts: ([\d.]+) times", text)
    assert found is not None
    assert float(found[1]) <= MOST

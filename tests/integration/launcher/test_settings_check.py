"""``concept-orderings serve`` refuses wrong settings of both programs before it starts or writes anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        # Of the API, of the worker, and of both.
        ("CONCEPT_ORDERINGS_MAX_ACTIVE_JOBS", "0"),
        ("CONCEPT_ORDERINGS_BATCH_SIZE", "0"),
        ("CONCEPT_ORDERINGS_SOURCES", "/nonexistent/sources.toml"),
        ("REDIS_URL", "http://127.0.0.1:6379"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_started(tmp_path: Path, variable: str, value: str) -> None:
    data = tmp_path / "data"
    run = subprocess.run(
        [sys.executable, "-m", "concept_orderings.cli", "serve", "--port", "0", "--data-dir", str(data)],
        cwd=ROOT,
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 1
    assert run.stderr.startswith(f"concept-orderings: {variable}: ")
    assert run.stderr.endswith("[bad_setting]\n")
    assert run.stderr.count("\n") == 1
    assert run.stdout == ""
    assert not data.exists()

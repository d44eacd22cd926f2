"""The folder with the libraries that exports and the client are tested with.

`make setup` fills it from exporting-libraries.txt.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.processes import ROOT

FOLDER = Path(sys.prefix) / "exporting-libraries"
_ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{FOLDER}:{ROOT}:{ROOT / 'tests'}", "WANDB_MODE": "disabled"}
_BARE = frozenset(["avalanche", "continuum"])
"""The libraries that `support.bare_libraries` prepares."""


def folder_of(package: str) -> Path:
    """Return the folder of a package; skip the test if it is not installed."""
    if not (FOLDER / package).is_dir():
        pytest.skip(f"{package} is not in {FOLDER}: make setup installs it")
    return FOLDER / package


def run_with(program: str, value: object) -> Any:
    """Run a program of this folder with the libraries; it gets a JSON value and answers with one."""
    return _run_with(("avalanche", "continuum", "mlcroissant"), program, value)


def run_with_mlflow(program: str, value: object) -> Any:
    """Run a program of this folder with MLflow; it gets a JSON value and answers with one."""
    return _run_with(("mlflow",), program, value)


def run_with_pybtex(program: str, value: object) -> Any:
    """Run a program of this folder with pybtex; it gets a JSON value and answers with one."""
    return _run_with(("pybtex",), program, value)


def run_example(packages: tuple[str, ...], program: str, *arguments: str) -> list[str]:
    """Run a program of ``examples/`` with these libraries; return the lines it prints."""
    return _run(packages, ROOT / "examples" / program, *arguments)


def _run_with(packages: tuple[str, ...], program: str, value: object) -> Any:
    return json.loads(_run(packages, ROOT / "tests" / "support" / program, given=json.dumps(value))[-1])


def _run(packages: tuple[str, ...], program: Path, *arguments: str, given: str = "") -> list[str]:
    for each in packages:
        folder_of(each)
    bare = "" if _BARE.isdisjoint(packages) else "import support.bare_libraries; "
    start = f"{bare}import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    ran = subprocess.run(
        # -P: without the present folder, in which modules may be named like libraries.
        [sys.executable, "-P", "-W", "ignore", "-c", start, str(program), *arguments],
        input=given,
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()

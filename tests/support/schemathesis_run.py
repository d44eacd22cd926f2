"""Schemathesis makes requests from the committed OpenAPI document, posts them to a service, and checks the answers."""

import os
import re
import subprocess
import sys
from pathlib import Path

from app import openapi
from support.processes import ROOT

_PROGRAM = Path(sys.prefix) / "schemathesis" / "bin" / "schemathesis"
_CASES = re.compile(r"^ +([0-9]+) generated\b", re.MULTILINE)


def count_checked(url: str, directory: Path, *options: str, seconds: float) -> int:
    """Run all checks of Schemathesis on a service; fail with its report if one of them does.

    Parameters
    ----------
    url
        The service.
    directory
        Where it may write.
    options
        Options of ``schemathesis run``.
    seconds
        The longest time it may take.

    Returns
    -------
    int
        The number of requests that it made.
    """
    assert _PROGRAM.is_file(), "make setup installs it"
    done = subprocess.run(
        [_PROGRAM, "--config-file", ROOT / "openapi" / "schemathesis.toml", "run", openapi.PATH, "--url", url,
         "--no-color", *options],
        check=False, cwd=directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), "SCHEMATHESIS_HOOKS": "support.schemathesis_hooks"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    found = _CASES.search(done.stdout)
    assert found is not None, done.stdout
    return int(found[1])

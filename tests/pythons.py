"""Run the library's tests from its wheel, on the oldest and the newest supported Python and NumPy.

The oldest versions are those in pyproject.toml. The newest are the newest Python on this machine and the newest NumPy
for it. Of this project's extras only httpx, that of the client, is installed: tests that need more are skipped. A
missing interpreter is named in the output. The command fails if no interpreter is found, or if one of them runs no
test.

usage: python tests/pythons.py [INTERPRETER ...]

Interpreters are looked for on PATH and in ~/.pyenv; name others as arguments.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[1]
TESTS = ("tests/unit/concept_orderings", "tests/unit/path")
TOOLS = ("httpx", "hypothesis", "pytest", "pytest-timeout", "rfc8785")
"""The packages that the tests need, and that of the extra `client`, in the versions of constraints.txt."""

Version: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Place:
    """An interpreter and the NumPy requirement to install for it."""

    python: Path
    numpy: str


def main(arguments: Sequence[str]) -> int:
    oldest, numpy = _supported()
    found = _interpreters([Path(each) for each in arguments])
    places = []
    if oldest in found:
        places.append(Place(found[oldest], numpy))
    else:
        print(f"NOT TESTED: Python {_named(oldest)}, the oldest that is supported, is not on this machine")
    if (newest := max(found, default=oldest)) > oldest:
        places.append(Place(found[newest], "numpy"))
    else:
        print(f"NOT TESTED: no Python newer than {_named(oldest)} is on this machine")
    with tempfile.TemporaryDirectory() as folder:
        wheel = _built(Path(folder))
        with ThreadPoolExecutor() as pool:
            homes = [Path(folder, str(number)) for number in range(len(places))]
            passed = list(pool.map(lambda place, home: _passes(place, wheel, home), places, homes))
    return 0 if passed and all(passed) else 1


def _supported() -> tuple[Version, str]:
    """Return the oldest Python that pyproject.toml names, and the requirement of exactly the oldest NumPy."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    python = re.fullmatch(r">=(\d+)\.(\d+)", project["requires-python"])
    (numpy,) = filter(None, (re.fullmatch(r"numpy>=([\d.]+)", each) for each in project["dependencies"]))
    assert python is not None
    return (int(python[1]), int(python[2])), f"numpy=={numpy[1]}"


def _interpreters(further: Sequence[Path]) -> dict[Version, Path]:
    """Return an interpreter for each minor version of Python: the newest patch release that is found."""
    found: dict[tuple[int, ...], Path] = {}
    for path in [*further, *_candidates()]:
        asked = subprocess.run(
            [path, "-c", "import sys, venv; print(*sys.version_info[:3])"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            found.setdefault(tuple(map(int, asked.stdout.split())), path)
    return {(version[0], version[1]): found[version] for version in sorted(found)}


def _candidates() -> Iterator[Path]:
    for minor in range(11, 30):
        if path := shutil.which(f"python3.{minor}"):
            yield Path(path)
    yield from Path.home().glob(".pyenv/versions/3.*/bin/python")


def _built(folder: Path) -> Path:
    """Build the wheel into `folder`, as a release does."""
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], check=True, stdout=sys.stderr)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _passes(place: Place, wheel: Path, home: Path) -> bool:
    """Run the tests in a new environment at `home`, print their output when they end, and tell whether they pass."""
    python = _environment(place, wheel, home)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CONCEPT_ORDERINGS"))}
    # A safe path has no current directory: nothing is imported from the checkout. Both runs share the cores.
    safe = {**clean, "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    what = subprocess.run([python, "-c", IDENTIFY, home], env=safe, check=True, stdout=subprocess.PIPE, text=True)
    options = ["-q", "-m", "not slow", "-p", "no:cacheprovider", "--confcutdir=tests/unit"]
    command = [str(python), "-m", "pytest", *options, *TESTS]
    with (home / "output").open("w+") as output:
        tested = subprocess.run(command, cwd=ROOT, env=safe, check=False, stdout=output, stderr=output)
        output.seek(0)
        print(what.stdout, output.read(), sep="", flush=True)
    # pytest also fails if it finds no test.
    return tested.returncode == 0


def _environment(place: Place, wheel: Path, home: Path) -> Path:
    """Make a virtual environment with the wheel, NumPy and what the tests need; return its interpreter."""
    subprocess.run([place.python, "-m", "venv", "--without-pip", home], check=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--only-binary=numpy"]
    # New Pythons warn of code in older releases of pip.
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run([*pip, place.numpy, str(wheel), *_tools()], check=True, env=quiet)
    return python


IDENTIFY = """
import sys, numpy, concept_orderings
from importlib.util import find_spec
print(f"== Python {sys.version.split()[0]}, NumPy {numpy.__version__}")
assert concept_orderings.__file__.startswith(sys.argv[1]), f"not the wheel's: {concept_orderings.__file__}"
assert find_spec("numba") is None
"""


def _tools() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {name: line for line in lines for name in [line.partition("==")[0]]}
    return [pinned[name] for name in TOOLS]


def _named(version: Version) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

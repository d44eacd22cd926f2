"""Test the wheel in an environment with only numpy, as a training job may have."""

import email
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from concept_orderings import __version__
from concept_orderings.data import LOOK_ALIKES
from concept_orderings.library import arrange_request
from concept_orderings.request import parse_request
from support.lying_server import LyingServer
from support.packed_data import FILES, LICENCE, NUMBERS
from support.requests import fomo_request
from support.scripted_service import ScriptedService

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
DATA = "concept_orderings/data/"


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    # Without variables through which the other interpreter could import the checkout's packages.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CONCEPT_ORDERINGS"))}
    return subprocess.run([*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a release does."""
    folder = tmp_path_factory.mktemp("wheel")
    isolation = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    built = run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", *isolation, "-w", folder, ROOT, cwd=folder
    )
    if "No matching distribution found for hatchling" in built.stderr:
        pytest.skip("the build backend, hatchling, is neither installed nor to be had from the package index")
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a new environment with this one's numpy; return its directory of scripts."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    asked = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home)
    site = Path(asked.stdout.strip())
    for name in ("numpy", "numpy.libs", f"numpy-{importlib.metadata.version('numpy')}.dist-info"):
        place = Path(sysconfig.get_path("platlib")) / name
        if place.exists():
            (site / name).symlink_to(place)
    pip = (sys.executable, "-m", "pip", "--python", python)
    # With --no-index the installation fails if the wheel requires anything but numpy.
    installed = run(*pip, "install", "--quiet", "--no-index", wheel, cwd=home)
    assert installed.returncode == 0, installed.stderr
    return python.parent


def test_the_wheel_holds_only_the_library(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "concept_orderings").rglob("*.py")}

    metadata = f"concept_orderings-{__version__}.dist-info/"
    packed = {name for name in names if name.startswith(DATA) and not name.endswith(".py")}
    assert {name for name in names if not name.startswith(metadata)} == modules | {
        "concept_orderings/py.typed"
    } | packed
    assert f"{metadata}licenses/LICENSE" in names


def test_the_wheel_holds_the_packed_data_with_its_licence_in_less_than_a_megabyte(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {Path(name).name for name in archive.namelist() if name.startswith(DATA)} - {"__init__.py"}

    objects = {f"{name}.json.xz" for name in (*FILES, LOOK_ALIKES)}
    assert packed == objects | {f"{name}.u16.xz" for name in NUMBERS} | {LICENCE, "LICENSE.unicode"}
    assert wheel.stat().st_size < 10**6


def test_the_wheel_requires_only_numpy(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(f"concept_orderings-{__version__}.dist-info/METADATA"))
    required = [each for each in metadata.get_all("Requires-Dist", []) if "extra ==" not in each]

    assert [each.partition(">")[0] for each in required] == ["numpy"]
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"


def test_the_environment_has_nothing_but_numpy_and_the_wheel(scripts: Path, tmp_path: Path) -> None:
    for absent in ("numba", "store", "app", "worker", "launcher", "httpx", "pydantic"):
        assert run(scripts / "python", "-c", f"import {absent}", cwd=tmp_path).returncode == 1
    imported = run(
        scripts / "python", "-c", "import concept_orderings; print(concept_orderings.__file__)", cwd=tmp_path
    )

    assert Path(imported.stdout.strip()).is_relative_to(scripts.parent)


TRAINING = """
import sys
from concept_orderings.client import Client

url, digest, libraries = sys.argv[1:]
sys.path.append(libraries)
stream = Client(url, cache="cache").stream("job-1", version=1, digest=digest)
labels = stream.labels({"OWN": [f"class {i:05d}" for i in range(6)]})
cursor = stream.cursor(
    rank=1, world_size=3, batch_size=5, samples_per_task=20, seed=0, samples={"OWN": [9] * 6}, labels=labels,
    pretraining=100,
)
print(len(stream.concepts), *sorted(labels.old_of_new), sum(len(step.items) for step in cursor))
"""


EXAMPLE = f"""
import runpy, sys
sys.path.append(sys.argv.pop(1))
runpy.run_path({str(ROOT / "examples" / "on_fomo.py")!r}, run_name="__main__")
"""


def test_a_training_job_needs_httpx_beside(scripts: Path, tmp_path: Path) -> None:
    service = ScriptedService()
    digest = service.publish("job-1", concepts=6, tasks=3).digest
    service.publish_request(fomo_request("cifar"))
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    with LyingServer(service) as server:
        command = (scripts / "python", "-c", TRAINING, server.url, digest, libraries)
        without = run(*command, cwd=tmp_path)
        assert "The client needs httpx: pip install 'concept-orderings[client]' installs it." in without.stderr
        for name in ("httpx", "httpcore", "h11", "anyio", "certifi", "idna", "typing_extensions.py"):
            (libraries / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)
        trained = run(*command, cwd=tmp_path)
        example = run(scripts / "python", "-c", EXAMPLE, libraries, server.url, "cifar", tmp_path, cwd=tmp_path)

    assert trained.stdout == "6 0 1 2 3 4 5 24\n", trained.stderr
    assert example.returncode == 0, example.stderr
    assert [line.partition(":")[0] for line in example.stdout.splitlines()] == [
        "cifar-v1-fomo.json",
        "cifar-v1-fomo-config.yaml",
    ]


@pytest.mark.parametrize("kind", ["random", "time", "performance", "dataset", "similarity"])
def test_the_wheel_gives_the_same_orders(scripts: Path, tmp_path: Path, kind: str) -> None:
    classes = [f"class {i}" for i in range(40)]
    (tmp_path / "cifar100.json").write_text(json.dumps(classes))
    # Corners of a cube: most distances are tied, so another tie rule would give another path.
    embeddings = np.array([[1, *map(int, f"{i % 32:05b}")] for i in range(40)], dtype=np.float32)
    # As text "class 10" comes before "class 2", so the rows need names.
    np.savez(tmp_path / "embeddings.npz", embeddings=embeddings, names=sorted(classes))
    options = ["--embeddings", "embeddings.npz"] if kind == "similarity" else []
    found = run(
        scripts / "concept-orderings", "order", "cifar100.json", "--kind", kind, "--tasks", 3,
        "--format", "tasks", *options, cwd=tmp_path,
    )  # fmt: skip
    body = {
        "name": "x",
        "datasets": [{"name": "cifar100", "classes": classes}],
        "ordering": {"kind": kind},
        "tasks": {"count": 3},
    }

    expected = arrange_request(parse_request(body), embeddings=embeddings)
    assert found.stderr == "".join(f"concept-orderings: {each.detail}\n" for each in expected.warnings())
    assert json.loads(found.stdout) == expected.concepts_by_task()


@pytest.mark.parametrize(
    "command",
    [
        ["serve"],
        ["worker"],
        ["index", "shard.json.gz"],
    ],
    ids=" ".join,
)
def test_a_command_of_the_service_says_how_to_get_it(scripts: Path, tmp_path: Path, command: list[str]) -> None:
    asked = run(scripts / "concept-orderings", *command, cwd=tmp_path)

    assert asked.returncode == 1
    assert asked.stdout == ""
    assert asked.stderr.startswith(f"concept-orderings: `{command[0]}` needs the service")
    assert "clone the repository" in asked.stderr
    assert "docker/compose.yaml" in asked.stderr
    assert asked.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "instead", "code"),
    [
        (["--kind", "frequency", "--source", "c4"], "give counts in the file", "source_not_configured"),
        (["--kind", "performance", "--sources", "a,b"], "give scores in the file", "source_not_configured"),
        (["--kind", "similarity"], "--embeddings", "encoder_not_configured"),
    ],
    ids=["counts", "scores", "embeddings"],
)
def test_an_order_without_its_evidence_says_what_to_give(
    scripts: Path, tmp_path: Path, options: list[str], instead: str, code: str
) -> None:
    (tmp_path / "cifar100.json").write_text('["a", "b"]')
    asked = run(scripts / "concept-orderings", "order", "cifar100.json", *options, cwd=tmp_path)

    assert (asked.returncode, asked.stdout) == (1, "")
    assert instead in asked.stderr
    assert asked.stderr.endswith(f"[{code}]\n")


def test_types_are_found_by_type_checkers(scripts: Path, tmp_path: Path) -> None:
    code = "import importlib.resources as r; print(r.files('concept_orderings').joinpath('py.typed').is_file())"

    assert run(scripts / "python", "-c", code, cwd=tmp_path).stdout.strip() == "True"

"""The floors: which package may import which. Imports are read from the source, so that late imports count too."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("concept_orderings", "store", "app", "worker", "launcher")
PROGRAMS = {"app", "worker", "launcher"}
ENCODER_LIBRARIES = {"torch", "open_clip", "transformers", "tokenizers", "safetensors", "huggingface_hub"}


@dataclass(frozen=True)
class Import:
    """One import of a top-level package.

    Attributes
    ----------
    path : str
        The importing file, from the root, with forward slashes.
    package : str
        What it imports, up to the first dot.
    """

    path: str
    package: str


@cache
def imports_of(folder: str) -> tuple[Import, ...]:
    """Return all imports in a folder, except those of the standard library."""
    found = (each for path in sorted((ROOT / folder).rglob("*.py")) for each in _imports(path))
    return tuple(each for each in found if each.package not in sys.stdlib_module_names)


def _imports(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    where = path.relative_to(ROOT)
    for node in ast.walk(tree):
        for name in _imported(node, where):
            yield Import(where.as_posix(), name.partition(".")[0])


def _imported(node: ast.AST, where: Path) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [each.name for each in names]
        case ast.ImportFrom(module=module, level=0):
            return [module or ""]
        case ast.ImportFrom():
            return [where.parts[0]]
        case ast.Call(func=ast.Name(id="import_module" | "__import__"), args=[ast.Constant(value=str(name)), *_]):
            return [name]
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
            return [name]
        case _:
            return []


def test_every_kind_of_import_is_found() -> None:
    source = (
        "import a.b\nfrom c.d import e\nimport importlib\n"
        "def f():\n    import g\n    importlib.import_module('h.i')\n    async def j():\n        from k import l\n"
    )
    tree = ast.parse(source)

    found = [name for node in ast.walk(tree) for name in _imported(node, Path("x/y.py"))]
    assert sorted(found) == ["a.b", "c.d", "g", "h.i", "importlib", "k"]


@pytest.mark.parametrize("folder", PACKAGES)
def test_every_package_has_imports_to_check(folder: str) -> None:
    assert len(imports_of(folder)) > 5


def outside(folder: str, allowed: set[str]) -> list[Import]:
    return [each for each in imports_of(folder) if each.package not in allowed]


def test_the_library_imports_only_numpy() -> None:
    strange = [each for each in outside("concept_orderings", {"concept_orderings", "numpy"}) if not _excepted(each)]

    assert strange == []


def test_the_library_names_no_module_of_the_programs() -> None:
    """Strings count too: commands of the programs are declared in the metadata of their packages."""
    named = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r}"
        for path in sorted((ROOT / "concept_orderings").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _names_a_module(node.value)
    ]

    assert named == []


@pytest.mark.parametrize(
    ("text", "found"),
    [("app", True), ("worker.gather", True), ("launcher:serve", True), ("store/jobs.py", True), ("worker", False)],
)
def test_modules_of_the_programs_are_recognised(text: str, found: bool) -> None:
    assert _names_a_module(text) == found


def _names_a_module(text: str) -> bool:
    programs = "|".join(sorted({"store", *PROGRAMS}))
    # The command `worker` is named like its program.
    return text != "worker" and re.fullmatch(rf"({programs})([.:/][\w.:/]+)?", text) is not None


def _excepted(each: Import) -> bool:
    path = each.path.removeprefix("concept_orderings/")
    libraries = {
        *(("path", "numba"), ("path", "threadpoolctl"), ("parquet.py", "pyarrow")),
        *(("client/transport.py", "httpx"), ("client/tracking.py", "mlflow")),
        ("client/plan/item_dataset.py", "torch"),
    }
    return {(path, each.package), (path.partition("/")[0], each.package)} & libraries != set()


def test_only_the_kernels_import_numba() -> None:
    assert {each.path for each in imports_of("concept_orderings") if each.package == "numba"} == {
        "concept_orderings/path/kernels.py"
    }


def test_only_the_client_s_runners_import_httpx() -> None:
    assert {each.path for each in imports_of("concept_orderings") if each.package == "httpx"} == {
        "concept_orderings/client/transport.py"
    }


def test_only_the_client_s_iterable_dataset_imports_torch() -> None:
    assert {each.path for each in imports_of("concept_orderings") if each.package in ENCODER_LIBRARIES} == {
        "concept_orderings/client/plan/item_dataset.py"
    }


def test_only_commands_import_the_client() -> None:
    """It needs an extra of the wheel; they import it when they run."""
    importers = {
        path.relative_to(ROOT).as_posix()
        for folder in PACKAGES
        for path in sorted((ROOT / folder).rglob("*.py"))
        if re.search(r"^ *(from|import) concept_orderings\.client\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    places = {path.rpartition("/")[0] for path in importers}

    assert "concept_orderings/client" in places
    assert {each for each in places if not each.startswith("concept_orderings/client")} <= {"concept_orderings/cli"}


def test_the_store_imports_only_the_library_and_its_own_libraries() -> None:
    libraries = {"redis", "docket", "obstore", "pydantic", "pydantic_settings", "numpy"}

    assert outside("store", {"store", "concept_orderings", *libraries}) == []


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_the_programs_do_not_import_each_other(program: str) -> None:
    assert [each for each in imports_of(program) if each.package in PROGRAMS - {program}] == []


def test_the_launcher_imports_only_the_library() -> None:
    assert outside("launcher", {"launcher", "concept_orderings"}) == []


def test_the_service_imports_nothing_heavy() -> None:
    heavy = {*ENCODER_LIBRARIES, "numba", "numpy", "tantivy"}

    assert [each for each in imports_of("app") if each.package in heavy] == []


def test_only_encoders_and_computations_on_their_device_import_torch() -> None:
    users = {each.path for each in imports_of("worker") if each.package in ENCODER_LIBRARIES}
    outside_encoders = {path for path in users if not path.startswith("worker/evidence/encoders/")}

    assert users - outside_encoders, "no encoder imports any of these libraries: the test looks in the wrong place"
    assert outside_encoders == {"worker/torch_device.py", "worker/neighbours_on_device.py"}
    torch_alone = {each for each in imports_of("worker") if each.path in outside_encoders}
    assert {each.package for each in torch_alone} & ENCODER_LIBRARIES == {"torch"}


def test_times_are_parsed_in_one_file() -> None:
    """A second parser would accept other forms of the same time; `store.runs` reads what its own scripts wrote."""
    readers = {
        path.relative_to(ROOT).as_posix()
        for folder in PACKAGES
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"strptime", "fromisoformat"}
    }

    assert readers == {"concept_orderings/evidence/counted_since.py", "store/runs/runs.py"}


def test_no_package_imports_tests() -> None:
    packages = {each.package for folder in PACKAGES for each in imports_of(folder)}

    assert packages.isdisjoint({"tests", "pytest", "hypothesis", "rfc8785"})


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("concept_orderings", {"numba", "store", *PROGRAMS}),
        ("concept_orderings.cli", {"numba", "store", "httpx", *PROGRAMS}),
        ("concept_orderings.client", {"numba", "store", "httpx", *ENCODER_LIBRARIES, *PROGRAMS}),
        ("app.main", {"numba", "worker", "launcher", "tantivy", *ENCODER_LIBRARIES}),
        ("launcher", {"app", "worker", "store", "numpy", "pydantic", "redis", "fastapi", *ENCODER_LIBRARIES}),
        ("worker.main", {"app", "launcher", "fastapi", "uvicorn"}),
    ],
)
def test_starting_does_not_load_unneeded_libraries(module: str, unwanted: set[str]) -> None:
    """The module is really imported, since a library may import more than the source shows."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())

    assert module.partition(".")[0] in loaded
    assert loaded & unwanted == set()

"""The queue's JSON: values that it holds and refuses; it replaces every load of the installed Docket."""

import ast
import importlib.util
import json
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docket
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.docket_codec import DOCKET_RELEASE, MODULES, MOST_BYTES, RefusedValue, TaskFailed, decode, encode, install
from support.plants import bomb

ROOT = Path(__file__).parents[3]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.sampled_from(["tuple", "dict", "exception"]), inner, max_size=4)
    ),
    max_leaves=20,
)


# ---- values that it can hold, and values that it refuses


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    data = encode(value)

    assert json.loads(data) is not Ellipsis  # it is JSON
    assert decode(data) == value
    assert type(decode(data)) is type(value)


def test_arguments_are_written_in_this_form() -> None:
    assert encode(("00ff", 7)) == b'{"tuple":["00ff",7]}'
    assert encode({}) == b'{"dict":{}}'


def test_an_error_keeps_its_type_s_name_and_not_its_text() -> None:
    data = encode(RuntimeError("password"))

    assert data == b'{"exception":"RuntimeError"}'
    found = decode(data)
    assert isinstance(found, TaskFailed)
    assert str(found) == "RuntimeError"


class Text(str):
    """A subclass of a text."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [b"bytes", {1, 2}, object(), Path(), {1: 2}, {("a",): 1}, float("nan"), float("inf"), [float("-inf")], Text("a")],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_json_cannot_express_is_refused(value: object) -> None:
    with pytest.raises(RefusedValue, match="the queue cannot hold a value of the type"):
        encode(value)


def test_too_many_bytes_are_refused_in_both_directions() -> None:
    with pytest.raises(RefusedValue, match="at most 65536 bytes"):
        encode("a" * MOST_BYTES)
    with pytest.raises(RefusedValue, match="more than the 65536"):
        decode(b'"' + b"a" * MOST_BYTES + b'"')


def test_too_deep_a_value_is_refused_in_both_directions() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RefusedValue):
        encode(deep)
    with pytest.raises(RefusedValue):
        decode(b"[" * 20_000 + b"]" * 20_000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"NaN",
        b"[Infinity]",
        b"{}",
        b'{"tuple":1}',
        b'{"tuple":[],"dict":{}}',
        b'{"dict":[]}',
        b'{"exception":null}',
        b'{"py/object":"os.system"}',
        "[1]".encode("utf-16"),
        b"1" * 5000,
    ],
)
def test_json_that_is_not_the_queue_s_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedValue):
        decode(data)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_and_not_loaded(protocol: int, tmp_path: Path) -> None:
    file = tmp_path / "loaded"
    data = bomb(file, protocol)

    with pytest.raises(RefusedValue, match="is not the queue's JSON"):
        decode(data)
    for harmless in (None, 1, "text", ("id", 1)):
        with pytest.raises(RefusedValue):
            decode(pickle.dumps(harmless, protocol))
    assert not file.exists()
    # Shows that the pickle would create the file.
    pickle.loads(data)
    assert file.exists()


# ---- no other loads

LIBRARIES = ("docket", "redis", "key_value", "uncalled_for")
"""The libraries between the Redis socket and our own code."""
LOADERS = {"pickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "jsonpickle", "joblib", "copyreg", "yaml"}
CALLS = {"loads", "load", "Unpickler", "import_module"}
RUNNERS = {"eval", "exec", "__import__"}

IMPORTS = {
    ("docket/execution.py", "", "cloudpickle"),
    ("docket/strikelist.py", "", "cloudpickle"),
    ("docket/worker.py", "", "cloudpickle"),
    ("docket/docket.py", "Docket.get_execution", "cloudpickle"),
}
"""All imports of modules that load objects: file, function or class, module. `store.docket_codec` says how each is
made harmless."""

LOADS = {
    # Replaced: the name refers to our codec there.
    ("docket/execution.py", "Execution.from_message", "cloudpickle.loads"): 2,
    ("docket/execution.py", "Execution.get_result", "cloudpickle.loads"): 2,
    ("docket/strikelist.py", "StrikeInstruction.from_message", "cloudpickle.loads"): 1,
    # Replaced: the method raises an error.
    ("docket/docket.py", "Docket.get_execution", "cloudpickle.loads"): 2,
    # JSON, which runs nothing.
    ("docket/execution.py", "Execution.subscribe", "json.loads"): 1,
    ("docket/_execution_progress.py", "ExecutionProgress.subscribe", "json.loads"): 1,
    ("docket/_result_store.py", "ClusterKeyValueStore.get", "json.loads"): 1,
    ("docket/_result_store.py", "ClusterKeyValueStore.ttl", "json.loads"): 1,
    ("docket/_result_store.py", "ClusterKeyValueStore.get_many", "json.loads"): 1,
    # They load names that the calling program passes, never values from Redis.
    ("docket/docket.py", "Docket.register_collection", "importlib.import_module"): 1,
    ("docket/worker.py", "Worker.run", "importlib.import_module"): 2,
    ("docket/cli/_support.py", "interpret_python_value", "importlib.import_module"): 1,
    ("docket/_redis_memory.py", "_memory_client_factory", "importlib.import_module"): 1,
}
"""Every call in Docket that turns bytes or names into objects, and its number of occurrences."""

REMINDER = (
    "Docket has changed. Read each new call: if it loads values from Redis, replace it in store/docket_codec.py and "
    "add its place to tests/support/plants.py. Then add the call to this table."
)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def _walk(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Yield all nodes with the function or class that they are in."""
    for node in ast.iter_child_nodes(tree):
        yield inside, node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _walk(node, f"{inside}.{node.name}".lstrip("."))
        else:
            yield from _walk(node, inside)


def imports_in(source: str) -> list[tuple[str, str]]:
    """Return the imports of modules that load objects, each with the function or class that it is in."""
    found = []
    for inside, node in _walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [(inside, each.name) for each in names if each.name.partition(".")[0] in LOADERS]
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in LOADERS:
                found.append((inside, module))
    return found


def loads_in(source: str) -> list[tuple[str, str]]:
    """Return the calls that turn bytes or names into objects, each with the function or class that it is in."""
    found = []
    for inside, node in _walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if name in CALLS:
                found.append((inside, f"{module}.{name}"))
            case ast.Call(func=ast.Name(id=name)) if name in CALLS | RUNNERS:
                found.append((inside, name))
            case ast.Constant(value=str(name)) if name in LOADERS:
                found.append((inside, name))
    return found


def _sources(package: str) -> Iterator[tuple[str, str]]:
    root = _package(package)
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root.parent).as_posix(), path.read_text(encoding="utf-8")


@pytest.mark.parametrize("package", LIBRARIES)
def test_libraries_that_read_from_redis_import_no_loader_but_those_in_the_table(package: str) -> None:
    found = {(path, *each) for path, source in _sources(package) for each in imports_in(source)}

    assert found == (IMPORTS if package == "docket" else set()), REMINDER


def test_docket_has_no_load_that_is_not_in_the_table() -> None:
    found = Counter((path, *each) for path, source in _sources("docket") for each in loads_in(source))

    assert dict(found) == LOADS, REMINDER


def test_a_new_load_would_be_found() -> None:
    source = (
        "import pickle as p\nfrom cloudpickle import loads as undump\n"
        "class Docket:\n    def peek(self, data):\n        import dill\n        return dill.loads(data)\n"
        "def run(data):\n    return eval(data), __import__('marshal')\n"
    )

    assert imports_in(source) == [("", "pickle"), ("", "cloudpickle"), ("Docket.peek", "dill")]
    assert loads_in(source) == [
        ("Docket.peek", "dill.loads"),
        ("run", "eval"),
        ("run", "__import__"),
        ("run", "marshal"),
    ]


@pytest.mark.parametrize("package", ["concept_orderings", "store", "app", "worker", "launcher"])
def test_our_own_code_imports_nothing_that_loads_objects(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))

    assert len(files) > 3
    assert [(path, each) for path in files for each in imports_in(path.read_text(encoding="utf-8"))] == []


def test_queues_are_opened_in_one_place() -> None:
    """Otherwise, one could be opened before the codec is installed."""
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("concept_orderings", "store", "app", "worker", "launcher", "docker")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and "Docket" in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))
    }

    assert found == {"store/queue.py"}


# ---- installation


def test_the_installed_release_is_the_known_one() -> None:
    assert docket.__version__ == DOCKET_RELEASE, REMINDER
    assert f'"pydocket=={DOCKET_RELEASE}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_another_release_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docket, "__version__", "0.28.0")

    with pytest.raises(RuntimeError, match=r"Docket 0\.28\.0 is installed"):
        install()


def test_opening_a_queue_installs_the_codec_once() -> None:
    """In a process of its own, where the codec is not installed yet."""
    code = (
        "import sys, store.queue\n"
        "assert 'docket' not in sys.modules\n"
        "import cloudpickle, docket, docket.execution as e\n"
        "assert e.cloudpickle is cloudpickle\n"
        "store.queue.make_docket('redis://127.0.0.1:1', 'q')\n"
        "claim = e.Execution.claim\n"
        "store.queue.make_docket('redis://127.0.0.1:1', 'q')\n"
        "assert e.Execution.claim is claim\n"
        f"for name in {MODULES!r}:\n"
        "    assert vars(sys.modules[name])['cloudpickle'].loads(b'[1]') == [1]\n"
        "named = {(name, key) for name, module in list(sys.modules.items()) if name.partition('.')[0] == 'docket'\n"
        "         for key, value in vars(module).items()\n"
        "         if value is cloudpickle or value is cloudpickle.loads or value is sys.modules['pickle']}\n"
        "assert named == set(), named\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr

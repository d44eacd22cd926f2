"""Every command of the README and of docs/ runs from a clone, as it is written, and prints what the page shows."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.pages import PAGES, README, Block, blocks, name_of
from support.processes import OWN_SETTINGS, ROOT, Process
from support.waiting import until

WRITTEN = "http://127.0.0.1:8000"
"""Where the service is in the pages; the tests run it at a free port."""

RUN, TRY = "make run", "make try"
ELLIPSIS = "…"
HTTP_ERROR = 22
"""What curl exits with, here, for an answer of 400 or more."""

pytestmark = pytest.mark.slow

RUNNABLE = [page for page in PAGES if any(each.language in ("sh", "python") for each in blocks(page))]


class Clone:
    """The files of the repository in a directory of their own, with the installed programs in its ``.venv``.

    Commands run in it as in a terminal of a reader who has just run ``make setup``.
    """

    def __init__(self, directory: Path) -> None:
        self.root = directory / "clone"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).exists():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)
        self._lend_environment()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        # curl's answer of 400 or more is an error of the page, unless the page shows it.
        (directory / ".curlrc").write_text("fail-with-body\n")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith((*OWN_SETTINGS, "MAKE"))}
        self.environment = {**inherited, "PYTHONPATH": str(self.root), "CURL_HOME": str(directory)}
        self.environment["XDG_CACHE_HOME"] = str(directory / "cache")

    def _lend_environment(self) -> None:
        """Make ``.venv`` of the interpreter that runs the tests, newer than what `make setup` compares it with."""
        (self.root / ".venv").mkdir()
        for each in Path(sys.prefix).iterdir():
            if each.name != ".installed":
                (self.root / ".venv" / each.name).symlink_to(each)
        (self.root / ".venv" / ".installed").touch()

    def start(self, directory: Path) -> Process:
        """Start the service with the README's own command, at another port."""
        # It is a command of its own in the README, and stays in the foreground there.
        assert any(line.startswith(RUN) for each in blocks(README) for line in each.text.splitlines())
        command = ["make", "--directory", str(self.root), "run", f"ARGS=--port {self.port}"]
        return Process("run", command, self.environment, directory)

    def run(self, block: Block) -> "subprocess.CompletedProcess[str]":
        """Run a code block; return what it printed."""
        text = block.text.replace(WRITTEN, self.url)
        if block.language == "python":
            command = [sys.executable, "-c", text]
        else:
            lines = [line.replace(TRY, f"{TRY} ARGS={self.url}") for line in text.splitlines() if RUN not in line]
            command = ["bash", "-euo", "pipefail", "-c", "\n".join(lines)]
        return subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=240, check=False
        )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    directory = tmp_path_factory.mktemp("pages")
    clone = Clone(directory)
    service = clone.start(directory)

    def ready() -> bool:
        service.check()
        try:
            return httpx.get(f"{clone.url}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(ready, "the service is ready")
        yield clone
    finally:
        if service.running():
            # As Ctrl-C does: to make and to what it runs.
            os.killpg(service.pid, signal.SIGINT)
        service.wait()


@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
def test_commands_run_and_print_what_the_page_shows(clone: Clone, page: Path) -> None:
    for block in blocks(page):
        if block.language not in ("sh", "python"):
            continue
        place = f"{name_of(page)}, line {block.line}"
        shown = json.loads(block.answer) if block.answer else None
        is_error = isinstance(shown, dict) and shown.get("status", 0) in range(400, 600)

        done = clone.run(block)

        assert done.returncode == (HTTP_ERROR if is_error else 0), f"{place}: {done.stdout}\n{done.stderr}"
        if shown is not None:
            printed = _last_json(done.stdout)
            assert _difference(shown, printed) == "", f"{place} shows another answer than: {json.dumps(printed)}"


def test_the_example_of_counts_is_true(clone: Clone) -> None:
    """`examples/counts.csv` has the counts of the example documents."""
    with httpx.Client(base_url=clone.url, timeout=60) as http:
        lines = (clone.root / "examples" / "counts.csv").read_text().splitlines()[1:]
        counts = dict(line.rsplit(",", 1) for line in lines)
        clone.run(Block("sh", ".venv/bin/concept-orderings index examples/documents.json.gz", 0)).check_returncode()
        answer = http.post("/v1/sources/c4/counts", json={"names": list(counts)}, headers={"Prefer": "wait=30"})

    assert answer.status_code == 200, answer.text
    assert {each["name"]: str(each["count"]) for each in answer.json()["counts"]} == counts


def _last_json(printed: str) -> object:
    """Return the last JSON object or array in a text."""
    found: list[object] = []
    decoder = json.JSONDecoder()
    at = 0
    while (start := re.compile(r"[{\[]").search(printed, at)) is not None:
        try:
            value, at = decoder.raw_decode(printed, start.start())
            found.append(value)
        except ValueError:
            at = start.end()
    assert found, f"no JSON in: {printed}"
    return found[-1]


def _difference(shown: object, real: object, path: str = "") -> str:
    """Say where an answer differs from the one that a page shows, in which … stands for anything."""
    if shown == ELLIPSIS:
        return ""
    if isinstance(shown, dict) and isinstance(real, dict):
        names = set(shown) - {ELLIPSIS}
        if names - set(real) or (set(real) - names and ELLIPSIS not in shown):
            return f"{path} has {sorted(real)}"
        return next(filter(None, (_difference(shown[each], real[each], f"{path}/{each}") for each in names)), "")
    if isinstance(shown, list) and isinstance(real, list):
        if shown[-1:] == [ELLIPSIS]:
            shown, real = shown[:-1], real[: len(shown) - 1]
        if len(shown) != len(real):
            return f"{path} has {len(real)} entries"
        pairs = enumerate(zip(shown, real, strict=True))
        return next(filter(None, (_difference(a, b, f"{path}/{i}") for i, (a, b) in pairs)), "")
    return "" if shown == real else f"{path} is {json.dumps(real)}"


@pytest.mark.parametrize(
    ("shown", "real", "alike"),
    [
        ({"a": 1, "b": "…"}, {"a": 1, "b": [2]}, True),
        ({"a": 1, "…": "…"}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1, "b": "…"}, {"a": 1}, False),
        ([1, "…"], [1, 2, 3], True),
        ([1, "…"], [2], False),
        ([1], [1, 2], False),
    ],
)
def test_an_ellipsis_stands_for_anything(shown: object, real: object, alike: bool) -> None:
    assert (_difference(shown, real) == "") == alike

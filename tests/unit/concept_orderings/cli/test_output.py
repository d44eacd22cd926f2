"""Test outputs that end early, are full or are closed, with real processes."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MANY = [f"MINE+++a class with a rather long name, number {i}" for i in range(20_000)]
COMMAND = (sys.executable, "-m", "concept_orderings.cli")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stream whose order is larger than any pipe's buffer."""
    path = tmp_path_factory.mktemp("many") / "many.json"
    path.write_text(json.dumps(MANY))
    return path


BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
UNBUFFERED = {**BUFFERED, "PYTHONUNBUFFERED": "1"}


def ran(
    *arguments: object,
    prepare: Callable[[], None] | None = None,
    stdout: int = subprocess.PIPE,
    env: dict[str, str] = BUFFERED,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=env,
        preexec_fn=prepare,
    )


@pytest.mark.parametrize("arguments", [["order", "--kind", "random"], ["--help"], ["order", "--help"]], ids=str)
def test_a_reader_that_ends_early_is_no_error(many: Path, arguments: list[str]) -> None:
    files = [] if "--help" in arguments else [str(many)]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = ran(*arguments, *files, stdout=writer)
    finally:
        os.close(writer)

    assert run.stderr == ""
    # 128 + 13, as for a program that SIGPIPE ends.
    assert run.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize("env", [BUFFERED, UNBUFFERED], ids=["buffered", "unbuffered"])
def test_head_gets_what_it_reads(many: Path, env: dict[str, str]) -> None:
    writer = subprocess.Popen(
        [*COMMAND, "order", str(many), "--kind", "random"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    assert writer.stdout.readline() == "[\n"
    writer.stdout.close()

    assert writer.wait(60) == 128 + signal.SIGPIPE
    assert writer.stderr.read() == ""
    writer.stderr.close()


@pytest.mark.parametrize("arguments", [["order", "--kind", "random"], ["--help"]], ids=str)
def test_a_full_standard_output_is_reported(many: Path, arguments: list[str]) -> None:
    files = [] if "--help" in arguments else [str(many)]
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        run = ran(*arguments, *files, stdout=full)
    finally:
        os.close(full)

    assert run.returncode == 1
    assert run.stderr == (f"concept-orderings: Standard output cannot be written: {os.strerror(28)}. [bad_file]\n")


def test_a_closed_standard_output_is_reported(many: Path) -> None:
    run = ran("order", many, "--kind", "random", prepare=lambda: os.close(1))

    assert run.returncode == 1
    assert "Standard output is closed" in run.stderr
    assert "Traceback" not in run.stderr


def test_nothing_is_said_on_a_closed_standard_error(many: Path) -> None:
    run = ran("order", "missing.json", "--kind", "random", prepare=lambda: os.close(2))

    assert (run.returncode, run.stdout) == (1, "")


def test_a_full_disk_leaves_the_existing_files(many: Path, tmp_path: Path) -> None:
    output, manifest = tmp_path / "order.json", tmp_path / "manifest.json"
    output.write_text("old")
    run = ran(
        "order", many, "--kind", "random", "--output", output, "--manifest", manifest, "--name", "x",
        # The manifest is smaller than this, the order larger.
        prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_150_000, 1_150_000)),
    )  # fmt: skip

    assert run.returncode == 1
    assert f"{output} cannot be written" in run.stderr
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("order.json", "old")]


def test_a_full_device_is_reported(many: Path) -> None:
    run = ran("order", many, "--kind", "random", "--output", "/dev/full")

    assert run.returncode == 1
    assert "/dev/full cannot be written" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("place", ["missing/order.json", ".", "file/order.json"])
def test_an_output_is_checked_before_files_are_read(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    run = ran("order", tmp_path / "missing.json", "--kind", "random", "--output", tmp_path / place)

    assert run.returncode == 1
    assert "cannot be written" in run.stderr
    assert "cannot be read" not in run.stderr


def test_the_permissions_of_a_replaced_file_stay(many: Path, tmp_path: Path) -> None:
    output = tmp_path / "order.json"
    output.touch(0o600)
    assert ran("order", many, "--kind", "random", "--output", output).returncode == 0

    assert output.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def programs_take_ctrl_c() -> Iterator[None]:
    """Let programs react to the signal, also where the tests run in the background of a script and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("programs_take_ctrl_c")
def test_ctrl_c_ends_without_a_traceback(tmp_path: Path) -> None:
    pipe = tmp_path / "cifar100.json"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [*COMMAND, "order", str(pipe), "--kind", "random"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    # This returns when the process has opened the pipe for reading: it then waits for the content.
    writer = os.open(pipe, os.O_WRONLY)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        os.close(writer)

    assert (process.returncode, out, err) == (130, "", "")

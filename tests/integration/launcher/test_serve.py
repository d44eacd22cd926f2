"""The one-command run, with a real Valkey and stand-ins for the worker and the API."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from launcher import valkey
from launcher.supervisor import Restarts

HERE = Path(__file__).parent
EXEC_CHILD = HERE.parents[2] / "launcher" / "exec_child.py"
DEADLINE = 20.0
CHILDREN = ("api", "worker", "valkey")


class Run:
    """The launcher in a process of its own, with its output in files."""

    def __init__(self, outputs: Path, data: Path, port: int, environment: dict[str, str]) -> None:
        self.data = data
        self.out = outputs / f"{time.monotonic_ns()}.out"
        self.err = self.out.with_suffix(".err")
        inherited = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "serve.py"), str(data), str(port)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=outputs,
                env={**inherited, "PYTHONPATH": str(HERE.parents[2]), **environment},
                start_new_session=True,
            )

    def started(self) -> "Run":
        until(lambda: "Swagger UI: http://127.0.0.1:" in self.out.read_text(), self)
        return self

    def kill_child(self, name: str) -> None:
        os.kill(self.pid(name), signal.SIGKILL)

    def pid(self, name: str) -> int:
        return int((self.data / "run" / f"{name}.lock").read_text())

    def ended(self, signal_number: int | None = None) -> int:
        if signal_number is not None:
            os.killpg(self.process.pid, signal_number)
        code = self.process.wait(DEADLINE)
        assert "Traceback" not in self.err.read_text()
        return code

    @property
    def worker(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads((self.data / "worker.json").read_text())
        return answer

    @property
    def events(self) -> str:
        file = self.data / "events"
        return file.read_text() if file.exists() else ""

    @property
    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.worker["REDIS_URL"])


def until(condition: Callable[[], object], run: Run | None = None) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        printed = "" if run is None else run.out.read_text() + run.err.read_text()
        assert run is None or run.process.poll() is None, printed
        assert time.monotonic() < deadline, printed
        time.sleep(0.02)


def is_held(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def nothing_left(data: Path) -> bool:
    return not any(is_held(data / "run" / f"{name}.lock") for name in CHILDREN)


def leave_behind(data: Path, name: str, *command: str, directory: Path | None = None) -> "subprocess.Popen[bytes]":
    """Start a child as a run does that was killed, on a system whose kernel does not end the child."""
    lock = data / "run" / f"{name}.lock"
    process = subprocess.Popen(
        [sys.executable, str(EXEC_CHILD), str(os.getpid()), "0", str(lock), *command],
        cwd=directory,
        start_new_session=True,
    )
    until(lambda: lock.exists() and int(lock.read_text() or 0) == process.pid)
    return process


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(data: Path = tmp_path / "data", port: int = 0, **environment: str) -> Run:
        runs.append(Run(tmp_path, data, port, environment))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.send_signal(signal.SIGTERM)
            run.process.wait(DEADLINE)


Start = Callable[..., Run]


# A program that nohup started ignores SIGHUP, and so do its children.
HANG_UP = pytest.param(
    signal.SIGHUP,
    marks=pytest.mark.skipif(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, reason="these tests ignore SIGHUP"),
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, HANG_UP])
def test_a_signal_to_all_stops_everything_in_order(start: Start, number: int) -> None:
    run = start().started()
    assert run.ended(number) == 0
    assert run.err.read_text() == ""
    assert run.events.splitlines() == ["api SIGTERM", "worker SIGTERM, store answers"]
    assert nothing_left(run.data)
    assert "ready to exit" in (run.data / "logs" / "valkey.log").read_text()


def test_children_get_their_environment(start: Start, tmp_path: Path) -> None:
    run = start(CONCEPT_ORDERINGS_DATA_DIR="/elsewhere").started()
    assert run.worker["CONCEPT_ORDERINGS_DATA_DIR"] == str(run.data)
    assert run.worker["CONCEPT_ORDERINGS_DEFAULT_ENCODER"] == "minilm"
    assert Path(run.redis.connection_pool.connection_kwargs["path"]).stat().st_mode & 0o777 == 0o700
    other = start(tmp_path / "other", CONCEPT_ORDERINGS_DEFAULT_ENCODER="mine").started()
    assert other.worker["CONCEPT_ORDERINGS_DEFAULT_ENCODER"] == "mine"


def test_valkey_keeps_every_write_and_is_not_on_the_network(start: Start) -> None:
    settings = start().started().redis.config_get("*")
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "port": "0"}
    assert wanted.items() <= settings.items()


def test_a_second_interrupt_kills_at_once(start: Start) -> None:
    run = start(STAND_IN_WORKER="stubborn").started()
    os.killpg(run.process.pid, signal.SIGINT)
    until(lambda: "worker SIGTERM" in run.events, run)
    asked = time.monotonic()
    assert run.ended(signal.SIGINT) == 0
    assert time.monotonic() - asked < 3
    assert nothing_left(run.data)


def test_a_stubborn_worker_is_killed_after_its_grace(start: Start) -> None:
    run = start(STAND_IN_WORKER="stubborn").started()
    assert run.ended(signal.SIGTERM) == 0
    assert nothing_left(run.data)


def test_data_survives_kill_9_and_children_do_not(start: Start) -> None:
    run = start().started()
    run.redis.set("kept", "yes")
    run.process.kill()
    if sys.platform == "linux":
        until(lambda: nothing_left(run.data))
    (run.data / "worker.json").unlink()
    again = start().started()
    assert again.redis.get("kept") == b"yes"
    assert again.ended(signal.SIGINT) == 0


def test_data_survives_a_torn_last_write(start: Start) -> None:
    run = start().started()
    run.redis.set("kept", "yes")
    assert run.ended(signal.SIGTERM) == 0
    (log,) = (run.data / "valkey" / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nto")
    assert start().started().redis.get("kept") == b"yes"


def test_a_process_left_behind_is_stopped_and_no_other(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "run").mkdir(parents=True)
    left = leave_behind(data, "worker", sys.executable, "-c", "import time; time.sleep(600)")
    # A process with the id of a child that died, which does not hold the child's lock.
    innocent = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
    try:
        (data / "run" / "valkey.lock").write_text(str(innocent.pid))
        (data / "lock").write_text(str(innocent.pid))
        run = start(data).started()
        assert "Stopping the worker process that an earlier run left behind." in run.out.read_text()
        assert left.wait(DEADLINE) == -signal.SIGTERM
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()
        left.kill()
        left.wait()


def test_a_valkey_left_behind_is_stopped_and_its_data_is_kept(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = start(data).started()
    first.redis.set("kept", "yes")
    assert first.ended(signal.SIGTERM) == 0
    listen_at = data / "valkey" / "valkey.sock"
    program = valkey.program(data / "valkey", listen_at)
    left = leave_behind(data, "valkey", *program.command, directory=program.directory)
    until(lambda: valkey.answers(listen_at))
    run = start(data).started()
    assert left.wait(DEADLINE) == 0
    assert run.redis.get("kept") == b"yes"


def test_one_run_per_data_directory(start: Start) -> None:
    runs = [start(), start()]
    until(lambda: any(run.process.poll() is not None for run in runs))
    (winner,) = [run for run in runs if run.process.poll() is None]
    (loser,) = [run for run in runs if run is not winner]
    assert loser.ended() == 1
    assert loser.err.read_text().count("\n") == 1
    assert f"in use by process {winner.process.pid};" in loser.err.read_text()
    winner.started()


def test_a_port_in_use_is_refused_before_anything_starts(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = start(port=port)
        assert run.ended() == 1
    message = f"Port {port} on 127.0.0.1 is in use by another program; choose another with --port.\n"
    assert run.err.read_text() == message
    assert not list((run.data / "logs").iterdir())


def test_a_data_directory_that_cannot_be_written(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = start(tmp_path / "file" / "data")
    assert run.ended() == 1
    assert run.err.read_text().count("\n") == 1
    assert "cannot be used" in run.err.read_text()


def test_a_worker_that_dies_is_started_again(start: Start) -> None:
    run = start().started()
    first = run.pid("worker")
    run.kill_child("worker")
    until(lambda: run.worker["pid"] != first, run)
    assert "The worker stopped (killed by SIGKILL)" in run.out.read_text()
    assert run.ended(signal.SIGINT) == 0


def test_a_worker_that_always_dies_ends_the_run(start: Start) -> None:
    run = start(STAND_IN_WORKER="broken")
    assert run.ended() == 1
    assert "    the worker is broken\n" in run.err.read_text()
    assert str(run.data / "logs" / "worker.log") in run.err.read_text()
    assert nothing_left(run.data)


def test_only_early_deaths_in_a_row_count() -> None:
    restarts = Restarts()
    ages = [1.0, 1.0, 1.0, 1.0, 3600.0, 1.0, 1.0, 1.0, 1.0]
    assert [restarts.delay(age) for age in ages] == [0.2, 0.4, 0.8, 1.6, 0.2, 0.4, 0.8, 1.6, None]


def test_valkey_that_cannot_load_its_data_says_why(start: Start) -> None:
    run = start().started()
    run.redis.set("kept", "yes")
    assert run.ended(signal.SIGTERM) == 0
    (log,) = (run.data / "valkey" / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(b"nonsense" + log.read_bytes())
    run = start()
    assert run.ended() == 1
    assert "Valkey stopped (exit code 1); its log is" in run.err.read_text()
    assert "Bad file format reading the append only file" in run.err.read_text()


@pytest.mark.parametrize(("name", "title"), [("valkey", "Valkey"), ("api", "The API")])
def test_the_run_ends_if_valkey_or_the_api_dies(start: Start, name: str, title: str) -> None:
    run = start().started()
    run.kill_child(name)
    assert run.ended() == 1
    assert f"{title} stopped (killed by SIGKILL); its log is {run.data / 'logs' / name}.log" in run.err.read_text()
    assert nothing_left(run.data)


def test_a_data_directory_too_long_for_a_socket_works(start: Start, tmp_path: Path) -> None:
    short = tmp_path / "t"
    short.mkdir()
    run = start(tmp_path / ("long and % odd " * 12), TMPDIR=str(short)).started()
    assert run.redis.ping()
    assert run.worker["REDIS_URL"].startswith("unix://" + str(short))
    assert run.ended(signal.SIGINT) == 0
    assert not list(short.iterdir())


def test_a_data_directory_with_odd_characters_works(start: Start, tmp_path: Path) -> None:
    run = start(tmp_path / "a %41 'b\"").started()
    assert run.redis.ping()
    assert Path(run.worker["CONCEPT_ORDERINGS_DATA_DIR"]).samefile(run.data)


def test_a_server_in_the_environment_is_used(start: Start) -> None:
    run = start(REDIS_URL="redis://localhost:1/0").started()
    assert run.worker["REDIS_URL"] == "redis://localhost:1/0"
    assert not (run.data / "run" / "valkey.lock").exists()
    assert run.ended(signal.SIGINT) == 0


def test_logs_of_the_previous_run_are_renamed(start: Start) -> None:
    for _ in range(3):
        run = start()
        run.started()
        assert run.ended(signal.SIGTERM) == 0
    names = {path.name for path in (run.data / "logs").iterdir()}
    assert names == {f"{name}.log{end}" for name in CHILDREN for end in ("", ".1")}
    assert (run.data / "logs" / "valkey.log").read_text().count("Valkey is starting") == 1

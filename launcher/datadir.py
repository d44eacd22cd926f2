"""The data directory: one run at a time, and the files of the run's child processes."""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from launcher.errors import CannotRun

MOST_LOG_BYTES = 16 * 1024 * 1024
"""The size from which the log of a running child is moved away, so that two of them are kept at most."""

TAIL_BYTES = 8192
TAIL_LINES = 10
OWNER_TIMEOUT = 1.0
"""Seconds to wait until the process that has just locked the directory has written its process id."""


class DataDir:
    """Paths below the data directory."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.valkey = self.root / "valkey"
        self._lock = self.root / "lock"
        self._run = self.root / "run"
        self.logs = self.root / "logs"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Create the directory and lock it until the block ends or this process dies.

        Raises
        ------
        CannotRun
            Another process has locked it, or it cannot be written.
        """
        try:
            lock = self._open()
        except OSError as error:
            raise CannotRun(
                f"The data directory {self.root} cannot be used: {error.strerror}; "
                "make it writable or choose another with --data-dir."
            ) from error
        # Children do not inherit the descriptor, so that the lock ends with this process.
        with os.fdopen(lock, "r+"):
            self._take(lock)
            # On a full disk the id of the process is missing in messages, and nothing else.
            with contextlib.suppress(OSError):
                os.ftruncate(lock, 0)
                os.write(lock, str(os.getpid()).encode())
            yield

    def _open(self) -> int:
        self.root.mkdir(parents=True, exist_ok=True)
        for directory in (self._run, self.logs, self.valkey):
            # Accessible to this user only: a program that can write to the queue can delete and add jobs.
            directory.mkdir(mode=0o700, exist_ok=True)
            if not os.access(directory, os.W_OK | os.X_OK):
                raise PermissionError(None, f"{directory.name} belongs to another user")
        return os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)

    def _take(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = self._owner()
            raise CannotRun(
                f"The data directory {self.root} is in use by {f'process {owner}' if owner else 'another process'}; "
                "stop that one or choose another with --data-dir."
            ) from error
        except OSError as error:
            raise CannotRun(
                f"The file system of the data directory {self.root} has no locks ({error.strerror}); "
                "choose one on a local disk with --data-dir."
            ) from error

    def _owner(self) -> str:
        """Return the id of the process that has locked the directory; empty if it does not write it in time."""
        deadline = time.monotonic() + OWNER_TIMEOUT
        while not (owner := self._lock.read_text()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return owner

    def child_lock(self, name: str) -> Path:
        """Return the file that a child keeps locked while it lives; it contains the child's process id."""
        return self._run / f"{name}.lock"

    def locked_names(self, beginning: str) -> list[str]:
        """Return the names with that beginning under which an earlier run, or this one, started children; sorted."""
        return sorted(path.stem for path in self._run.glob(f"{beginning}*.lock"))

    def log(self, name: str) -> Path:
        """Return the log file of a child."""
        return self.logs / f"{name}.log"

    def rotate_log(self, name: str) -> None:
        """Rename the log of the last run to ``NAME.log.1``, over an older one, so that logs do not grow for ever."""
        with contextlib.suppress(OSError):
            self.log(name).replace(self.logs / f"{name}.log.1")

    def cut_log(self, name: str, most_bytes: int = MOST_LOG_BYTES) -> None:
        """Move what a running child has logged to ``NAME.log.1``, over an older one, if it is large.

        The child goes on writing to the same file, to whose end it appends. A line that it writes at this moment may be
        lost.
        """
        log = self.log(name)
        # It is tried again: the disk may be full.
        with contextlib.suppress(OSError):
            if log.stat().st_size > most_bytes:
                shutil.copyfile(log, self.logs / f"{name}.log.1")
                os.truncate(log, 0)

    def log_tail(self, name: str) -> str:
        """Return at most the last 10 lines of a child's log, indented."""
        try:
            with self.log(name).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:])

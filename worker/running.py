"""Which workers of this user run on this machine, and on which data directories.

A worker reads local indexes from its own data directory. A command that builds an index in another one, such as
``data`` in the present working directory, looks here to say that no worker will find it.

Each worker keeps a file locked while it lives, in a directory that only its user can open. The kernel releases the lock
when the worker ends in whatever way, so that a file which is left behind is recognised and removed.
"""

import contextlib
import fcntl
import json
import logging
import os
import shlex
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from concept_orderings.version import __version__

_DIRECTORY = "concept-orderings"
_PREFIX = "worker-"

_log = logging.getLogger(__name__)


class RunningWorker(NamedTuple):
    """A worker that runs on this machine.

    Attributes
    ----------
    pid : int
        Its process id.
    data_dir : Path
        Its data directory, absolute.
    release : str
        Its release; empty if it does not say.
    """

    pid: int
    data_dir: Path
    release: str = ""

    def uses(self, data_dir: Path) -> bool:
        """Return whether its data directory is this one."""
        try:
            return self.data_dir.samefile(data_dir)
        except OSError:
            return False


@contextlib.contextmanager
def announced(data_dir: Path) -> Iterator[None]:
    """Let commands of this user see, until the block ends, that this process is a worker on a data directory.

    Where this cannot be written, only those commands know less: the worker goes on.
    """
    with contextlib.ExitStack() as stack:
        try:
            about: dict[str, int | str] = {
                "pid": os.getpid(),
                "data_dir": str(data_dir.absolute()),
                "release": __version__,
            }
            stack.enter_context(_locked_file(about))
        except OSError as error:
            _log.info("commands on this machine will not see this worker: %s", error)
        yield


def running_workers() -> list[RunningWorker]:
    """Return the workers of this user that run on this machine, by data directory and process id."""
    files = (path for directory in _directories() if _is_private(directory) for path in directory.glob(f"{_PREFIX}*"))
    return sorted({found for path in files if (found := _read(path)) is not None}, key=lambda each: each[::-1])


def running_elsewhere(data_dir: Path) -> str:
    """Return a sentence on the running workers if none uses this data directory; empty if one does, or none runs."""
    workers = running_workers()
    if not workers or any(each.uses(data_dir) for each in workers):
        return ""
    others: dict[Path, list[str]] = {}
    for each in workers:
        others.setdefault(each.data_dir, []).append(str(each.pid))
    named = " and ".join(
        f"{path} ({'process' if len(pids) == 1 else 'processes'} {', '.join(pids)})" for path, pids in others.items()
    )
    options = " or ".join(f"--data-dir {shlex.quote(str(path))}" for path in others)
    return (
        f"The running service does not use the data directory {data_dir.absolute()}: its worker uses {named}. "
        f"To use that one, give {options}."
    )


def _directories() -> list[Path]:
    """Return where the files may be: a program that was started without a login has no XDG_RUNTIME_DIR."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    temporary = Path(tempfile.gettempdir()) / f"{_DIRECTORY}-{os.getuid()}"
    return [*([Path(runtime) / _DIRECTORY] if runtime else []), temporary]


@contextlib.contextmanager
def _locked_file(content: dict[str, int | str]) -> Iterator[None]:
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=_own_directory())
    with os.fdopen(descriptor, "w") as file:
        try:
            # Locked before it is written: a file that has content and no lock is that of a worker that has ended.
            fcntl.flock(file, fcntl.LOCK_EX)
            json.dump(content, file)
            file.flush()
            yield
        finally:
            Path(name).unlink(missing_ok=True)


def _own_directory() -> Path:
    for directory in _directories():
        with contextlib.suppress(OSError):
            directory.mkdir(mode=0o700, exist_ok=True)
        if _is_private(directory):
            return directory
    raise PermissionError(f"{directory} cannot be made, or belongs to another user")


def _is_private(directory: Path) -> bool:
    """Return whether a directory is one that only this user can write to: names in /tmp can be taken by others."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _read(path: Path) -> RunningWorker | None:
    """Return the worker that keeps a file locked; None if there is none, and then the file is removed."""
    try:
        with path.open() as file:
            content = file.read()
            if not content:
                return None  # its worker has not locked it yet
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
                return None
        fields = json.loads(content)
        return RunningWorker(int(fields["pid"]), Path(fields["data_dir"]), str(fields.get("release", "")))
    except (OSError, ValueError, KeyError, TypeError):
        return None

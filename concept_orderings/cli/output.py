"""Write the outputs of a command to files or to standard output."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from concept_orderings.cli.terminal import write_to_stdout
from concept_orderings.errors import BadValue


def check_writable(path: Path) -> None:
    """Refuse a path where no file can be written, before the work whose output it is to hold.

    Raises
    ------
    BadValue
        ``bad_file``.
    """
    with _refused(path):
        if path.is_dir():
            raise IsADirectoryError(0, "it is a directory")
        if not _is_replaced(path):
            return
        folder = path.resolve().parent
        if not folder.is_dir():
            raise NotADirectoryError(0, f"there is no directory {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(0, f"the directory {folder} is not writable")


def write(outputs: Sequence[tuple[bytes, Path | None]]) -> None:
    """Write bytes to files, or to standard output where there is no path; either all files are written or none.

    Raises
    ------
    BadValue
        ``bad_file``: a file cannot be written; existing files are not changed.
    BrokenPipeError
        The reader of standard output has ended.
    """
    with ExitStack() as stack:
        replacements = []
        for data, path in outputs:
            if path is not None and _is_replaced(path):
                replacements.append((stack.enter_context(_temporary(path, data)), path))
        for data, path in outputs:
            if path is None:
                write_to_stdout(data)
            elif not _is_replaced(path):
                with _refused(path):
                    path.write_bytes(data)
        for temporary, path in replacements:
            with _refused(path):
                temporary.replace(path.resolve())


def _is_replaced(path: Path) -> bool:
    """Tell whether a path is replaced as a whole; a device or a pipe is written to."""
    return path.is_file() or not path.exists()


@contextmanager
def _temporary(path: Path, data: bytes) -> Iterator[Path]:
    """Write a file beside the one to replace, so that a full disk does not damage it; remove what is left of it."""
    final = path.resolve()
    temporary = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        with _refused(path):
            temporary.write_bytes(data)
            if final.exists():
                shutil.copymode(final, temporary)
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadValue("bad_file", f"{path} cannot be written: {error.strerror}.") from error

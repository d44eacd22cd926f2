"""The format of the stored data, as a number: a release that does not know the number refuses to start.

Format 1 is that of release 0.1.0, which wrote no number. Format 2, of release 0.2.0, has other keys for runs in Redis
(`store.upgrade` moves them), and this number: in the file ``format`` of the data directory, and in Redis under
`store.keys.Keys.format`. Beside the number stands the first release that can read the format, so that an older release
can name it in its refusal.

This file imports only the standard library and the errors, since the launcher checks the data directory before it
starts anything.
"""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from concept_orderings.errors import SettingError

FORMAT = 2
READ_BY = "0.2.0"
"""The first release that reads `FORMAT`."""

FILE = "format"


class Format(NamedTuple):
    """A format number with the first release that can read it.

    Attributes
    ----------
    number : int
    read_by : str
        The first release that reads it.
    """

    number: int
    read_by: str

    def to_bytes(self) -> bytes:
        """Return the format as JSON."""
        return json.dumps({"format": self.number, "read_by": self.read_by}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Format":
        """Read what `to_bytes` of any release wrote.

        Raises
        ------
        ValueError
            If `data` is not a format.
        """
        fields = json.loads(data)
        if not isinstance(fields, dict) or type(fields.get("format")) is not int:
            raise ValueError("it holds no format")
        return cls(fields["format"], str(fields.get("read_by", "a later one")))


CURRENT = Format(FORMAT, READ_BY)


def refusal(data: bytes, where: str) -> str:
    """Return why this release cannot read data of a format; empty if it can.

    Parameters
    ----------
    data
        A format as JSON.
    where
        Where the format was found: the beginning of the sentence.
    """
    try:
        found = Format.from_bytes(data)
    except ValueError:
        return f"{where} has a damaged format: {data[:80]!r}; it should be like {CURRENT.to_bytes().decode()}."
    if not 1 <= found.number <= FORMAT:
        return (
            f"{where} has the format {found.number}, and this release knows those up to {FORMAT}; "
            f"the first release that reads it is {found.read_by}."
        )
    return ""


def check_data_dir(root: Path) -> None:
    """Refuse a data directory that a later release wrote; write nothing.

    Raises
    ------
    SettingError
        ``unknown_data_format``.
    """
    data = _read(root)
    if data and (wrong := refusal(data, f"The data directory {root}")):
        raise SettingError("unknown_data_format", wrong)


def claim_data_dir(root: Path) -> None:
    """Refuse a data directory that a later release wrote; write the current format into any other.

    A directory that cannot be written is left unchanged: the program may not need it.

    Raises
    ------
    SettingError
        ``unknown_data_format``.
    """
    check_data_dir(root)
    if _read(root) != CURRENT.to_bytes():
        with contextlib.suppress(OSError):
            _write(root / FILE)


def _read(root: Path) -> bytes:
    try:
        return (root / FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise SettingError("unknown_data_format", f"The format of {root} cannot be read: {error}.") from error


def _write(path: Path) -> None:
    """Write the current format so that a reader, or another program that writes it, never sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(CURRENT.to_bytes())
            file.flush()
            os.fsync(handle)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise

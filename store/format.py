"""The format of what the service keeps, as a number, so that software which does not know it refuses to start.

Format 1 is that of release 0.1.0, which wrote no number. Format 2, of release 0.2.0, has other names for runs in Redis
(`store.upgrade` moves them) and this number: in the file ``format`` of the data directory, and in Redis under
`store.keys.Keys.format`. Each says itself which release first reads it, so that older software can say so too.

Nothing but the standard library and the errors is imported here: the launcher checks the data directory before it
starts anything.
"""

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from concept_orderings.errors import SettingError

FORMAT = 2
READ_BY = "0.2.0"
"""The first release that reads `FORMAT`."""

FILE = "format"


@dataclass(frozen=True)
class Format:
    """A format, as it is written down.

    Attributes
    ----------
    number : int
    read_by : str
        The first release that reads it.
    """

    number: int
    read_by: str

    def to_bytes(self) -> bytes:
        """Return the JSON that is written down."""
        return json.dumps({"format": self.number, "read_by": self.read_by}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Format":
        """Read what `to_bytes` of any release wrote.

        Raises
        ------
        ValueError
            If it is something else.
        """
        fields = json.loads(data)
        if not isinstance(fields, dict) or type(fields.get("format")) is not int:
            raise ValueError("it holds no format")
        return cls(fields["format"], str(fields.get("read_by", "a later one")))


TODAY = Format(FORMAT, READ_BY)


def refusal(data: bytes, where: str) -> str:
    """Say why this release cannot read what stands there; empty if it can.

    Parameters
    ----------
    data
        A format, as it is written down.
    where
        What has the format, for the sentence.
    """
    try:
        found = Format.from_bytes(data)
    except ValueError:
        return f"{where} has a damaged format: {data[:80]!r}; it should be like {TODAY.to_bytes().decode()}."
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
    """Refuse a data directory that a later release wrote; write today's format into any other.

    A directory that cannot be written stays as it is: a program may need nothing of it.

    Raises
    ------
    SettingError
        ``unknown_data_format``.
    """
    check_data_dir(root)
    if _read(root) != TODAY.to_bytes():
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
    """Write today's format so that a reader, or another program that writes it too, never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(TODAY.to_bytes())
            file.flush()
            os.fsync(handle)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise

"""An amount that all processes of the API use together, such as the bytes of bodies in flight.

Each process has a file of its own in one directory, with what it claims of the amount, and keeps it locked. The kernel
frees the lock of a process that dies, in whichever way, so that its claim is removed by the next one that needs room.
"""

import fcntl
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

GRAIN = 1 << 20
"""Claims are multiples of this: most uses change no file."""

_CLAIM_BYTES = 8


class SharedBudget:
    """What this process uses of an amount, and what others do.

    A claim is written before the sum is checked. Of processes that claim at the same moment, all may be refused,
    and none gets too much; no process ever waits for another, which may be stopped.

    Parameters
    ----------
    directory
        Where the processes' files are; all processes with the same directory share the amount. None, or one that
        cannot be written: the amount is that of this process alone.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._own: Path | None = None
        self._file = -1
        self._used = 0
        self._claimed = 0
        with suppress(OSError):
            self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def used(self) -> int:
        """What this process uses."""
        return self._used

    def take(self, amount: int, most: int) -> bool:
        """Use more, unless all processes together would then use more than `most`; return whether it was taken."""
        wanted, before = self._used + amount, self._claimed
        if wanted > most:
            return False
        if wanted > before:
            self._claim(-(-wanted // GRAIN) * GRAIN)
            if wanted + self._claimed_by_others() > most:
                self._claim(before)
                return False
        self._used = wanted
        return True

    def give(self, amount: int) -> None:
        """Use less."""
        self._used -= amount
        needed = -(-self._used // GRAIN) * GRAIN
        # One grain is kept, for the next use.
        if self._claimed > needed + GRAIN:
            self._claim(needed + GRAIN)

    def close(self) -> None:
        """Give up everything."""
        if self._own is not None:
            self._own.unlink(missing_ok=True)
            os.close(self._file)
            self._own = None

    def _open(self) -> None:
        if self._directory is None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        self._file, name = tempfile.mkstemp(dir=self._directory)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.pwrite(self._file, bytes(_CLAIM_BYTES), 0)
        self._own = Path(name)

    def _claim(self, amount: int) -> None:
        self._claimed = amount
        if self._own is not None:
            with suppress(OSError):
                os.pwrite(self._file, amount.to_bytes(_CLAIM_BYTES), 0)

    def _claimed_by_others(self) -> int:
        if self._own is None or self._directory is None:
            return 0
        own = self._own.name
        with suppress(OSError), os.scandir(self._directory) as found:
            return sum(_claim_of(Path(each.path)) for each in found if each.name != own)
        return 0


def _claim_of(path: Path) -> int:
    """Return what another process claims; remove the file of one that is dead."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:  # it has just ended
        return 0
    try:
        claimed = int.from_bytes(os.pread(file, _CLAIM_BYTES, 0))
        # Locks are tried only where it matters: a process that has just begun has no lock yet, and no claim.
        if claimed and _is_free(file):
            path.unlink(missing_ok=True)
            return 0
        return claimed
    finally:
        os.close(file)


def _is_free(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""How much room the disks of the service have: below a reserve nothing new is accepted."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from concept_orderings.errors import StoreError

_MB = 1_000_000


class Room(NamedTuple):
    """The room on the disk of a directory.

    Attributes
    ----------
    directory : Path
    free : int
        Bytes that this user may still write.
    total : int
        The size of the file system in bytes.
    """

    directory: Path
    free: int
    total: int


def room_at(directory: Path) -> Room:
    """Return the room on the disk of a directory, or of the nearest directory above it that exists.

    Raises
    ------
    OSError
        If the file system does not say.
    """
    found = directory.absolute()
    while not found.exists() and found != found.parent:
        found = found.parent
    seen = os.statvfs(found)
    return Room(directory, seen.f_bavail * seen.f_frsize, seen.f_blocks * seen.f_frsize)


class DiskSpace:
    """The disks to which the service writes, and how much of each must stay free.

    Valkey ends if it cannot write, and a version is written in several files: so requests are refused a little before
    the disk is full, and what was accepted can be finished.

    Parameters
    ----------
    directories
        One on each disk; they need not exist yet.
    least_free_mb
        Megabytes that must be free on each.
    """

    def __init__(self, directories: Sequence[Path], least_free_mb: int) -> None:
        self._directories = directories
        self._least_free = least_free_mb * _MB

    def check(self) -> None:
        """Refuse to write if a disk has less room than it must have; this may block for as long as a disk does.

        Raises
        ------
        StoreError
            ``store_full``.
        """
        for each in self._directories:
            try:
                free = room_at(each).free
            except OSError:
                continue  # a write says more of what is wrong
            if free < self._least_free:
                raise store_full(
                    f"{free // _MB} MB are free, and {self._least_free // _MB} MB must be to accept new work"
                )


def store_full(reason: str) -> StoreError:
    """Return the error for a disk without room; the reason is a part of a sentence."""
    return StoreError(
        "store_full",
        f"The disk of the service is full: {reason}. Free some space, and it goes on by itself; finished versions are "
        "still served.",
    )

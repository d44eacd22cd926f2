"""Bodies of requests: small ones in memory, large ones in files of memory, and all together within a budget."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from app.gzip_bodies import MAGIC, PACKED_WITHOUT_HEADER
from app.json_weight import JsonWeight
from app.settings import AppSettings
from app.shared_budget import SharedBudget
from app.turns import Turns
from concept_orderings.json_text import why_not_json
from store.memory import memory

LARGE_BYTES = 1 << 20
"""A body of more bytes is parsed by a process of its own; the benchmark's 18,381 concepts are below it."""

_SHARE_OF_SMALL = 4
"""One part in so many of the budget is for small bodies alone, so that large ones never keep them out."""

_AT_ONCE = 2
_TURN_SECONDS = 0.02
"""Receiving a body of 340 kB and answering it takes 2 ms of the event loop; reads would wait for all such bodies."""

_SHARE_OF_MEMORY = 8
"""The largest body is at most one part in so many of the memory, since parsing takes several times its size."""


class NoRoom(Exception):
    """The bodies in flight, or the free memory, leave no room for another body at this moment."""


class TooHeavy(Exception):
    """The values of a body take more memory than there is for parsing one."""


class NotJson(ValueError):
    """A body that is not JSON, or nested too deeply; the message is the reason."""


class Body:
    """A body, as far as it has arrived.

    Attributes
    ----------
    size : int
        In bytes.
    file : int or None
        The descriptor of the file that has a large body; None for a small one.
    """

    def __init__(self, data: bytes = b"", *, file: int | None = None) -> None:
        self.size = os.fstat(file).st_size if file is not None else len(data)
        self.file = file
        self._data = bytearray(data)

    @property
    def is_large(self) -> bool:
        """Whether a process of its own parses it."""
        return self.file is not None

    @property
    def descriptor(self) -> int:
        """The file of a large body."""
        assert self.file is not None
        return self.file

    def add(self, piece: bytes) -> None:
        """Add the next bytes."""
        self.size += len(piece)
        if self.file is None:
            self._data += piece
            if self.size <= LARGE_BYTES:
                return
            self.file, piece, self._data = _file_of_memory(), bytes(self._data), bytearray()
        left = memoryview(piece)
        while left:
            left = left[os.write(self.file, left) :]

    def read(self) -> bytes:
        """Return the body; of a large one a copy, which the caller should not keep for long."""
        if self.file is None:
            return bytes(self._data)
        with os.fdopen(os.dup(self.file), "rb") as file:
            file.seek(0)
            return file.read()

    def close(self) -> None:
        """Free its memory."""
        if self.file is not None:
            os.close(self.file)
        self.file, self._data = None, bytearray()


def not_json(body: Body, error: ValueError | RecursionError) -> NotJson:
    """Return the error for a body that could not be decoded, from the error of the decoder."""
    return NotJson(PACKED_WITHOUT_HEADER if body.read().startswith(MAGIC) else why_not_json(error))


def _file_of_memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("body")
    with tempfile.TemporaryFile() as file:  # not Linux
        return os.dup(file.fileno())


class Bodies:
    """The bodies in flight of all processes of the API.

    Attributes
    ----------
    turns : Turns
        Those of the requests of this process whose bodies are read.

    Parameters
    ----------
    settings
        The limits.
    directory
        See `app.shared_budget.SharedBudget`.
    """

    def __init__(self, settings: AppSettings, directory: Path | None) -> None:
        self._settings = settings
        self._directory = directory
        self._heaviest = settings.parsing_mb * 1_000_000 // 2
        self.turns = Turns(_AT_ONCE, _TURN_SECONDS)

    @cached_property
    def most_bytes(self) -> int:
        """The largest body: that of the settings, or less where there is little memory."""
        return min(self._settings.max_body_bytes, memory().limit // _SHARE_OF_MEMORY)

    @contextmanager
    def reading(self, expected: int, *, is_json: bool) -> Iterator["Arriving"]:
        """Make room for a body, and free it at the end.

        Parameters
        ----------
        expected
            Its size, as far as that is known: at least 0.
        is_json
            Whether its values are to be weighed while it arrives.

        Raises
        ------
        NoRoom
            If all bodies would together be larger than the budget; also later, if it is larger than expected.
        """
        arriving = Arriving(self._budget, self._most_together, self._heaviest if is_json else None)
        try:
            arriving.make_room(expected)
            yield arriving
        finally:
            arriving.close()

    def close(self) -> None:
        """Give up the part of the budget that this process has."""
        self._budget.close()

    @cached_property
    def _budget(self) -> SharedBudget:
        # Not before the first body: making an application writes nothing.
        return SharedBudget(self._directory)

    @cached_property
    def _most_together(self) -> int:
        # The largest body always finds room, once no other large one is in flight.
        needed = self.most_bytes * _SHARE_OF_SMALL // (_SHARE_OF_SMALL - 1) + 1
        return max(self._settings.bodies_mb * 1_000_000, needed)


class Arriving:
    """A body that arrives, with its part of the budget; see `Bodies.reading`.

    Attributes
    ----------
    body : Body
    """

    def __init__(self, budget: SharedBudget, most_together: int, heaviest: int | None) -> None:
        self.body = Body()
        self._budget = budget
        self._most_together = most_together
        self._heaviest = heaviest
        self._taken = 0
        self._weight: JsonWeight | None = None

    def make_room(self, size: int) -> None:
        """Take as much of the budget as a body of a size needs.

        Raises
        ------
        NoRoom
        """
        more = size - self._taken
        if more <= 0:
            return
        share = 0 if size <= LARGE_BYTES else self._most_together // _SHARE_OF_SMALL
        if not self._budget.take(more, self._most_together - share):
            raise NoRoom("the bodies of other requests, which it is reading, take its memory for bodies")
        self._taken = size

    def add(self, piece: bytes) -> None:
        """Add the next bytes.

        Raises
        ------
        NoRoom
        TooHeavy
            If the values take too much memory, as far as the body has arrived.
        """
        self.make_room(self.body.size + len(piece))
        self.body.add(piece)
        if self._heaviest is not None and self.body.is_large:
            self._weigh(piece, self._heaviest)

    def close(self) -> None:
        """Free the memory, and its part of the budget."""
        self.body.close()
        self._budget.give(self._taken)
        self._taken = 0

    def _weigh(self, piece: bytes, heaviest: int) -> None:
        if self._weight is None:
            self._weight, piece = JsonWeight(), self.body.read()
        self._weight.add(piece)
        if self._weight.bytes > heaviest:
            raise TooHeavy(
                f"The first {self.body.size} bytes of the body are JSON values of more than {heaviest} bytes"
            )

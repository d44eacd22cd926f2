"""A part of an answer's bytes (RFC 9110, 14): so that a broken download goes on where it stopped."""

import re
from dataclasses import dataclass

# Numbers have at most 18 digits: Python refuses to read those of thousands of digits.
_RANGE = re.compile(r"bytes\s*=\s*([0-9]{1,18})?\s*-\s*([0-9]{1,18})?", re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """The bytes `first` up to and including `last` of `size`."""

    first: int
    last: int
    size: int

    @property
    def content_range(self) -> str:
        """The header Content-Range."""
        return f"bytes {self.first}-{self.last}/{self.size}"


class NotSatisfiable(Exception):
    """None of the bytes that are asked for exist."""


def requested_range(header: str, size: int) -> ByteRange | None:
    """Return the range of a Range header over `size` bytes; None for no range, several or one that cannot be read.

    Those are ignored, as RFC 9110 says: the answer is then the whole.

    Raises
    ------
    NotSatisfiable
        The range begins behind the end, or is empty.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found[1] is found[2] is None:
        return None
    if found[1] is None:
        first, last = max(0, size - int(found[2])), size - 1
    else:
        first, last = int(found[1]), size - 1 if found[2] is None else min(int(found[2]), size - 1)
        if found[2] is not None and int(found[2]) < first:
            return None
    if first >= size:
        raise NotSatisfiable
    return ByteRange(first, last, size)

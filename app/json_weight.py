"""The least memory that the values of a JSON text take, found while the text arrives: before it is decoded."""

import numpy as np

_QUOTE, _COMMA, _ARRAY, _OBJECT = b'",[{'


def _weights() -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    found = np.zeros(256, np.uint8)
    # A comma stands for an entry of a list; an empty list or dict has 56 or 64 bytes, and an entry in another.
    found[_COMMA], found[_ARRAY], found[_OBJECT] = 8, 64, 72
    return found


_WEIGHTS = _weights()


class JsonWeight:
    """Adds up what the arrays, objects and entries of a JSON text take in CPython, without the contents of strings.

    Three bytes such as ``[],`` take 72: so a text may take more than twenty times its own size. A text of strings,
    as class lists are, takes about as much as its size more.

    Attributes
    ----------
    bytes : int
        The sum for the part of the text that was added.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._inside = 0
        self._backslash = b""

    def add(self, piece: bytes) -> None:
        """Add the next part of the text, which may be cut anywhere."""
        text = self._backslash + piece
        self._backslash = b""
        if b"\\" in text:
            # An odd number of them at the end escapes what comes next.
            if (len(text) - len(text.rstrip(b"\\"))) % 2:
                text, self._backslash = text[:-1], b"\\"
            text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
        characters = np.frombuffer(text, np.uint8)
        inside = (np.cumsum(characters == _QUOTE, dtype=np.uint8) + np.uint8(self._inside)) & 1
        self.bytes += int((_WEIGHTS[characters] * (1 - inside)).sum(dtype=np.int64))
        if len(inside):
            self._inside = int(inside[-1])

"""The least memory that the values of a JSON text take, found while the text arrives: before it is decoded."""

_COMMA, _ARRAY, _OBJECT = 8, 64, 72
"""A comma stands for an entry of a list. An empty list or dict has 56 or 64 bytes, and is an entry of another."""


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
        self._inside = False
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
        parts = text.split(b'"')
        outside = b"".join(parts[int(self._inside) :: 2])
        self._inside ^= len(parts) % 2 == 0
        self.bytes += _COMMA * outside.count(b",") + _ARRAY * outside.count(b"[") + _OBJECT * outside.count(b"{")

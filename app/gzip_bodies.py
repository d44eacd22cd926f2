"""Bodies that are packed with gzip: recognise them, and unpack them piece by piece (RFC 9110, 8.4; RFC 1952)."""

import zlib
from collections.abc import Iterator, Sequence

MAGIC = b"\x1f\x8b"
"""How gzip data begins. Neither UTF-8 text nor Parquet can begin so."""

PACKED_WITHOUT_HEADER = "it is packed with gzip, and the request does not say so: add the header Content-Encoding: gzip"
"""The reason in errors for a packed body without that header. It is not unpacked: a client says what it sends."""

_GZIP = ("gzip", "x-gzip")
_PIECE_BYTES = 1 << 18


class UnknownCoding(ValueError):
    """A Content-Encoding that the service cannot undo; the message has its value."""


class DamagedGzip(ValueError):
    """A body that is not whole gzip data; the message has the reason."""


def is_packed(headers: Sequence[str]) -> bool:
    """Tell whether a body is packed with gzip, by the values of all its Content-Encoding headers.

    Raises
    ------
    UnknownCoding
        For any other coding, and for several: a body that is packed twice is unpacked by no call.
    """
    codings = [each.strip().lower() for header in headers for each in header.split(",")]
    codings = [each for each in codings if each not in ("", "identity")]
    if codings and (len(codings) > 1 or codings[0] not in _GZIP):
        raise UnknownCoding(", ".join(headers))
    return bool(codings)


class Gunzip:
    """Unpacks gzip data that arrives in chunks: one member or several, and nothing after the last."""

    def __init__(self) -> None:
        self._member = _new_member()

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        """Yield the content of the next chunk in pieces of at most 256 KiB.

        A kilobyte may hold a megabyte. So the caller counts the pieces, and stops the iteration at its limit.

        Raises
        ------
        DamagedGzip
            If the data is not gzip, fails its checksum, or has something else after a member.
        """
        while packed:
            if self._member.eof:
                self._member = _new_member()
            try:
                piece = self._member.decompress(packed, _PIECE_BYTES)
            except zlib.error as error:
                raise DamagedGzip(str(error)) from error
            packed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            yield piece

    def finish(self) -> None:
        """Check that the data has ended with the end of a member.

        Raises
        ------
        DamagedGzip
            If it has not, or if there was no data.
        """
        if not self._member.eof:
            raise DamagedGzip("it ends before the end of the gzip data")


def _new_member() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

"""Compress what the records of runs hold, and decompress no more of it than a limit allows."""

import zlib


class BadCompression(ValueError):
    """Bytes that were not compressed here, that were cut, or that stand for more bytes than the limit allows."""


def compress(data: bytes) -> bytes:
    """Return bytes compressed, at the fastest level."""
    return zlib.compress(data, level=1)


def decompress(data: bytes, *, most_bytes: int) -> bytes:
    """Return what `compress` was given; the memory that this takes is bounded.

    A program that can write to Redis could store a few kilobytes that stand for gigabytes.

    Parameters
    ----------
    data
        Compressed bytes.
    most_bytes
        The most bytes that they may stand for.

    Raises
    ------
    BadCompression
        If `data` is damaged, or stands for more bytes.
    """
    inflating = zlib.decompressobj()
    try:
        # One byte more than the limit: otherwise a result of that length could be whole or cut.
        result = inflating.decompress(data, most_bytes + 1)
    except zlib.error as error:
        raise BadCompression(f"it cannot be decompressed: {error}") from error
    if len(result) > most_bytes:
        raise BadCompression(f"decompressed it has more than {most_bytes} bytes")
    if not inflating.eof or inflating.unused_data:
        raise BadCompression("it is cut, or followed by other bytes")
    return result

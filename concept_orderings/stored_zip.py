"""Write ZIP archives whose bytes depend on their members alone: nothing is compressed, and all times are the same.

Archives by `zipfile` may differ between releases of Python and of zlib, and an archive that is named by its SHA-256 may
not. Every reader of ZIP reads these.
"""

import struct
import zlib
from collections.abc import Mapping

MOST_BYTES = 2**32 - 2**16
"""The most bytes of an archive: ZIP64, which larger ones need, is not written."""

_VERSION = 20  # 2.0, which every reader has known since 1993
_UTF8 = 1 << 11
_TIME, _DATE = 0, 0x21  # 1980-01-01 00:00, the first that a ZIP can say
_MODE = 0o100644 << 16  # a regular file that all may read
_UNIX = 3 << 8


def stored_zip(members: Mapping[str, bytes]) -> bytes:
    """Return an archive with the members in the given order.

    Parameters
    ----------
    members
        The content of each file by its name, a relative path with forward slashes.

    Raises
    ------
    ValueError
        If the archive would have more than `MOST_BYTES`, or more than 65,535 members.
    """
    if len(members) > 0xFFFF or sum(len(data) + 2 * len(name) + 200 for name, data in members.items()) > MOST_BYTES:
        raise ValueError(f"an archive has at most 65,535 members and {MOST_BYTES} bytes")
    parts: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name, data in members.items():
        encoded = name.encode()
        flags = 0 if name.isascii() else _UTF8
        size = len(data)
        shared = struct.pack(
            "<HHHHHIIIHH", _VERSION, flags, 0, _TIME, _DATE, zlib.crc32(data), size, size, len(encoded), 0
        )
        parts += [b"PK\x03\x04", shared, encoded, data]
        attributes = struct.pack("<HHHII", 0, 0, 0, _MODE, offset)
        directory.append(b"PK\x01\x02" + struct.pack("<H", _UNIX | _VERSION) + shared + attributes + encoded)
        offset += 4 + len(shared) + len(encoded) + size
    entries = b"".join(directory)
    end = struct.pack("<HHHHIIH", 0, 0, len(directory), len(directory), len(entries), offset, 0)
    return b"".join([*parts, entries, b"PK\x05\x06", end])

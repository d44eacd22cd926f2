"""Write and read arrays in NumPy's format .npy 1.0, always with the same header for the same type and shape.

NumPy's own header has changed between releases, and an array that is named by its SHA-256 may not.
"""

import re
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"\x93NUMPY\x01\x00"
_ALIGNED = 64
_SHAPE = re.compile(rb"'shape': \(([0-9]{1,10}), ([0-9]{1,10})\)")


def npy_bytes(array: NDArray[Any]) -> bytes:
    """Return an array as a file that ``numpy.load`` reads: little-endian, in C order."""
    values = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return _header(values.dtype, values.shape) + values.tobytes()


def read_rows(data: bytes, dtype: str) -> NDArray[Any]:
    """Return the two-dimensional array that `npy_bytes` wrote; it shares the memory of `data` and is read-only.

    Parameters
    ----------
    data
        The file.
    dtype
        The type that the numbers must have, such as ``int16``.

    Raises
    ------
    ValueError
        If it is not what `npy_bytes` writes for such an array.
    """
    shape = _SHAPE.search(data[:256])
    kind = np.dtype(dtype).newbyteorder("<")
    if shape is None:
        raise ValueError("it has no header with the shape of a table")
    rows, columns = int(shape[1]), int(shape[2])
    header = _header(kind, (rows, columns))
    if not data.startswith(header):
        raise ValueError(f"its header is not that of {rows} x {columns} numbers of the type {dtype}")
    if len(data) - len(header) != rows * columns * kind.itemsize:
        raise ValueError(f"its header says {rows} x {columns} numbers, which it does not have")
    values = np.frombuffer(data, dtype=kind, offset=len(header)).reshape(rows, columns)
    return values.astype(np.dtype(dtype), copy=False)


def _header(dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> bytes:
    descr = dtype.newbyteorder("<").str
    sizes = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}".encode()
    fixed = len(_MAGIC) + 2
    padding = -(fixed + len(text) + 1) % _ALIGNED
    return _MAGIC + struct.pack("<H", len(text) + padding + 1) + text + b" " * padding + b"\n"

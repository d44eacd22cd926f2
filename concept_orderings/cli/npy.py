"""Read arrays of NumPy from files that may be damaged or hostile; nothing is unpickled."""

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.errors import BadValue
from concept_orderings.text import first_of, shown

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, of which only the header is read.

    Attributes
    ----------
    file : str
        The file, and the name of the array in it, for errors.
    shape : tuple of int
    dtype : numpy.dtype
    """

    file: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    _stream: IO[bytes]

    def read(self) -> NDArray[Any]:
        """Return the array.

        Raises
        ------
        BadValue
            ``bad_file``: the file is damaged.
        """
        with _refused(self.file):
            self._stream.seek(0)
            return np.asarray(np.lib.format.read_array(self._stream, allow_pickle=False))


@contextmanager
def stored_arrays(path: Path, names: Sequence[str]) -> Iterator[Mapping[str, StoredArray]]:
    """Open a file of ``numpy.save`` or ``numpy.savez``, and yield its arrays by name; that of ``save`` has none.

    An array whose header claims more or less than the file has is refused before memory is taken for it.

    Parameters
    ----------
    path
        The file.
    names
        The names that arrays of ``savez`` may have.

    Raises
    ------
    BadValue
        ``bad_file``: the file cannot be read, is neither, is damaged, or has pickled objects.
    """
    if path.exists() and not path.is_file():
        raise BadValue("bad_file", f"{path} is no regular file; arrays are read from one.")
    with ExitStack() as stack:
        with _refused(str(path)):
            file = stack.enter_context(path.open("rb"))
            if file.read(2) == b"PK":
                arrays = _members(path, names, stack.enter_context(zipfile.ZipFile(file)), stack)
            else:
                arrays = {"": _opened(str(path), file, path.stat().st_size)}
        yield arrays


def _members(path: Path, names: Sequence[str], archive: zipfile.ZipFile, stack: ExitStack) -> dict[str, StoredArray]:
    infos = {each.filename: each for each in archive.infolist()}
    others = [name for name in infos if name not in [f"{each}.npy" for each in names]]
    if others or len(infos) < len(archive.infolist()):
        found = first_of([shown(name) for name in others], 5) or "two arrays of one name"
        raise ValueError(f"it has {found}; its arrays are {' and '.join(names)}")
    return {
        name: _opened(f"{path}: {name}", stack.enter_context(archive.open(info)), info.file_size)
        for name in names
        if (info := infos.get(f"{name}.npy")) is not None
    }


def _opened(file: str, stream: IO[bytes], size: int) -> StoredArray:
    """Read the header of an array, and hold it against the number of bytes that are there."""
    with _refused(file):
        stream.seek(0)
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"format {version} of .npy is not read")
        shape, _, dtype = _HEADERS[version](stream)
        if dtype.hasobject:
            raise ValueError("it has pickled objects, which are never read; save numbers, or text with dtype=str")
        claimed, there = math.prod(shape) * dtype.itemsize, size - stream.tell()
        if min(shape, default=0) < 0 or claimed != there:
            raise ValueError(f"its header says {claimed:,} bytes of data, and there are {there:,}")
    return StoredArray(file, tuple(shape), dtype, stream)


@contextmanager
def _refused(file: str) -> Iterator[None]:
    try:
        yield
    except BadValue:
        raise
    except OSError as error:
        raise BadValue("bad_file", f"{file} cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        # For damaged files NumPy and zipfile raise what their parsers raise, such as tokenize.TokenError.
        # NumPy's sentences may have several lines.
        what = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise BadValue("bad_file", f"{file} is not an array of numpy.save or numpy.savez: {what}.") from error

"""Read the files that the command line names."""

from collections.abc import Sequence
from pathlib import Path

from concept_orderings.catalogue import find_dataset
from concept_orderings.class_files import ClassFile, read_class_file
from concept_orderings.errors import BadValue
from concept_orderings.faults import Faults

MOST_BYTES = 2**28
"""The most bytes of a file with class names: a device or a wrong file may have any number."""


def read_files(arguments: Sequence[str], *, column: str | None = None) -> list[ClassFile]:
    """Read files with class names.

    Parameters
    ----------
    arguments
        Each is a path, or ``NAME=PATH`` with the name of the dataset. A path that exists is taken as it is.
    column
        For tables: the column with the class names.

    Raises
    ------
    BadValue
        ``bad_file`` and others: with the faults of all files.
    """
    faults = Faults()
    files = [faults.attempt(_read_file, each, column) for each in arguments]
    faults.refuse()
    return [each for each in files if each is not None]


def read_bytes(path: Path, *, most: int = MOST_BYTES, why: str = "which no list of class names has") -> bytes:
    """Return the content of a file.

    Raises
    ------
    BadValue
        ``bad_file``: it cannot be read, or has more than `most` bytes, a whole number of MiB.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        known = isinstance(error, FileNotFoundError) and find_dataset(str(path)) is not None
        meant = f"; --dataset {path} takes the classes of the catalogue" if known else ""
        raise BadValue("bad_file", f"{path} cannot be read: {error.strerror}{meant}.") from error
    if len(data) > most:
        raise BadValue("bad_file", f"{path} has more than {most // 2**20} MiB, {why}.")
    return data


def _read_file(argument: str, column: str | None) -> ClassFile:
    dataset, path = _named(argument)
    stem = path.stem if path.is_file() else None
    return read_class_file(str(path), read_bytes(path), dataset=dataset, stem=stem, column=column)


def _named(argument: str) -> tuple[str | None, Path]:
    """Return the dataset's name, if there is one, and the path."""
    name, equals, path = argument.partition("=")
    if not equals or Path(argument).exists():
        return None, Path(argument)
    return name, Path(path)

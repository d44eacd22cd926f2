"""Read bundles: the files in the ZIP archive of a version, as `concept_orderings.exporters.bundle` writes it."""

import io
import zipfile
from collections import Counter
from pathlib import PurePosixPath

from concept_orderings.errors import BadValue
from concept_orderings.text import first_of, shown

MANIFEST = "manifest.json"

_ZIP = b"PK"
_MOST_NAMED = 5


def is_bundle(data: bytes) -> bool:
    """Tell whether a file is a bundle, or a damaged one, and not an .npz file, which is an archive, too."""
    if not data.startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except Exception:
        # `zipfile` raises many types for damaged archives; `read_bundle` says that it is one.
        return MANIFEST.encode() in data
    if not _are_of_whole(entries):
        return MANIFEST.encode() in data
    return not any(each.filename.endswith(".npy") for each in entries)


def read_bundle(data: bytes, name: str) -> dict[str, bytes]:
    """Return the files of a bundle by their paths in it.

    Nothing is written to a disk, and no more memory is needed than for the archive twice: a bundle is not compressed.

    Parameters
    ----------
    data
        The archive.
    name
        What it is called in errors.

    Raises
    ------
    BadValue
        ``bad_file``: it is damaged or cut short, has compressed or encrypted members, members that overlap, that have
        one name, or whose names lead out of a folder.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir()]
            _check(entries, len(data), name)
            return {each.filename: archive.read(each) for each in entries}
    except BadValue:
        raise
    except Exception as error:
        # For damaged archives `zipfile` raises many types, such as RuntimeError for one that claims to be encrypted.
        why = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise _bad(name, f"it is damaged or cut short ({why}): download it again") from error


def _check(entries: list[zipfile.ZipInfo], size: int, name: str) -> None:
    if not _are_of_whole(entries):
        raise _bad(name, "it is damaged or cut short (its directory of files is not at the end): download it again")
    compressed = [each.filename for each in entries if each.compress_type != zipfile.ZIP_STORED]
    if compressed:
        # A compressed member could stand for any number of bytes.
        raise _bad(
            name,
            f"it has compressed members ({_named(compressed)}), which no bundle has: unpack it and give the folder",
        )
    # So could many members that share their bytes.
    if sum(each.file_size for each in entries) > size:
        raise _bad(name, "its members overlap: download it again")
    if outside := [each.filename for each in entries if not _stays_inside(each.filename)]:
        raise _bad(name, f"it has members whose names lead out of a folder ({_named(outside)}): download it again")
    if repeated := [each for each, times in Counter(each.filename for each in entries).items() if times > 1]:
        raise _bad(name, f"it has several members of one name ({_named(repeated)}): download it again")


def _are_of_whole(entries: list[zipfile.ZipInfo]) -> bool:
    """Tell whether the entries are those of the whole archive.

    Of one that is cut short, `zipfile` reads the last .npz file in it, which is an archive that begins further on.
    """
    return not entries or min(each.header_offset for each in entries) == 0


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name


def _named(names: list[str]) -> str:
    return first_of([shown(each) for each in names], _MOST_NAMED)


def _bad(name: str, why: str) -> BadValue:
    return BadValue("bad_file", f"{name} is no bundle that can be read: {why}.")

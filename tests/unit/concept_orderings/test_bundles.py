"""Test the reading of bundles, also of archives that are made to do harm."""

import io
import zipfile
from collections.abc import Callable

import pytest

from concept_orderings.bundles import is_bundle, read_bundle
from concept_orderings.errors import BadValue
from concept_orderings.stored_zip import stored_zip

MEMBERS = {"manifest.json": b"{}", "tasks/0.json": b"[]"}
GOOD = stored_zip(MEMBERS)
WITH_NPZ = stored_zip({**MEMBERS, "evidence/vectors.npz": stored_zip({"vectors.npy": b"x"})})
"""An archive whose last member is one, too: cut short, that one is what `zipfile` finds."""


def archive(write: Callable[[zipfile.ZipFile], None]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        opened.writestr("manifest.json", b"{}")
        write(opened)
    return stream.getvalue()


def with_compressed(opened: zipfile.ZipFile) -> None:
    opened.writestr("tasks/0.json", bytes(10_000_000), zipfile.ZIP_DEFLATED)


def with_repeated(opened: zipfile.ZipFile) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        opened.writestr("manifest.json", b"[]")


def with_name(name: str) -> Callable[[zipfile.ZipFile], None]:
    return lambda opened: opened.writestr(zipfile.ZipInfo(name), b"x")


def overlapping() -> bytes:
    """Return an archive whose second member claims the bytes of the first, and many more."""
    stated = len(MEMBERS["tasks/0.json"]).to_bytes(4, "little") * 2
    at = GOOD.rindex(stated)
    return GOOD[:at] + (2**31).to_bytes(4, "little") * 2 + GOOD[at + 8 :]


def test_a_bundle_is_read() -> None:
    assert is_bundle(GOOD)
    assert read_bundle(GOOD, "x.zip") == MEMBERS


def test_an_npz_file_is_no_bundle() -> None:
    assert not is_bundle(stored_zip({"evidence.json": b"{}", "vectors.npy": b""}))
    assert not is_bundle(stored_zip({"evidence.json": b"{}", "vectors.npy": b""})[:-20])
    assert not is_bundle(b"[]")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (GOOD[:-10], "damaged or cut short"),
        (GOOD[: len(GOOD) // 2], "damaged or cut short"),
        (WITH_NPZ[:-100], "damaged or cut short"),
        (GOOD.replace(b"[]", b"[}"), "damaged or cut short"),
        (archive(with_compressed), "compressed members ('tasks/0.json')"),
        (overlapping(), "overlap"),
        (archive(with_name("/etc/passwd")), "lead out of a folder ('/etc/passwd')"),
        (archive(with_name("tasks/../../x")), "lead out of a folder ('tasks/../../x')"),
        (archive(with_name("..\\x")), "lead out of a folder"),
        (archive(with_name("C:/x")), "lead out of a folder"),
        (archive(with_repeated), "several members of one name ('manifest.json')"),
    ],
)
def test_what_no_bundle_has_is_refused(data: bytes, said: str) -> None:
    assert is_bundle(data)
    with pytest.raises(BadValue) as refused:
        read_bundle(data, "x.zip")
    assert refused.value.code == "bad_file"
    assert said in refused.value.detail

"""Test the archives whose bytes depend on their members alone."""

import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.canonical import sha256_hex
from concept_orderings.stored_zip import stored_zip

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\:"), min_size=1, max_size=8)


@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=5))
def test_any_reader_reads_the_members(members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(stored_zip(members))) as archive:
        assert archive.testzip() is None
        assert {each.filename: archive.read(each) for each in archive.infolist()} == members
        assert all(each.date_time == (1980, 1, 1, 0, 0, 0) for each in archive.infolist())


def test_the_bytes_never_change() -> None:
    data = stored_zip({"evidence.json": b"{}", "vectors.npy": bytes(range(200)), "café/ß.txt": "ä".encode()})

    assert sha256_hex(data) == "54003923256856cb4eb8f7a096a6e8eb085716cb3e2f47c8d4b2800dee0b384d"

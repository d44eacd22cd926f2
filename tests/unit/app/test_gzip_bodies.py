"""Gzip bodies are unpacked whole whatever the chunks they arrive in, and in pieces of bounded size."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gzip_bodies import DamagedGzip, Gunzip, UnknownCoding, is_packed

PIECE = 256 * 1024


def unpacked(packed: bytes, chunk: int = 65536) -> bytes:
    gunzip = Gunzip()
    pieces = [piece for at in range(0, len(packed), chunk) for piece in gunzip.pieces(packed[at : at + chunk])]
    gunzip.finish()
    assert all(len(piece) <= PIECE for piece in pieces)
    return b"".join(pieces)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 400), st.integers(0, 9))
def test_members_in_chunks_of_any_size(members: list[bytes], chunk: int, level: int) -> None:
    assert unpacked(b"".join(gzip.compress(each, level) for each in members), chunk) == b"".join(members)


@pytest.mark.parametrize("extra", [-1, 0, 1, 2, 258])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_contents_about_as_long_as_whole_pieces(extra: int, level: int) -> None:
    content = b"a" * (3 * PIECE + extra)

    assert unpacked(gzip.compress(content, level)) == content


def test_a_small_body_with_a_large_content_comes_in_pieces_that_the_caller_can_refuse() -> None:
    pieces = Gunzip().pieces(gzip.compress(bytes(100_000_000)))

    assert len(next(pieces)) == PIECE
    assert len(next(pieces)) == PIECE


WHOLE = gzip.compress(b"some content", mtime=0)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"some content",
        b"\x1f",
        WHOLE[:5],
        WHOLE[:-1],
        WHOLE[:-8] + bytes(8),
        WHOLE + b"x",
        WHOLE + b"\0",
        WHOLE + b"\x1f",
        WHOLE + WHOLE[:-3],
        b"\0" + WHOLE,
        zlib.compress(b"some content"),
        bytes([*WHOLE[:12], WHOLE[12] ^ 0xFF, *WHOLE[13:]]),
    ],
)
@pytest.mark.parametrize("chunk", [1, 1000])
def test_anything_but_whole_gzip_data_is_refused(packed: bytes, chunk: int) -> None:
    with pytest.raises(DamagedGzip):
        unpacked(packed, chunk)


@pytest.mark.parametrize(
    ("headers", "packed"),
    [
        ([], False),
        ([""], False),
        (["identity"], False),
        (["gzip"], True),
        (["GZIP"], True),
        (["x-gzip"], True),
        ([" gzip ,"], True),
        (["identity, gzip"], True),
        (["identity", "gzip"], True),
    ],
)
def test_codings_that_are_read(headers: list[str], packed: bool) -> None:
    assert is_packed(headers) is packed


@pytest.mark.parametrize(
    "headers",
    [["br"], ["zstd"], ["deflate"], ["compress"], ["gzip, gzip"], ["gzip", "gzip"], ["gzip, br"], ["utf-8"], ["*"]],
)
def test_other_codings_are_refused(headers: list[str]) -> None:
    with pytest.raises(UnknownCoding, match=headers[0].replace("*", r"\*")):
        is_packed(headers)

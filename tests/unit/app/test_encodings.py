"""Compressed forms: chosen as the client asks, and made once."""

import asyncio
import gzip

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.encodings import COMPRESS, SMALLEST, Encodings, preferred_encoding, zstd
from concept_orderings.canonical import sha256_hex


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP;Q=0.5, zstd;q=0.1", "gzip"),
        ("*", "zstd"),
        ("*;q=0.5, zstd;q=0", "gzip"),
        ("gzip;q=0", ""),
        ("gzip;q=0.000", ""),
        ("identity", ""),
        ("identity;q=1, gzip;q=0.5", ""),
        ("br, deflate", ""),
        ("gzip;q=many", ""),
        ("zstd;q=0.9, gzip;q=1.0", "gzip"),
    ],
)
def test_the_encoding_with_the_largest_weight(header: str, encoding: str) -> None:
    assert preferred_encoding(header) == encoding


@given(st.text())
@example("gzip;q=nan")
@example("gzip;q=inf;")
def test_any_header_has_an_answer(header: str) -> None:
    assert preferred_encoding(header) in ("", *COMPRESS)


DOCUMENT = b'{"concept":"CIFAR100+++bear"}' * 200


def test_a_form_is_made_once_and_says_what_it_is() -> None:
    reads: list[str] = []

    async def read(digest: str) -> bytes:
        reads.append(digest)
        await asyncio.sleep(0)
        return DOCUMENT

    async def check() -> None:
        encodings = Encodings()
        digest = sha256_hex(DOCUMENT)
        found = await asyncio.gather(*(encodings.get(digest, "gzip", read) for _ in range(20)))
        assert len(set(map(id, found))) == len(reads) == 1
        (form,) = set(found)
        assert gzip.decompress(form.data) == DOCUMENT
        assert (form.digest, form.encoding) == (sha256_hex(form.data), "gzip")
        assert await encodings.get(digest, "gzip", read) is form
        other = await encodings.get(digest, "zstd", read)
        assert zstd.decompress(other.data) == DOCUMENT
        assert len(reads) == 2
        await encodings.close()

    asyncio.run(check())


def test_gzip_gives_the_same_bytes_at_any_time() -> None:
    assert COMPRESS["gzip"](DOCUMENT)[4:8] == bytes(4)


def test_small_documents_stay_as_they_are() -> None:
    async def check() -> None:
        encodings = Encodings()

        async def read(_: str) -> bytes:
            return b" " * (SMALLEST - 1)

        form = await encodings.get("0f", "zstd", read)
        assert (form.data, form.digest, form.encoding) == (b" " * (SMALLEST - 1), "0f", "")
        await encodings.close()

    asyncio.run(check())

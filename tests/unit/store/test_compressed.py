"""What is read from Redis takes no more memory than a limit, whatever it stands for."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.compressed import BadCompression, compress, decompress

MEGABYTE = 1024 * 1024


@given(st.binary(max_size=2000), st.integers(0, 100))
def test_what_was_compressed_is_read_within_the_limit(data: bytes, more: int) -> None:
    assert decompress(compress(data), most_bytes=len(data) + more) == data


@given(st.binary(min_size=1, max_size=2000))
def test_one_byte_more_than_the_limit_is_refused(data: bytes) -> None:
    with pytest.raises(BadCompression, match=f"more than {len(data) - 1} bytes"):
        decompress(compress(data), most_bytes=len(data) - 1)


@given(st.binary(max_size=2000))
def test_other_bytes_are_refused(data: bytes) -> None:
    for damaged in (compress(data)[:-1], compress(data) + b"x", b"", data[:20] + b"?"):
        with pytest.raises(BadCompression):
            decompress(damaged, most_bytes=4000)


def test_a_small_value_that_stands_for_a_large_one_takes_little_memory() -> None:
    large = compress(bytes(200 * MEGABYTE))
    assert len(large) < MEGABYTE
    tracemalloc.start()
    try:
        with pytest.raises(BadCompression):
            decompress(large, most_bytes=MEGABYTE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * MEGABYTE

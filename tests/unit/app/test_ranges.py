"""Ranges of bytes, against slices of a list of all bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ranges import NotSatisfiable, requested_range

SIZE = 10
BYTES = list(range(SIZE))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-", BYTES),
        ("bytes=0-0", [0]),
        ("bytes=2-4", [2, 3, 4]),
        ("Bytes = 2 - 4", [2, 3, 4]),
        ("bytes=9-99", [9]),
        ("bytes=-3", [7, 8, 9]),
        ("bytes=-99", BYTES),
    ],
)
def test_a_range_is_a_slice(header: str, expected: list[int]) -> None:
    found = requested_range(header, SIZE)
    assert found is not None
    assert BYTES[found.first : found.last + 1] == expected
    assert found.content_range == f"bytes {expected[0]}-{expected[-1]}/10"


@pytest.mark.parametrize(
    "header", ["", "bytes=", "bytes=-", "bytes=4-2", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "x"]
)
def test_what_is_no_single_range_is_ignored(header: str) -> None:
    assert requested_range(header, SIZE) is None


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_a_range_behind_the_end_is_refused(header: str, size: int) -> None:
    with pytest.raises(NotSatisfiable):
        requested_range(header, size)


@given(st.text(), st.integers(0, 100))
def test_any_header_has_an_answer(header: str, size: int) -> None:
    try:
        found = requested_range(header, size)
    except NotSatisfiable:
        return
    assert found is None or 0 <= found.first <= found.last < size

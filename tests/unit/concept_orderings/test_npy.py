"""Test the arrays whose bytes depend on their numbers alone."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from concept_orderings.npy import npy_bytes, read_rows


@st.composite
def tables(draw: st.DrawFn) -> NDArray[np.int16]:
    rows, columns = draw(st.integers(0, 5)), draw(st.integers(1, 5))
    numbers = st.lists(st.integers(-32768, 32767), min_size=rows * columns, max_size=rows * columns)
    return np.array(draw(numbers), dtype=np.int16).reshape(rows, columns)


@given(tables())
def test_numpy_reads_what_is_written(table: NDArray[np.int16]) -> None:
    read = np.load(io.BytesIO(npy_bytes(table)))

    assert read.dtype == np.dtype("<i2")
    assert np.array_equal(read, table)


@given(tables())
def test_what_is_written_is_read(table: NDArray[np.int16]) -> None:
    read = read_rows(npy_bytes(table), "int16")

    assert read.dtype == np.int16
    assert np.array_equal(read, table)


@given(tables())
def test_the_bytes_depend_on_the_numbers_alone(table: NDArray[np.int16]) -> None:
    others = (np.asfortranarray(table), table.astype(">i2"), np.repeat(table, 2, axis=0)[::2])

    assert {npy_bytes(each) for each in others} == {npy_bytes(table)}


def test_the_header_never_changes() -> None:
    text = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }"
    header = b"\x93NUMPY\x01\x00v\x00" + text.encode().ljust(117) + b"\n"

    assert npy_bytes(np.arange(6, dtype=np.int16).reshape(2, 3)) == header + bytes([0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0])
    assert b"'shape': (3,), }" in npy_bytes(np.arange(3.0))


GOOD = npy_bytes(np.ones((2, 3), dtype=np.int16))


def _saved(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:-1],
        GOOD + b"\0",
        GOOD.replace(b"(2, 3)", b"(3, 2)")[:-2],
        GOOD.replace(b"(2, 3)", b"(9, 3)"),
        GOOD.replace(b"<i2", b">i2"),
        npy_bytes(np.ones((2, 3))),
        npy_bytes(np.ones(6, dtype=np.int16)),
        _saved(np.array([[{}]], dtype=object)),
    ],
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="header"):
        read_rows(data, "int16")

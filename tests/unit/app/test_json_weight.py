"""The memory of JSON values, against what decoding takes."""

import json
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.json_weight import JsonWeight

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=50,
)


def weight(pieces: Sequence[bytes]) -> int:
    found = JsonWeight()
    for each in pieces:
        found.add(each)
    return found.bytes


def counted(value: object) -> int:
    """Return the same by walking through the value."""
    match value:
        case list():
            return 64 + 8 * max(0, len(value) - 1) + sum(map(counted, value))
        case dict():
            return 72 + 8 * max(0, len(value) - 1) + sum(map(counted, value.values()))
        case _:
            return 0


@given(VALUES, st.data(), st.booleans())
def test_it_counts_what_stands_outside_strings_wherever_the_text_is_cut(
    value: object, data: st.DataObject, ascii_only: bool
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert weight(pieces) == counted(value)


@pytest.mark.parametrize("text", [b"[" + b"[]," * 999 + b"[]]", b"[" + b"{}," * 999 + b"{}]"])
def test_it_is_at_most_what_the_values_take(text: bytes) -> None:
    value = json.loads(text)
    taken = sys.getsizeof(value) + sum(map(sys.getsizeof, value))

    assert taken * 0.85 < weight([text]) < taken * 1.2


def test_strings_weigh_nothing_but_their_entries() -> None:
    text = json.dumps({"classes": ['a [thing], {so to say}: \\" \\\\' for _ in range(100)]}).encode()

    assert weight([text]) == 72 + 64 + 99 * 8

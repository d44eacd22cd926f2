"""Weights in Accept headers."""

import pytest

from app.preferences import weights


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", {"gzip": 1.0}),
        ("GZIP;Q=0.5, zstd ; q = 0.25", {"gzip": 0.5, "zstd": 0.25}),
        ("application/json; charset=utf-8; q=0.5", {"application/json": 0.5}),
        ("a;q=2, b;q=-1, c;q=many", {"a": 1.0, "b": 0.0, "c": 0.0}),
        ("text/csv;header=present", {"text/csv": 1.0}),
    ],
)
def test_the_weight_is_a_parameter_in_any_place(header: str, expected: dict[str, float]) -> None:
    assert weights(header) == expected

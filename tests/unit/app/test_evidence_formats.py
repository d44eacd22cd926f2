"""Test which header Accept asks for Parquet."""

import pytest

from app.evidence_formats import PARQUET_TYPE, prefers_parquet

ZIP = "application/zip"


@pytest.mark.parametrize(
    ("accept", "is_parquet"),
    [
        ("", False),
        ("*/*", False),
        ("application/*", False),
        (ZIP, False),
        ("text/html", False),
        (PARQUET_TYPE, True),
        (PARQUET_TYPE.upper(), True),
        (f"{PARQUET_TYPE}, */*", True),
        (f"*/*, {PARQUET_TYPE};q=0.1", True),
        (f"{PARQUET_TYPE};q=0", False),
        (f"{PARQUET_TYPE};q=high", False),
        (f"{PARQUET_TYPE}, {ZIP}", False),
        (f"{PARQUET_TYPE}, {ZIP};q=0.9", True),
        (f"{PARQUET_TYPE};q=0.5, {ZIP};q=0.9", False),
        (f"{PARQUET_TYPE} ; version=2 ; q=0.5", True),
        (",;,q=1", False),
    ],
)
def test_parquet_must_be_named_and_preferred(accept: str, is_parquet: bool) -> None:
    assert prefers_parquet(accept, ZIP) == is_parquet

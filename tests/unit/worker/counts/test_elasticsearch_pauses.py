"""Pauses that a server asks for, in the forms of Retry-After."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from worker.evidence.counts.elasticsearch.server import _retry_after


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("17", 17.0),
        ("-1", 0.0),
        ("nan", 0.0),
        ("soon", None),
        ("Fri, 01 Jan 1999 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 1999 00:00:00 -0000", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 -0800", None),
    ],
)
def test_any_header_is_a_pause_or_none(header: str | None, seconds: float | None) -> None:
    assert _retry_after(header) == seconds


def test_a_date_is_a_pause_until_then() -> None:
    pause = _retry_after(format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    assert pause is not None
    assert 3000 < pause <= 3600

"""A log that repeats itself is bounded, and says what it left out."""

import logging
from collections.abc import Iterator

import pytest

from app.log_limit import PERIOD_SECONDS, RECORDS, LogLimit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def handler(clock: Clock) -> Iterator[Lines]:
    handler = Lines()
    handler.addFilter(LogLimit(clock))
    logger = logging.getLogger("limited")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def log(number: int) -> None:
    logging.getLogger("limited").warning("connection %d is refused", number)


def test_a_line_is_written_20_times_in_10_seconds_and_then_counted(handler: Lines, clock: Clock) -> None:
    for number in range(1000):
        log(number)
    assert handler.lines == [f"connection {number} is refused" for number in range(RECORDS)]
    clock.now = PERIOD_SECONDS
    log(1000)
    log(1001)
    assert handler.lines[RECORDS:] == [
        "connection 1000 is refused (980 more like this were left out before)",
        "connection 1001 is refused",
    ]


def test_other_lines_are_written_meanwhile(handler: Lines) -> None:
    for number in range(1000):
        log(number)
    logging.getLogger("limited").warning("something else")
    assert handler.lines[-1] == "something else"
    assert len(handler.lines) == RECORDS + 1


def test_the_access_log_is_not_limited(clock: Clock) -> None:
    limit = LogLimit(clock)
    record = logging.LogRecord("uvicorn.access", logging.INFO, __file__, 1, "GET /", (), None)
    assert all(limit.filter(record) for _ in range(1000))

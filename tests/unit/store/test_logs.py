"""Test the lines of logs."""

import json
import logging

import pytest

from store.logs import JsonLines, Lines
from store.request_id import REQUEST_ID


def record(message: str, *, failed: bool = False) -> logging.LogRecord:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        info = (type(error), error, error.__traceback__) if failed else None
    made = logging.LogRecord("store.any", logging.WARNING, __file__, 1, message, (), info)
    made.created = 1_700_000_000.25
    return made


@pytest.fixture
def request_id() -> object:
    token = REQUEST_ID.set("rank-7")
    yield "rank-7"
    REQUEST_ID.reset(token)


def test_a_line_of_json_has_all_that_is_known(request_id: str) -> None:
    line = JsonLines().format(record("Not 100 %\nsure", failed=True))
    found = json.loads(line)

    assert "\n" not in line
    assert "ValueError: two\nlines" in found.pop("exception")
    assert found == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "logger": "store.any",
        "message": "Not 100 %\nsure",
        "request_id": request_id,
    }


def test_a_line_of_no_request_has_no_id() -> None:
    assert json.loads(JsonLines().format(record("a"))).keys() == {"time", "level", "logger", "message"}
    assert Lines().format(record("a")).endswith(" WARNING store.any: a")


def test_a_line_for_people_ends_with_the_id(request_id: str) -> None:
    first, *traceback = Lines().format(record("a", failed=True)).splitlines()

    assert first.endswith(f"WARNING store.any: a [request {request_id}]")
    assert traceback[0].startswith("Traceback")


def test_characters_that_act_on_terminals_are_written_as_their_numbers() -> None:
    record = logging.LogRecord("app", logging.ERROR, "", 0, "GET /a\x1b[2J\r\x9bb: no\n\tthing é", (), None)
    line = Lines().format(record)
    assert line.endswith("GET /a\\x1b[2J\\x0d\\x9bb: no\n\tthing é")

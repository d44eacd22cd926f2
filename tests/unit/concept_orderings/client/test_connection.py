"""Test how answers are waited for: retries, `Retry-After`, redirections, errors."""

import copy
import math
import pickle
from typing import Any

import pytest

from concept_orderings.client.connection import Connection, exchange, retry_after
from concept_orderings.client.errors import BadAnswer, BadArgument, ServiceError, Unavailable, WrongDigest
from concept_orderings.client.steps import Failed, Reply, Request
from support.scripted_service import ScriptedService, problem

URL = "http://orders:8000"
OK = Reply(200, {}, b"{}")
ANY = Request("GET", "/v1")


def get(*answers: Reply | Failed, patience: float = 60.0, path: str = "/a") -> tuple[Reply, ScriptedService]:
    service = ScriptedService()
    service.answers[path] = list(answers)
    connection = Connection("http://orders:8000/base", patience=patience)
    service.answers["/b?c=d"] = [OK]
    return service.run(exchange(connection, Request("GET", path), clock=lambda: service.now)), service


@pytest.mark.parametrize("answer", [Failed("reset"), *(Reply(each, {}, b"") for each in (408, 429, 502, 503, 504))])
def test_what_may_pass_is_tried_again(answer: Reply | Failed) -> None:
    reply, service = get(answer, answer, answer, OK)

    assert reply is OK
    first, second, third = service.pauses
    assert 0.25 <= first <= 0.5 <= second <= 1.0 <= third <= 2.0


def test_ranks_do_not_come_back_all_at_once() -> None:
    assert len({get(Failed("reset"), OK)[1].pauses[0] for _ in range(20)}) > 15


def test_the_service_says_when_to_try_again() -> None:
    busy = problem(503, "redis_unavailable", "Redis does not answer.", **{"retry-after": "17"})

    assert get(busy, OK)[1].pauses == [17.0]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 7 "}, 7.0),
        # An hour ahead of any clock here, and the service's own is an hour ahead as well.
        ({"retry-after": "Fri, 31 Dec 2399 23:00:09 GMT", "date": "Fri, 31 Dec 2399 23:00:00 GMT"}, 9.0),
        ({"retry-after": "Fri, 31 Dec 1999 23:00:09 GMT", "date": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
        ({"retry-after": "1" + "0" * 400}, 86_400.0),
        ({"retry-after": "Fri, 31 Dec 2399 23:00:09 GMT"}, 86_400.0),
        ({"retry-after": "soon"}, 0.0),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after": "²"}, 0.0),
        ({}, 0.0),
    ],
)
def test_forms_of_retry_after(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == seconds


def test_patience_ends() -> None:
    with pytest.raises(Unavailable) as gone:
        get(*[Failed("no route to host")] * 99)
    assert gone.value.code == "unavailable"
    assert "GET http://orders:8000/base/a: no route to host. The client tried" in gone.value.detail
    assert "its patience is 60 s" in gone.value.detail

    busy = problem(503, "redis_unavailable", "Redis does not answer.", **{"retry-after": "3600"})
    with pytest.raises(Unavailable, match=r"503 \[redis_unavailable\] Redis does not answer\. .* due in 3600\.0 s"):
        get(busy)


@pytest.mark.parametrize("status", [307, 308, 301, 302, 303])
@pytest.mark.parametrize("location", ["/base/b?c=d", "http://orders:8000/base/b?c=d", "http://ORDERS:8000/b?c=d"])
def test_redirections_on_the_same_host_are_followed(status: int, location: str) -> None:
    reply, service = get(Reply(status, {"location": location}, b""))

    assert reply is OK
    assert service.paths() == ["/a", "/b?c=d"]


@pytest.mark.parametrize(
    "location", ["http://elsewhere:8000/b", "https://orders:8000/b", "http://orders:8001/b", "//elsewhere/b"]
)
def test_redirections_to_another_host_are_refused(location: str) -> None:
    """It would get the token."""
    with pytest.raises(BadAnswer, match=r"redirects to .*, which is another host") as refused:
        get(Reply(307, {"location": location}, b""))

    assert refused.value.code == "redirected"


def get_content(url: str, *locations: str, method: str = "GET") -> list[Request]:
    """Ask for content of a known digest that is redirected, and return the requests."""
    service = ScriptedService()
    service.answers["/a"] = [*(Reply(307, {"location": each}, b"") for each in locations), OK]
    assert service.run(exchange(Connection(url), Request(method, "/a"), elsewhere=True)) is OK
    return service.requests


@pytest.mark.parametrize(
    ("url", "location"),
    [
        (URL, "https://bucket/key?signature=abc"),
        (URL, "http://bucket/key?signature=abc"),
        ("https://orders", "https://bucket/key?signature=abc"),
    ],
)
def test_content_of_a_known_digest_may_come_from_another_host_which_gets_no_token(url: str, location: str) -> None:
    first, second = get_content(url, location)

    connection = Connection(url, token="secret")
    assert (connection.target(first), connection.target(second)) == (f"{url}/a", location)
    assert connection.headers(first)["Authorization"] == "Bearer secret"
    assert "Authorization" not in connection.headers(second)
    assert connection.shown(second) == location.partition("?")[0]


@pytest.mark.parametrize(
    ("method", "url", "locations"),
    [
        ("GET", "https://orders", ["http://bucket/key?signature=abc"]),
        ("GET", URL, ["ftp://bucket/key?signature=abc"]),
        ("PUT", URL, ["https://bucket/key?signature=abc"]),
        ("GET", URL, ["https://bucket/key?signature=abc", "https://other/key?signature=abc"]),
        ("GET", URL, ["https://bucket/key?signature=abc", f"{URL}/a"]),
    ],
)
def test_other_redirections_to_another_host_are_refused(method: str, url: str, locations: list[str]) -> None:
    with pytest.raises(BadAnswer, match=r"redirects to .*, which is another host") as refused:
        get_content(url, *locations, method=method)
    assert "signature" not in refused.value.detail


def test_redirections_end() -> None:
    with pytest.raises(BadAnswer, match="more than 5 times"):
        get(*[Reply(307, {"location": "/base/a"}, b"")] * 9)


def test_an_error_of_the_service_has_all_its_faults() -> None:
    body = (
        b'{"code": "bad_year", "detail": "A.", "pointers": ["/a"], "errors_left_out": {"bad_name": 3}, "errors": ['
        b'{"code": "bad_year", "detail": "A.", "pointers": ["/a"]}, {"code": "bad_name", "detail": "B."}]}'
    )
    with pytest.raises(ServiceError) as refused:
        get(Reply(422, {}, body))

    error = refused.value
    assert (error.code, error.detail, error.status, error.pointers) == ("bad_year", "A.", 422, ("/a",))
    assert [each.code for each in error.faults] == ["bad_year", "bad_name"]
    assert error.left_out == {"bad_name": 3}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"{}", b'{"errors": [3]}', b'{"errors": {}}'])
def test_an_error_of_something_else_says_so(body: bytes) -> None:
    with pytest.raises(ServiceError, match=r"GET http://orders:8000/base/a .* 403 .*Give a token") as refused:
        get(Reply(403, {}, body))

    assert (refused.value.code, refused.value.status) == ("http_403", 403)


def test_a_connection_is_given_or_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONCEPT_ORDERINGS_URL", "CONCEPT_ORDERINGS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadArgument, match="CONCEPT_ORDERINGS_URL"):
        Connection.of(None, timeout=1, patience=1)
    monkeypatch.setenv("CONCEPT_ORDERINGS_URL", "https://orders/")
    monkeypatch.setenv("CONCEPT_ORDERINGS_TOKEN", "abc\n")

    found = Connection.of(None, timeout=1, patience=1)
    assert (found.url, found.headers(ANY)["Authorization"]) == ("https://orders", "Bearer abc")
    assert "Authorization" not in Connection.of("http://a", token="", timeout=1, patience=1).headers(ANY)
    assert Connection.of("http://a", token="x", timeout=1, patience=1).headers(ANY)["Authorization"] == "Bearer x"


def test_a_body_has_the_time_that_its_bytes_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONCEPT_ORDERINGS_MIN_SPEED", raising=False)

    def seconds(received: int, min_speed: float | None = None) -> float:
        return Connection.of(URL, timeout=30.0, patience=60.0, min_speed=min_speed).seconds_for(received)

    assert (seconds(0), seconds(5_000_000), seconds(5_000_000, 1e6), seconds(1, 0)) == (30.0, 530.0, 35.0, math.inf)
    monkeypatch.setenv("CONCEPT_ORDERINGS_MIN_SPEED", "1e5")
    assert seconds(5_000_000) == 80.0
    for wrong in ("fast", "-1", "inf", "nan"):
        monkeypatch.setenv("CONCEPT_ORDERINGS_MIN_SPEED", wrong)
        with pytest.raises(BadArgument, match=f"a number of bytes per second, or 0, and not '{wrong}'"):
            seconds(0)


@pytest.mark.parametrize(
    "url", ["orders:8000", "ftp://a", "http://", "http://a:x", "http://a?b", "http://a#b", "http://u:p@a", "http://[a"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadArgument):
        Connection.of(url, timeout=1, patience=1)


@pytest.mark.parametrize(
    "error",
    [
        WrongDigest.of("It", expected="a", found="b"),
        ServiceError("unknown_stream", "Gone.", ["/a"], status=404),
        BadArgument.of("No."),
    ],
)
@pytest.mark.parametrize("duplicate", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_survives_its_way_between_processes(error: Any, duplicate: Any) -> None:
    found = duplicate(error)

    assert type(found) is type(error)
    assert (str(found), vars(found)) == (str(error), vars(error))

"""Test what pages of other sites may ask for through browsers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from starlette.responses import PlainTextResponse

from app.access.browsers import FromOwnPages
from app.main import create_app, for_servers
from app.settings import AppSettings

LOOPBACK, NETWORK = "127.0.0.1", "10.0.0.7"


def guard(**options: Any) -> FromOwnPages:
    given: dict[str, Any] = {"origins": [], "hosts": [], **options}
    return FromOwnPages(PlainTextResponse("ok"), **given)


def asked(of: FromOwnPages, *, at: str = LOOPBACK, method: str = "GET", **fields: str) -> str:
    """Return ``ok``, or the code of the refusal. Names of fields have underscores for hyphens."""
    messages: list[Any] = []
    headers = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items()]
    connection = {"type": "http", "method": method, "path": "/v1", "server": (at, 8000), "headers": headers}

    async def receive() -> Any:
        raise AssertionError("nothing reads a body")

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(of(connection, receive, send))
    status, text = messages[0]["status"], messages[1]["body"].decode()
    code = text if status == 200 else str(json.loads(text)["code"])
    assert status == {"ok": 200, "other_site": 403, "unknown_host": 421}[code]
    return code


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_programs_that_are_no_browsers_may_do_all_as_before(method: str) -> None:
    for host in ("127.0.0.1:8000", "localhost", "[::1]:8000", "127.0.0.1"):
        assert asked(guard(), method=method, host=host) == "ok"
    assert asked(guard(), method=method) == "ok"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_pages_of_other_sites_are_refused(method: str) -> None:
    own = {"host": "127.0.0.1:8000", "method": method}
    others = ["https://evil.example", "null", "http://127.0.0.1:9000", "http://localhost:8000", "http://[", "x"]
    for origin in others:
        assert asked(guard(), **own, origin=origin) == "other_site"
    for site in ("cross-site", "same-site", "anything"):
        assert asked(guard(), **own, sec_fetch_site=site) == "other_site"
    assert asked(guard(), **own, origin="http://127.0.0.1:8000") == "ok"
    assert asked(guard(), **own, origin="http://127.0.0.1:8000", sec_fetch_site="same-origin") == "ok"
    assert asked(guard(), **own, sec_fetch_site="none") == "ok"


def test_an_origin_counts_also_if_the_browser_calls_it_the_same_site() -> None:
    fields = {"host": "127.0.0.1:8000", "origin": "https://evil.example", "sec_fetch_site": "same-origin"}
    assert asked(guard(), **fields) == "other_site"


def test_a_link_may_be_followed_to_a_page() -> None:
    link = {"host": "localhost:8000", "sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}

    assert asked(guard(), **link, sec_fetch_dest="document") == "ok"
    assert asked(guard(), **link, sec_fetch_dest="document", method="POST") == "other_site"
    assert asked(guard(), **link, sec_fetch_dest="iframe") == "other_site"


def test_listed_origins_may() -> None:
    listed = guard(origins=["https://lab.example.org"])
    for origin in ("https://lab.example.org", "https://LAB.example.org"):
        assert asked(listed, host="localhost", origin=origin, method="POST") == "ok"
    for origin in ("http://lab.example.org", "https://lab.example.org:444", "https://lab.example.org.evil.example"):
        assert asked(listed, host="localhost", origin=origin, method="POST") == "other_site"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_a_name_that_is_made_to_point_at_loopback_is_refused(host: str) -> None:
    """Its pages would be pages of this service to the browser."""
    assert asked(guard(), host=host) == "unknown_host"
    assert asked(guard(), host=host, origin=f"http://{host}", method="POST") == "unknown_host"
    assert asked(guard(), host=host, at=NETWORK) == "ok"
    assert asked(guard(hosts=["orders.example.org"], only_hosts=True), host=host, at=NETWORK) == "unknown_host"


def test_listed_names_are_taken() -> None:
    listed = guard(hosts=["Orders.example.org"])
    for at in (LOOPBACK, NETWORK):
        assert asked(listed, host="orders.example.org:8000", at=at) == "ok"
        assert asked(listed, host="ORDERS.example.org", at=at, origin="http://orders.example.org") == "ok"
    assert asked(listed, host="api:8000", at=NETWORK) == "ok"
    only = guard(hosts=["orders.example.org"], only_hosts=True)
    assert asked(only, host="api:8000", at=NETWORK) == "unknown_host"
    assert asked(only, host="10.0.0.7:8000", at=NETWORK) == "ok"


@pytest.mark.parametrize("at", [LOOPBACK, NETWORK])
def test_what_is_too_long_for_a_name_is_none(at: str) -> None:
    name = f"{'a' * 63}.{'b' * 63}.{'c' * 63}.example.org"
    assert asked(guard(hosts=[name]), host=f"{name}:8000", at=at) == "ok"
    assert asked(guard(), host="a" * 60_000, at=at) == "unknown_host"


# --- the whole application, without what it would connect to


def whole(method: str, path: str, headers: dict[str, str], **settings: Any) -> httpx.Response:
    given = AppSettings(**settings)
    app = for_servers(create_app(given), given)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(ask())


def test_listed_origins_are_named_to_browsers(tmp_path: Path) -> None:
    lab = "https://lab.example.org"
    settings = {"data_dir": tmp_path, "origins": "https://Lab.Example.org, http://127.0.0.1:3000"}
    preflight = {"Origin": lab, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "prefer"}
    answer = whole("OPTIONS", "/v1/streams", preflight, **settings)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == lab
    assert "prefer" in answer.headers["Access-Control-Allow-Headers"]
    assert whole("GET", "/v1", {"Origin": lab}, **settings).headers["Access-Control-Allow-Origin"] == lab
    for others in ({}, {"Origin": "https://evil.example"}):
        answer = whole("GET", "/v1", others, **settings)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.status_code == (403 if others else 200)
    assert whole("OPTIONS", "/v1/streams", preflight, data_dir=tmp_path).status_code == 403


def test_the_public_address_is_a_page_of_the_service(tmp_path: Path) -> None:
    for headers in ({"Origin": "https://orders.example.org"}, {"Host": "orders.example.org"}):
        for public_url in ("https://orders.example.org", "https://Orders.example.org/of/concepts"):
            assert whole("GET", "/v1", headers, data_dir=tmp_path, public_url=public_url).status_code == 200
        assert whole("GET", "/v1", headers, data_dir=tmp_path).status_code in (403, 421)


def test_all_answers_tell_browsers_to_take_them_for_nothing_else(tmp_path: Path) -> None:
    for path in ("/v1", "/docs", "/no/path"):
        answer = whole("GET", path, {}, data_dir=tmp_path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_pages_of_the_documentation_can_be_switched_off(tmp_path: Path) -> None:
    assert whole("GET", "/docs", {}, data_dir=tmp_path).status_code == 200
    assert whole("GET", "/docs", {}, data_dir=tmp_path, docs="off").status_code == 404
    assert whole("GET", "/openapi.json", {}, data_dir=tmp_path, docs="off").status_code == 200


@pytest.mark.parametrize("setting", ["*", "lab.example.org", "https://lab.example.org/", "https://a.org b"])
def test_origins_are_whole_origins(setting: str) -> None:
    with pytest.raises(ValidationError):
        AppSettings(origins=setting)

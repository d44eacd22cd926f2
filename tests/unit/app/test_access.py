"""Test the file of keys, and the guard in front of an application."""

import asyncio
import json
import os
import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from app.access.guard import Guard
from app.access.keys_file import KeysFile, token_hash
from app.access.listening import warn_if_open
from app.access.scopes import Scope, needed_scope
from concept_orderings.cli import main
from concept_orderings.errors import BadValue, SettingError


@pytest.fixture
def keys(tmp_path: Path) -> KeysFile:
    return KeysFile(tmp_path / "keys.json")


# --- the file


def test_a_token_is_shown_once_and_never_stored(keys: KeysFile) -> None:
    token = keys.create("anna", Scope.WRITE)

    assert re.fullmatch(r"co_[A-Za-z0-9_-]{43}", token)
    assert token not in keys.path.read_text()
    (key,) = keys.read()
    assert (key.name, key.scope, key.sha256, key.is_revoked) == ("anna", Scope.WRITE, token_hash(token), False)
    assert keys.path.stat().st_mode & 0o777 == 0o600


def test_names_are_given_once(keys: KeysFile) -> None:
    keys.create("anna", Scope.READ)
    for _ in range(2):
        with pytest.raises(BadValue) as error:
            keys.create("anna", Scope.ADMIN)
        assert error.value.code == "key_exists"
        keys.revoke("anna")
    assert [each.name for each in keys.read()] == ["anna"]


@pytest.mark.parametrize("name", ["", "Anna", "anna b", "../anna", "a" * 129, "änna"])
def test_a_name_that_headers_and_logs_cannot_hold_is_refused(keys: KeysFile, name: str) -> None:
    with pytest.raises(BadValue) as error:
        keys.create(name, Scope.READ)
    assert error.value.code == "bad_key_name"
    assert not keys.path.exists()


def test_an_unknown_key_is_not_revoked(keys: KeysFile) -> None:
    keys.create("cluster", Scope.READ)
    with pytest.raises(BadValue, match="Did you mean 'cluster'"):
        keys.revoke("clutser")


def test_a_key_that_was_revoked_keeps_its_time(keys: KeysFile) -> None:
    keys.create("anna", Scope.READ)
    first = keys.revoke("anna")
    content = keys.path.read_bytes()

    assert first.is_revoked
    assert keys.revoke("anna") == first
    assert keys.path.read_bytes() == content


def test_keys_that_are_made_at_once_are_all_kept(keys: KeysFile) -> None:
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda i: KeysFile(keys.path).create(f"key-{i}", Scope.READ), range(40)))

    assert {each.sha256 for each in keys.read()} == {token_hash(each) for each in tokens}
    assert {each.name for each in keys.path.parent.iterdir()} == {"keys.json", "keys.json.lock"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": 2, "keys": []}',
        '{"format": 1, "keys": [3]}',
        '{"format": 1, "keys": [{"name": "a"}]}',
        json.dumps({"format": 1, "keys": [{"name": "a", "scope": "root", "sha256": "", "created_at": ""}]}),
        json.dumps({"format": 1, "keys": [{"name": "a", "scope": "read", "sha256": "", "created_at": ""}] * 2}),
        json.dumps({"format": 1, "keys": [{"name": "a", "scope": "read", "sha256": [], "created_at": ""}]}),
        json.dumps({"format": 1, "keys": [{"name": 3, "scope": "read", "sha256": "", "created_at": ""}]}),
    ],
)
def test_anything_else_is_no_file_of_keys(keys: KeysFile, content: str) -> None:
    keys.path.write_text(content)
    for act in (keys.read, keys.by_hash, lambda: keys.create("b", Scope.READ), lambda: keys.revoke("a")):
        with pytest.raises(SettingError) as error:
            act()
        assert error.value.code == "bad_keys_file"
    assert keys.path.read_text() == content


def test_the_owner_and_mode_of_the_file_stay(keys: KeysFile) -> None:
    keys.create("anna", Scope.READ)
    keys.path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(keys.path, 12345, 23456)
    before = keys.path.stat()
    keys.create("ben", Scope.READ)
    after = keys.path.stat()

    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


# --- the guard


async def application(connection: Connection, receive: Receive, send: Send) -> None:
    key = connection.get("state", {}).get("key")
    await PlainTextResponse("" if key is None else key.name)(connection, receive, send)


def asked(guard: Guard, *authorization: str | bytes, method: str = "GET", path: str = "/v1") -> tuple[int, Any]:
    """Return status and body, as JSON or text, of the answer to one request."""
    messages: list[Any] = []
    values = [each.encode() if isinstance(each, str) else each for each in authorization]
    connection = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(b"accept", b"*/*"), *((b"authorization", each) for each in values)],
    }

    async def receive() -> Any:
        raise AssertionError("the guard reads no body")

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(guard(connection, receive, send))
    start, body = messages
    fields = {name.decode(): value.decode() for name, value in start["headers"]}
    assert ("www-authenticate" in fields) == (start["status"] in (401, 403))
    text = body["body"].decode()
    return start["status"], json.loads(text) if "json" in fields["content-type"] else text


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    status, body = answer
    return status, body["code"] if isinstance(body, dict) else body


def test_only_health_needs_no_key(keys: KeysFile) -> None:
    keys.create("anna", Scope.READ)
    guard = Guard(application, keys)

    for path in ("/health", "/health/live", "/health/ready"):
        assert asked(guard, path=path) == (200, "")
    for path in ("/", "/v1", "/docs", "/openapi.json", "/healthy", "/v1/../health/live", "//health/live", "/metrics"):
        assert code(asked(guard, path=path)) == (401, "key_needed")


def test_a_key_is_found_by_its_token(keys: KeysFile) -> None:
    token = keys.create("anna", Scope.READ)
    guard = Guard(application, keys)

    for scheme in ("Bearer", "bearer", "BEARER", "Bearer "):
        assert asked(guard, f"{scheme} {token}") == (200, "anna")
    wrong: list[bytes] = [b"", b"Bearer", b"Bearer ", b"Basic YTpi", token.encode(), b"Bearer \xff", b"Bearer co_x"]
    wrong += [f"Bearer {each}".encode() for each in (token[:-1], f"{token}x", token.swapcase(), token_hash(token))]
    for header in wrong:
        assert code(asked(guard, header)) == (401, "unknown_key"), header
    assert code(asked(guard, f"Bearer {token}", "Bearer other")) == (401, "unknown_key")


@given(st.binary(max_size=60))
def test_no_other_header_is_a_key(tmp_path_factory: pytest.TempPathFactory, header: bytes) -> None:
    keys = KeysFile(tmp_path_factory.getbasetemp() / "any-header.json")
    if not keys.path.exists():
        keys.create("anna", Scope.ADMIN)

    assert code(asked(Guard(application, keys), header)) == (401, "unknown_key")


def test_a_header_that_is_too_long_for_a_token_is_no_key_and_not_kept(keys: KeysFile) -> None:
    token = keys.create("anna", Scope.READ)
    guard = Guard(application, keys)

    assert asked(guard, f"Bearer {' ' * 100}{token}") == (200, "anna")
    tracemalloc.start()
    for i in range(100):
        assert code(asked(guard, f"Bearer {' ' * 60_000}{token}{i}")) == (401, "unknown_key")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "ANY"])
def test_a_scope_includes_those_before_it(keys: KeysFile, scope: Scope, method: str) -> None:
    token = keys.create("anna", scope)
    needed = needed_scope({"method": method})
    allowed = list(Scope).index(scope) >= list(Scope).index(needed)

    assert needed == (Scope.READ if method in ("GET", "HEAD", "OPTIONS") else Scope.WRITE)
    answer = code(asked(Guard(application, keys), f"Bearer {token}", method=method))
    assert answer == ((200, "anna") if allowed else (403, "scope_too_small"))


def test_changes_count_at_once(keys: KeysFile) -> None:
    first = keys.create("anna", Scope.READ)
    guard = Guard(application, KeysFile(keys.path))
    assert asked(guard, f"Bearer {first}") == (200, "anna")

    second = keys.create("ben", Scope.READ)
    assert asked(guard, f"Bearer {second}") == (200, "ben")
    keys.revoke("anna")
    assert code(asked(guard, f"Bearer {first}")) == (401, "revoked_key")
    assert asked(guard, f"Bearer {second}") == (200, "ben")


def test_without_its_file_the_guard_lets_no_request_pass(keys: KeysFile, caplog: pytest.LogCaptureFixture) -> None:
    token = keys.create("anna", Scope.ADMIN)
    guard = Guard(application, keys)
    good = keys.path.read_bytes()
    for spoil in (keys.path.unlink, lambda: keys.path.write_text("{")):
        keys.path.write_bytes(good)
        assert asked(guard, f"Bearer {token}") == (200, "anna")
        spoil()
        assert code(asked(guard, f"Bearer {token}")) == (503, "keys_unavailable")
        assert str(keys.path) in caplog.text
        assert asked(guard, path="/health/live") == (200, "")
    keys.path.write_bytes(good)
    assert asked(guard, f"Bearer {token}") == (200, "anna")


# --- the command


def test_the_command_makes_lists_and_revokes(
    keys: KeysFile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCEPT_ORDERINGS_KEYS", str(keys.path))
    assert main(["keys", "create", "anna", "--scope", "write"]) == 0
    token = capsys.readouterr().out.splitlines()[-1]
    assert keys.by_hash()[token_hash(token)].name == "anna"
    assert main(["keys", "create", "cluster", "--scope", "read", "--file", str(keys.path)]) == 0
    assert main(["keys", "revoke", "anna"]) == 0
    capsys.readouterr()
    assert main(["keys", "list"]) == 0
    head, *rows = (line.split() for line in capsys.readouterr().out.splitlines())

    assert head == ["name", "scope", "created", "revoked"]
    assert [row[:2] for row in rows] == [["anna", "write"], ["cluster", "read"]]
    assert [len(row) for row in rows] == [4, 3]


def test_the_command_says_what_is_wrong(
    keys: KeysFile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONCEPT_ORDERINGS_KEYS", raising=False)
    assert main(["keys", "list"]) == 2
    assert "--file" in capsys.readouterr().err
    for arguments, text in [
        (["list"], "bad_keys_file"),
        (["revoke", "anna"], "bad_keys_file"),
        (["create", "A", "--scope", "read"], "bad_key_name"),
    ]:
        assert main(["keys", *arguments, "--file", str(keys.path)]) == 1
        captured = capsys.readouterr()
        assert text in captured.err
        assert captured.out == ""
    assert main(["keys", "create", "a", "--scope", "read", "--file", str(keys.path.parent / "no" / "keys")]) == 1
    assert "bad_file" in capsys.readouterr().err


# --- the warning of a service without keys


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_service_that_only_this_machine_reaches_needs_no_keys(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    warn_if_open(host, None)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.7", "orders.example.org", "localhost.example.org"])
def test_a_service_that_others_reach_without_keys_says_so(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    warn_if_open(host, Path("keys.json"))
    assert capsys.readouterr().err == ""
    warn_if_open(host, None)
    assert "CONCEPT_ORDERINGS_KEYS" in capsys.readouterr().err

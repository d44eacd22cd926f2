"""Test every route with every kind of key, on a real service, beside the table of docs/security.md."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app import openapi
from app.access.keys_file import KeysFile
from app.access.scopes import Scope
from support.deployment import Deployment
from support.processes import ROOT

BEARERS = ("none", "other", "revoked", *Scope)

OUTSIDE = [("GET", path) for path in ("/", "/docs", "/openapi.json", "/favicon.ico", "/no/such/path", "/v1/streams/")]
"""Calls that the document does not list."""

OPERATIONS = [
    (method.upper(), path)
    for path, operations in json.loads(openapi.PATH.read_text(encoding="utf-8"))["paths"].items()
    for method in operations
]

EXAMPLES = {"version": "1", "task": "0", "format": "fomo", "kind": "vectors", "digest": "0f" * 32, "id": "0" * 32}


def described() -> dict[tuple[str, str], str]:
    """Return the scope of each call in the table of the page; ``none`` for a call that needs no key."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    return {
        (method, path): scope
        for line in text.splitlines()
        if (found := re.fullmatch(r"\| (none|read|write|admin) \| (.*) \|", line))
        for scope in (found[1],)
        for method, path in re.findall(r"`([A-Z]+) (/\S*)`", found[2])
    }


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, dict[str, str]]]:
    """A service with keys and without a worker, and the tokens."""
    directory = tmp_path_factory.mktemp("guarded")
    keys = KeysFile(directory / "keys.json")
    tokens = {str(scope): keys.create(scope, scope) for scope in Scope}
    tokens["revoked"] = keys.create("revoked", Scope.ADMIN)
    keys.revoke("revoked")
    tokens["other"] = KeysFile(directory / "other.json").create("admin", Scope.ADMIN)
    with Deployment(directory, CONCEPT_ORDERINGS_KEYS=str(keys.path)) as deployment:
        yield deployment, tokens


def ask(deployment: Deployment, tokens: dict[str, str], method: str, path: str, bearer: str) -> httpx.Response:
    headers = {} if bearer == "none" else {"Authorization": f"Bearer {tokens[bearer]}"}
    url = re.sub(r"\{(\w+)\}", lambda name: EXAMPLES.get(name[1], "x"), path)
    return deployment.http.request(method, url, headers=headers)


def test_the_page_has_every_call() -> None:
    assert set(described()) == set(OPERATIONS)


@pytest.mark.parametrize("bearer", BEARERS)
def test_each_call_is_allowed_as_the_page_says(guarded: tuple[Deployment, dict[str, str]], bearer: str) -> None:
    scopes = described() | dict.fromkeys(OUTSIDE, "read")
    scopes |= {("HEAD", path): scope for (method, path), scope in scopes.items() if method == "GET"}
    for (method, path), scope in scopes.items():
        answer = ask(*guarded, method, path, bearer)
        if scope == "none":
            expected: Any = None
        elif bearer in ("none", "other", "revoked"):
            expected = 401
        else:
            expected = None if Scope(bearer).includes(Scope(scope)) else 403
        refused = answer.status_code if answer.status_code in (401, 403) else None
        assert refused == expected, f"{method} {path} with {bearer}: {answer.status_code} {answer.text[:200]}"
        if refused:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="concept-orderings"')


def test_an_answer_that_was_kept_needs_a_key_too(guarded: tuple[Deployment, dict[str, str]]) -> None:
    """Immutable answers are kept in front of the routes; the guard stands before them."""
    deployment, tokens = guarded
    write = {"Authorization": f"Bearer {tokens['write']}"}
    put = deployment.http.put("/v1/labels", json={"toys": ["car", "doll"]}, headers=write)
    assert put.status_code in (200, 201), put.text
    path = f"/v1/labels/{put.json()['labels_digest']}"
    for _ in range(3):
        answer = ask(deployment, tokens, "GET", path, "read")
        assert answer.status_code == 200
        # A proxy in front of the service must not give it to others.
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert ask(deployment, tokens, "GET", path, "none").status_code == 401
        assert ask(deployment, tokens, "GET", path, "revoked").status_code == 401

"""Check that errors which a service answers are among those that the OpenAPI document lists for the operation."""

import json
import re
from functools import cache
from typing import Any

import httpx

from app import openapi

NOT_OF_THE_SERVICE = {
    # A path with a slash too many.
    "unknown_path",
    # Of an exporter that tests add.
    "cannot_express",
}
"""Codes that no operation of the document answers."""


def check_documented(answer: httpx.Response) -> None:
    """Check the status and code of a problem document; answers for paths outside the document are ignored."""
    if answer.headers.get("Content-Type") != "application/problem+json" or answer.request.method == "HEAD":
        return
    answer.read()
    code, status = answer.json()["code"], str(answer.status_code)
    operation = _operation(answer.request.method.lower(), answer.request.url.raw_path.decode().partition("?")[0])
    if operation is None or code in NOT_OF_THE_SERVICE:
        return
    codes = documented_codes(operation).get(status, ())
    assert code in codes, (
        f"{operation['operationId']} answers {status} with {code}, which its document lacks: add it to the call of "
        "problems() at the route, and an example to app/problem_examples.py"
    )


def documented_codes(operation: dict[str, Any]) -> dict[str, list[str]]:
    """Return the codes of an operation by status."""
    answers = {status: answer.get("content", {}) for status, answer in operation["responses"].items()}
    return {
        status: list(content["application/problem+json"]["examples"])
        for status, content in answers.items()
        if "application/problem+json" in content
    }


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, operations in _paths():
        if pattern.fullmatch(path):
            operation: dict[str, Any] | None = operations.get(method)
            return operation
    return None


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    document = json.loads(openapi.PATH.read_text(encoding="utf-8"))
    return [
        (re.compile("[^/]*".join(map(re.escape, re.split(r"\{\w+\}", path)))), operations)
        for path, operations in document["paths"].items()
    ]

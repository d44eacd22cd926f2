"""The checker of histories finds what it is for: a test of kills that cannot fail would be none."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.history import Answer, History, judge
from support.requests import random_request

BODY = random_request("told", seed=1)
URL = "/v1/streams/told/versions/1"
VERSION = {"url": URL, "digest": "d1", "tasks": []}
JOB = "/v1/jobs/1"


def answer(method: str, url: str, status: int, value: Any, **more: str) -> Answer:
    text = json.dumps(value)
    kind = "application/problem+json" if status >= 400 else "application/json"
    made = {"media_type": kind, "location": "", "retry_after": "", "digest": sha256(text.encode()).hexdigest()}
    body = BODY if method == "POST" else None
    return Answer(method=method, url=url, body=body, status=status, text=text, **{**made, **more})


TOLD = [
    answer("POST", "/v1/streams", 202, {}, location=JOB),
    answer("POST", "/v1/streams", 201, VERSION),
    answer("GET", URL, 200, {"manifest": 1}),
    answer("GET", URL, 0, "the connection broke", media_type=""),
    answer("GET", JOB, 503, {}, retry_after="5"),
]
STORE: dict[str, Any] = {
    JOB: {"state": "succeeded"},
    URL: {"manifest": 1},
    "/v1/streams/told": {"versions": [{"version": 1, "digest": "d1"}]},
    "/v1/streams": VERSION,
}


def verdict(directory: Path, told: list[Answer], store: dict[str, Any]) -> dict[str, int]:
    history = History(directory / "history.jsonl")
    for each in told:
        history.append(each)
    history.close()

    def respond(request: httpx.Request) -> httpx.Response:
        known = store.get(request.url.path)
        return httpx.Response(404, json={}) if known is None else httpx.Response(200, text=json.dumps(known))

    with httpx.Client(transport=httpx.MockTransport(respond), base_url="http://service") as http:
        found = judge(history, http)
    assert found.answers == len(told)
    return {kind: len(getattr(found, kind)) for kind in ("lost", "doubled", "changed", "bare") if getattr(found, kind)}


@pytest.mark.parametrize(
    ("told", "store", "found"),
    [
        ([], {}, {}),
        ([], {JOB: None}, {"lost": 1}),
        ([], {JOB: {"state": "queued"}}, {"lost": 1}),
        ([], {URL: None}, {"lost": 1}),
        ([], {"/v1/streams": {**VERSION, "digest": "d2"}}, {"doubled": 1}),
        ([answer("POST", "/v1/streams", 200, {**VERSION, "url": "/v1/streams/told/versions/2"})], {}, {"doubled": 2}),
        (
            [],
            {"/v1/streams/told": {"versions": [{"version": 1, "digest": "d1"}, {"version": 2, "digest": "d2"}]}},
            {"doubled": 1},
        ),
        ([], {URL: {"manifest": 2}}, {"changed": 1}),
        ([answer("GET", URL, 200, {"manifest": 3})], {}, {"changed": 2}),
        ([answer("GET", JOB, 500, "Internal Server Error", media_type="text/plain")], {}, {"bare": 1}),
        ([answer("GET", JOB, 500, {})], {}, {"bare": 1}),
        ([answer("GET", JOB, 503, {})], {}, {"bare": 1}),
    ],
)
def test_each_kind_of_fault_is_found(
    told: list[Answer], store: dict[str, Any], found: dict[str, int], tmp_path: Path
) -> None:
    assert verdict(tmp_path, [*TOLD, *told], {**STORE, **store}) == found

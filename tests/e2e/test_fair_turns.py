"""One client cannot take the service from the others.

It has a share of the jobs, clients take turns, and cheap jobs wait neither for a source that does not answer nor for
path searches.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.deployment import Deployment
from support.requests import random_request

GREEDY, OTHER, THIRD = ({"X-Forwarded-For": f"198.51.100.{number}"} for number in (1, 2, 3))
SECONDS = 10.0


@contextmanager
def silent_server() -> Iterator[str]:
    """Accept connections and never answer; yield the URL."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(100)
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def asking(seed: int) -> dict[str, Any]:
    """Return a request that asks the silent source."""
    return {**random_request(f"asking-{seed}", seed=seed), "ordering": {"kind": "frequency", "source": "silent"}}


def post(service: Deployment, client: dict[str, str], body: object, *, wait: float = 0) -> httpx.Response:
    headers = {**client, **({"Prefer": f"wait={wait:.0f}"} if wait else {})}
    return service.http.post("/v1/streams", json=body, headers=headers, timeout=60)


@pytest.mark.parametrize(("posts", "most"), [(50, 40), pytest.param(1010, 1000, marks=pytest.mark.faults)])
def test_another_clients_small_job_is_done_in_ten_seconds(tmp_path: Path, posts: int, most: int) -> None:
    with silent_server() as url:
        sources = tmp_path / "sources.toml"
        sources.write_text(f'[silent]\nkind = "infini-gram"\nurl = "{url}"\n')
        with Deployment(
            tmp_path,
            CONCEPT_ORDERINGS_SOURCES=str(sources),
            CONCEPT_ORDERINGS_TRUSTED_PROXIES="127.0.0.0/8",
            CONCEPT_ORDERINGS_MAX_ACTIVE_JOBS=str(most),
        ) as service:
            service.ready()
            # Most of them wait for the source, and the others are done.
            bodies = [random_request(f"much-{n % 7}", seed=n) if n % 5 == 0 else asking(n) for n in range(posts)]
            answers = [post(service, GREEDY, body) for body in bodies]
            refused = [each for each in answers if each.status_code == 429]
            assert {each.status_code for each in answers} == {202, 429}
            assert {each.json()["code"] for each in refused} == {"client_queue_full"}
            assert "One client may have" in refused[0].json()["detail"]
            assert int(refused[0].headers["Retry-After"]) > 0

            began = time.monotonic()
            answer = post(service, OTHER, random_request("other"), wait=SECONDS)
            print(f"another client's job: {time.monotonic() - began:.2f} s after {len(answers) - len(refused)} jobs")
            assert answer.status_code == 201, answer.text
            assert time.monotonic() - began < SECONDS
            assert post(service, THIRD, asking(posts)).status_code == 202
            # The same address is the same client, whatever it says in front of what the proxy adds.
            forged = {"X-Forwarded-For": f"203.0.113.9, {GREEDY['X-Forwarded-For']}"}
            assert post(service, forged, asking(posts + 1)).status_code == 429

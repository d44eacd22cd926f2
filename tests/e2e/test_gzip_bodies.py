"""Bodies that are packed with gzip: read by every call that takes a body, within the limit on bodies."""

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from support.answers import assert_problem
from support.counts_files import CSV, FORMS, PARQUET, as_csv, as_parquet
from support.deployment import Deployment
from support.requests import random_request
from support.waiting import until

LIMIT = 300_000
ROWS = [("aquarium_fish", 3), ("Apple", 0)]
GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A service with a low limit on bodies, whose worker has reported its sources."""
    directory = tmp_path_factory.mktemp("api")
    with Deployment(directory, CONCEPT_ORDERINGS_MAX_BODY_BYTES=str(LIMIT)) as deployment:
        deployment.start_worker()
        until(lambda: put(deployment, b"", name="none").status_code == 422, "the worker has reported its sources")
        yield deployment


def put(
    service: Deployment, content: bytes, *, name: str = "mine", media_type: str = CSV, **headers: str
) -> httpx.Response:
    sent = {"Content-Type": media_type, **{key.replace("_", "-"): value for key, value in headers.items()}}
    query = {"unit": "documents", "corpus": "C4"}
    return service.http.put(f"/v1/sources/{name}", params=query, content=content, headers=sent)


def refused(answer: httpx.Response, status: int, code: str) -> str:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert_problem(answer)
    detail: str = answer.json()["detail"]
    return detail


Call = Callable[[Deployment, bytes, dict[str, str]], httpx.Response]

CALLS: dict[str, Call] = {
    "a stream": lambda service, body, headers: service.http.post("/v1/streams", content=body, headers=headers),
    "a look": lambda service, body, headers: service.http.post(
        "/v1/sources/none/counts", content=body, headers=headers
    ),
    "a counts file": lambda service, body, headers: put(service, body, **headers),
}


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> Call:
    """Each call that takes a body."""
    return CALLS[request.param]


# --- Accepted


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "identity, gzip"])
def test_a_packed_request_is_the_same_request(api: Deployment, coding: str) -> None:
    body = json.dumps(random_request("packed")).encode()
    version = api.publish(random_request("packed"))
    answer = api.http.post("/v1/streams", content=gzip.compress(body), headers={"Content-Encoding": coding})

    assert (answer.status_code, answer.json()["version"]) == (200, version["version"])


def test_a_body_of_several_members(api: Deployment) -> None:
    body = json.dumps(random_request("members")).encode()
    packed = b"".join(gzip.compress(body[at : at + 20]) for at in range(0, len(body), 20))
    answer = api.http.post("/v1/streams", content=packed, headers={**GZIP, "Prefer": "wait=60"})

    assert answer.status_code == 201, answer.text


def test_the_content_decides_what_a_counts_file_is(api: Deployment) -> None:
    """The digest is that of the counts: packed or not, in whichever format, they are the same source."""
    statuses = [
        put(api, gzip.compress(FORMS[form](ROWS)), name="packed", media_type=form, **GZIP).status_code for form in FORMS
    ]

    assert statuses == [201, 200, 200, 200]
    assert put(api, as_csv(ROWS), name="packed").status_code == 200


def test_a_look_at_counts(api: Deployment) -> None:
    assert put(api, as_csv(ROWS), name="looked-at").status_code in (200, 201)
    body = gzip.compress(b'{"names": ["Apple", "aquarium_fish"]}')
    answer = api.http.post("/v1/sources/looked-at/counts", content=body, headers={**GZIP, "Prefer": "wait=60"})

    assert [each["count"] for each in answer.json()["counts"]] == [0, 3]


def test_the_limit_is_on_the_content(api: Deployment) -> None:
    body = json.dumps(random_request("at-the-limit")).encode()
    body += b" " * (LIMIT - len(body))
    answer = api.http.post("/v1/streams", content=gzip.compress(body), headers={**GZIP, "Prefer": "wait=60"})
    assert answer.status_code in (200, 201)

    answer = api.http.post("/v1/streams", content=gzip.compress(body + b" "), headers=GZIP)
    assert f"{LIMIT} bytes when it is unpacked" in refused(answer, 413, "body_too_large")


# --- Refused


def most_memory(service: Deployment) -> int:
    """Return the largest resident size that the API has had, in bytes."""
    status = Path(f"/proc/{service.api.process.pid}/status").read_text()
    [line] = [each for each in status.splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def test_a_bomb_is_unpacked_no_further_than_the_limit(api: Deployment, call: Call) -> None:
    bomb = gzip.compress(bytes(LIMIT * 900), 9)
    assert len(bomb) < LIMIT
    before = most_memory(api)
    refused(call(api, bomb, GZIP), 413, "body_too_large")

    assert most_memory(api) - before < 10_000_000, "its content has 270 MB"
    assert api.process_is_well()


def test_a_bomb_that_is_streamed_is_refused_before_its_end(api: Deployment) -> None:
    bomb = gzip.compress(bytes(LIMIT * 900), 9)
    head = b"POST /v1/streams HTTP/1.1\r\nHost: [::1]\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", api.api.port), timeout=60) as connection:
        connection.sendall(head + b"2710\r\n" + bomb[:10_000] + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_packed_bytes_without_content_are_limited_too(api: Deployment) -> None:
    empty = gzip.compress(b"") * (LIMIT // 20)
    answer = api.http.post("/v1/streams", content=iter([empty, empty]), headers=GZIP)

    refused(answer, 413, "body_too_large")


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip", "utf-8"])
def test_another_coding_is_415_and_names_gzip(api: Deployment, call: Call, coding: str) -> None:
    answer = call(api, b"{}", {"Content-Encoding": coding})

    assert f"'{coding}'" in refused(answer, 415, "unsupported_media_type")
    assert answer.headers["Accept-Encoding"] == "gzip"


def test_another_media_type_is_415_without_accept_encoding(api: Deployment) -> None:
    """RFC 9110, 12.5.3: the header says that the coding is at fault, and not the media type."""
    answer = put(api, gzip.compress(as_csv(ROWS)), media_type="application/gzip")

    assert "Content-Encoding: gzip" in refused(answer, 415, "unsupported_media_type")
    assert "Accept-Encoding" not in answer.headers


WHOLE = gzip.compress(json.dumps(random_request("damaged")).encode())


@pytest.mark.parametrize(
    "body", [b"", b"{}", WHOLE[:-1], WHOLE[:-8] + bytes(8), WHOLE + b"{}", WHOLE + bytes(512)], ids=range(6)
)
def test_damaged_gzip_is_400(api: Deployment, call: Call, body: bytes) -> None:
    refused(call(api, body, GZIP), 400, "invalid_gzip")


def test_a_packed_body_without_the_header_says_which_header_is_missing(api: Deployment) -> None:
    """As ``curl --upload-file counts.csv.gz`` sends it."""
    for body, media_type in ((as_csv(ROWS), CSV), (as_parquet(ROWS), PARQUET)):
        answer = put(api, gzip.compress(body), media_type=media_type)
        assert "add the header Content-Encoding: gzip" in refused(answer, 422, "bad_counts_file")
    answer = api.http.post("/v1/streams", content=WHOLE)
    assert "add the header Content-Encoding: gzip" in refused(answer, 400, "invalid_json")

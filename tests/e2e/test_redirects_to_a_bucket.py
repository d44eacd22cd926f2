"""With streams in a bucket and the setting, large answers that never change come from the bucket."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from concept_orderings.library import arrange_stream
from concept_orderings.request import parse_request
from store.objects import open_objects
from store.versions import Versions
from support.bucket import NAME, Bucket
from support.processes import Api
from support.requests import random_request

LARGE = 10_000


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with Bucket() as bucket:
        yield bucket


@pytest.fixture(scope="module")
def api(bucket: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    directory = tmp_path_factory.mktemp("redirecting")
    settings = {
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "CONCEPT_ORDERINGS_DATA_DIR": str(directory / "data"),
        "CONCEPT_ORDERINGS_REDIRECT_BYTES": str(LARGE),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in bucket.settings.items():
            patch.setenv(name, value)
        publish(bucket)
    api = Api({**settings, **bucket.settings}, directory)
    yield api
    api.close()


def publish(bucket: Bucket) -> None:
    """Store a version whose task 0 is large and whose others are small."""
    request = parse_request({**random_request("kept", concepts=400), "tasks": {"sizes": [398, 1, 1]}})

    stream = arrange_stream(request, {})

    async def store() -> None:
        await Versions(open_objects(bucket.settings["CONCEPT_ORDERINGS_STREAMS_URL"])).publish(stream)

    asyncio.run(store())


def get(api: Api, path: str, **headers: str) -> httpx.Response:
    return api.http.get(f"/v1/streams/kept/versions/1{path}", headers=headers)


def test_a_large_task_is_redirected_to_bytes_of_its_digest(api: Api, bucket: Bucket) -> None:
    tasks: list[dict[str, Any]] = get(api, "/tasks").json()["tasks"]
    answer = get(api, "/tasks/0")
    assert answer.status_code == 307
    assert answer.headers["Cache-Control"] == "no-store"
    location = httpx.URL(answer.headers["Location"])
    assert location.path == f"/{NAME}/below/documents/{tasks[0]['digest'][:2]}/{tasks[0]['digest']}"
    assert location.params["X-Amz-Expires"] == "300"
    data = httpx.get(location).content
    assert len(data) > LARGE
    assert hashlib.sha256(data).hexdigest() == tasks[0]["digest"]
    assert "secret" not in str(location)


def test_what_is_small_compressed_known_or_asked_by_head_is_not_redirected(api: Api) -> None:
    assert get(api, "/tasks/1").status_code == 200
    packed = get(api, "/tasks/0", **{"Accept-Encoding": "gzip"})
    assert (packed.status_code, packed.headers["Content-Encoding"]) == (200, "gzip")
    tag = f'"sha256-{hashlib.sha256(packed.content).hexdigest()}"'
    assert get(api, "/tasks/0", **{"If-None-Match": tag}).status_code == 304
    head = api.http.head("/v1/streams/kept/versions/1/tasks/0")
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(packed.content)))
    assert get(api, "/tasks").status_code == 200


def test_an_object_that_is_missing_is_a_problem_document_and_no_redirect(api: Api, bucket: Bucket) -> None:
    digest = get(api, "/tasks").json()["tasks"][2]["digest"]
    del bucket.objects[f"below/documents/{digest[:2]}/{digest}"]
    answer = get(api, "/tasks/2")
    assert (answer.status_code, answer.json()["code"]) == (500, "version_damaged")

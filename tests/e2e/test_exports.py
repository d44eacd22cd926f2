"""Exports over HTTP: the first rendering is kept, even if the software would later render something else."""

import base64
import hashlib
import io
import json
import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from concept_orderings.exporters import EXPORTERS
from support.answers import assert_problem
from support.deployment import Deployment
from support.processes import ROOT, Api
from support.requests import random_request
from support.waiting import until

DATA = ROOT.parent / "shared" / "data"
EXPORTING_API = str(ROOT / "tests" / "support" / "exporting_api.py")
IMMUTABLE = "public, max-age=31536000, immutable"

StartApi = Callable[..., Api]


@pytest.fixture
def start(service: Deployment) -> Iterator[StartApi]:
    """Start an API with the exporter ``probe`` on the data of the service, as often as a test needs one."""
    apis: list[Api] = []

    def started(**environment: str) -> Api:
        (service.control / f"{environment.get('PROBE_NAME', 'probe')}.says").touch()
        path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        api = Api({**service.environment, **path, **environment}, service.directory, program=[EXPORTING_API])
        apis.append(api)
        return api

    yield started
    for api in apis:
        api.close()
    for file in service.control.iterdir():
        file.unlink()


@pytest.fixture
def url(service: Deployment, request: pytest.FixtureRequest) -> str:
    """The URL of the export ``probe`` of a version that no other test uses."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:120]
    version: dict[str, Any] = service.publish(random_request(name, concepts=5, tasks=2))
    return f"{version['url']}/export/probe"


def says(service: Deployment, text: str, name: str = "probe") -> None:
    (service.control / f"{name}.says").write_text(text)


def renderings(service: Deployment, name: str = "probe") -> int:
    file = service.control / f"{name}.rendered"
    return len(file.read_text().splitlines()) if file.exists() else 0


def kept(service: Deployment, url: str, exporter_version: int = 1) -> Path:
    """Return the file of the record of a rendering."""
    _, _, _, stream, _, number, _, name = url.split("/")
    return (
        service.data
        / "streams"
        / "streams"
        / stream
        / "exports"
        / f"{int(number):08d}"
        / name
        / (f"{exporter_version}.json")
    )


def fetched(api: Api, url: str, *, status: int = 200) -> httpx.Response:
    answer = api.http.get(url)
    assert answer.status_code == status, answer.text
    return answer


def test_an_export_has_all_of_the_version(service: Deployment, start: StartApi, url: str) -> None:
    api = start()
    says(service, "all")
    version_url = url.removesuffix("/export/probe")
    manifest = service.http.get(version_url)
    concepts = service.http.get(f"{version_url}/export/fomo").json()

    digest = hashlib.sha256(manifest.content).hexdigest()
    assert fetched(api, url).json() == ["all", digest, [3, 2], concepts, [{}] * 5]


def test_an_export_has_digest_file_name_and_caching_headers(service: Deployment, start: StartApi, url: str) -> None:
    api = start()
    answer, pinned = fetched(api, url), fetched(api, f"{url}?v=1")

    digest = hashlib.sha256(answer.content)
    assert answer.headers["ETag"] == f'"sha256-{digest.hexdigest()}"'
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert answer.headers["Content-Type"] == "application/x-probe"
    stream = url.split("/")[3]
    assert answer.headers["Content-Disposition"] == f'inline; filename="{stream}-v1-probe.json"'
    # A later version of the exporter may have other bytes under this URL, but not under the pinned one.
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert pinned.headers["Cache-Control"] == IMMUTABLE
    assert pinned.content == answer.content


@pytest.mark.parametrize("pin", ["", "?v=1"])
def test_a_matching_entity_tag_is_answered_with_304_and_head_is_get(
    service: Deployment, start: StartApi, url: str, pin: str
) -> None:
    api = start()
    # The rendering is made by the first request, which is a HEAD here.
    head = api.http.head(url + pin)
    get = fetched(api, url + pin)

    assert (head.status_code, head.content) == (200, b"")
    own = {"date", "x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in own} == {
        k: v for k, v in get.headers.items() if k not in own
    }
    again = api.http.get(url + pin, headers={"If-None-Match": get.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    for header in ("ETag", "Cache-Control", "Repr-Digest"):
        assert again.headers[header] == get.headers[header]


def test_the_first_rendering_is_kept_when_the_exporter_s_output_changes(
    service: Deployment, start: StartApi, url: str
) -> None:
    api = start()
    says(service, "first")
    first = fetched(api, url)
    says(service, "second")
    assert fetched(api, url).content == first.content
    # Other software, whose exporter has another media type.
    later = start(PROBE_MEDIA_TYPE="text/plain")

    answer = fetched(later, url)
    assert answer.content == first.content
    assert answer.headers["Content-Type"] == first.headers["Content-Type"]
    assert renderings(service) == 1


def test_a_new_version_of_an_exporter_adds_a_rendering(service: Deployment, start: StartApi, url: str) -> None:
    api = start()
    says(service, "one")
    first = fetched(api, url)
    later = start(PROBE_VERSION="2")
    says(service, "two")
    second = fetched(later, url)

    assert (first.json()[0], second.json()[0]) == ("one", "two")
    assert fetched(later, f"{url}?v=2").content == second.content
    # Software with any version of the exporter serves a kept rendering by version 1, and can make none.
    old = fetched(later, f"{url}?v=1")
    assert (old.content, old.headers["Cache-Control"]) == (first.content, IMMUTABLE)
    assert fetched(api, f"{url}?v=2").content == second.content
    assert fetched(api, url).content == first.content
    missing = fetched(later, f"{url}?v=3", status=404)
    assert missing.json()["code"] == "unknown_format"
    assert "has version 2" in missing.json()["detail"]
    assert renderings(service) == 2


def test_concurrent_clients_wait_for_one_rendering(service: Deployment, start: StartApi, url: str) -> None:
    api = start()
    says(service, "once")
    (service.control / "probe.hold").touch()
    with ThreadPoolExecutor(64) as pool, httpx.Client(base_url=api.url, timeout=60.0, limits=httpx.Limits()) as http:
        waiting = [pool.submit(http.get, url) for _ in range(64)]
        until(lambda: renderings(service) == 1, "the rendering has begun")
        # Meanwhile, the event loop is free, and other parts of the version are served.
        assert fetched(api, url.replace("probe", "fomo")).status_code == 200
        assert fetched(api, url.replace("probe", "tasks")).status_code == 200
        # A client that disconnects does not stop the rendering.
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{api.url}{url}", timeout=0.2)
        (service.control / "probe.hold").unlink()
        answers = [each.result() for each in waiting]

    assert {each.status_code for each in answers} == {200}
    assert len({each.content for each in answers}) == 1
    assert renderings(service) == 1


def test_two_apis_that_render_at_the_same_time_serve_the_same_bytes(
    service: Deployment, start: StartApi, url: str
) -> None:
    names = ["left", "right"]
    apis = [start(PROBE_NAME=name) for name in names]
    for name in names:
        says(service, name, name)
        (service.control / f"{name}.hold").touch()
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(fetched, api, url) for api in apis]
        until(lambda: all(renderings(service, name) == 1 for name in names), "both render")
        for name in reversed(names):
            (service.control / f"{name}.hold").unlink()
        first, second = (each.result() for each in answers)

    assert first.content == second.content
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.json()[0] in names
    for api in apis:
        assert fetched(api, url).content == first.content


def test_an_api_killed_while_it_renders_leaves_no_record(service: Deployment, start: StartApi, url: str) -> None:
    api = start()
    (service.control / "probe.hold").touch()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.get, f"{api.url}{url}", timeout=60.0)
        until(lambda: renderings(service) == 1, "the rendering has begun")
        api.process.kill()
        assert isinstance(answer.exception(), httpx.TransportError)
    (service.control / "probe.hold").unlink()
    says(service, "after")

    assert not kept(service, url).exists()
    assert fetched(start(), url).json()[0] == "after"


def test_an_api_stops_while_it_renders(service: Deployment, start: StartApi, url: str) -> None:
    api = start()
    (service.control / "probe.hold").touch()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.get, f"{api.url}{url}", timeout=60.0)
        until(lambda: renderings(service) == 1, "the rendering has begun")
        api.process.signal(signal.SIGTERM)
        until(lambda: "Shutting down" in api.process.text(), "the API is stopping")
        (service.control / "probe.hold").unlink()
        api.process.wait()
        assert answer.exception() or answer.result().status_code in (200, 500)
    assert fetched(start(), url).status_code == 200


@pytest.mark.parametrize("part", ["record", "document"])
def test_a_damaged_export_is_500_and_not_rendered_again(
    service: Deployment, start: StartApi, url: str, part: str
) -> None:
    digest = hashlib.sha256(fetched(start(), url).content).hexdigest()
    document = service.data / "streams" / "documents" / digest[:2] / digest
    path = kept(service, url) if part == "record" else document
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"probe", b"prone") if part == "record" else whole[:-1])
    try:
        answer = fetched(start(), url, status=500)
    finally:
        path.write_bytes(whole)

    assert answer.json()["code"] == "version_damaged"
    assert_problem(answer)
    assert renderings(service) == 1


def test_a_damaged_version_is_not_rendered(service: Deployment, start: StartApi, url: str) -> None:
    version = service.http.get(url.removesuffix("/export/probe")).json()
    digest = version["tasks"][1]["digest"]
    path = service.data / "streams" / "documents" / digest[:2] / digest
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b" ")
    try:
        answer = fetched(start(), url, status=500)
    finally:
        path.write_bytes(whole)

    assert answer.json()["code"] == "version_damaged"
    assert renderings(service) == 0
    assert not kept(service, url).exists()


def test_a_refused_rendering_is_422_and_not_kept(service: Deployment, start: StartApi, url: str) -> None:
    api = start()
    (service.control / "refuse").touch()
    answer = fetched(api, url, status=422)
    assert answer.json()["code"] == "cannot_express"
    assert_problem(answer)
    (service.control / "refuse").unlink()

    assert fetched(api, url).status_code == 200


def test_versions_and_the_openapi_document_name_a_new_format(service: Deployment, start: StartApi, url: str) -> None:
    api = start(PROBE_VERSION="3")
    version_url = url.removesuffix("/export/probe")
    answer = api.http.post("/v1/streams", json=service.http.get(version_url).json()["request"])
    assert answer.status_code == 200
    labels = answer.json()["labels_digest"]
    assert answer.json()["exports"] == {
        "fomo": f"{version_url}/export/fomo",
        **{
            name: f"{version_url}/export/{name}?v={each.version}" + (f"&labels={labels}" if each.has_labels else "")
            for name, each in EXPORTERS.items()
            if name != "fomo"
        },
        "probe": f"{version_url}/export/probe?v=3",
    }
    operation = api.http.get("/openapi.json").json()["paths"]["/v1/streams/{name}/versions/{version}/export/{format}"][
        "get"
    ]
    [formats] = [each["schema"]["enum"] for each in operation["parameters"] if each["name"] == "format"]
    assert formats == [*EXPORTERS, "probe"]
    media_types = {each.media_type for each in EXPORTERS.values()}
    assert set(operation["responses"]["200"]["content"]) == {*media_types, "application/x-probe"}
    assert "`probe`: What a test says." in operation["description"]
    refused = fetched(service.api, url, status=404)
    assert refused.json()["detail"] == f"There is no format 'probe'; the formats are {', '.join(EXPORTERS)}."


def test_the_fomo_export_is_that_of_the_version_s_record(service: Deployment, start: StartApi, url: str) -> None:
    """The version's record has it, so that versions of software without exporters have it too."""
    before = service.objects()
    fomo = url.replace("probe", "fomo")
    answer = fetched(service.api, fomo)

    manifest = service.http.get(fomo.removesuffix("/export/fomo")).json()
    assert hashlib.sha256(answer.content).hexdigest() == manifest["order_digest"]
    assert answer.headers["Cache-Control"] == IMMUTABLE
    assert fetched(service.api, f"{fomo}?v=1").content == answer.content
    assert service.objects() == before


@pytest.fixture(scope="module")
def large(service: Deployment) -> dict[str, Any]:
    """A version of the benchmark's concepts, or of as many made-up ones where its data is missing."""
    request = random_request("large", concepts=18_381, tasks=33)
    stream = DATA / "fomo_in_flux" / "streams" / "random_sequence_1.json"
    if stream.exists():
        request["concepts"] = json.loads(stream.read_bytes())
    return service.publish(request)


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_export_of_the_benchmark_s_size_is_made_once(
    service: Deployment, large: dict[str, Any], name: str
) -> None:
    first = service.http.get(large["exports"][name])
    if first.status_code == 422:
        assert first.json()["code"] == "cannot_express"
        pytest.skip(first.json()["detail"])
    assert first.status_code == 200
    before = service.objects()

    assert service.http.get(large["exports"][name]).content == first.content
    assert service.objects() == before
    assert first.content


UNEVEN = {
    "name": "uneven",
    "datasets": [
        {"name": "pets", "classes": ["dog", "cat", "émeu"]},
        {"name": "tools", "classes": ["saw", "axe"]},
        {"name": "F-16A/B", "classes": ["wing, left", "wing, right"]},
    ],
    "ordering": {"kind": "random", "seed": 4},
    "tasks": {"sizes": [1, 4, 2]},
}
"""Three private datasets with uneven tasks."""


@pytest.mark.parametrize("name", EXPORTERS)
def test_private_datasets_with_uneven_tasks_are_exported_or_refused_with_the_reason(
    service: Deployment, name: str
) -> None:
    version = service.publish(UNEVEN)
    answer = service.http.get(version["exports"][name])

    if name == "fomo-config":
        assert answer.status_code == 422
        assert_problem(answer)
        assert answer.json()["code"] == "cannot_express"
        assert "7 of its concepts" in answer.json()["detail"]
    else:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].partition(";")[0] == EXPORTERS[name].media_type
        # The address of the request is in no export.
        assert f":{service.api.port}".encode() not in answer.content


def test_equal_tasks_of_other_sizes_are_no_pycil_configuration(service: Deployment) -> None:
    version = service.publish({**UNEVEN, "name": "unequal", "tasks": {"sizes": [2, 1, 2, 2]}})
    answer = service.http.get(version["exports"]["pycil"])

    assert (answer.status_code, answer.json()["code"]) == (422, "cannot_express")
    assert "2, 1, 2, 2" in answer.json()["detail"]
    assert "avalanche" in answer.json()["detail"]


def test_a_bundle_has_the_documents_that_the_service_serves(service: Deployment) -> None:
    version = service.publish({**UNEVEN, "name": "bundled", "ordering": {"kind": "dataset"}})
    with zipfile.ZipFile(io.BytesIO(service.http.get(version["exports"]["bundle"]).content)) as archive:
        assert archive.read("manifest.json") == service.http.get(version["url"]).content
        assert archive.read("order.json") == service.http.get(version["export_url"]).content
        for task in version["tasks"]:
            assert archive.read(f"tasks/{task['task']}.json") == service.http.get(task["url"]).content
        assert version["created_at"][:10].encode() in archive.read("CITATION.cff")

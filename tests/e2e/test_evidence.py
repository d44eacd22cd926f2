"""The evidence of a version over HTTP, and the same version made again from it without the service."""

import base64
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import numpy as np
import pytest

from support.answers import assert_problem
from support.deployment import TEST_PATH, Deployment

IMMUTABLE = "public, max-age=31536000, immutable"

DATASETS = [
    {
        "name": "cifar100",
        "classes": ["bear", "otter", "wolf"],
        "template": ["A photo of a {}.", "A drawing of a {}."],
        "counts": {"bear": 3, "otter": 2, "wolf": 2},
    },
    {
        "name": "flowers102",
        "classes": ["daffodil", "sunflower"],
        "template": "{}",
        "counts": {"daffodil": 0, "sunflower": 9},
    },
]
ORDERINGS = {
    "vectors": {"kind": "similarity", "encoder": "fake"},
    "counts": {"kind": "frequency"},
    "scores": {"kind": "performance"},
    "years": {"kind": "time"},
}
KINDS = tuple(ORDERINGS)


@pytest.fixture(scope="module")
def versions(service: Deployment) -> dict[str, dict[str, Any]]:
    """A version for each kind of evidence, by the kind."""
    return {kind: service.publish(body_of(kind)) for kind in KINDS}


def body_of(kind: str) -> dict[str, Any]:
    datasets = [
        {name: value for name, value in each.items() if name != "counts" or kind == "counts"} for each in DATASETS
    ]
    return {"name": f"by-{kind}", "datasets": datasets, "ordering": ORDERINGS[kind], "tasks": {"count": 2}}


def problem(answer: httpx.Response, status: int, code: str) -> str:
    """Return the sentence of a problem document."""
    assert_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    detail: str = answer.json()["detail"]
    return detail


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_served_with_its_digest(
    service: Deployment, versions: dict[str, dict[str, Any]], kind: str
) -> None:
    url = versions[kind]["url"]
    manifest = service.http.get(url).json()
    (listed,) = manifest["evidence_files"]
    answer = service.http.get(urljoin(url, listed["url"]))

    digest = hashlib.sha256(answer.content)
    assert answer.status_code == 200
    assert (listed["kind"], listed["digest"], listed["bytes"]) == (kind, digest.hexdigest(), len(answer.content))
    assert answer.headers["Content-Type"] == listed["media_type"]
    assert answer.headers["ETag"] == f'"sha256-{digest.hexdigest()}"'
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert answer.headers["Cache-Control"] == IMMUTABLE
    suffix = "npz" if kind == "vectors" else "json"
    assert answer.headers["Content-Disposition"] == f'inline; filename="by-{kind}-v1-{kind}.{suffix}"'

    again = service.http.get(f"{url}/evidence/{kind}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = service.http.head(f"{url}/evidence/{kind}")
    assert (head.status_code, head.headers["ETag"], head.content) == (200, answer.headers["ETag"], b"")


def test_the_list_has_the_files_and_the_margins(service: Deployment, versions: dict[str, dict[str, Any]]) -> None:
    url = versions["vectors"]["url"]
    answer = service.http.get(f"{url}/evidence")
    listed = answer.json()

    assert (listed["name"], listed["version"], listed["not_kept"]) == ("by-vectors", 1, [])
    assert [(each["kind"], each["in_manifest"]) for each in listed["evidence"]] == [
        ("vectors", True),
        ("margins", False),
    ]
    for each in listed["evidence"]:
        assert hashlib.sha256(service.http.get(each["url"]).content).hexdigest() == each["digest"]
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert service.http.get(f"{url}/evidence", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_latest_redirects_to_the_number(service: Deployment, versions: dict[str, dict[str, Any]]) -> None:
    for part in ("evidence", "evidence/years"):
        answer = service.http.get(f"/v1/streams/by-years/versions/latest/{part}")
        assert (answer.status_code, answer.headers["Location"]) == (307, f"{versions['years']['url']}/{part}")


def test_vectors_are_those_that_the_manifest_states(service: Deployment, versions: dict[str, dict[str, Any]]) -> None:
    url = versions["vectors"]["url"]
    stated = service.http.get(url).json()["evidence"]["embeddings"]
    with np.load(io.BytesIO(service.http.get(f"{url}/evidence/vectors").content)) as archive:
        vectors, table = archive["vectors"], json.loads(archive["evidence.json"])

    assert hashlib.sha256(vectors.tobytes()).hexdigest() == stated["digest"]
    assert table["provenance"] == stated
    assert [each["concept"] for each in table["rows"]] == sorted(each["concept"] for each in table["rows"])
    margins = service.http.get(f"{url}/evidence/margins")
    assert [each["margin"] > 0 for each in margins.json()["rows"]] == [True] * len(vectors)
    # Another service may have other last bits for the same version.
    assert margins.headers["Cache-Control"] == "public, no-cache"


@pytest.mark.parametrize("kind", KINDS)
def test_the_version_is_made_again_from_what_was_downloaded(
    service: Deployment, versions: dict[str, dict[str, Any]], tmp_path: Path, kind: str
) -> None:
    url = versions[kind]["url"]
    manifest = service.http.get(url)
    (tmp_path / "request.json").write_text(json.dumps(manifest.json()["request"]))
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    for each in service.http.get(f"{url}/evidence").json()["evidence"]:
        (evidence / f"{each['kind']}.{'npz' if each['kind'] == 'vectors' else 'json'}").write_bytes(
            service.http.get(each["url"]).content
        )
    # Neither the programs nor Redis can be found.
    run = subprocess.run(
        [
            *(sys.executable, "-m", "concept_orderings.cli", "order", "request.json"),
            *("--evidence", "evidence", "--manifest", "again.json"),
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": TEST_PATH, "REDIS_URL": "redis://127.0.0.1:1/0", "PATH": ""},
        capture_output=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert (tmp_path / "again.json").read_bytes() == manifest.content
    assert json.loads(run.stdout) == service.http.get(f"{url}/export/tasks").json()


def test_a_kind_that_a_version_does_not_have_is_a_404(service: Deployment, versions: dict[str, dict[str, Any]]) -> None:
    url = versions["years"]["url"]
    for kind in ("vectors", "counts", "scores", "margins"):
        detail = problem(service.http.get(f"{url}/evidence/{kind}"), 404, "evidence_not_kept")
        assert detail.startswith(f"Version 1 of by-years was not made from {kind}; the evidence that it has is years")
    detail = problem(service.http.get(f"{url}/evidence/vector"), 404, "unknown_evidence")
    assert "did you mean vectors?" in detail
    problem(service.http.get("/v1/streams/by-years/versions/9/evidence/years"), 404, "unknown_version")
    problem(service.http.get("/v1/streams/no-such/versions/1/evidence"), 404, "unknown_stream")


def test_damaged_evidence_is_never_served(service: Deployment) -> None:
    version = service.publish({**body_of("years"), "name": "damaged-evidence", "datasets": DATASETS_OF_ONE})
    (entry,) = service.http.get(version["url"]).json()["evidence_files"]
    path = service.data / "streams" / "evidence" / entry["digest"][:2] / entry["digest"]
    intact = path.read_bytes()
    path.write_bytes(intact.replace(b"2009", b"2008"))

    problem(service.http.get(f"{version['url']}/evidence/years"), 500, "version_damaged")
    path.write_bytes(intact)
    assert service.http.get(f"{version['url']}/evidence/years").status_code == 200


DATASETS_OF_ONE = [{"name": "cifar100", "classes": ["bear"], "year": 2009}, {"name": "dtd", "classes": ["striped"]}]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_served_as_parquet(service: Deployment, versions: dict[str, dict[str, Any]], kind: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    url = f"{versions[kind]['url']}/evidence/{kind}"
    by_accept = service.http.get(url, headers={"Accept": "application/vnd.apache.parquet"})
    by_query = service.http.get(f"{url}?format=parquet")

    assert by_accept.content == by_query.content
    assert by_query.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert by_query.headers["Content-Disposition"] == f'inline; filename="by-{kind}-v1-{kind}.parquet"'
    # Another release may render it in another way.
    assert by_query.headers["Cache-Control"] == "public, no-cache"
    assert (by_accept.headers["Vary"], by_query.headers["Vary"]) == ("Accept, Accept-Encoding", "Accept-Encoding")
    # That tag is not the one of the file itself.
    same = {"If-None-Match": by_query.headers["ETag"]}
    assert service.http.get(url, headers=same).status_code == 200
    assert service.http.get(f"{url}?format=parquet", headers=same).status_code == 304
    table = parquet.read_table(io.BytesIO(by_query.content))
    tasks = [service.http.get(f"{versions[kind]['url']}/tasks/{i}").json() for i in range(2)]
    concepts = sorted(each["concept"] for task in tasks for each in task["concepts"])
    assert table.column("concept").to_pylist() == concepts


def test_a_format_that_a_kind_does_not_have_is_refused(
    service: Deployment, versions: dict[str, dict[str, Any]]
) -> None:
    for kind, wanted in (("vectors", "json"), ("years", "npz"), ("years", "csv")):
        problem(service.http.get(f"{versions[kind]['url']}/evidence/{kind}?format={wanted}"), 422, "bad_query")
    assert (
        service.http.get(f"{versions['vectors']['url']}/evidence/vectors?format=npz").headers["Cache-Control"]
        == IMMUTABLE
    )
    latest = service.http.get("/v1/streams/by-years/versions/latest/evidence/years?format=parquet")
    assert latest.headers["Location"] == f"{versions['years']['url']}/evidence/years?format=parquet"

"""Labels over HTTP: each POST gets those of its own lists, and exports are made with the labels that a client names."""

import hashlib
import json
from typing import Any

import httpx
import pytest

from support.answers import assert_problem
from support.deployment import Deployment

IMMUTABLE = "public, max-age=31536000, immutable"


def pets(name: str, classes: list[str], **more: object) -> dict[str, Any]:
    return {
        "name": name,
        "datasets": [{"name": "pets", "classes": classes}],
        "ordering": {"kind": "random", "seed": 1},
        "tasks": {"count": 1},
        **more,
    }


def rows(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return {row["class"]: row for row in map(json.loads, answer.text.splitlines())}


def refused(answer: httpx.Response, status: int = 422) -> list[tuple[str, str]]:
    assert answer.status_code == status, answer.text
    assert_problem(answer)
    return [(each["code"], each["detail"]) for each in answer.json()["errors"]]


def test_two_posts_share_a_version_and_have_labels_of_their_own(service: Deployment) -> None:
    one = service.post(pets("shared", ["cat", "dog", "emu"]), wait=60).json()
    other = service.post(pets("shared", ["emu", "cat", "dog"]))

    assert other.status_code == 200
    assert (other.json()["version"], other.json()["digest"]) == (one["version"], one["digest"])
    first = rows(service.http.get(one["exports"]["jsonl"]))
    second = rows(service.http.get(other.json()["exports"]["jsonl"]))
    assert {name: row["label"] for name, row in first.items()} == {"cat": 0, "dog": 1, "emu": 2}
    assert {name: row["label"] for name, row in second.items()} == {"emu": 0, "cat": 1, "dog": 2}
    assert {row["labels_digest"] for row in second.values()} == {other.json()["labels_digest"]}
    # The catalogue has no list of this dataset, and nobody gets the labels of another client.
    [(code, detail)] = refused(service.http.get(f"{one['url']}/export/jsonl"))
    assert code == "labels_needed"
    assert "'pets'" in detail


def test_the_answer_with_a_job_has_the_labels_of_its_post(service: Deployment) -> None:
    answer = service.post(pets("by-a-job", ["dog", "cat"])).json()
    digest = hashlib.sha256(b'{"pets":["dog","cat"]}').hexdigest()

    assert answer["labels_digest"] == digest
    job = service.until_state(answer["url"], "succeeded")
    assert job["labels_digest"] is None
    assert service.http.get(f"/v1/labels/{digest}").content == b'{"pets":["dog","cat"]}'


def test_labels_are_stored_once_and_never_change(service: Deployment) -> None:
    body = {"cifar100": ["bear", "apple"], "pets": ["emu"]}
    first, again = service.http.put("/v1/labels", json=body), service.http.put("/v1/labels", json=body)

    canonical = b'{"CIFAR100":["bear","apple"],"pets":["emu"]}'
    digest = hashlib.sha256(canonical).hexdigest()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json() == {
        "labels_digest": digest,
        "url": f"/v1/labels/{digest}",
        "classes": {"CIFAR100": 2, "pets": 1},
    }
    answer = service.http.get(first.json()["url"])
    assert (answer.content, answer.headers["Cache-Control"]) == (canonical, IMMUTABLE)
    same = service.http.get(first.json()["url"], headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status_code, same.headers["ETag"]) == (304, answer.headers["ETag"])


def test_the_catalogue_has_the_labels_of_its_datasets(service: Deployment) -> None:
    version = service.publish(pets("known", [], datasets=[{"name": "cifar100", "classes": ["bear", "apple"]}]))
    answer = service.http.get(f"{version['url']}/export/jsonl", params={"v": 1})

    assert {name: row["label"] for name, row in rows(answer).items()} == {"apple": 0, "bear": 3}
    assert answer.headers["Cache-Control"] == IMMUTABLE
    # What an export names can be fetched, and is what the POST said.
    assert {row["labels_digest"] for row in rows(answer).values()} == {version["labels_digest"]}
    assert len(service.http.get(f"/v1/labels/{version['labels_digest']}").json()["CIFAR100"]) == 100


def test_labels_that_do_not_fit_are_refused_with_all_faults(service: Deployment) -> None:
    version = service.publish(pets("unfitting", ["cat", "dog", "emu"]))
    labels = service.http.put("/v1/labels", json={"pets": ["cat"], "tools": ["axe"]}).json()["labels_digest"]
    (missing, which), (extra, what) = refused(
        service.http.get(f"{version['url']}/export/jsonl", params={"labels": labels})
    )

    assert (missing, extra) == ("missing_labels", "extra_labels")
    assert "'dog', 'emu'" in which
    assert "tools" in what


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"pets": ["cat", "cat"], "tools": []}', ["duplicate_concept", "empty_class_list"]),
        (b'{"pets": ["cat"], "pets": ["dog"]}', ["duplicate_field"]),
    ],
)
def test_bad_labels_are_refused(service: Deployment, body: bytes, expected: list[str]) -> None:
    assert [code for code, _ in refused(service.http.put("/v1/labels", content=body))] == expected


def test_labels_that_do_not_exist_are_404(service: Deployment) -> None:
    version = service.publish(pets("without", ["cat", "dog"]))
    export = f"{version['url']}/export/jsonl"

    assert refused(service.http.get(export, params={"labels": "0" * 64}), 404)[0][0] == "unknown_labels"
    assert refused(service.http.get(f"/v1/labels/{'0' * 64}"), 404)[0][0] == "unknown_labels"
    assert refused(service.http.get("/v1/labels/latest"), 404)[0][0] == "unknown_labels"
    assert refused(service.http.get(export, params={"labels": "mine"}))[0][0] == "bad_query"
    assert refused(service.http.get(version["exports"]["fomo"], params={"labels": "0" * 64}))[0][0] == "bad_query"
    assert service.http.put("/v1/labels", content=b"[").status_code == 400


def test_latest_keeps_the_labels(service: Deployment) -> None:
    version = service.publish(pets("newest", ["cat", "dog"]))
    latest = f"{version['url'].rsplit('/', 1)[0]}/latest/export/jsonl"
    answer = service.http.get(latest, params={"v": 1, "labels": version["labels_digest"]})

    assert answer.status_code == 307
    assert answer.headers["Location"] == version["exports"]["jsonl"]
    assert len(rows(service.http.get(answer.headers["Location"]))) == 2


def test_damaged_labels_are_500(service: Deployment) -> None:
    digest = service.http.put("/v1/labels", json={"broken": ["a", "b"]}).json()["labels_digest"]
    file = service.data / "streams" / "labels" / digest[:2] / digest
    file.write_bytes(b'{"broken":["b","a"]}')

    assert refused(service.http.get(f"/v1/labels/{digest}"), 500)[0][0] == "labels_damaged"

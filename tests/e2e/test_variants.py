"""Several versions in one call: accepted together, each the version of a request of its own."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from support.answers import assert_problem
from support.deployment import Deployment
from support.requests import random_request

TIES = {
    "name": "ties",
    "datasets": [{"name": "OWN", "classes": ["a", "b", "c"], "counts": {"a": 0, "b": 0, "c": 1}}],
    "ordering": {"kind": "frequency", "source": "request"},
    "tasks": {"count": 1},
}


def variants(name: str, number: int, *, seed: int = 0, **more: Any) -> dict[str, Any]:
    return {**random_request(name, seed=seed, **more), "variants": number}


def test_five_variants_are_the_versions_of_five_requests(service: Deployment) -> None:
    answer = service.post(variants("five", 5, seed=7, concepts=50), wait=60)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Preference-Applied"] == "wait=60"
    body = answer.json()
    assert [(each["name"], each["seed"]) for each in body["variants"]] == [(f"five-{k}", 6 + k) for k in range(1, 6)]
    assert [each["job"] for each in body["variants"]] == [None] * 5
    assert (body["finished"], body["orders"]) == (5, 5)
    for k, each in enumerate(body["variants"], 1):
        alone = service.post(random_request(f"five-{k}", seed=6 + k, concepts=50))
        assert alone.status_code == 200, "it is the same request"
        assert alone.json() == each["version"]
        assert alone.json()["labels_digest"] == body["labels_digest"]
        manifest = service.http.get(each["version"]["url"]).json()
        assert "variants" not in manifest["request"]
        assert manifest["request"]["ordering"]["seed"] == 6 + k
    again = service.post(variants("five", 5, seed=7, concepts=50))
    assert (again.status_code, again.json()) == (200, body)
    assert "Retry-After" not in again.headers


def test_variants_that_exist_are_beside_the_jobs_of_the_others(service: Deployment) -> None:
    second = service.publish(random_request("some-2", seed=1))
    answer = service.post(variants("some", 3))
    assert answer.status_code == 202
    assert answer.headers["Retry-After"] == "1"
    assert "Location" not in answer.headers
    first, found, third = answer.json()["variants"]
    assert (found["version"], found["job"]) == (second, None)
    for each in (first, third):
        job = service.until_state(each["job"]["url"], "succeeded")
        assert job["stream"] == {"name": each["name"], "version": 1, "url": f"/v1/streams/{each['name']}/versions/1"}
        assert each["job"]["labels_digest"] == answer.json()["labels_digest"]
    assert service.post(variants("some", 3)).status_code == 200


def test_seeds_of_few_ties_are_counted_by_their_orders(service: Deployment) -> None:
    body = service.post({**TIES, "variants": 9}, wait=60).json()
    assert (body["finished"], body["orders"]) == (9, 2)
    warnings = {json.dumps(each["version"]["warnings"]) for each in body["variants"]}
    assert len(warnings) == 1


def test_the_202_has_the_warnings_of_each_variant(controlled: Deployment) -> None:
    jobs = [each["job"] for each in controlled.post({**TIES, "variants": 3}).json()["variants"]]
    alone = controlled.post({**TIES, "name": "alone"}).json()
    assert alone["warnings"]
    assert [each["warnings"] for each in jobs] == [alone["warnings"]] * 3
    assert [each["queue"]["ahead"] for each in jobs] == [0, 1, 2]


def test_variants_that_cannot_be_are_refused_with_all_faults(service: Deployment) -> None:
    body = {**random_request("a" * 127, seed=2**53 - 1, tasks=9), "variants": 5}
    refused = service.post(body)
    assert refused.status_code == 422
    assert_problem(refused)
    assert [(each["code"], each["pointers"]) for each in refused.json()["errors"]] == [
        ("bad_task_count", ["/tasks/count"]),
        ("bad_parameter", ["/ordering/seed", "/variants"]),
        ("bad_stream_name", ["/name", "/variants"]),
    ]
    distinct = {"a": 3, "b": 2, "c": 1}
    one_order = {**TIES, "datasets": [{"name": "OWN", "classes": ["a", "b", "c"], "counts": distinct}], "variants": 5}
    refused = service.post(one_order)
    assert (refused.status_code, refused.json()["code"]) == (422, "seed_changes_nothing")
    assert service.http.get("/v1/streams/ties-1").status_code in (200, 404)
    assert not [each for each in service.http.get("/v1/jobs").json()["jobs"] if each["name"].startswith("aaa")]


def test_one_that_fails_is_named_and_the_others_are_kept(controlled: Deployment) -> None:
    (controlled.control / "41.fail").write_text("source_refused")
    controlled.start_worker()
    answer = controlled.post(variants("fails", 3, seed=40), wait=60)
    assert answer.status_code == 424, answer.text
    assert_problem(answer)
    problem = answer.json()
    assert problem["code"] == "source_refused"
    assert problem["detail"] == "fails-2: The source is out for a walk; ask again."
    assert len(problem["errors"]) == 1
    assert controlled.job(answer.headers["Location"])["error"]["code"] == "source_refused"
    (controlled.control / "41.fail").unlink()
    again = controlled.post(variants("fails", 3, seed=40), wait=60)
    assert again.status_code == 201, "the same request starts the failed one anew"
    assert [each["version"]["version"] for each in again.json()["variants"]] == [1, 1, 1]


def test_a_time_limit_gives_what_is_finished(controlled: Deployment) -> None:
    controlled.hold(52)
    controlled.start_worker()
    for each in controlled.post(variants("held", 3, seed=50)).json()["variants"][:2]:
        controlled.until_state(each["job"]["url"], "succeeded")
    answer = controlled.post(variants("held", 3, seed=50), wait=1)
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "wait=1")
    body = answer.json()
    assert body["finished"] == 2
    assert [each["job"] is None for each in body["variants"]] == [True, True, False]
    controlled.release(52)


def test_a_version_that_was_removed_is_made_again_beside_the_others(service: Deployment) -> None:
    before = service.post(variants("removed", 3), wait=60).json()
    for path in (service.data / "streams").rglob("removed-2/**/*"):
        if path.is_file():
            path.unlink()
    after = service.post(variants("removed", 3), wait=60)
    assert after.status_code == 201, after.text
    digests = [[each["version"]["order_digest"] for each in body["variants"]] for body in (before, after.json())]
    assert digests[0] == digests[1]


def test_posts_at_the_same_time_make_each_job_once(controlled: Deployment) -> None:
    together = threading.Barrier(8)

    def post(i: int) -> list[str]:
        together.wait()
        body = variants("race", 4) if i % 2 else random_request(f"race-{1 + i // 2}", seed=i // 2)
        answer = controlled.post(body).json()
        return [each["job"]["id"] for each in answer["variants"]] if i % 2 else [answer["id"]]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(post, range(8)))
    assert {job for each in found for job in each} == set(found[1])
    assert len(set(found[1])) == 4
    names = [each["name"] for each in controlled.http.get("/v1/jobs").json()["jobs"]]
    assert sorted(names) == ["race-1", "race-2", "race-3", "race-4"]

"""What a version and its job say of themselves: two digests, and warnings before the job has begun."""

import gzip
import json
from typing import Any

import psutil
import pytest

from concept_orderings.canonical import sha256_hex
from concept_orderings.orderings import ORDERINGS
from support.deployment import Deployment
from support.requests import random_request

NAMES = ["grey_wolf", "grey wolf", "bear", "otter"]
COUNTS = "\n".join(json.dumps({"name": name, "count": 0}) for name in ("grey wolf", "bear", "otter"))


def request(name: str, kind: str, **ordering: object) -> dict[str, Any]:
    datasets = [
        {
            "name": dataset,
            "classes": NAMES,
            "year": 2001,
            "template": "A {}.",
            "scores": 1,
            **({"counts": dict.fromkeys(NAMES, 0)} if kind == "frequency" and not ordering else {}),
        }
        for dataset in ("zoo", "park")
    ]
    encoder = {"encoder": "fake"} if kind in ("similarity", "typicality") else {}
    return {
        "name": name,
        "datasets": datasets,
        "ordering": {"kind": kind, **encoder, **ordering},
        "tasks": {"by": "dataset"},
    }


@pytest.fixture(scope="module")
def source(service: Deployment) -> str:
    answer = service.http.put(
        "/v1/sources/park-counts?unit=occurrences&corpus=a+park",
        content=COUNTS.encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code in (200, 201), answer.text
    return "park-counts"


def test_a_version_has_the_digest_of_its_order_wherever_it_has_its_own(service: Deployment) -> None:
    version = service.publish(random_request("two-digests"))
    manifest = service.http.get(version["url"])
    export = service.http.get(version["export_url"]).content
    assert version["order_digest"] == manifest.json()["order_digest"] == sha256_hex(export)
    assert version["digest"] == sha256_hex(manifest.content)
    [listed] = service.http.get("/v1/streams/two-digests").json()["versions"]
    again = service.post(random_request("two-digests")).json()
    for each in (listed, again):
        assert (each["digest"], each["order_digest"]) == (version["digest"], version["order_digest"])


@pytest.mark.parametrize(
    "more",
    [{}, {"variants": 3}, {"description": "The pilot study"}, {"ordering": {"kind": "given"}}],
    ids=["one", "variants", "description", "a warning"],
)
def test_a_body_that_is_posted_again_has_the_answer_of_a_parsed_one(service: Deployment, more: dict[str, Any]) -> None:
    body = {**random_request(f"again-{len(str(more))}"), "concepts": [f"zoo+++{each}" for each in NAMES], **more}
    data = json.dumps(body).encode()
    assert service.post(body, wait=60).status_code == 201

    def post(content: bytes, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        answer = service.http.post("/v1/streams", content=content, headers={**headers})
        return answer.status_code, answer.content, {**answer.headers, "date": "", "x-request-id": ""}

    parsed = post(data)
    assert [post(data) for _ in range(3)] == [parsed] * 3
    assert post(data, **{"Content-Encoding": "gzip"})[0] == 400, "it is not packed"
    assert post(gzip.compress(data), **{"Content-Encoding": "gzip"}) == parsed
    assert post(data + b" ") == parsed, "another body, which is parsed"
    if "description" in more:
        post(json.dumps({**body, "description": "Another"}).encode())
        post(data)
        listed = service.http.get("/v1/streams", params={"limit": 1000}).json()["streams"]
        assert [each["description"] for each in listed if each["name"] == body["name"]] == ["The pilot study"]


def test_a_body_that_is_posted_again_takes_a_fifth_of_the_processor_time(service: Deployment) -> None:
    """5 ms for 18,381 concepts on a quiet machine, of which parsing takes 73 (bench/posts.py)."""
    body = random_request("posted-again", concepts=18_381, tasks=20)
    data = json.dumps(body).encode()
    service.publish(body)
    api = psutil.Process(service.api.process.pid)

    def seconds(bodies: list[bytes]) -> float:
        before = api.cpu_times()
        assert {service.http.post("/v1/streams", content=each).status_code for each in bodies} == {200}
        after = api.cpu_times()
        return float(after.user + after.system - before.user - before.system) / len(bodies)

    parsed = seconds([data + b" " * number for number in range(10)])
    assert seconds([data] * 50) < parsed / 5


def test_one_order_under_two_names_has_one_order_digest_and_two_digests(service: Deployment) -> None:
    one, other = (service.publish(random_request(name)) for name in ("cited-here", "cited-there"))
    assert one["order_digest"] == other["order_digest"]
    assert one["digest"] != other["digest"]


def check_foreseen(service: Deployment, body: dict[str, Any]) -> list[str]:
    """Return the warnings of a new job, after they are compared with those of its version."""
    answer = service.post(body)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    foreseen: list[str] = job["warnings"]
    done = service.until_state(job["url"], "succeeded", "failed")
    assert (done["state"], done["warnings"]) == ("succeeded", foreseen), done["error"]
    events = service.http.get(job["events_url"]).text
    data = [json.loads(line.removeprefix("data: ")) for line in events.splitlines() if line.startswith("data: ")]
    assert data
    assert all(each["warnings"] == foreseen for each in data)
    version = service.post(body).json()
    left = iter(version["warnings"])
    assert all(each in left for each in foreseen), (foreseen, version["warnings"])
    return foreseen


@pytest.mark.parametrize("kind", [kind for kind, each in ORDERINGS.items() if not each.has_own_concepts])
def test_warnings_that_the_request_alone_decides_stand_in_the_202(service: Deployment, kind: str) -> None:
    alike, *foreseen = check_foreseen(service, request(f"foreseen-{kind}", kind))
    assert "look or read like another one" in alike
    if kind == "frequency":
        assert [each[:12] for each in foreseen[:1]] == ["8 of 8 conce"]
    if kind == "random":
        assert [each for each in foreseen if "does not keep each dataset together" in each] == foreseen != []


def test_shared_names_stand_in_the_202_though_a_source_counts_them(service: Deployment, source: str) -> None:
    _, shared = check_foreseen(service, request("foreseen-shared", "frequency", source=source))
    assert shared.startswith("3 names are asked by several concepts ('grey wolf' by 4, ")
    version = service.post(request("foreseen-shared", "frequency", source=source)).json()
    assert len(version["warnings"]) > 1, "the counts of 0 are known to the worker alone"


def test_a_share_beside_a_score_of_the_catalogue_is_warned_of_in_the_202(service: Deployment) -> None:
    body = {
        "name": "foreseen-shares",
        "datasets": [
            {"name": "dsprites", "classes": ["square located in the top left"]},
            {"name": "my-food", "classes": ["soup"], "scores": 0.9623},
        ],
        "ordering": {"kind": "performance"},
        "tasks": {"count": 1},
    }
    mixed, shares = check_foreseen(service, body)

    assert mixed.startswith("The scores of 1 of 2 concepts are given (my-food), and those of the others (DSPRITES)")
    assert shares.startswith("The scores of 1 of 2 concepts (my-food) lie between 0 and 1 and look like shares")
    version = service.post(body).json()
    assert [each["code"] for each in version["warning_details"]] == ["mixed_scores", "scores_like_shares"]
    evidence = service.http.get(version["url"]).json()["evidence"]["scores"]
    assert evidence["source"] == "request and catalogue"
    assert evidence["direction"] == "higher is easier"

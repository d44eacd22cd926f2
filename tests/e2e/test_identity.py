"""What a version and its job say of themselves: two digests, and warnings before the job has begun."""

import json
from typing import Any

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

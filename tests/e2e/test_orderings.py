"""All orderings on the benchmark's real concepts, over HTTP."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concept_orderings.catalogue import find_dataset
from concept_orderings.evidence import Need
from concept_orderings.orderings import ORDERINGS
from concept_orderings.path import quantise
from support.deployment import Deployment
from support.processes import Process
from worker.evidence.encoders.fake import FakeEncoder

pytestmark = pytest.mark.slow

N = 18_381
TASKS = 20
INDEX = "c4-sample"


@pytest.fixture(scope="module")
def concepts(benchmark_data: Path) -> list[str]:
    stream = benchmark_data / "fomo_in_flux" / "streams" / "random_sequence_1.json"
    found: list[str] = json.loads(stream.read_text())
    assert len(found) == N
    return found


@pytest.fixture(scope="module")
def service(benchmark_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The service with an index of the C4 sample."""
    with Deployment(tmp_path_factory.mktemp("orderings")) as deployment:
        shard = str(benchmark_data / "c4" / "c4-sample.json.gz")
        command = [sys.executable, "-m", "concept_orderings.cli", "index", shard, "--name", INDEX]
        assert Process("index", command, deployment.environment, deployment.directory).wait(120) == 0
        yield deployment.ready()


def request(kind: str, concepts: list[str], **parameters: object) -> dict[str, Any]:
    """Return a request with the concepts of the FoMo-in-Flux file, unchanged."""
    ordering = {"kind": kind, **parameters}
    return {"name": f"fomo-{kind}", "concepts": concepts, "ordering": ordering, "tasks": {"count": TASKS}}


PARAMETERS: dict[Need, dict[str, object]] = {
    Need.COUNTS: {"source": INDEX},
    # The test is that each ordering arranges all concepts; the real model has tests of its own.
    Need.EMBEDDINGS: {"encoder": "fake"},
}


def parameters_for(kind: str) -> dict[str, object]:
    """Return parameters by which the evidence of an ordering can be gathered here."""
    required = {each.name: each.choices[0] for each in ORDERINGS[kind].parameters() if each.required}
    gathered = {name: value for need in ORDERINGS[kind].needs for name, value in PARAMETERS.get(need, {}).items()}
    return {**required, **gathered}


@pytest.fixture(scope="module", params=list(ORDERINGS))
def published(request: pytest.FixtureRequest, service: Deployment, concepts: list[str]) -> dict[str, Any]:
    kind: str = request.param
    body = {
        "name": f"fomo-{kind}",
        "concepts": concepts,
        "ordering": {"kind": kind, **parameters_for(kind)},
        "tasks": {"count": TASKS},
    }
    job = service.post(body).headers["Location"]
    done = service.until_state(job, "succeeded", "failed")
    assert done["state"] == "succeeded", done["error"]
    version: dict[str, Any] = service.post(body).json()
    return version


def test_the_benchmark_s_years_are_arranged_inside(service: Deployment, benchmark_data: Path) -> None:
    stream = benchmark_data / "fomo_in_flux" / "streams" / "time_incremental_dschunked_1.json"
    concepts: list[str] = json.loads(stream.read_text())[::4]
    inner = {"kind": "similarity", "starts": 2, "encoder": "fake"}
    version = service.publish(
        {
            "name": "inside-years",
            "concepts": concepts,
            "ordering": {"kind": "time", "seed": 4, "within": inner},
            "tasks": {"by": "year"},
        }
    )
    manifest = service.http.get(version["url"]).json()
    tasks = [[each["concept"] for each in task] for task in fetched(service, version)]

    assert sorted(each for task in tasks for each in task) == sorted(concepts)
    assert set(manifest["evidence"]) == {"years", "embeddings"}
    groups = manifest["ordering"]["details"]["groups"]
    assert [each["concepts"] for each in groups] == [len(task) for task in tasks]
    assert [each["path_start"] for each in groups] == [task[0] for task in tasks]
    assert all(each["starts"] == 2 for each in groups)
    # A year alone has the same order: its seed is that of the ordering around it.
    alone = {
        "name": "one-year",
        "concepts": tasks[2],
        "ordering": {**inner, "seed": 4},
        "tasks": {"count": 1},
    }
    assert service.http.get(service.publish(alone)["export_url"]).json() == tasks[2]
    assert service.post(manifest["request"]).status_code == 200


def fetched(service: Deployment, version: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [service.http.get(each["url"]).json()["concepts"] for each in version["tasks"]]


def test_each_version_has_exactly_these_concepts_once(
    service: Deployment, concepts: list[str], published: dict[str, Any]
) -> None:
    tasks = fetched(service, published)
    assert [len(task) for task in tasks] == [920] + [919] * 19
    assert [each["concepts"] for each in published["tasks"]] == [920] + [919] * 19
    arranged = [each["concept"] for task in tasks for each in task]
    assert len(arranged) == N
    assert sorted(arranged) == sorted(concepts)
    assert [each["position"] for task in tasks for each in task] == list(range(N))
    assert service.http.get(published["export_url"]).json() == arranged


def test_the_evidence_explains_the_order(
    service: Deployment, concepts: list[str], published: dict[str, Any], benchmark_data: Path
) -> None:
    arranged = [each for task in fetched(service, published) for each in task]
    manifest = service.http.get(published["url"]).json()
    assert set(manifest["evidence"]) == ORDERINGS[published["ordering"]].needs
    match published["ordering"]:
        case "frequency":
            counts = [each["evidence"]["count"] for each in arranged]
            assert counts == sorted(counts)
            assert counts[-1] > 0
            assert manifest["evidence"]["counts"]["documents"] == 1000
        case "performance":
            scores = [each["evidence"]["score"] for each in arranged]
            assert scores == sorted(scores, reverse=True)
            ties = Counter(scores)
            assert [each["evidence"]["tie_group"] for each in arranged] == [ties[score] for score in scores]
            assert manifest["evidence"]["scores"]["model"] == "OpenCLIP ViT-B/32"
            codes = ["look_alikes", "dataset_scores", "equal_scores", "uneven_tasks"]
            assert [each["code"] for each in published["warning_details"]] == codes
        case "time":
            years = [each["evidence"]["year"] for each in arranged]
            assert years == sorted(years)
            assert all(find_dataset(each["dataset"]).year == each["evidence"]["year"] for each in arranged)  # type: ignore[union-attr]
        case "dataset":
            datasets = [each["dataset"] for each in arranged]
            changes = sum(a != b for a, b in pairwise(datasets))
            assert changes == len(set(datasets)) - 1
        case "similarity":
            assert manifest["ordering"]["details"]["starts"] == N
            assert manifest["evidence"]["embeddings"]["source"] == "fake"
        case "typicality":
            captions = {each["concept"]: caption_of(each) for each in arranged}
            vectors = quantise(FakeEncoder(dtype="float64").encode(list(captions.values()))).astype(np.int64)
            distances = ((N * vectors - vectors.sum(axis=0)) ** 2).sum(axis=1).tolist()
            assert distances == sorted(distances, reverse=True)
            assert manifest["evidence"]["embeddings"]["source"] == "fake"
        case "given":
            assert [each["concept"] for each in arranged] == concepts
            assert manifest["evidence"] == {}
        case "random":
            assert manifest["evidence"] == {}
        case "published":
            stream = benchmark_data / "fomo_in_flux" / "streams" / "performance_sequence_1.json"
            assert [each["concept"] for each in arranged] == json.loads(stream.read_text())
            assert manifest["ordering"]["details"]["published"]["order_digest"] == manifest["order_digest"]
            listed = service.http.get("/v1/published").json()["streams"]
            assert manifest["order_digest"] in [each["order_digest"] for each in listed]
            without = service.post({**request("published", [], **parameters_for("published")), "concepts": None})
            assert (without.status_code, without.json()["digest"]) == (200, published["digest"])
        case kind:
            pytest.fail(f"add a case for {kind} here: how the evidence in its tasks explains the order")


def caption_of(concept: dict[str, Any]) -> str:
    known = find_dataset(concept["dataset"])
    assert known is not None
    return known.template.replace("{}", concept["class"])


def test_a_sample_of_starts_and_what_was_tried_by_then(service: Deployment, concepts: list[str]) -> None:
    """The manifest says how many starts were tried; asking for that number gives the same stream."""
    chosen = concepts[:300]
    sampled = service.publish(request("similarity", chosen, starts=7, encoder="fake"))
    details = service.http.get(sampled["url"]).json()["ordering"]["details"]
    assert (details["starts"], details["starts_asked"], details["complete"]) == (7, 7, True)

    timed = service.publish(request("similarity", chosen, max_seconds=3600, encoder="fake"))
    details = service.http.get(timed["url"]).json()["ordering"]["details"]
    assert (details["starts"], details["starts_asked"], details["complete"]) == (300, 300, True)

    named = service.publish(request("similarity", chosen, starts=chosen[17], encoder="fake"))
    order = service.http.get(named["export_url"]).json()
    assert order[0] == chosen[17]
    totals = [
        service.http.get(each["url"]).json()["ordering"]["details"]["total_distance"] for each in (timed, sampled)
    ]
    assert totals[0] <= totals[1]


def test_similarity_with_a_real_model(service: Deployment, concepts: list[str]) -> None:
    cifar = [each for each in concepts if each.startswith("CIFAR100+++")]
    assert len(cifar) == 100
    version = service.publish(request("similarity", cifar, encoder="minilm"))
    assert sorted(service.http.get(version["export_url"]).json()) == sorted(cifar)
    manifest = service.http.get(version["url"]).json()
    weights = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert manifest["evidence"]["embeddings"]["weights"] == weights


def test_an_encoder_that_is_not_set_up_fails_the_job_with_the_next_step(
    service: Deployment, concepts: list[str]
) -> None:
    job = service.post(request("similarity", concepts[:50], encoder="open_clip/no-such-model")).headers["Location"]
    error = service.until_state(job, "failed", "succeeded")["error"]
    assert (error["code"], error["pointers"]) == ("encoder_not_configured", ["/ordering/encoder"])
    assert "open_clip" in error["detail"]


def test_a_source_that_is_not_set_up_is_refused_with_the_next_step(service: Deployment, concepts: list[str]) -> None:
    answer = service.post(request("frequency", concepts[:50], source="none"))
    assert (answer.json()["code"], answer.json()["pointers"]) == ("source_not_found", ["/ordering/source"])
    assert "concept-orderings index" in answer.json()["detail"]


def test_reversed_is_exactly_the_reverse(service: Deployment, concepts: list[str]) -> None:
    for kind in ("random", "time", "performance", "dataset"):
        orders = []
        for reverse in (False, True):
            version = service.publish(request(kind, concepts, reverse=reverse))
            orders.append(service.http.get(version["export_url"]).json())
        assert orders[0] == orders[1][::-1]


def test_a_file_in_another_order_is_the_same_stream(service: Deployment, concepts: list[str]) -> None:
    version = service.publish(request("random", concepts, seed=5))
    assert service.publish(request("random", concepts[::-1], seed=5)) == version


@pytest.mark.parametrize(("kind", "field"), [("similarity", "synonyms"), ("frequency", "queries")])
def test_classes_with_synonyms(service: Deployment, kind: str, field: str) -> None:
    def body(*classes: object, **others: object) -> dict[str, Any]:
        dataset = {"name": "days", "classes": classes, "template": "{}", **others}
        ordering = {"kind": kind, **parameters_for(kind)}
        return {"name": f"days-{kind}", "datasets": [dataset], "ordering": ordering, "tasks": {"count": 1}}

    synonyms = {"valentine's day": ["14 February"], "happy": ["smiling", "glad"]}
    bodies = [
        body("bear", *([name, *others] for name, others in synonyms.items())),
        body("happy", "bear", "valentine's day", synonyms=synonyms),
    ]
    versions = [service.publish(each) for each in bodies]
    tasks = service.http.get(versions[0]["tasks"][0]["url"]).json()["concepts"]
    evidence = {each["class"]: each["evidence"] for each in tasks}
    [written] = service.http.get(versions[0]["url"]).json()["request"]["datasets"]

    assert versions[0]["digest"] == versions[1]["digest"]
    assert written["classes"] == sorted(evidence) == ["bear", "happy", "valentine's day"]
    if kind == "similarity":
        assert written[field] == {"happy": ["glad", "smiling"], "valentine's day": ["14 February"]}
        assert evidence["bear"]["caption"] == "bear"
        assert [evidence[name]["captions"] for name in ("happy", "valentine's day")] == [3, 2]
    else:
        assert written[field]["valentine's day"] == ["14 February", "valentine's day", "valentine’s day"]
        assert evidence["happy"]["query"] == ["glad", "happy", "smiling"]
        counts = {"names": ["happy", "smiling", "glad"]}
        each = service.http.post(f"/v1/sources/{INDEX}/counts", json=counts).json()["counts"]
        assert max(one["count"] for one in each) < evidence["happy"]["count"] < sum(one["count"] for one in each)


def test_a_template_of_another_program_is_refused_with_the_right_one(service: Deployment) -> None:
    dataset = {"name": "D", "classes": ["a"], "template": ["a photo of a {c}.", "%s"]}
    body = {"name": "templates", "datasets": [dataset], "ordering": {"kind": "similarity"}, "tasks": {"count": 1}}
    answer = service.post(body).json()

    assert answer["code"] == "bad_template"
    assert answer["detail"].endswith("write {} where the class name goes, as in 'a photo of a {}.'.")
    assert [each["pointers"] for each in answer["errors"]] == [[f"/datasets/0/template/{i}"] for i in range(2)]

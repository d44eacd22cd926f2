"""Scores files over HTTP: uploaded in one of three formats, then a source; combined with others; refused if wrong."""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.answers import assert_problem
from support.counts_files import CSV, JSON_LINES
from support.deployment import Deployment
from support.scores_files import FORMS, Rows, as_csv

ACCURACY: dict[str, Any] = {"model": "a CLIP", "metric": "top-1 accuracy in percent", "direction": "higher is easier"}
LOSS: dict[str, Any] = {"model": "another CLIP", "metric": "cross-entropy", "direction": "lower is easier"}
ORDER = [sys.executable, "-m", "concept_orderings.cli", "order"]
ROWS: Rows = [("cifar100", "bear", 71.5), ("CIFAR100", "otter", 60), ("cifar100", "wolf", 80.25), ("dtd", None, 44.0)]
CONCEPTS = ["CIFAR100+++bear", "CIFAR100+++otter", "CIFAR100+++wolf", "DTD+++dotted"]


def put(
    service: Deployment,
    name: str,
    rows: Rows | bytes = ROWS,
    media_type: str = CSV,
    *,
    headers: dict[str, str] | None = None,
    **query: object,
) -> httpx.Response:
    content = rows if isinstance(rows, bytes) else FORMS[media_type](rows)
    params: Any = {key: value for key, value in {**ACCURACY, **query}.items() if value is not None}
    sent = {**(headers or {}), "Content-Type": media_type}
    return service.http.put(f"/v1/scores/{name}", params=params, content=content, headers=sent)


def refused(answer: httpx.Response, status: int, code: str) -> str:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert_problem(answer)
    detail: str = answer.json()["detail"]
    return detail


def request_for(stream: str, **ordering: object) -> dict[str, Any]:
    return {
        "name": stream,
        "concepts": CONCEPTS,
        "ordering": {"kind": "performance", **ordering},
        "tasks": {"count": 1},
    }


def published(service: Deployment, stream: str, **ordering: object) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Publish a version; return its manifest, and the evidence of its concepts in their order."""
    version = service.publish(request_for(stream, **ordering))
    task = service.http.get(version["tasks"][0]["url"]).json()
    manifest: dict[str, Any] = service.http.get(version["url"]).json()
    return manifest, {each["concept"]: each["evidence"] for each in task["concepts"]}


@pytest.fixture
def unchanged(service: Deployment) -> Iterator[Deployment]:
    objects = service.objects()
    yield service
    assert service.objects() == objects, "an object was written"
    assert service.process_is_well()


# --- Uploads


def test_an_uploaded_file_is_listed_and_found(service: Deployment) -> None:
    answer = put(service, "first", model=" a  CLIP ")
    resource = answer.json()

    assert answer.status_code == 201
    assert resource == {
        "name": "first",
        "state": "available",
        **ACCURACY,
        "number": 4,
        "digest": resource["digest"],
        "uploaded_at": resource["uploaded_at"],
        "error": None,
    }
    assert len(resource["digest"]) == 64
    assert resource in service.http.get("/v1/scores").json()["scores"]
    assert service.http.get("/v1/scores/first").json() == resource


def test_the_same_scores_in_any_format_are_accepted_again(service: Deployment) -> None:
    statuses = [put(service, "forms", media_type=form).status_code for form in FORMS]
    packed = put(service, "forms", gzip.compress(as_csv(ROWS)), headers={"Content-Encoding": "gzip"})
    again = put(service, "forms", as_csv([*reversed(ROWS), ("CIFAR100", "bear", 71.5)]), "application/octet-stream")

    assert [*statuses, packed.status_code, again.status_code] == [201, 200, 200, 200, 200]


@pytest.mark.parametrize(
    "other",
    [
        {"rows": ROWS[:3]},
        {"rows": [*ROWS[:3], ("dtd", None, 44.5)]},
        {"model": "another CLIP"},
        {"metric": "top-5 accuracy in percent"},
        {"direction": "lower is easier"},
    ],
)
def test_an_upload_never_replaces_another(service: Deployment, other: dict[str, Any]) -> None:
    assert put(service, "kept").status_code in (200, 201)
    before = service.http.get("/v1/scores/kept").json()
    detail = refused(put(service, "kept", **other), 409, "source_exists")

    assert "kept exists already, with other scores" in detail
    assert "another name" in detail
    assert service.http.get("/v1/scores/kept").json() == before


@pytest.mark.parametrize("name", ["request", "catalogue", "Mine", "a" * 129])
def test_a_name_that_no_scores_file_can_have_is_422(unchanged: Deployment, name: str) -> None:
    refused(put(unchanged, name), 422, "bad_source_name")


@pytest.mark.parametrize(
    "query",
    [
        *({name: None} for name in ACCURACY),
        {"model": " \t"},
        {"metric": "a\0b"},
        {"model": "x" * 501},
        {"direction": "lower"},
    ],
)
def test_model_metric_and_direction_are_checked(unchanged: Deployment, query: dict[str, Any]) -> None:
    assert refused(put(unchanged, "mine", **query), 422, "bad_query").startswith(f"{next(iter(query))}: ")


def test_mistyped_and_duplicate_parameters_are_named_at_once(unchanged: Deployment) -> None:
    answer = put(unchanged, "mine", model=["a", "b"], unit="percent")

    refused(answer, 422, "unknown_parameter")
    assert [each["code"] for each in answer.json()["errors"]] == ["unknown_parameter", "duplicate_field"]


def test_all_wrong_rows_are_named_in_one_answer(unchanged: Deployment) -> None:
    rows = b"dataset,class,score\nA,a,high\nA,b,1\nA,b,2\nA,,3\n"
    answer = put(unchanged, "mine", rows)

    assert "line 2: the score of 'A+++a' is 'high', and a score is a finite number" in (
        refused(answer, 422, "bad_scores_file")
    )
    assert [each["code"] for each in answer.json()["errors"]] == ["bad_scores_file", *["conflicting_scores"] * 2]


def test_another_media_type_is_415(unchanged: Deployment) -> None:
    content = b"dataset,class,score\nA,a,1\n"
    answer = unchanged.http.put("/v1/scores/mine", params=ACCURACY, content=content, headers={"Content-Type": "text/x"})

    assert JSON_LINES in refused(answer, 415, "unsupported_media_type")


def test_an_unknown_name_is_404_with_a_similar_one(service: Deployment) -> None:
    assert put(service, "first", model=" a  CLIP ").status_code in (200, 201)

    assert "Did you mean first?" in refused(service.http.get("/v1/scores/frist"), 404, "source_not_found")
    refused(service.http.get("/v1/scores/First"), 404, "source_not_found")


def test_files_are_stored_and_listed_while_redis_is_away(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No worker has scores under names of its own, so none is asked."""
    with Deployment(tmp_path_factory.mktemp("away")) as away:
        away.valkey.kill()

        assert put(away, "mine").status_code == 201
        assert [each["name"] for each in away.http.get("/v1/scores").json()["scores"]] == ["mine"]


# --- Orders


def test_an_order_by_uploaded_scores(service: Deployment) -> None:
    digest = put(service, "accuracy").json()["digest"]
    manifest, evidence = published(service, "by-accuracy", source="accuracy")

    assert list(evidence) == ["CIFAR100+++wolf", "CIFAR100+++bear", "CIFAR100+++otter", "DTD+++dotted"]
    assert evidence["CIFAR100+++wolf"] == {"score": 80.25, "tie_group": 1}
    scores = manifest["evidence"]["scores"]
    assert {name: scores[name] for name in scores if name != "digest"} == {
        "source": "accuracy",
        **ACCURACY,
        "number": 4,
        "source_digest": digest,
        "warnings": [],
    }
    assert manifest["request"]["ordering"]["source"] == "accuracy"
    assert [list(each) for each in manifest["request"]["datasets"]] == [["classes", "name"]] * 2


def test_an_order_by_scores_of_which_lower_ones_are_easier(service: Deployment) -> None:
    assert put(service, "loss", **LOSS).status_code == 201
    manifest, evidence = published(service, "by-loss", source="loss")

    assert list(evidence) == ["DTD+++dotted", "CIFAR100+++otter", "CIFAR100+++bear", "CIFAR100+++wolf"]
    assert evidence["CIFAR100+++wolf"] == {"score": 80.25, "tie_group": 1}
    assert manifest["evidence"]["scores"]["direction"] == "lower is easier"


def test_an_order_by_the_mean_rank_of_three_models(service: Deployment) -> None:
    other: Rows = [("cifar100", "bear", 0.5), ("cifar100", "otter", 0.5), ("cifar100", "wolf", 1.0), ("dtd", None, 0.1)]
    for name, rows, query in (("rank-a", ROWS, {}), ("rank-b", ROWS, LOSS), ("rank-c", other, LOSS)):
        assert put(service, name, rows, **query).status_code == 201
    manifest, evidence = published(service, "by-three", sources=["rank-c", "rank-a", "rank-b"])
    again = service.post(request_for("by-three", sources=["rank-b", "rank-c", "rank-a"]))

    # By rank-a and rank-b 2 + 3 or 3 + 2 and 1 + 4 or 4 + 1: their sum is 5 for each, so rank-c decides.
    assert evidence.pop("DTD+++dotted") == {
        "mean_rank": 2.0,
        "ranks": {"rank-a": 4.0, "rank-b": 1.0, "rank-c": 1.0},
        "rank_spread": 3.0,
        "tie_group": 1,
    }
    assert {name: (each["mean_rank"], each["tie_group"]) for name, each in evidence.items()} == {
        "CIFAR100+++bear": (2.5, 2),
        "CIFAR100+++otter": (2.5, 2),
        "CIFAR100+++wolf": (3.0, 1),
    }
    assert list(evidence)[-1] == "CIFAR100+++wolf"
    assert manifest["request"]["ordering"]["sources"] == ["rank-a", "rank-b", "rank-c"]
    named = manifest["evidence"]["scores"]
    assert (named["source"], named["combined_by"]) == ("rank-a, rank-b, rank-c", "mean rank")
    assert [each["direction"] for each in named["sources"]] == [ACCURACY["direction"], *[LOSS["direction"]] * 2]
    assert again.status_code == 200
    assert again.json()["version"] == manifest["version"]


def test_the_command_makes_the_same_order_from_the_data_directory(service: Deployment, tmp_path: Path) -> None:
    for name, query in (("command-a", ACCURACY), ("command-b", {**LOSS, "metric": "error"})):
        assert put(service, name, **query).status_code == 201
    expected, evidence = published(service, "by-command", sources=["command-a", "command-b"], seed=3)
    (tmp_path / "concepts.json").write_text(json.dumps(CONCEPTS))
    options = ["--kind", "performance", "--sources", "command-b,command-a", "--seed", "3", "--name", "by-command"]
    command = [*ORDER, "concepts.json", *options, "--data-dir", str(service.data), "--manifest", "manifest.json"]
    order = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert json.loads(order.stdout) == list(evidence)
    assert json.loads((tmp_path / "manifest.json").read_text()) == expected


def test_unknown_names_are_422_at_their_places(service: Deployment) -> None:
    assert put(service, "known").status_code in (200, 201)
    answer = service.post(request_for("unknown", source="knwon"))
    assert "There is no scores file knwon. Did you mean known?" in refused(answer, 422, "source_not_found")
    assert answer.json()["pointers"] == ["/ordering/source"]

    answer = service.post({**request_for("unknown", sources=["x", "known", "a"]), "tasks": {"count": 0}})
    refused(answer, 422, "bad_task_count")
    assert [(each["code"], each["pointers"]) for each in answer.json()["errors"][1:]] == [
        ("source_not_found", ["/ordering/sources/0"]),
        ("source_not_found", ["/ordering/sources/2"]),
    ]


def test_a_job_fails_with_the_concepts_that_have_no_score(service: Deployment) -> None:
    assert put(service, "lacking", ROWS[:2]).status_code == 201
    assert put(service, "whole").status_code in (200, 201)
    answer = service.post(request_for("incomplete", sources=["whole", "lacking"]), wait=60)

    detail = refused(answer, 424, "missing_scores")
    assert "The scores file lacking has no score for 2 of 4 concepts: 'CIFAR100+++wolf', 'DTD+++dotted'." in detail
    assert answer.json()["pointers"] == ["/ordering/sources"]


def test_a_damaged_file_is_listed_with_its_error_and_fails_jobs(service: Deployment) -> None:
    assert put(service, "damaged").status_code == 201
    (path,) = (service.data / "streams" / "scores-files").glob("damaged.json")
    path.write_bytes(path.read_bytes()[:-9])

    (listed,) = (each for each in service.http.get("/v1/scores").json()["scores"] if each["name"] == "damaged")
    assert (listed["state"], listed["error"]["code"], listed["model"]) == ("unavailable", "scores_file_damaged", None)
    refused(service.http.get("/v1/scores/damaged"), 500, "scores_file_damaged")
    refused(put(service, "damaged"), 500, "scores_file_damaged")
    answer = service.post(request_for("damaged", source="damaged"), wait=60)
    assert "the record of damaged" in refused(answer, 424, "source_damaged")


def test_a_deleted_file_is_gone_and_its_versions_stay(service: Deployment) -> None:
    assert put(service, "deleted").status_code == 201
    version = service.publish(request_for("of-deleted", source="deleted"))
    assert service.http.delete("/v1/scores/deleted").status_code == 204
    assert "deleted" not in {each["name"] for each in service.http.get("/v1/scores").json()["scores"]}
    assert service.http.get(version["url"]).status_code == 200
    refused(service.post(request_for("of-deleted-2", source="deleted")), 422, "source_not_found")
    assert "only its content" in refused(put(service, "deleted", ROWS[:2]), 409, "source_exists")
    assert put(service, "deleted").status_code == 201

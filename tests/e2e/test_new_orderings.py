"""A new ordering is one file and one line: from POST to a version over HTTP, for each kind of evidence."""

from collections.abc import Iterator
from typing import Any

import pytest

from concept_orderings.evidence import Need
from support.counts_files import CSV, as_csv
from support.deployment import Deployment
from support.processes import ROOT
from support.ten_line_orderings import NEW
from worker.evidence.encoders.fake import FakeEncoder

SCRIPT = ROOT / "tests" / "support" / "ten_line_orderings.py"

# The catalogue has the years and scores of the first and the last: 2009 and 75.8, 2008 and 68.0.
DATASETS: list[dict[str, Any]] = [
    {"name": "cifar100", "classes": ["bear", "otter"]},
    {
        "name": "own",
        "classes": ["smart ring", "e-reader", "console"],
        "year": 2024,
        "template": "A product photo of a {}.",
        "scores": {"smart ring": 12.0, "e-reader": 71.5, "console": 88.2},
    },
    {"name": "flowers102", "classes": ["daffodil"]},
]
ANIMALS, OWN, FLOWERS = ["CIFAR100+++bear", "CIFAR100+++otter"], "own+++", "FLOWERS102+++daffodil"
COUNTS = {"bear": 40, "otter": 9, "smart ring": 388, "e reader": 91, "e-reader": 91, "console": 40213, "daffodil": 0}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(
        tmp_path_factory.mktemp("orderings"), script=SCRIPT, CONCEPT_ORDERINGS_DEFAULT_ENCODER="fake"
    ) as deployment:
        yield deployment.ready()


def published(
    service: Deployment, kind: str, datasets: list[dict[str, Any]], **parameters: object
) -> tuple[list[str], dict[str, Any]]:
    """Return the order and the manifest of an ordering's first version."""
    ordering = {"kind": kind, **parameters}
    version = service.publish({"name": kind, "datasets": datasets, "ordering": ordering, "tasks": {"count": 2}})
    order: list[str] = service.http.get(version["export_url"]).json()
    manifest: dict[str, Any] = service.http.get(version["url"]).json()
    return order, manifest


def test_there_is_a_new_ordering_for_each_kind_of_evidence() -> None:
    # Ties are evidence that orderings may have beside what they need, and samples are that of tasks.
    assert {need for each in NEW.values() for need in each.needs} == set(Need) - {Need.TIES, Need.SAMPLES}
    assert all(len(each.needs) == 1 for each in NEW.values())


def test_a_new_ordering_by_years(service: Deployment) -> None:
    order, manifest = published(service, "newest", DATASETS)

    assert order == [f"{OWN}console", f"{OWN}e-reader", f"{OWN}smart ring", *ANIMALS, FLOWERS]
    assert manifest["evidence"]["years"]["source"] == "request and catalogue"


def test_a_new_ordering_by_scores(service: Deployment) -> None:
    order, manifest = published(service, "hardest", DATASETS[:2])

    assert order == [f"{OWN}smart ring", f"{OWN}e-reader", *ANIMALS, f"{OWN}console"]
    assert manifest["evidence"]["scores"]["source"] == "request and catalogue"


def test_a_new_ordering_by_counts_of_the_request(service: Deployment) -> None:
    names = ["smart ring", "e-reader", "console"]
    own = {"name": "own", "classes": names, "counts": {name: COUNTS[name] for name in names}}
    order, manifest = published(service, "commonest", [own])

    assert order == [f"{OWN}console", f"{OWN}smart ring", f"{OWN}e-reader"]
    assert manifest["evidence"]["counts"]["source"] == "request"


def test_a_new_ordering_by_counts_of_a_source(service: Deployment) -> None:
    uploaded = service.http.put(
        "/v1/sources/counted",
        params={"unit": "documents", "corpus": "six documents"},
        content=as_csv(COUNTS.items()),
        headers={"Content-Type": CSV},
    )
    assert uploaded.status_code == 201, uploaded.text
    order, manifest = published(service, "commonest", DATASETS, source="counted")

    assert order == [f"{OWN}console", f"{OWN}smart ring", f"{OWN}e-reader", *ANIMALS, FLOWERS]
    assert manifest["evidence"]["counts"]["source"] == "counted"
    assert manifest["request"]["ordering"]["source"] == "counted"


def test_a_new_ordering_by_embeddings(service: Deployment) -> None:
    order, manifest = published(service, "leftmost", DATASETS)
    captions = {
        **{f"CIFAR100+++{name}": f"A photo of a {name}." for name in ("bear", "otter")},
        **{f"{OWN}{name}": f"A product photo of a {name}." for name in ("smart ring", "e-reader", "console")},
        FLOWERS: "A photo of a daffodil, a type of flower.",
    }
    rows = FakeEncoder().encode(list(captions.values()))
    first = dict(zip(captions, rows[:, 0].tolist(), strict=True))

    assert order == sorted(captions, key=first.__getitem__)
    # The service's default encoder applies to every ordering that needs embeddings.
    assert manifest["request"]["ordering"]["encoder"] == manifest["evidence"]["embeddings"]["source"] == "fake"
    assert manifest["evidence"]["embeddings"]["dimensions"] == 64


def test_the_api_lists_the_new_orderings(service: Deployment) -> None:
    listed = {each["kind"]: each for each in service.http.get("/v1/orderings").json()["orderings"]}
    schemas = service.http.get("/openapi.json").json()["components"]["schemas"]

    assert set(NEW) <= set(listed)
    assert [each["name"] for each in listed["commonest"]["parameters"]] == [
        "source", "counted_since", "refresh", "query_form", "reverse"
    ]  # fmt: skip
    assert "encoder" in schemas["LeftmostOrdering"]["properties"]

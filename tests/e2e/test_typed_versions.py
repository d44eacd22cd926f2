"""Test that the schemas of manifests and tasks declare every field that the orderings publish."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from app.examples import REQUESTS
from app.schemas import CanonicalOrdering
from app.scores_schemas import ScoresList
from app.source_schemas import CountsResource, SourceList
from app.version_schemas import (
    CanonicalClassList,
    ConceptEvidence,
    ManifestEvidence,
    ManifestResource,
    TaskResource,
)
from concept_orderings.evidence import EVIDENCE
from concept_orderings.orderings import ORDERINGS
from support.declared import fits
from support.deployment import Deployment

SIMILARITY = REQUESTS["similarity"]["value"]
FREQUENCY = REQUESTS["frequency"]["value"]
TIES = [f"my-gadgets+++{each}" for each in FREQUENCY["datasets"][0]["classes"]]
# The names of parameters and of evidence are those of requests.
NAMED_BY_REQUESTS = (CanonicalOrdering, CanonicalClassList)

PUBLISHED: dict[str, Any] = {
    **{name: example["value"] for name, example in REQUESTS.items()},
    "refined": {**SIMILARITY, "ordering": {**SIMILARITY["ordering"], "refine": 1, "starts": 3}},
    "hurried": {**SIMILARITY, "ordering": {**SIMILARITY["ordering"], "max_seconds": 600}},
    "one concept": {
        **SIMILARITY,
        "datasets": [{"name": "cifar100", "classes": ["bear"]}],
        "tasks": {"count": 1},
    },
    "a source": {
        **FREQUENCY,
        "datasets": [{"name": "cifar100", "classes": ["bear", "otter"]}],
        "ordering": {"kind": "frequency", "source": "typed"},
        "tasks": {"count": 1},
    },
    "a scores file": {
        **FREQUENCY,
        "datasets": [{"name": "cifar100", "classes": ["bear", "otter"]}],
        "ordering": {"kind": "performance", "source": "typed-a"},
        "tasks": {"count": 1},
    },
    "two scores files": {
        **FREQUENCY,
        "datasets": [{"name": "cifar100", "classes": ["bear", "otter"]}],
        "ordering": {"kind": "performance", "sources": ["typed-a", "typed-b"]},
        "tasks": {"count": 1},
    },
    "ties": {**FREQUENCY, "ordering": {"kind": "frequency", "ties": {"order": TIES}}},
    "by year": {**SIMILARITY, "tasks": {"by": "year"}},
    # Samples of the catalogue's CLEVR are a fraction.
    "balanced": {
        "datasets": [{"name": "clevr"}, {"name": "mine", "classes": ["ring"], "samples": 900}],
        "ordering": {"kind": "random"},
        "tasks": {"count": 3, "balance": "samples"},
    },
}


def undeclared(model: BaseModel, where: str = "") -> Iterator[str]:
    """Yield the fields that a model has and its class does not declare, at any depth."""
    if type(model) not in NAMED_BY_REQUESTS:
        yield from (f"{where}/{name}" for name in model.model_extra or {})
    for name in model.model_fields_set:
        value = getattr(model, name)
        for i, each in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(each, BaseModel):
                yield from undeclared(each, f"{where}/{name}/{i}")


@pytest.fixture(scope="module")
def with_sources(service: Deployment) -> Deployment:
    answer = service.http.put(
        "/v1/sources/typed",
        params={"unit": "documents", "corpus": "ten documents", "documents": 10},
        content=b"name,count\nbear,5\notter,3\n",
        headers={"Content-Type": "text/csv"},
    )
    assert answer.status_code == 201, answer.text
    for name in ("typed-a", "typed-b"):
        answer = service.http.put(
            f"/v1/scores/{name}",
            params={"model": "a model", "metric": "accuracy in percent", "direction": "higher is easier"},
            content=b"dataset,class,score\ncifar100,bear,5\ncifar100,otter,3\n",
            headers={"Content-Type": "text/csv"},
        )
        assert answer.status_code == 201, answer.text
    return service


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_version_has_the_fields_of_the_schemas(with_sources: Deployment, name: str) -> None:
    body = {**PUBLISHED[name], "name": "typed"}
    # On a busy machine, compiling the path search takes more than a minute.
    while (answer := with_sources.post(body, wait=30)).status_code == 202:
        pass
    assert answer.status_code in (200, 201), answer.text
    version = answer.json()

    manifest = with_sources.http.get(version["url"]).json()
    task = with_sources.http.get(version["tasks"][0]["url"]).json()

    for schema, document in ((ManifestResource, manifest), (TaskResource, task)):
        assert fits(schema.__name__, document)
        model = schema.model_validate(document, strict=True)
        assert model.model_dump(by_alias=True, exclude_unset=True) == document
        parameters = {f"/ordering/0/{each.name}" for each in ORDERINGS[body["ordering"]["kind"]].parameters()}
        assert set(undeclared(model)) <= parameters


def test_sources_and_their_counts_have_the_fields_of_the_schemas(with_sources: Deployment) -> None:
    sources = with_sources.http.get("/v1/sources").json()
    counts = with_sources.http.post("/v1/sources/typed/counts", json={"names": ["bear"]}).json()
    ranks = with_sources.http.post("/v1/sources/fomo-c4-ranks/counts", json={"names": ["hazelnut"]}).json()
    scores = with_sources.http.get("/v1/scores").json()
    answers = ((SourceList, sources), (CountsResource, counts), (CountsResource, ranks), (ScoresList, scores))

    for schema, answer in answers:
        assert fits(schema.__name__, answer)
        assert schema.model_validate(answer).model_dump(mode="json", exclude_unset=True) == answer


def test_all_kinds_of_evidence_are_declared() -> None:
    assert set(ManifestEvidence.model_fields) == set(EVIDENCE)
    shown = {each.shown_as for each in EVIDENCE.values() if each.shown_as}
    assert shown <= set(ConceptEvidence.model_fields)

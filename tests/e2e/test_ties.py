"""Orders of ties over HTTP: given, named by a stream, and published streams by name."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.published_schemas import PublishedStreamList
from concept_orderings.published_streams import PUBLISHED_STREAMS, published_order, stream_concepts
from support.answers import assert_problem
from support.deployment import Deployment

ORDER = ["zoo+++c", "zoo+++a", "zoo+++b"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(tmp_path_factory.mktemp("ties")) as deployment:
        yield deployment.ready()


def tied(ties: object, name: str = "tied", **ordering: object) -> dict[str, Any]:
    return {
        "name": name,
        "datasets": [{"name": "zoo", "classes": ["a", "b", "c"], "scores": 7}],
        "ordering": {"kind": "performance", "ties": ties, **ordering},
        "tasks": {"count": 1},
    }


def order_of(service: Deployment, version: dict[str, Any]) -> list[str]:
    found: list[str] = service.http.get(version["export_url"]).json()
    return found


def test_a_stream_and_its_order_are_one_version(service: Deployment) -> None:
    given = {"name": "base", "concepts": ["other+++x", *ORDER], "ordering": {"kind": "given"}, "tasks": {"count": 2}}
    base = service.publish(given)

    version = service.publish(tied({"stream": "base@1"}))
    assert order_of(service, version) == ORDER
    for ties in ({"order": ORDER}, {"digest": base["order_digest"]}):
        again = service.post(tied(ties, seed=5))
        assert (again.status_code, again.json()["digest"]) == (200, version["digest"])

    # The order of the manifest's own request lies in the store.
    manifest = service.http.get(version["url"]).json()
    assert set(manifest["request"]["ordering"]["ties"]) == {"digest"}
    assert service.post(manifest["request"]).status_code == 200
    reverse = service.publish({**manifest["request"], "ordering": {**manifest["request"]["ordering"], "reverse": True}})
    assert order_of(service, reverse) == ORDER[::-1]


def test_ties_inside_groups_are_those_of_a_stream(service: Deployment) -> None:
    base = service.publish({"name": "inner", "concepts": ORDER, "ordering": {"kind": "given"}, "tasks": {"count": 1}})
    body = tied({"stream": "inner@1"}, "inside")

    version = service.publish({**body, "ordering": {"kind": "dataset", "within": body["ordering"]}})
    assert order_of(service, version) == ORDER
    manifest = service.http.get(version["url"]).json()
    assert manifest["request"]["ordering"]["within"]["ties"] == {"digest": base["order_digest"]}
    assert service.post(manifest["request"]).status_code == 200
    missing = service.post({**body, "ordering": {"kind": "dataset", "within": tied({"digest": "0f" * 32})["ordering"]}})
    assert (missing.json()["code"], missing.json()["pointers"]) == ("ties_not_found", ["/ordering/within/ties/digest"])


@pytest.mark.parametrize(
    "ties", [{"stream": "nothing@1"}, {"stream": "fomo/frequency_bas"}, {"digest": "0f" * 32}, {"stream": "tied"}]
)
def test_an_order_that_does_not_exist_is_refused(service: Deployment, ties: dict[str, str]) -> None:
    answer = service.post(tied(ties))
    assert_problem(answer)

    assert (answer.status_code, answer.json()["code"]) == (422, "ties_not_found")
    assert answer.json()["errors"][0]["pointers"] == [f"/ordering/ties/{next(iter(ties))}"]


def test_a_document_that_is_no_order_is_not_found(service: Deployment) -> None:
    version = service.publish(tied({"order": ORDER}))

    assert service.post(tied({"digest": version["digest"]})).json()["code"] == "ties_not_found"


def test_the_ranks_and_the_list_that_was_sorted_give_the_published_stream(service: Deployment) -> None:
    body = {
        "name": "fomo",
        "concepts": list(stream_concepts()),
        "ordering": {"kind": "frequency", "source": "fomo-c4-ranks", "ties": {"stream": "fomo/frequency_base"}},
        "tasks": {"count": 20},
    }

    assert order_of(service, service.publish(body)) == list(published_order("fomo/frequency_sequence_1"))


def test_published_streams_are_listed(service: Deployment) -> None:
    answer = service.http.get("/v1/published").json()

    assert PublishedStreamList.model_validate(answer, strict=True).model_dump() == answer
    assert [each["name"] for each in answer["streams"]] == list(PUBLISHED_STREAMS)


def test_the_order_of_ties_is_published_with_the_version(service: Deployment) -> None:
    version = service.publish(tied({"order": ORDER}))
    evidence = service.http.get(f"{version['url']}/evidence/ties").json()

    assert {each["concept"]: each["place"] for each in evidence["rows"]} == {
        concept: i for i, concept in enumerate(ORDER)
    }

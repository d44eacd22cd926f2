"""The submission of a job: its id, its summary and its lane."""

from dataclasses import replace
from typing import Any, cast

import pytest

from concept_orderings.canonical import Json
from concept_orderings.request import parse_request
from concept_orderings.stream_warnings import StreamWarning
from store.jobs import job_id, job_of, lane_of
from store.runs import Lane
from support.requests import random_request

DATASET = {
    "name": "pets",
    "classes": ["cat", "dog"],
    "year": 2012,
    "template": "A photo of a {}.",
    "scores": 50,
    "counts": {"cat": 1, "dog": 2},
}

NO_COUNTS = {"cat": 0, "dog": 0}


def body(given: tuple[str, ...] = (), **ordering: Any) -> dict[str, Any]:
    fields = ("name", "classes", *given)
    dataset = {name: DATASET[name] for name in fields}
    return {"name": "s", "datasets": [dataset], "ordering": ordering, "tasks": {"count": 2}}


def test_a_job_s_id_is_the_first_half_of_its_request_s_digest() -> None:
    request = parse_request(random_request("s"))
    assert request.digest.startswith(job_id(request))
    assert len(job_id(request)) == 32


def test_the_summary_of_a_job_is_its_stream_and_ordering() -> None:
    request = parse_request(random_request("s"))
    job = job_of(request, client="me")
    assert job.canonical == request.canonical
    assert job.about == {"stream": "s", "ordering": request.ordering.as_json()}
    assert (job.id, job.client, job.steps) == (job_id(request), "me", 0)


def test_the_summary_of_a_job_lacks_a_long_listing() -> None:
    """It may have a million concepts, and the request has it anyway."""
    job = job_of(parse_request(body(kind="given")))
    assert b'"order"' in job.canonical
    assert job.about["ordering"] == {"kind": "given", "version": 1, "reverse": False}


def test_the_summary_of_a_job_has_the_warnings_that_its_request_decides() -> None:
    request = parse_request({**body(("counts",), kind="frequency"), "datasets": [{**DATASET, "counts": NO_COUNTS}]})
    [warning] = cast("list[dict[str, Json]]", job_of(request).about["warnings"])
    assert str(warning["detail"]).startswith("2 of 2 concepts have a count of 0")
    assert warning == {"code": "zero_counts", "count": 2, "concepts": list(request.concepts.ids)} | warning


def test_the_summary_of_a_job_stays_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read at each change of the job, and a name may be as long as a body."""
    long, named, other = (
        StreamWarning("x", detail, 1, concepts)
        for detail, concepts in (("x" * 20_001, ()), ("A short warning.", ("x" * 20_001,)), ("y" * 19_900, ()))
    )
    monkeypatch.setattr("store.jobs.foreseen_of_variants", lambda _: [[long, named, other]])
    assert job_of(parse_request(random_request("s"))).about["warnings"] == [{**named.as_json(), "concepts": []}]


def test_the_summary_of_a_job_keeps_queries_rather_than_concepts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of the concepts stand in the request, and the queries nowhere else."""
    query = {"/b/beach": "beach"}
    named = StreamWarning("x", "A warning.", 1, ("x" * 20_001,), query)
    long = StreamWarning("y", "Another warning.", 1, (), {"a": "x" * 20_001})
    monkeypatch.setattr("store.jobs.foreseen_of_variants", lambda _: [[named, long]])
    kept = job_of(parse_request(random_request("s"))).about["warnings"]
    assert kept == [{**named.as_json(), "concepts": []}, replace(long, queries={}).as_json()]


@pytest.mark.parametrize(
    ("request_body", "lane"),
    [
        (body(kind="random"), Lane.ORDER),
        (body(kind="dataset"), Lane.ORDER),
        (body(("year",), kind="time"), Lane.ORDER),
        (body(("scores",), kind="performance"), Lane.ORDER),
        (body(("counts",), kind="frequency"), Lane.ORDER),
        (body(kind="frequency", source="c4"), Lane.COMPUTE),
        (body(("template",), kind="similarity", encoder="fake"), Lane.COMPUTE),
        (body(("template",), kind="typicality", encoder="fake"), Lane.COMPUTE),
        (body(kind="given"), Lane.ORDER),
    ],
    ids=lambda each: each["ordering"]["kind"] if isinstance(each, dict) else str(each),
)
def test_the_lane_depends_on_the_evidence_to_be_gathered(request_body: dict[str, Any], lane: Lane) -> None:
    request = parse_request(request_body)
    assert lane_of(request) is lane
    assert job_of(request).lane is lane

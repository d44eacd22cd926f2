"""Test problem documents: all faults of an error, whatever it is."""

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Query
from fastapi.testclient import TestClient

from app.errors import install_handlers, problem_of_records
from concept_orderings.errors import BadValue, Fault, InvalidInput


def refusal() -> InvalidInput:
    error = BadValue("bad_year", "A year is an integer.", ["/a"])
    error.others = (Fault("bad_name", "What else is wrong.", ("/b", "/c")),)
    error.left_out = {"bad_name": 2}
    return error


FAULTS = [
    {"code": "bad_year", "detail": "A year is an integer.", "pointers": ["/a"]},
    {"code": "bad_name", "detail": "What else is wrong.", "pointers": ["/b", "/c"]},
]


def client() -> TestClient:
    app = FastAPI()
    install_handlers(app)

    @app.get("/refused")
    def refused() -> None:
        raise refusal()

    @app.get("/pages")
    def pages(limit: int = Query(ge=1, le=10), after: int = Query()) -> None: ...

    return TestClient(app)


def test_a_problem_lists_all_faults_after_those_of_its_own() -> None:
    answer = client().get("/refused")

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.json() == {
        "type": "urn:concept-orderings:problem:bad_year",
        "title": "Bad year",
        "status": 422,
        **FAULTS[0],
        "errors": FAULTS,
        "errors_left_out": {"bad_name": 2},
        "request_id": "",
    }


def test_all_wrong_query_parameters_are_listed() -> None:
    body: dict[str, Any] = client().get("/pages?limit=11&after=x").json()

    assert [each["detail"].split(":")[0] for each in body["errors"]] == ["limit", "after"]
    assert {each["code"] for each in body["errors"]} == {"bad_query"}
    assert body["detail"] == body["errors"][0]["detail"]


def test_an_error_of_a_job_is_listed_as_it_was_stored() -> None:
    several = json.loads(bytes(problem_of_records([refusal().as_json()], HTTPStatus.FAILED_DEPENDENCY).body))
    single = json.loads(bytes(problem_of_records([{"code": "cancelled", "detail": "Why."}], HTTPStatus.CONFLICT).body))

    assert (several["errors"], several["errors_left_out"]) == (FAULTS, {"bad_name": 2})
    assert single["errors"] == [{"code": "cancelled", "detail": "Why.", "pointers": []}]
    assert single["errors_left_out"] == {}

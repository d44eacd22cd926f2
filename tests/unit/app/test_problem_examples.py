"""Test that the OpenAPI document has an example of every error that a client can get."""

import json
import re
from functools import cache
from typing import Any

import pytest

from app import openapi
from app.problem_examples import (
    REFUSED_FILES,
    REFUSED_LABELS,
    REFUSED_LOOKS,
    REFUSED_SCORES_FILES,
    REFUSED_STREAMS,
    problem_examples,
)
from app.routes.problems import code_of
from app.schemas import Problem
from concept_orderings import errors
from support.declared import fits
from support.documented import documented_codes

NOT_OVER_HTTP = {
    # Of the command line, and of programs that do not start.
    *("bad_file", "bad_rows", "missing_embeddings", "missing_library", "missing_ties"),
    *("bad_setting", "unknown_data_format", "bad_keys_file", "bad_key_name", "key_exists"),
    *("bad_evidence_file", "evidence_damaged", "evidence_incomplete", "evidence_not_needed"),
    *("evidence_of_other_concepts", "evidence_of_other_captions", "evidence_of_other_source"),
    # Of a worker, which leaves the work to a later release.
    "request_of_later_release",
}


@cache
def document() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(openapi.document())
    return parsed


@cache
def all_documented() -> dict[str, dict[str, list[str]]]:
    operations = [operation for methods in document()["paths"].values() for operation in methods.values()]
    return {each["operationId"]: documented_codes(each) for each in operations}


@pytest.mark.parametrize("name", problem_examples())
def test_an_example_is_a_problem_document(name: str) -> None:
    value = document()["components"]["examples"][name]["value"]

    assert fits(Problem.__name__, value)
    assert Problem.model_validate(value, strict=True).model_dump() == value
    assert value["code"] == value["errors"][0]["code"] == code_of(name)
    assert value["detail"].endswith((".", "?"))


def test_an_example_has_the_status_under_which_it_is_listed() -> None:
    listed = 0
    for methods in document()["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                for media_type in answer.get("content", {}).values():
                    for each in (each for each in media_type.get("examples", {}).values() if "$ref" in each):
                        value = document()["components"]["examples"][each["$ref"].rsplit("/", 1)[1]]["value"]
                        assert str(value["status"]) == status
                        listed += 1
    assert listed > 100


def test_every_example_is_listed() -> None:
    references = set(re.findall(r"#/components/examples/([^\"]+)", openapi.document()))

    assert references == set(problem_examples())


REFUSED = (*REFUSED_STREAMS, *REFUSED_LOOKS, *REFUSED_LABELS, *REFUSED_FILES, *REFUSED_SCORES_FILES)


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_body_has_one_fault(name: str) -> None:
    assert len(problem_examples()[name]["value"]["errors"]) == 1


def test_every_code_of_the_tree_of_errors_is_documented() -> None:
    tree = (errors.__doc__ or "").partition("::")[2].partition("This module")[0]
    codes = {word for line in tree.splitlines() for word in re.findall(r"\b[a-z]+_[a-z_]+\b|\bcancelled\b", line)}
    documented = {code for by_status in all_documented().values() for listed in by_status.values() for code in listed}

    assert len(codes) > 40
    assert codes - documented == NOT_OVER_HTTP

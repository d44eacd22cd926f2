"""Test that the OpenAPI document is one that generators of clients can use."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter

from app import openapi
from app.examples import EXAMPLE_REQUEST, REQUESTS
from app.schemas import IndexLinks
from app.settings import ORDERING_DEFAULTS
from app.source_schemas import REQUESTS as COUNTS_REQUESTS
from concept_orderings.asked_classes import listed_pairs
from concept_orderings.counts_request import parse_counts_request
from concept_orderings.errors import InvalidInput
from concept_orderings.exporters import EXPORTERS, Exporter
from concept_orderings.labels import listed_labels
from concept_orderings.library import arrange_request
from concept_orderings.orderings import ORDERINGS
from concept_orderings.request import parse_request
from support.declared import assert_schema_agrees, fits_schema

SETTINGS = {"encoder": "minilm"}


@cache
def document() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(openapi.document())
    return parsed


def operations() -> list[dict[str, Any]]:
    return [operation for methods in document()["paths"].values() for operation in methods.values()]


def test_the_index_links_to_every_collection() -> None:
    collections = {
        path
        for path, methods in document()["paths"].items()
        if re.fullmatch("/v1/[a-z]+", path)
        and "get" in methods
        and not any(each["required"] for each in methods["get"].get("parameters", []))
    }
    assert "/v1/scores" in collections
    assert collections <= set(IndexLinks().model_dump().values())


def test_operation_ids_are_the_names_of_methods() -> None:
    names = [each["operationId"] for each in operations()]

    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch("(list|get|create|cancel|delete|follow|upload|look|compare)(_[a-z]+)+", name)


def test_all_tags_are_described_and_used() -> None:
    used = {tag for each in operations() for tag in each["tags"]}

    assert used == {each["name"] for each in document()["tags"]}
    assert all(each["description"] for each in document()["tags"])


def test_the_document_says_where_the_service_is_and_that_it_may_need_a_key() -> None:
    assert [each["url"] for each in document()["servers"]] == ["/"]
    assert document()["security"] == [{"key": []}, {}]
    for path, operations in document()["paths"].items():
        for each in operations.values():
            assert ("401" in each["responses"]) != path.startswith("/health/")
    assert document()["info"]["license"] == {"name": "MIT", "identifier": "MIT"}


# --- Regular expressions.


def patterns(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        for each in value.values():
            yield from patterns(each)
    elif isinstance(value, list):
        for each in value:
            yield from patterns(each)


def test_go_and_rust_can_compile_all_patterns() -> None:
    found = set(patterns(document()))

    assert len(found) > 10
    for each in found:
        # pydantic compiles it with Rust's engine, which like RE2 has no lookaround and knows no surrogates.
        assert TypeAdapter(Annotated[str, Field(pattern=each)])
        # Go's engine has no \u escapes, and repeats at most 1,000 times.
        assert r"\u" not in each
        assert all(int(times) <= 1000 for times in re.findall(r"(\d+)\}", each))


# --- Defaults: generated clients send those that the document states.


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref")
    return resolved(document()["components"]["schemas"][name.rsplit("/", 1)[1]]) if name else schema


def complete(schema: dict[str, Any], value: Any) -> Any:
    """Return a value with all defaults of its schema, and null for every other field that may be null."""
    schema = resolved(schema)
    alternatives = schema.get("anyOf") or (schema.get("oneOf") if "properties" not in schema else None)
    if alternatives:
        return complete(next(each for each in alternatives if fits_schema(each, value)), value)
    if isinstance(value, list):
        return [complete(schema["items"], each) for each in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    found = dict(value)
    for name, each in schema["properties"].items():
        if name in value:
            found[name] = complete(each, value[name])
        elif "default" in each:
            found[name] = each["default"]
        elif fits_schema(each, None):
            found[name] = None
    return found


def bare_request(kind: str) -> dict[str, Any]:
    """Return a request with no parameter but the kind, and whatever evidence that needs."""
    example = next(each["value"] for each in REQUESTS.values() if each["value"]["ordering"]["kind"] == kind)
    needed = {"kind"} | {each.name for each in ORDERINGS[kind].parameters() if each.required}
    return {**example, "ordering": {name: value for name, value in example["ordering"].items() if name in needed}}


@pytest.mark.parametrize("kind", ORDERINGS)
def test_posting_all_defaults_of_a_stream_request_is_posting_none(kind: str) -> None:
    body = bare_request(kind)
    completed = complete({"$ref": "#/components/schemas/StreamRequest"}, body)

    assert len(completed["ordering"]) > len(body["ordering"])
    assert completed.keys() >= {"datasets", "concepts"}
    found, expected = (parse_request(each, defaults=SETTINGS) for each in (completed, body))
    assert found.digest == expected.digest


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"datasets": None, "concepts": None},
        {"concepts": ["CIFAR100+++bear"]},
        {"concepts": ["CIFAR100+++bear"], "datasets": "fomo"},
        {"concepts": ["CIFAR100+++aple"]},
        {"ordering": {"kind": "published"}},
        {"ordering": {"kind": "published", "stream": None}},
        {"ordering": {"kind": "published", "stream": "icarl/cifar10"}},
        {"ordering": {"kind": "published", "stream": 5}},
        {"ordering": {"kind": "random"}},
        {"ordering": {"kind": "time", "within": {"kind": "published", "stream": "icarl/cifar100"}}},
        {"ordering": {"kind": "time", "within": {"kind": "published"}}},
        {"ordering": {"kind": "time", "within": {"kind": "random"}}},
        {"ordering": {"kind": "time", "within": None}},
        {"ordering": None},
    ],
    ids=str,
)
def test_a_request_without_concepts_fits_the_schema_if_its_ordering_has_its_own(changes: dict[str, Any]) -> None:
    check_schema_agrees({**bare_request("published"), **changes})


@pytest.mark.parametrize(
    "within",
    [
        {"kind": "similarity"},
        {"kind": "similarity", "max_seconds": 0, "starts": "all"},
        {"kind": "similarity", "max_seconds": 1},
        {"kind": "similarity", "starts": 3},
        {"kind": "similarity", "starts": "CIFAR100+++bear"},
        {"kind": "similarity", "starts": "al"},
    ],
    ids=str,
)
def test_the_schema_has_fewer_values_of_parameters_inside_groups(within: dict[str, Any]) -> None:
    body = {**bare_request("time"), "concepts": None, "datasets": [{"name": "cifar100"}]}
    check_schema_agrees({**body, "ordering": {"kind": "time", "within": within}})


def check_schema_agrees(body: dict[str, Any]) -> None:
    refused = None
    try:
        parse_request(body)
    except InvalidInput as error:
        refused = error

    assert_schema_agrees("StreamRequest", body, refused)


def test_a_setting_has_no_default() -> None:
    body = bare_request("similarity")

    completed = complete({"$ref": "#/components/schemas/StreamRequest"}, body)

    assert set(ORDERING_DEFAULTS) == set(SETTINGS)
    assert completed["ordering"].keys().isdisjoint(ORDERING_DEFAULTS)


@pytest.mark.parametrize("example", COUNTS_REQUESTS)
def test_posting_all_defaults_of_a_counts_request_is_posting_none(example: str) -> None:
    body = {name: value for name, value in COUNTS_REQUESTS[example]["value"].items() if name in ("names", "queries")}
    completed = complete({"$ref": "#/components/schemas/CountsRequest"}, body)

    assert completed.keys() == {"names", "queries", "refresh", "counted_since", "query_form"}
    assert parse_counts_request(completed) == parse_counts_request(body)


# --- Exports.


@pytest.mark.parametrize("exporter", EXPORTERS.values(), ids=EXPORTERS)
def test_an_export_in_json_fits_the_schema_of_its_exporter(exporter: type[Exporter]) -> None:
    is_json = exporter.media_type == "application/json"
    assert bool(exporter.json_schema) == is_json
    if is_json:
        listed = listed_labels(listed_pairs(REQUESTS["time"]["value"]))
        rendering = exporter().render(replace(arrange_request(EXAMPLE_REQUEST).published(1), labels=listed))

        assert fits_schema(exporter.json_schema, json.loads(rendering))

"""The OpenAPI document: it is committed and complete, and the service keeps to it."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import httpx
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import openapi, schemas
from app.examples import REQUESTS
from app.problem_examples import EXAMPLE_REQUEST_ID, REFUSED_LOOKS, REFUSED_SCORES_FILES, REFUSED_STREAMS
from concept_orderings.canonical_request import read_canonical
from concept_orderings.errors import InvalidInput
from concept_orderings.orderings import ORDERINGS
from concept_orderings.request import parse_request
from support.answers import raw
from support.declared import assert_schema_agrees
from support.deployment import Deployment

FIRST = "/v1/streams/first-steps"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(openapi.PATH.read_text(encoding="utf-8"))
    return parsed


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_committed_document_is_that_of_the_code() -> None:
    assert openapi.PATH.read_text(encoding="utf-8") == openapi.document(), "run make openapi and commit what it writes"


def test_the_service_serves_the_committed_document(service: Deployment, document: dict[str, Any]) -> None:
    assert service.http.get("/openapi.json").json() == document, "run make openapi and commit what it writes"


def test_the_document_has_all_calls_of_the_contract(document: dict[str, Any]) -> None:
    version = "/v1/streams/{name}/versions/{version}"
    assert {(path, method) for path, method, _ in operations(document)} >= {
        ("/v1/streams", "post"),
        ("/v1/streams", "get"),
        ("/v1/streams/{name}", "get"),
        (version, "get"),
        (f"{version}/tasks/{{task}}", "get"),
        (f"{version}/export/{{format}}", "get"),
        ("/v1/jobs/{id}", "get"),
        ("/v1/jobs/{id}", "delete"),
        ("/v1/jobs/{id}/events", "get"),
        ("/v1/orderings", "get"),
        ("/v1/datasets", "get"),
        ("/v1/published", "get"),
        ("/health/live", "get"),
        ("/health/ready", "get"),
    }


def test_everything_is_described(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation.get("summary"), (method, path)
        assert operation.get("description"), (method, path)
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (method, path, parameter["name"])
        for status, response in operation["responses"].items():
            assert response["description"], (method, path, status)
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name


def test_every_model_has_an_example(document: dict[str, Any]) -> None:
    shown = {"example", "examples", "default", "const", "enum"}
    for name, schema in document["components"]["schemas"].items():
        if shown & set(schema):
            continue
        for field, value in schema["properties"].items():
            # The target of a reference has its own example.
            assert shown & set(value) or "$ref" in json.dumps(value), (name, field)


def test_every_reference_has_a_target(document: dict[str, Any]) -> None:
    def references(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    for reference in references(document):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_every_ordering_has_an_example_request() -> None:
    missing = set(ORDERINGS) - {each["value"]["ordering"]["kind"] for each in REQUESTS.values()}

    assert missing == set(), "add a request that runs as it is to REQUESTS in app/examples.py for each of these"


def test_every_example_can_be_posted_unchanged(service: Deployment, document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/streams"]["post"]["requestBody"]["content"]["application/json"]
    assert content["examples"] == REQUESTS
    for name, example in content["examples"].items():
        answer = service.post(example["value"], wait=120)
        assert answer.status_code == 201, (name, answer.text)
        version = answer.json()
        assert version["ordering"] == example["value"]["ordering"]["kind"]
        for url in (version["url"], version["export_url"], *(each["url"] for each in version["tasks"])):
            assert service.http.get(url).status_code == 200


SCORED = {
    "model": "OpenCLIP ViT-B/32",
    "metric": "zero-shot accuracy in percent",
    "direction": "higher is easier",
}


def upload_scores(
    service: Deployment,
    rows: str = "dataset,class,score\ncifar100,bear,71.5\ncifar100,otter,64\ndtd,,44.2\n",
    name: str = "my-scores",
    media_type: str = "text/csv",
    **query: Any,
) -> httpx.Response:
    headers = {"Content-Type": media_type}
    return service.http.put(f"/v1/scores/{name}", content=rows, params={**SCORED, **query}, headers=headers)


def test_example_urls_exist_once_the_first_examples_were_sent(service: Deployment, document: dict[str, Any]) -> None:
    service.publish(REQUESTS["time"]["value"])
    assert upload_scores(service).status_code in (200, 201)
    for path, method, operation in operations(document):
        if method != "get":
            continue
        url, query = path, {}
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path" or (parameter["in"] == "query" and parameter["required"]):
                schema = parameter["schema"]
                example = parameter.get("example", schema.get("example", (schema.get("examples") or [None])[0]))
                assert example is not None, (path, parameter)
                if parameter["in"] == "query":
                    query[parameter["name"]] = str(example)
                url = url.replace(f"{{{parameter['name']}}}", str(example))
        answer = service.http.get(url, params=query)
        assert answer.status_code == 200, (url, answer.text)


def test_answers_match_their_schemas(service: Deployment, document: dict[str, Any]) -> None:
    """Each answer has exactly the fields of its schema; `test_typed_versions` compares manifests and tasks."""
    service.publish(REQUESTS["time"]["value"])
    assert schemas.DatasetWithClasses.model_validate(service.http.get("/v1/datasets/dtd").json(), strict=True)
    for path in ("/v1/streams", "/v1/streams/{name}", "/v1/orderings", "/v1/datasets", "/health/live", "/health/ready"):
        answer = document["paths"][path]["get"]["responses"]["200"]
        model = answer["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
        body = service.http.get(path.format(name="first-steps")).json()
        assert getattr(schemas, model).model_validate(body, strict=True).model_dump(by_alias=True) == body


def test_examples_of_errors_are_answers_of_the_service(service: Deployment, document: dict[str, Any]) -> None:
    """Compare the examples that need nothing but one request; `check_documented` sees the codes of all others."""
    service.publish(REQUESTS["time"]["value"])
    counts = {"unit": "documents", "corpus": "C4 (en), 2019-04 snapshot"}

    def upload(rows: str = "name,count\naquarium fish,388\nsunflower,91042\n", name: str = "my-counts",
               media_type: str = "text/csv", **query: Any) -> httpx.Response:  # fmt: skip
        headers = {"Content-Type": media_type}
        return service.http.put(f"/v1/sources/{name}", content=rows, params={**counts, **query}, headers=headers)

    assert upload().status_code in (200, 201)
    assert upload_scores(service).status_code in (200, 201)
    by_scores = {
        "name": "by-my-scores",
        "concepts": ["CIFAR100+++bear", "CIFAR100+++otter", "CIFAR100+++wolf"],
        "ordering": {"kind": "performance", "source": "my-scores"},
        "tasks": {"count": 1},
    }
    get, post = service.http.get, service.http.post
    job = post("/v1/streams", json={**REQUESTS["random"]["value"], "name": "finished"}).headers["Location"]
    service.until_state(job, "succeeded")
    large = (
        b" HTTP/1.1\r\nHost: [::1]\r\nContent-Type: text/csv\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n"
    )
    answers = {
        "invalid_json": post("/v1/streams", content="class lists"),
        "invalid_gzip": post("/v1/streams", content=b"plain", headers={"Content-Encoding": "gzip"}),
        "unknown_stream": get("/v1/streams/no-such-stream"),
        "unknown_version": get(f"{FIRST}/versions/9"),
        "unknown_task": get(f"{FIRST}/versions/1/tasks/9"),
        "unknown_format": get(f"{FIRST}/versions/1/export/task"),
        "unknown_labels": get(f"/v1/labels/{'0f' * 32}"),
        "unknown_dataset.url": get("/v1/datasets/CIFAR-100"),
        "unknown_job": get(f"/v1/jobs/{'0' * 32}"),
        "job_finished": service.http.delete(job),
        "source_exists": upload("name,count\naquarium fish,388\nsunflower,1\n"),
        "body_too_large": raw(service, b"POST /v1/streams" + large),
        "body_too_large.file": raw(service, b"PUT /v1/sources/large?unit=documents&corpus=C4" + large),
        "unsupported_media_type": post("/v1/streams", content=b"{}", headers={"Content-Encoding": "br"}),
        "unsupported_media_type.file": upload(media_type="text/plain"),
        "bad_query.limit": get("/v1/streams", params={"limit": 0}),
        "bad_query.v": get(f"{FIRST}/versions/1/export/fomo", params={"v": 0}),
        "bad_query.unit": upload(unit="words"),
        "bad_event_id": get(f"{job}/events", headers={"Last-Event-ID": "x"}),
        "bad_source": post("/v1/sources/request/counts", json={"names": ["sunflower"]}),
        "bad_stream_name.url": get("/v1/streams/First"),
        "bad_source_name": upload(name="infini-gram"),
        "unknown_parameter.file": upload(docs=5),
        "duplicate_field.file": upload(unit=["documents", "documents"]),
        "source_not_found.scores": get("/v1/scores/other-scores"),
        "source_exists.scores": upload_scores(service, "dataset,score\ndtd,1\n"),
        "body_too_large.scores": raw(
            service, b"PUT /v1/scores/large?model=a&metric=b&direction=lower+is+easier" + large
        ),
        "unsupported_media_type.scores": upload_scores(service, media_type="text/plain"),
        "bad_query.direction": upload_scores(service, direction="lower"),
        "bad_source_name.scores": upload_scores(service, name="catalogue"),
        "unknown_parameter.scores": upload_scores(service, unit="percent"),
        "duplicate_field.scores": upload_scores(service, model=["a", "b"]),
        "bad_scores_file": upload_scores(service, REFUSED_SCORES_FILES["bad_scores_file"].decode()),
        "conflicting_scores": upload_scores(service, REFUSED_SCORES_FILES["conflicting_scores"].decode()),
        "missing_scores.job": post("/v1/streams", json=by_scores, headers={"Prefer": "wait=60"}),
        "source_incomplete.counts": post("/v1/sources/my-counts/counts", json={"names": ["otter"]}),
    }
    answers |= {name: service.post(body) for name, body in REFUSED_STREAMS.items()}
    answers |= {name: post("/v1/sources/my-counts/counts", json=body) for name, body in REFUSED_LOOKS.items()}
    for name, answer in answers.items():
        found = answer.json()
        assert found["request_id"] == answer.headers["X-Request-ID"]
        assert found | {"request_id": EXAMPLE_REQUEST_ID} == document["components"]["examples"][name]["value"], name


# --- Schemas and checks of requests derive from one declaration.

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3000),
    st.sampled_from([2**53, -(2**63), 10**30, 1.0, 0.5, -1e300]),
    st.sampled_from(["", "x", "cifar100", "CIFAR100+++bear", "dataset", "year", "random", "{}", "A photo of a {}."]),
    st.text(max_size=5),
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["count", "sizes", "by", "bear", "kind", "name", "classes"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
COUNTED = {
    "name": "counted",
    "datasets": [{"name": "cifar100", "classes": ["bear"], "queries": {"bear": ["bear", "bears"]}}],
    "ordering": {"kind": "frequency", "source": "c4", "counted_since": "2026-01-31T12:00:00Z"},
    "tasks": {"count": 1},
}
SCORED_BY_NAME = {
    "name": "scored",
    "datasets": [{"name": "cifar100", "classes": ["bear"]}],
    "ordering": {"kind": "performance", "sources": ["a-model", "another"]},
    "tasks": {"count": 1},
}
INSIDE_YEARS = {
    "name": "inside",
    "datasets": [{"name": "cifar100", "classes": ["bear"]}, {"name": "dtd", "classes": ["dotted"]}],
    "ordering": {"kind": "time", "within": {"kind": "similarity", "encoder": "minilm", "starts": 3, "refine": 1}},
    "tasks": {"count": 1},
}
INSIDE_DATASETS = {
    **INSIDE_YEARS,
    "ordering": {"kind": "dataset", "datasets_in_order": ["dtd", "cifar100"], "within": {"kind": "random", "seed": 1}},
}
RIGHT = [COUNTED, SCORED_BY_NAME, INSIDE_YEARS, INSIDE_DATASETS, *(each["value"] for each in REQUESTS.values())]
NAMES = st.sampled_from(
    ["name", "datasets", "concepts", "ordering", "tasks", "classes", "year", "template", "scores", "counts", "kind",
     "version", "seed", "reverse", "source", "sources", "encoder", "within_year", "within",
     "datasets_in_order", "count", "sizes", "by", "queries",
     "refresh", "counted_since", "other"]
)  # fmt: skip


@st.composite
def nearly_right(draw: st.DrawFn) -> Any:
    """Draw a valid request with up to three changes: a value changed, added or left out."""
    body: Any = json.loads(json.dumps(draw(st.sampled_from(RIGHT))))
    for _ in range(draw(st.integers(0, 3))):
        at = body
        while isinstance(at, dict | list) and at:
            key: Any = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            if isinstance(at[key], dict | list) and at[key] and draw(st.booleans()):
                at = at[key]
                continue
            match draw(st.sampled_from(["change", "leave out", "add"])):
                case "change":
                    at[key] = draw(VALUES)
                case "leave out":
                    del at[key]
                case _ if isinstance(at, dict):
                    at[draw(NAMES)] = draw(VALUES)
                case _:
                    at.append(draw(VALUES))
            break
    return body


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(nearly_right())
def test_schemas_and_checks_agree(body: Any) -> None:
    try:
        request, refused = parse_request(body), None
    except InvalidInput as error:
        request, refused = None, error
    assert_schema_agrees("StreamRequest", body, refused)
    if request is not None:
        again = read_canonical(request.canonical)
        assert again.canonical == request.canonical, "the worker reads the same request that the API stored"


# --- So do the patterns of strings in paths, queries and headers.

STRINGS = [
    # path in the document, parameter, URL, valid values, invalid values
    ("/v1/streams/{name}", "name", "/v1/streams/{}", ["first-steps", "x" * 128], ["First", "-a", "x" * 129, "a%20b"]),
    ("/v1/streams/{name}", "cursor", f"{FIRST}?cursor={{}}", ["0", "1", "999999999"], ["x", "-1", "01", "1000000000"]),
    ("/v1/jobs/{id}", "id", "/v1/jobs/{}", ["a" * 32], ["A" * 32, "a" * 31, "a" * 33]),
    ("/v1/scores/{name}", "name", "/v1/scores/{}", ["a-model"], ["A", "-", "x" * 129]),
    ("/v1/sources/{name}/counts", "name", "/v1/sources/{}/counts", ["c4"], ["C4", "-", "x" * 129]),
]


@pytest.mark.parametrize(("path", "name", "url", "right", "wrong"), STRINGS, ids=[each[1] for each in STRINGS])
def test_strings_in_urls_have_the_pattern_that_is_checked(
    service: Deployment, document: dict[str, Any], path: str, name: str, url: str, right: list[str], wrong: list[str]
) -> None:
    service.publish(REQUESTS["time"]["value"])
    [(method, operation)] = (
        document["paths"][path].items() if path.endswith("counts") else [("get", document["paths"][path]["get"])]
    )
    [declared] = [each for each in operation["parameters"] if each["name"] == name]
    schemas = declared["schema"].get("anyOf", [declared["schema"]])
    pattern = next(found for each in (declared["schema"], *schemas) if (found := each.get("pattern")))
    for value in right:
        assert re.search(pattern, value), value
        answer = service.http.request(method, url.format(value), json={"names": ["a"]} if method == "post" else None)
        assert answer.status_code in (200, 202, 307, 404, 424), (value, answer.text)
    for value in wrong:
        assert not re.search(pattern, unquote(value)), value
        answer = service.http.request(method, url.format(value), json={"names": ["a"]} if method == "post" else None)
        assert answer.status_code in (404, 422), (value, answer.text)


NUMBERS: list[tuple[str, str, str, list[int | str], list[int | str]]] = [
    ("/v1/streams/{name}/versions/{version}", "version", f"{FIRST}/versions/{{}}", [1, "latest"], [0, -1, "last", "1"]),
    ("/v1/streams/{name}/versions/{version}/tasks/{task}", "task", f"{FIRST}/versions/1/tasks/{{}}", [0, 1],
     [-1, "first", 10**9]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "name", "url", "right", "wrong"), NUMBERS, ids=[each[1] for each in NUMBERS])
def test_numbers_in_urls_have_the_schema_that_is_checked(
    service: Deployment,
    document: dict[str, Any],
    path: str,
    name: str,
    url: str,
    right: list[int | str],
    wrong: list[int | str],
) -> None:
    service.publish(REQUESTS["time"]["value"])
    [declared] = [each for each in document["paths"][path]["get"]["parameters"] if each["name"] == name]
    schema = jsonschema.Draft202012Validator(declared["schema"])
    for value in right:
        assert schema.is_valid(value), value
        assert service.http.get(url.format(value)).status_code in (200, 307), value
    for value in wrong:
        assert not schema.is_valid(value), value
        # A number has one form in a URL, whichever type it has in the client.
        if not str(value).isdecimal() or value in (0, 10**9):
            assert service.http.get(url.format(value)).status_code == 404, value


def test_an_event_id_has_the_pattern_that_is_checked(service: Deployment, document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/jobs/{id}/events"]["get"]
    [declared] = [each for each in operation["parameters"] if each["name"] == "Last-Event-ID"]
    pattern = declared["schema"]["pattern"]
    posted = service.post({**REQUESTS["random"]["value"], "name": "for-its-events"})
    url = f"{posted.headers['Location']}/events"
    service.until_state(posted.headers["Location"], "succeeded")
    for value, right in [("0", True), ("1-0", True), ("", True), ("x", False), ("1-", False), ("-1", False)]:
        assert bool(re.search(pattern, value)) is right
        answer = service.http.get(url, headers={"Last-Event-ID": value})
        assert (answer.status_code == 422) is not right, (value, answer.text)

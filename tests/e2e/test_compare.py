"""Two orders compared over HTTP, and by the command on what the service exports."""

import json
from pathlib import Path
from typing import Any

import pytest

from concept_orderings.cli import main
from support.answers import assert_problem
from support.deployment import Deployment

URL = "/v1/compare"


def body_of(name: str, seed: int) -> dict[str, Any]:
    return {
        "name": name,
        "datasets": [{"name": "cifar100"}],
        "ordering": {"kind": "random", "seed": seed},
        "tasks": {"count": 4},
    }


@pytest.fixture(scope="module")
def versions(service: Deployment) -> list[dict[str, Any]]:
    return [service.publish(body_of("compared", seed)) for seed in (1, 2)]


def test_versions_are_compared_as_the_command_does(
    service: Deployment, versions: list[dict[str, Any]], tmp_path: Path
) -> None:
    answer = service.http.get(URL, params={"a": "compared@1", "b": "compared@2"})
    found = answer.json()

    assert answer.status_code == 200
    assert [found[side]["digest"] for side in ("a", "b")] == [each["digest"] for each in versions]
    assert [found[side]["order_digest"] for side in ("a", "b")] == [each["order_digest"] for each in versions]
    assert sum(map(sum, found["shared_between_tasks"])) == found["shared"] == 100
    assert found["differences"]["request"]["total"] == 1
    # Later releases may say more.
    assert answer.headers["Cache-Control"] == "public, no-cache"
    again = service.http.get(answer.url, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")

    for i, version in enumerate(versions):
        (tmp_path / f"{i}.zip").write_bytes(service.http.get(f"{version['url']}/export/bundle").content)
    output = tmp_path / "compared.json"
    assert main(["compare", *(str(tmp_path / f"{i}.zip") for i in range(2)), "--json", "--output", str(output)]) == 0
    of_files = json.loads(output.read_text())
    for side in ("a", "b"):
        of_files[side]["name"] = found[side]["name"]
    assert of_files == found


def test_latest_and_published_streams_have_names(service: Deployment, versions: list[dict[str, Any]]) -> None:
    latest = service.http.get(URL, params={"a": "compared@latest", "b": "icarl/cifar100"})

    assert (latest.status_code, latest.headers["Location"]) == (
        307,
        f"{URL}?a=compared@{len(versions)}&b=icarl/cifar100",
    )
    found = service.http.get(latest.headers["Location"]).json()
    assert found["b"] == {
        "name": "icarl/cifar100",
        "stream": None,
        "version": None,
        "digest": None,
        "order_digest": found["b"]["order_digest"],
        "concepts": 100,
        "tasks": 1,
    }
    assert (found["shared"], found["differences"]) == (100, None)


@pytest.mark.parametrize(
    ("query", "status", "codes"),
    [
        ("", 422, ["bad_query", "bad_query"]),
        ("a=compared&b=compared@0x1", 422, ["bad_query", "bad_query"]),
        ("a=compared@1&b=compared@1&c=compared@2", 422, ["bad_query"]),
        ("a=compared@1&a=compared@2&b=compared@1", 422, ["bad_query"]),
        ("a=compared@9&b=no-such-stream@1", 404, ["unknown_version", "unknown_stream"]),
        ("a=no-such-stream@latest&b=compared@1", 404, ["unknown_stream"]),
        ("a=Compared@1&b=compared@1", 422, ["bad_stream_name"]),
        ("a=fomo/similarity_sequence_9&b=compared@1", 422, ["bad_query"]),
        (f"a={'x' * 201}@1&b=compared@1", 422, ["bad_query"]),
    ],
)
def test_a_bad_query_is_one_answer_with_all_faults(
    service: Deployment, versions: list[dict[str, Any]], query: str, status: int, codes: list[str]
) -> None:
    answer = service.http.get(f"{URL}?{query}")

    assert versions
    assert_problem(answer)
    assert (answer.status_code, [each["code"] for each in answer.json()["errors"]]) == (status, codes)
    sides = [each["detail"][:3] for each in answer.json()["errors"]]
    assert set(sides) <= {"a: ", "b: ", "c: "}


def test_a_damaged_version_is_said_to_be_damaged(service: Deployment) -> None:
    version = service.publish(body_of("compared-and-damaged", 1))
    digest = version["tasks"][2]["digest"]
    (path,) = Path(service.data).rglob(digest)
    path.write_bytes(path.read_bytes()[:-1])
    answer = service.http.get(URL, params={"a": "compared-and-damaged@1", "b": "icarl/cifar100"})

    assert_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (500, "version_damaged")

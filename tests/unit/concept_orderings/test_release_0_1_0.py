"""Test that requests give what release 0.1.0 made of them, because what was published never changes.

Only what tests/support/additions.py lists may be added to manifests and tasks.
"""

import json
from typing import Any

import pytest

from concept_orderings.canonical import sha256_hex
from concept_orderings.canonical_request import read_canonical
from concept_orderings.errors import InvalidInput
from concept_orderings.request import parse_request
from support.optional import needs_programs
from support.requests_of_0_1_0 import (
    FIXTURE,
    Row,
    arranged,
    job_of,
    look_of,
    published,
    request_of,
    stored_look_of,
    without_apostrophes,
)

from .benchmark import needs_benchmark, stream

WRITTEN = {
    "requests.json": "ec8541d4aeca48614ef7d21f084a14576d443efa5247340758907e931e554179",
    "data.json": "e925c2b1acfab02e68445553fac1634dff1200c10f6f6f4842e6d930bcf9c920",
    "data.tar.xz": "14ee6e9f441992eed038e4f43e0bbbc8eccd6766f42582c08cc7abb65688211d",
}
TABLE: dict[str, Any] = json.loads((FIXTURE / "requests.json").read_text(encoding="utf-8"))

WITH_APOSTROPHES = {"frequency, counted by the worker, long and odd names", "names, odd"}
"""The rows whose bodies mean another request today, on purpose: names with an apostrophe are asked for in both
spellings, and their queries stand in the canonical request. One without the queries means what it meant in 0.1.0."""

REFUSED_SINCE = {
    "names, odd classes": ["/datasets/0/classes/27", "/datasets/0/classes/28"],
    "names, odd classes as concepts": ["/concepts/25", "/concepts/26"],
    "similarity, odd names": ["/datasets/0/classes/27", "/datasets/0/classes/28"],
}
"""By the name of a row, the names in its body that show nothing, U+200B and U+FEFF: 0.2.0 refuses them.

What 0.1.0 stored of these rows is read and published as it was.
"""

ROWS = [pytest.param(each, id=each["name"]) for each in TABLE["requests"]]
every_request = pytest.mark.parametrize("row", ROWS)
every_body = pytest.mark.parametrize("row", [each for each in ROWS if each.id not in REFUSED_SINCE])


@pytest.mark.parametrize("name", WRITTEN)
def test_the_fixture_is_as_0_1_0_wrote_it(name: str) -> None:
    assert sha256_hex((FIXTURE / name).read_bytes()) == WRITTEN[name], (
        f"{name} is evidence of what release 0.1.0 published and is never written again; take the change back"
    )


@every_body
def test_a_body_has_the_same_canonical_request_as_in_0_1_0(row: Row) -> None:
    request = request_of(row)
    if row["name"] in WITH_APOSTROPHES:
        assert request.canonical.decode() != row["canonical"]
        request = without_apostrophes(request)
    assert request.canonical.decode() == row["canonical"], (
        "a request has another identity than in 0.1.0; a parameter that was added since declares `absent`"
    )
    assert request.digest == row["request_digest"]


@pytest.mark.parametrize("row", [each for each in ROWS if each.id in REFUSED_SINCE])
def test_a_body_that_is_refused_since_is_refused_for_its_names_alone(row: Row) -> None:
    with pytest.raises(InvalidInput) as refused:
        request_of(row)

    faults = [(fault.code, pointer) for fault in refused.value.faults for pointer in fault.pointers]
    assert faults == [("bad_class_name", pointer) for pointer in REFUSED_SINCE[row["name"]]]


@needs_programs
@every_body
def test_a_body_has_the_job_it_had(row: Row) -> None:
    assert job_of(without_apostrophes(request_of(row))) == row["job_id"]


@needs_programs
@every_request
def test_a_stored_request_has_the_job_it_had(row: Row) -> None:
    assert job_of(read_canonical(row["canonical"].encode())) == row["job_id"]


@every_body
def test_a_parsed_canonical_request_is_written_as_itself(row: Row) -> None:
    again = parse_request(json.loads(row["canonical"]))
    assert without_apostrophes(again).canonical.decode() == row["canonical"]


@every_request
def test_a_stored_canonical_request_is_read_with_its_digest(row: Row) -> None:
    request = read_canonical(row["canonical"].encode())
    assert (request.canonical.decode(), request.digest) == (row["canonical"], row["request_digest"])


@every_request
def test_a_request_gives_the_same_version_as_in_0_1_0(row: Row) -> None:
    # Read from the canonical request, as the worker does, also for requests that 0.1.0 queued.
    request = read_canonical(row["canonical"].encode())
    found = published(arranged(row, request))
    assert found.order == row["order_digest"]
    assert found.tasks == row["task_digests"]
    assert found.warnings == row["warnings"]
    assert found.manifest == row["manifest_digest"]


@needs_programs
@pytest.mark.parametrize("row", [pytest.param(each, id=each["name"]) for each in TABLE["looks"]])
def test_a_look_at_counts_has_the_same_canonical_request_and_id_as_in_0_1_0(row: Row) -> None:
    if row["name"] not in WITH_APOSTROPHES:
        assert look_of(row) == (row["canonical"], row["id"])
        return
    canonical, _ = look_of(row)
    assert canonical != row["canonical"]
    assert canonical == row["canonical"].replace("""["it's"]""", """["it's","it’s"]""")


@needs_programs
@pytest.mark.parametrize("row", [pytest.param(each, id=each["name"]) for each in TABLE["looks"]])
def test_a_stored_look_is_read_with_its_id(row: Row) -> None:
    assert stored_look_of(row) == (row["canonical"], row["id"])


@needs_benchmark
@pytest.mark.parametrize(
    "row", [pytest.param(each, id=f"{each['file']}, {each['ordering']['kind']}") for each in TABLE["streams"]]
)
def test_a_stream_of_the_benchmark_gives_the_same_version_as_in_0_1_0(row: Row) -> None:
    body = {"name": "fomo", "concepts": stream(row["file"]), "ordering": row["ordering"], "tasks": row["tasks"]}
    request = request_of({"body": body})
    assert len(request.concepts) == row["concepts"]
    again = without_apostrophes(read_canonical(request.canonical))
    assert (again.canonical == request.canonical) is (row["ordering"]["kind"] != "frequency")
    assert again.digest == row["request_digest"]
    found = published(arranged(row, again))
    assert (found.order, found.manifest) == (row["order_digest"], row["manifest_digest"])

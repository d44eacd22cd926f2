"""Today's service on a data directory that release 0.1.0 left behind when all its processes were killed.

Today's processes are killed, too, several times while they move what 0.1.0 left, before the service is looked at.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concept_orderings.bundles import read_bundle
from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.canonical_request import read_canonical
from concept_orderings.exporters import EXPORTERS
from concept_orderings.verification import Code, Outcome, verify
from support.additions import without_additions
from support.data_of_0_1_0 import FACTS, ServedData, kill_while_moving, unpack, write_before_start
from support.processes import Valkey

VERSIONS = [pytest.param(each, id=each["url"]) for each in FACTS["versions"]]
UNFINISHED = [FACTS["running"], *FACTS["queued"]]
MINUTE = 60

# Evidence that no source and no encoder would give: a version that shows it was made from what is kept.
KEPT_COUNT = 11
KEPT_NAME = "snow leopards"
CATS = FACTS["versions"][0]["body"]["datasets"][0]
KEPT_ROWS = np.eye(len(CATS["classes"]), 64, dtype="<f4")


def plant_count(data: Path) -> None:
    """Change a count that is kept."""
    (fingerprint,) = (each["fingerprint"] for each in FACTS["sources"] if each["name"] == "tiny")
    field = hashlib.sha256(canonical_json([KEPT_NAME])).digest()
    body = struct.pack("<qq?", KEPT_COUNT, int(FACTS["stopped_at"]), False)
    checksum = struct.pack("<I", zlib.crc32(body, zlib.crc32(field, zlib.crc32(fingerprint.encode()))))
    write_before_start(data, b"HSET", f"concept-orderings:counts:{fingerprint}".encode(), field, body + checksum)


def plant_embeddings(data: Path) -> None:
    """Change the embeddings of the cats' captions that are kept."""
    (key,) = (name for name, each in FACTS["keys"].items() if ":embeddings:" in name and each["size"] == 11)
    for class_name, row in zip(sorted(CATS["classes"]), KEPT_ROWS, strict=True):
        field = hashlib.sha256(CATS["template"].format(class_name).encode()).digest()
        checksum = struct.pack("<I", zlib.crc32(row.tobytes(), zlib.crc32(field)))
        write_before_start(data, b"HSET", key.encode(), field, row.tobytes() + checksum)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedData]:
    directory = tmp_path_factory.mktemp("data-of-0.1.0")
    data = unpack(directory)
    plant_count(data)
    plant_embeddings(data)
    for moved in (0, 1, 8, 16):
        kill_while_moving(data, directory, moved=moved)
    with ServedData(data, directory) as service:
        yield service


def test_the_archive_holds_what_its_description_says(tmp_path: Path) -> None:
    data = unpack(tmp_path, seconds_ago=MINUTE)
    sizes = {"hash": "HLEN", "set": "SCARD", "zset": "ZCARD", "stream": "XLEN", "string": "STRLEN"}
    valkey = Valkey(durable=True, data=data / "valkey")
    try:
        with valkey.client() as client:
            types = {key: client.type(key).decode() for key in client.scan_iter()}
            found: dict[str, Any] = {
                key.decode(): {"type": kind, "size": client.execute_command(sizes[kind], key)}
                for key, kind in types.items()
            }
    finally:
        valkey.close()
    lasting = {
        key: {"type": each["type"], "size": each["size"]}
        for key, each in FACTS["keys"].items()
        if each["expires_in"] is None or each["expires_in"] > 2 * MINUTE
    }
    assert {key: found.get(key) for key in lasting} == lasting
    assert found.keys() <= FACTS["keys"].keys()


def assert_documents(served: ServedData, documents: list[list[str]]) -> None:
    # 0.1.0 compressed nothing; a compressed form has an entity tag of its own.
    as_it_is = {"Accept-Encoding": "identity"}
    for url, digest, etag in documents:
        answer = served.http.get(url, headers=as_it_is)
        assert answer.status_code == 200, answer.text
        assert sha256_hex(answer.content) == digest, url
        assert answer.headers["ETag"] == etag, url
        assert served.http.get(url, headers={**as_it_is, "If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_served_as_it_was(served: ServedData, version: dict[str, Any]) -> None:
    assert_documents(served, version["documents"])


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_request_has_the_same_version(served: ServedData, version: dict[str, Any]) -> None:
    answer = served.post(version["body"], wait=0)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Location"].endswith(version["url"])
    found = answer.json()
    assert found["warnings"] == served.http.get(version["url"]).json()["warnings"]
    assert found["warning_details"] == [
        {"code": "unclassified", "detail": each, "count": None, "concepts": []} for each in found["warnings"]
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_version_has_evidence(served: ServedData, version: dict[str, Any]) -> None:
    for part in ("evidence", "evidence/vectors", "evidence/counts"):
        answer = served.http.get(f"{version['url']}/{part}")
        assert (answer.status_code, answer.json()["code"]) == (404, "evidence_not_kept")
        assert "made by a release that kept no evidence" in answer.json()["detail"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_has_every_export(served: ServedData, version: dict[str, Any]) -> None:
    answer = served.post(version["body"], wait=0).json()
    assert set(answer["exports"]) == set(EXPORTERS)
    for name, url in answer["exports"].items():
        first, second = served.http.get(url), served.http.get(url)
        # These two say only some splits, and only the benchmark's concepts.
        if first.status_code != 200 and name in ("pycil", "fomo-config"):
            assert first.json()["code"] == "cannot_express", first.text
            continue
        assert first.status_code == 200, first.text
        assert second.content == first.content
    assert answer["order_digest"] == sha256_hex(served.http.get(answer["exports"]["fomo"]).content)
    tasks = [served.http.get(each["url"]).json()["concepts"] for each in answer["tasks"]]
    assert served.http.get(answer["exports"]["tasks"]).json() == [[each["concept"] for each in task] for task in tasks]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_verified_as_far_as_its_evidence_was_kept(served: ServedData, version: dict[str, Any]) -> None:
    bundle = served.http.get(f"{version['url']}/export/bundle").content
    findings = verify(read_bundle(bundle, "bundle.zip"))
    manifest = served.http.get(version["url"]).json()
    has_evidence = not read_canonical(canonical_json(manifest["request"])).outside

    assert not findings.has(Outcome.FAILED), findings.all()
    assert findings.has(Outcome.UNPROVEN, Code.EVIDENCE_NOT_KEPT) != has_evidence
    assert findings.has(Outcome.NOTED, Code.OTHER_SOFTWARE) == has_evidence


@pytest.mark.parametrize("stream", FACTS["streams"])
def test_every_stream_lists_the_versions_it_had(served: ServedData, stream: str) -> None:
    names = {each["name"] for each in served.http.get("/v1/streams").json()["streams"]}
    found = served.http.get(f"/v1/streams/{stream}").json()["versions"]
    known = FACTS["pages"][stream]
    by_number = {each["version"]: each for each in found}
    assert stream in names
    assert [by_number[each["version"]] | each for each in known] == [by_number[each["version"]] for each in known]


@pytest.mark.parametrize(
    "url", [url for url, job in FACTS["jobs"].items() if job["state"] not in ("queued", "running")]
)
def test_jobs_that_were_over_are_shown_as_they_were(served: ServedData, url: str) -> None:
    job = served.job(url)
    assert job | FACTS["jobs"][url] == job


@pytest.mark.parametrize("unfinished", UNFINISHED, ids=["running", "queued", "queued, to be counted"])
def test_a_job_that_was_cut_off_is_finished(served: ServedData, unfinished: dict[str, Any]) -> None:
    job = served.finished(unfinished["job"])
    assert job["state"] == "succeeded", job
    url, known = job["stream"]["url"], unfinished["version"]
    (_, manifest_digest, _), *parts = known["documents"]
    *tasks, export = (served.http.get(each.replace(known["url"], url)).content for each, _, _ in parts)
    assert sha256_hex(export) == parts[-1][1], "the order is another"
    if url == known["url"]:
        # ^ not if another version was published first: tasks and manifest name the version.
        manifest, bare_tasks = without_additions(served.http.get(url).content, tasks, release=FACTS["written_by"])
        assert [sha256_hex(each) for each in bare_tasks] == [digest for _, digest, _ in parts[:-1]]
        # What was counted today says so.
        if "counts" not in json.loads(manifest)["evidence"]:
            assert sha256_hex(manifest) == manifest_digest


def test_what_was_cancelled_or_has_failed_can_be_asked_again(served: ServedData) -> None:
    cancelled, failed = FACTS["cancelled"][0], FACTS["failed"][1]
    assert served.post(cancelled["body"]).status_code in (200, 201)
    answer = served.post(failed["body"], wait=0)
    assert answer.status_code == 202
    assert answer.headers["Location"].endswith(failed["job"])
    assert served.finished(failed["job"])["error"]["code"] == "source_incomplete"


def test_a_kept_count_is_not_counted_again(served: ServedData) -> None:
    body = {
        "name": "kept-count",
        "datasets": [{"name": "animals", "classes": [KEPT_NAME, "apple"]}],
        "ordering": {"kind": "frequency", "source": "tiny"},
        "tasks": {"count": 1},
    }
    answer = served.post(body)
    assert answer.status_code == 201, answer.text
    task = served.http.get(f"{answer.json()['url']}/tasks/0").json()
    assert {each["class"]: each["evidence"]["count"] for each in task["concepts"]} == {
        KEPT_NAME: KEPT_COUNT,
        "apple": 2,
    }


def test_kept_embeddings_are_not_made_again(served: ServedData) -> None:
    body = {
        "name": "kept-embeddings",
        "datasets": [CATS],
        "ordering": {"kind": "similarity", "encoder": "fake", "dtype": "bfloat16"},
        "tasks": {"count": 1},
    }
    answer = served.post(body)
    assert answer.status_code == 201, answer.text
    manifest = served.http.get(answer.json()["url"]).json()
    assert manifest["evidence"]["embeddings"]["digest"] == sha256_hex(KEPT_ROWS.tobytes())


def test_the_counts_file_is_there(served: ServedData) -> None:
    file = FACTS["counts_file"]
    sources = {each["name"]: each for each in served.http.get("/v1/sources").json()["sources"]}
    assert sources[file["name"]] | file["answer"] == sources[file["name"]]
    answer = served.http.put(
        f"/v1/sources/{file['name']}",
        params=file["params"],
        content=file["text"].encode(),
        headers={"Content-Type": "text/csv"},
    )
    assert answer.status_code == 200, answer.text


def test_its_counts_order_other_concepts(served: ServedData) -> None:
    body = {
        "name": "other",
        "datasets": [{"name": "food", "classes": ["never asked", "apple pie"]}],
        "ordering": {"kind": "frequency", "source": FACTS["counts_file"]["name"]},
        "tasks": {"count": 1},
    }
    answer = served.post(body)
    assert answer.status_code == 201, answer.text
    export = served.http.get(f"{answer.json()['url']}/export/fomo").json()
    assert export == ["food+++never asked", "food+++apple pie"]


@pytest.mark.parametrize("state", ["answered", "running", "queued"])
def test_a_look_at_counts_is_answered(served: ServedData, state: str) -> None:
    look = FACTS["looks"][state]
    answer = served.http.post("/v1/sources/tiny/counts", json={"names": look["names"]}, headers={"Prefer": "wait=60"})
    assert answer.status_code == 200, answer.text
    assert [each["count"] for each in answer.json()["counts"]] == look["counts"]

"""Test how versions are found, fetched, checked and kept."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from concept_orderings.client.cache import Cache, CacheWarning
from concept_orderings.client.errors import (
    BadAnswer,
    BadArgument,
    NotCached,
    ServiceError,
    Unavailable,
    WrongDigest,
)
from concept_orderings.client.plan import Item
from concept_orderings.client.reading import Found, Wanted, stated_digest
from concept_orderings.client.steps import Failed, Reply
from concept_orderings.client.stream import Stream
from support.scripted_service import ScriptedService, sha256, stated

V1, V2 = "/v1/streams/job-1/versions/1", "/v1/streams/job-1/versions/2"


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService()


def find(
    service: ScriptedService,
    version: int | str = 1,
    digest: str | None = None,
    cache: Path | None = None,
    *,
    offline: bool = False,
) -> Found:
    return service.run(service.reader(cache, offline=offline).find(Wanted.of("job-1", version, digest)))


def stream(service: ScriptedService, cache: Path | None = None, digest: str | None = None) -> Stream:
    return Stream(service.reader(cache), find(service, 1, digest, cache), service.run)


def test_tasks_are_read_when_they_are_used_and_then_kept(service: ScriptedService) -> None:
    documents = service.publish("job-1", concepts=7, tasks=3)
    found = stream(service)
    assert service.paths() == [V1]

    assert (found.name, found.version, found.digest) == ("job-1", 1, documents.digest)
    assert (found.sizes, len(found.tasks)) == ((3, 2, 2), 3)
    names = [each["concept"] for each in json.loads(documents.tasks[-1])["concepts"]]
    assert [each.name for each in found.tasks[-1].concepts] == names
    assert found.concepts_by_task[2] == found.tasks[2].pairs == tuple(tuple(each.split("+++")) for each in names)
    assert service.paths() == [f"{V1}/tasks/2"]

    assert len(found.concepts) == 7
    assert service.paths() == [f"{V1}/tasks/0", f"{V1}/tasks/1"]


def test_a_pinned_version_in_the_cache_needs_no_request(service: ScriptedService, tmp_path: Path) -> None:
    digest = service.publish("job-1").digest
    stream(service, tmp_path, digest).verify()
    service.paths()

    again = stream(service, tmp_path, digest)
    assert len(again.concepts) == 4
    assert find(service, 1, digest[:12], tmp_path).digest == digest
    assert service.paths() == []


@pytest.mark.parametrize("pinned", [64, 20])
def test_another_version_than_the_pinned_one_is_refused(service: ScriptedService, pinned: int) -> None:
    digest = service.publish("job-1", seed=1).digest
    expected = ("0" * 64)[:pinned]
    with pytest.raises(
        WrongDigest, match=rf"^Version 1 of the stream job-1 has the digest {digest}, and 0+ was"
    ) as wrong:
        find(service, 1, expected)

    assert (wrong.value.expected, wrong.value.found) == (expected, digest)
    assert service.paths() == [V1], "the service sent it intact, and would send it again"


@pytest.mark.parametrize("offline", [False, True])
def test_a_number_with_the_digest_of_another_is_refused_from_the_cache(
    service: ScriptedService, tmp_path: Path, offline: bool
) -> None:
    first, second = service.publish("job-1", 1).digest, service.publish("job-1", 2, seed=1).digest
    find(service, 1, None, tmp_path)
    find(service, 2, None, tmp_path)
    service.paths()

    for number, digest in ((2, first), (1, second)):
        message = f"The digest {digest} is that of version {3 - number} .*, and version {number} .* was asked for"
        with pytest.raises(WrongDigest, match=message):
            find(service, number, digest, tmp_path, offline=offline)
    assert service.paths() == []


def test_latest_is_asked_for_once_and_its_number_kept(service: ScriptedService) -> None:
    service.publish("job-1", 1)
    service.publish("job-1", 2, seed=1)
    reader = service.reader()
    found = Stream(reader, service.run(reader.find(Wanted.of("job-1", "latest", None))), service.run)
    service.publish("job-1", 3, seed=2)

    assert found.version == 2
    assert len(found.concepts) == 4
    assert service.paths() == ["/v1/streams/job-1/versions/latest", V2, f"{V2}/tasks/0", f"{V2}/tasks/1"]


def test_latest_that_redirects_to_another_host_is_refused(service: ScriptedService) -> None:
    service.answers["/v1/streams/job-1/versions/latest"] = [
        Reply(307, {"location": "//elsewhere/v1/streams/a/versions/2"}, b"")
    ]

    with pytest.raises(BadAnswer, match="which is another host"):
        find(service, "latest", None)


def test_latest_with_a_digest_is_refused_when_there_is_a_newer_version(service: ScriptedService) -> None:
    digest = service.publish("job-1", 1).digest
    assert find(service, "latest", digest).digest == digest
    service.publish("job-1", 2, seed=1)

    with pytest.raises(WrongDigest):
        find(service, "latest", digest)


def test_offline_the_cache_alone_is_read(service: ScriptedService, tmp_path: Path) -> None:
    service.publish("job-1", 1)
    digest = service.publish("job-1", 2, seed=1).digest
    stream(service, tmp_path)
    for number in (1, 2):
        found = find(service, number, None, tmp_path)
        Stream(service.reader(tmp_path), found, service.run).documents()
    service.paths()

    offline = service.reader(tmp_path, offline=True)
    latest = service.run(offline.find(Wanted.of("job-1", "latest", None)))
    assert latest.digest == digest
    assert len(Stream(offline, latest, service.run).concepts) == 4
    with pytest.raises(NotCached, match="does not have version 3 of the stream job-1"):
        find(service, 3, None, tmp_path, offline=True)
    with pytest.raises(NotCached, match="version 1 of the stream job-1"):
        find(service, 1, "0" * 64, tmp_path / "other", offline=True)
    with pytest.raises(NotCached, match="There is no cache"):
        find(service, 1, None, None, offline=True)
    with pytest.raises(WrongDigest, match=f"has the digest {digest}, and {'0' * 64} was expected"):
        find(service, 2, "0" * 64, tmp_path, offline=True)
    with pytest.raises(NotCached, match="any version of the stream other"):
        service.run(offline.find(Wanted.of("other", "latest", None)))
    assert service.paths() == []


def test_a_body_that_was_damaged_on_its_way_is_fetched_again(service: ScriptedService) -> None:
    documents = service.publish("job-1")
    service.answers[V1] = [stated(documents.manifest[:-1], documents.digest)]
    task = documents.tasks[0]
    service.answers[f"{V1}/tasks/0"] = [stated(task.replace(b"OWN", b"OWM"), sha256(task))]

    assert stream(service).concepts_by_task[0][0][0] == "OWN"
    assert service.paths() == [V1, V1, f"{V1}/tasks/0", f"{V1}/tasks/0"]


def test_a_body_that_is_damaged_each_time_is_refused(service: ScriptedService) -> None:
    documents = service.publish("job-1")
    service.answers[V1] = [stated(documents.manifest + b" ", documents.digest)] * 3
    with pytest.raises(WrongDigest, match=f"{documents.digest} was expected.*3 times") as wrong:
        stream(service)

    assert wrong.value.found == sha256(documents.manifest + b" ")


@pytest.mark.parametrize("answer", [stated, lambda data: Reply(200, {"content-encoding": "gzip"}, data)])
def test_a_task_of_another_digest_is_refused(service: ScriptedService, answer: Callable[[bytes], Reply]) -> None:
    documents = service.publish("job-1")
    lie = documents.tasks[1].replace(b"OWN", b"OWM")
    service.answers[f"{V1}/tasks/1"] = [answer(lie)] * 3
    found = stream(service)
    with pytest.raises(
        WrongDigest, match=r"^Task 1 of version 1 of the stream job-1, as http://orders:8000/v1/"
    ) as wrong:
        found.tasks[1]

    assert (wrong.value.expected, wrong.value.found) == (sha256(documents.tasks[1]), sha256(lie))
    service.answers.clear()
    assert len(found.tasks[1].concepts) == 2, "a later try gets the right one"


def test_a_claim_of_a_dead_process_is_taken_over(service: ScriptedService, tmp_path: Path) -> None:
    digest = service.publish("job-1").digest
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / digest).write_text("dead 7\n")

    assert find(service, 1, digest, tmp_path).digest == digest
    assert 20 <= service.now < 25
    assert service.paths() == [V1]
    assert list((tmp_path / "claims").iterdir()) == []


def test_a_process_that_is_slow_is_not_waited_for_without_end(service: ScriptedService, tmp_path: Path) -> None:
    """Its claim shows that it lives, so that it is left to it."""
    digest = service.publish("job-1").digest
    claim = tmp_path / "claims" / digest
    claim.parent.mkdir()
    service.before_sleep = lambda: claim.write_text(f"alive {service.now}\n")

    claim.write_text("alive\n")
    assert find(service, 1, digest, tmp_path).digest == digest
    assert 60 <= service.now < 62
    assert service.paths() == [V1]
    assert claim.read_text().startswith("alive")


def test_what_another_process_has_fetched_is_taken(service: ScriptedService, tmp_path: Path) -> None:
    documents = service.publish("job-1")
    claim = tmp_path / "claims" / documents.digest
    claim.parent.mkdir()
    claim.write_text("alive\n")

    def finish() -> None:
        Cache(tmp_path).write(documents.manifest)
        claim.unlink(missing_ok=True)

    service.before_sleep = finish
    assert find(service, 1, documents.digest, tmp_path).digest == documents.digest
    assert service.paths() == []


def test_an_entry_that_is_damaged_is_fetched_again(service: ScriptedService, tmp_path: Path) -> None:
    documents = service.publish("job-1")
    stream(service, tmp_path).documents()
    service.paths()
    entry = next(tmp_path.rglob(sha256(documents.tasks[0])))
    entry.write_bytes(documents.tasks[0][:-1])

    assert len(stream(service, tmp_path, documents.digest).concepts) == 4
    assert service.paths() == [f"{V1}/tasks/0"]
    assert entry.read_bytes() == documents.tasks[0]


def test_verify_reads_the_disk_again(service: ScriptedService, tmp_path: Path) -> None:
    documents = service.publish("job-1")
    found = stream(service, tmp_path)
    found.verify()
    next(tmp_path.rglob(sha256(documents.tasks[1]))).write_bytes(b"{}")
    next(tmp_path.rglob(documents.digest)).write_bytes(b"")
    service.paths()

    found.verify()
    assert service.paths() == [V1, f"{V1}/tasks/1"]
    assert next(tmp_path.rglob(documents.digest)).read_bytes() == documents.manifest


def test_a_number_without_a_digest_is_asked_for_again(service: ScriptedService, tmp_path: Path) -> None:
    """A service with another data directory may give the number to another version."""
    first = service.publish("job-1").digest
    assert find(service, 1, None, tmp_path).digest == first
    assert find(service, 1, None, tmp_path).digest == first
    assert service.requests[-1].headers["If-None-Match"] == f'"sha256-{first}"'

    second = service.publish("job-1", seed=9).digest
    assert find(service, 1, None, tmp_path).digest == second
    assert find(service, 1, None, tmp_path, offline=True).digest == second


def test_a_service_that_is_away_is_replaced_by_the_cache_with_a_warning(
    service: ScriptedService, tmp_path: Path
) -> None:
    digest = service.publish("job-1").digest
    find(service, 1, None, tmp_path)
    service.answers[V1] = [Failed("refused")] * 99

    with pytest.warns(CacheWarning, match=f"taken from the cache.*{digest}"):
        assert find(service, 1, None, tmp_path).digest == digest
    with pytest.raises(Unavailable):
        find(service, 1, None, tmp_path / "empty")


def test_a_stream_has_cursors(service: ScriptedService) -> None:
    service.publish("job-1")
    samples = {"OWN": {f"class {i:05d}": 5 for i in range(4)}}

    def steps(rank: int, world_size: int) -> list[list[Item]]:
        cursor = stream(service).cursor(
            rank=rank, world_size=world_size, batch_size=3, samples_per_task=6, samples=samples, pretraining=7
        )
        return [step.items for step in cursor]

    whole = steps(0, 1)
    assert len(whole) == 4
    assert whole == [[a, b, c] for (a, c), (b,) in zip(steps(0, 2), steps(1, 2), strict=True)]


COUNTED = {
    "name": "job-1",
    "datasets": [{"name": "pets", "classes": ["cat", "dog"], "counts": {"cat": 7, "dog": 3}}],
    "ordering": {"kind": "frequency", "source": "request"},
    "tasks": {"count": 2},
}


def test_evidence_is_typed_and_checked(service: ScriptedService, tmp_path: Path) -> None:
    documents = service.publish_request(COUNTED)
    found = stream(service, tmp_path)
    table = found.evidence("counts")

    assert dict(zip(table.concepts, table.columns[table.values], strict=True)) == {"pets+++cat": 7, "pets+++dog": 3}
    assert [each.evidence["count"] for task in found.tasks for each in task.concepts] == [3, 7]
    assert found.manifest.evidence["counts"].source == "request"
    assert (found.manifest.ordering.kind, found.manifest.ordering.parameters["source"]) == ("frequency", "request")
    assert found.published().evidence() == documents.evidence
    with pytest.raises(BadArgument, match="no file of evidence 'vectors': it has counts"):
        found.evidence("vectors")

    service.paths()
    next(tmp_path.rglob(sha256(documents.evidence["counts"]))).write_bytes(b"")
    service.answers[f"{V1}/evidence/counts"] = [stated(b"{}")]
    with pytest.raises(WrongDigest, match="The evidence counts of version 1"):
        found.evidence("counts")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"format": 1, "name": 3}'])
def test_what_is_no_manifest_is_refused(service: ScriptedService, body: bytes) -> None:
    service.answers[V1] = [Reply(200, {}, body)] * 3
    with pytest.raises(BadAnswer, match=r"no manifest|JSON"):
        find(service)


def test_a_manifest_of_a_later_format_is_refused(service: ScriptedService) -> None:
    manifest = json.loads(service.publish("job-1").manifest)
    service.answers[V1] = [Reply(200, {}, json.dumps({**manifest, "format": 2}).encode())] * 3
    with pytest.raises(BadAnswer, match="format 2, and this release of the client reads 1"):
        find(service)


def test_the_manifest_of_another_version_is_refused(service: ScriptedService) -> None:
    other = service.publish("job-1", 2)
    service.answers[V1] = [stated(other.manifest)]
    with pytest.raises(BadAnswer, match="version 2 of the stream job-1 where version 1 of the stream job-1"):
        find(service)


def test_an_unknown_version_is_the_error_of_the_service(service: ScriptedService) -> None:
    with pytest.raises(ServiceError) as unknown:
        find(service, 7)

    assert (unknown.value.code, unknown.value.status) == ("unknown_version", 404)


@pytest.mark.parametrize(
    ("name", "version", "digest"),
    [
        ("Job", 1, None),
        ("a/b", 1, None),
        (7, 1, None),
        ("job-1", 0, None),
        ("job-1", True, None),
        ("job-1", "1", None),
        ("job-1", 1.0, None),
        ("job-1", 1, "77a0"),
        ("job-1", 1, "77A0" * 16),
        ("job-1", 1, "0" * 65),
        ("job-1", 1, ""),
    ],
)
def test_what_cannot_name_a_version_is_refused(name: object, version: object, digest: object) -> None:
    with pytest.raises(BadArgument) as refused:
        Wanted.of(name, version, digest)

    assert refused.value.code == "bad_argument"
    assert isinstance(refused.value, ValueError)


def test_a_number_of_numpy_is_one() -> None:
    assert Wanted.of("job-1", np.int64(3), None) == Wanted.of("job-1", 3, None)


def test_the_digest_that_an_answer_states() -> None:
    of_abc = "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:"
    assert stated_digest(Reply(200, {"repr-digest": of_abc}, b"")) == sha256(b"abc")
    assert stated_digest(Reply(200, {"repr-digest": "sha-256=:!:"}, b"")) is None
    assert stated_digest(Reply(200, {"etag": f'W/"sha256-{sha256(b"abc")}"'}, b"")) is None
    assert stated_digest(Reply(200, {"repr-digest": of_abc, "content-encoding": "gzip"}, b"")) is None

"""Sources of counts over HTTP: the list of sources, and looks at their counts."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest

from app.source_schemas import CountsProgress, CountsResource, SourceList
from support.answers import assert_problem
from support.deployment import Deployment
from support.infini_gram import Answer, Hang, InfiniGram
from support.requests import random_request
from support.waiting import until
from worker.evidence.local_index import build_index

TEXTS = ["a big dog", "a cat and a dog", "grey wolf", "gray wolf", "a grey dog"]


@dataclass(frozen=True)
class Place:
    """A service with a local index, and an infini-gram endpoint that a test can make fail."""

    service: Deployment
    infini_gram: InfiniGram

    def queries(self) -> Counter[str]:
        """Return how often infini-gram got each query, except the query for the size of the corpus."""
        return Counter(filter(None, self.infini_gram.queries))

    def sources(self) -> dict[str, dict[str, Any]]:
        answer = self.service.http.get("/v1/sources")
        assert answer.status_code == 200, answer.text
        SourceList.model_validate(answer.json(), strict=True)
        names = [each["name"] for each in answer.json()["sources"]]
        assert names == sorted(names)
        return {each["name"]: each for each in answer.json()["sources"]}

    def post(self, source: str, body: object, *, wait: int | None = None) -> httpx.Response:
        headers = {} if wait is None else {"Prefer": f"wait={wait}"}
        return self.service.http.post(f"/v1/sources/{source}/counts", json=body, headers=headers, timeout=90)

    def counts(self, source: str, **body: object) -> dict[str, Any]:
        answer = self.post(source, body, wait=60)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Preference-Applied"] == "wait=60"
        CountsResource.model_validate(answer.json(), strict=True)
        found: dict[str, Any] = answer.json()
        return found


def index(service: Deployment, name: str, texts: list[str]) -> None:
    shard = service.directory / f"{name}.{len(texts)}.json.gz"
    shard.write_bytes(gzip.compress("".join(json.dumps({"text": text}) + "\n" for text in texts).encode()))
    build_index([shard], service.data / "indexes" / name)


@pytest.fixture(scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("sources")
    sources = directory / "sources.toml"
    with (
        InfiniGram(TEXTS) as infini_gram,
        Deployment(directory, controlled=True, CONCEPT_ORDERINGS_SOURCES=str(sources)) as service,
    ):
        sources.write_text(
            f'[infini-gram]\nkind = "infini-gram"\nurl = "{infini_gram.url}"\n'
            f'[twice]\nkind = "infini-gram"\nurl = "{infini_gram.url}"\n'
            '[unreachable]\nkind = "elasticsearch"\nurl = "http://127.0.0.1:1"\nindex = "c4"\n'
            '[keyless]\nkind = "elasticsearch"\nurl = "http://127.0.0.1:1"\nindex = "c4"\napi_key_file = "/no/key"\n'
        )
        index(service, "local", TEXTS)
        yield Place(service, infini_gram)


@pytest.fixture
def place(_place: Place) -> Place:
    """The place with a running worker, and an endpoint without faults."""
    _place.infini_gram.mend()
    _place.infini_gram.queries.clear()
    if not _place.service.workers or not _place.service.workers[-1].running():
        _place.service.ready()
    return _place


def shown(found: Mapping[str, Any]) -> list[tuple[object, object, int]]:
    return [(each["name"], each["query"], each["count"]) for each in found["counts"]]


# ---- the list


def test_every_source_is_listed_with_its_facts(place: Place) -> None:
    # A worker that has just started has not reported yet.
    until(lambda: "local" in place.sources(), "the worker has reported its sources")
    until(lambda: place.sources()["infini-gram"]["state"] == "available", "infini-gram has answered")
    sources = place.sources()
    assert sources["request"]["kind"] == "request"
    local = sources["local"]
    assert (local["kind"], local["state"], local["unit"], local["documents"]) == (
        "local-index",
        "available",
        "documents",
        len(TEXTS),
    )
    infini_gram = sources["infini-gram"]
    assert (infini_gram["kind"], infini_gram["unit"], infini_gram["documents"]) == ("infini-gram", "occurrences", None)
    for source in (local, infini_gram):
        assert len(source["fingerprint"]) == 64
        assert source["query_form"]
        assert source["corpus"]
    assert local["fingerprint"] == place.counts("local", names=["dog"])["source"]["fingerprint"]


def test_a_source_that_cannot_be_asked_is_listed_with_the_reason(place: Place) -> None:
    def codes() -> dict[str, str]:
        return {name: each["error"]["code"] for name, each in place.sources().items() if each["error"]}

    until(lambda: {"unreachable", "keyless"} <= codes().keys(), "both have been asked")
    assert (codes()["unreachable"], codes()["keyless"]) == ("source_unavailable", "source_not_configured")
    assert place.sources()["unreachable"]["kind"] == "elasticsearch"
    assert "the connection fails" in place.sources()["unreachable"]["error"]["detail"]
    assert "/no/key" in place.sources()["keyless"]["error"]["detail"]


def test_listing_sources_often_asks_a_server_at_most_once_a_minute(place: Place) -> None:
    until(lambda: place.sources()["infini-gram"]["state"] == "available", "infini-gram has answered")
    before = len(place.infini_gram.queries)
    for _ in range(20):
        place.sources()
    # One more, if a minute has just passed.
    assert len(place.infini_gram.queries) <= before + 1


def test_a_new_index_is_listed_and_a_removed_one_is_not(place: Place) -> None:
    index(place.service, "new", ["one text"])
    until(lambda: "new" in place.sources(), "the new index is listed")
    assert place.counts("new", names=["text"])["counts"][0]["count"] == 1
    (place.service.data / "indexes" / "new" / "index.json").unlink()
    until(lambda: "new" not in place.sources(), "the index is not listed any more")
    assert place.post("new", {"names": ["text"]}).json()["code"] == "source_not_found"


def test_two_sources_with_one_name_cannot_be_used(place: Place) -> None:
    index(place.service, "twice", ["one text"])
    until(lambda: place.sources()["twice"]["error"], "the conflict is reported")
    assert place.sources()["twice"]["error"]["code"] == "source_not_configured"
    answer = place.post("twice", {"names": ["text"]})
    assert (answer.status_code, answer.json()["code"]) == (424, "source_not_configured")
    assert "rename" in answer.json()["detail"]
    assert str(place.service.data) not in answer.text + str(place.sources()["twice"])


# ---- counts


def test_counts_are_in_the_order_of_the_request(place: Place) -> None:
    found = place.counts("local", names=["dog", "grey_wolf", "dog", "big/dog", "owl", "_", "?!"])
    assert shown(found) == [
        ("dog", "dog", 3),
        ("grey_wolf", "grey wolf", 1),
        ("dog", "dog", 3),
        ("big/dog", "big dog", 1),
        ("owl", "owl", 0),
        ("_", "", 0),
        ("?!", "?!", 0),
    ]
    assert [each["name"] for each in found["counts"] if not each["asked"]] == ["_", "?!"]
    assert {each["unit"] for each in found["counts"]} == {"documents"}
    assert {each["approximate"] for each in found["counts"]} == {False}
    assert (found["source"]["name"], found["source"]["documents"], found["counted_since"]) == ("local", 5, "")


def test_queries_are_sent_unchanged_and_may_have_several_spellings(place: Place) -> None:
    queries = ["Dog", ["grey wolf", "gray wolf"], ["gray wolf", "grey wolf"], ["dog", "cat"]]
    documents = shown(place.counts("local", queries=queries))
    assert documents == [
        (None, "Dog", 3),
        (None, ["gray wolf", "grey wolf"], 2),
        (None, ["gray wolf", "grey wolf"], 2),
        (None, ["cat", "dog"], 3),
    ]
    occurrences = place.counts("infini-gram", queries=[["dog", "cat"]])
    assert shown(occurrences) == [(None, ["cat", "dog"], 4)]
    assert occurrences["counts"][0]["unit"] == "occurrences"


def test_kept_counts_are_used_unless_the_request_has_refresh(place: Place) -> None:
    names = ["wolf", "big dog"]
    first = place.counts("infini-gram", names=names)
    place.infini_gram.queries.clear()
    assert place.counts("infini-gram", names=names[::-1])["counts"] == first["counts"][::-1]
    assert not place.queries()
    again = place.counts("infini-gram", names=names, refresh=True)
    since = again["counted_since"]
    assert all(each["counted_at"] >= since for each in again["counts"])
    assert place.queries() == dict.fromkeys(names, 1)
    place.infini_gram.queries.clear()
    assert place.counts("infini-gram", names=names, counted_since=since) == again
    assert not place.queries()


def test_an_ordering_uses_the_same_counts(place: Place) -> None:
    found = {name: count for name, _, count in shown(place.counts("infini-gram", names=["cat", "grey wolf"]))}
    place.infini_gram.queries.clear()
    version = place.service.publish(
        {
            "name": "same-counts",
            "datasets": [{"name": "A", "classes": ["cat", "grey_wolf"]}],
            "ordering": {"kind": "frequency", "source": "infini-gram"},
            "tasks": {"count": 1},
        }
    )
    concepts = place.service.http.get(version["tasks"][0]["url"]).json()["concepts"]
    assert {each["evidence"]["query"]: each["evidence"]["count"] for each in concepts} == found
    assert not place.queries()


def test_a_long_look_is_answered_with_202_and_posting_it_again_continues_it(place: Place) -> None:
    names = [f"slow {number}" for number in range(40)]
    hang = Hang(then=Answer(200, {"count": 7, "approx": False}))
    place.infini_gram.fail(hang, query=names[20])
    body = {"names": names, "refresh": True}
    answer = place.post("infini-gram", body, wait=0)
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "1")
    assert answer.headers["Preference-Applied"] == "wait=0"
    progress = CountsProgress.model_validate(answer.json(), strict=True)
    assert (progress.source, progress.total) == ("infini-gram", 40)
    body = {"names": names, "counted_since": progress.counted_since}
    assert progress.counted_since
    assert progress.workers == 1
    assert progress.created_at.endswith("Z")

    def is_counting() -> CountsProgress | None:
        answer = place.post("infini-gram", body, wait=0)
        assert answer.status_code == 202
        now = CountsProgress.model_validate(answer.json(), strict=True)
        return now if now.phase == "counting" else None

    now = until(is_counting, "a worker does the look")
    assert now is not None
    assert now.started_at is not None
    assert (now.state, now.created_at) == ("running", progress.created_at)
    assert now.started_at >= now.created_at
    hang.over.set()
    done = place.post("infini-gram", body, wait=60)
    assert done.status_code == 200, done.text
    assert place.queries() == dict.fromkeys(names, 1)
    assert [each["count"] for each in done.json()["counts"]] == [7 if name == names[20] else 0 for name in names]


def test_the_same_look_of_eight_clients_asks_the_source_once(place: Place) -> None:
    names = [f"together {number}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: place.counts("infini-gram", names=names), range(8)))
    assert all(each == answers[0] for each in answers)
    assert place.queries() == dict.fromkeys(names, 1)


def counts_now(service: Deployment, job: str) -> bool:
    """Return whether a job is counting."""
    return bool(service.job(job)["progress"]["phase"] == "counting")


def test_concurrent_jobs_and_a_look_ask_the_source_once_for_each_query(place: Place) -> None:
    service, names = place.service, [f"shared {number}" for number in range(40)]
    hang = Hang(then=Answer(200, {"count": 0, "approx": False}))
    place.infini_gram.fail(hang, query=names[20])
    second = service.start_worker()
    jobs = []
    for stream in ("one", "two"):
        request = {
            "name": stream,
            "datasets": [{"name": "A", "classes": names}],
            "ordering": {"kind": "frequency", "source": "infini-gram"},
            "tasks": {"count": 1},
        }
        jobs.append(service.post(request).headers["Location"])
    assert place.post("infini-gram", {"names": names}, wait=0).status_code == 202
    # Both jobs and the look count, and one of them waits for the answer that the endpoint holds back.
    for job in jobs:
        until(partial(counts_now, service, job), "the job counts")
    until(lambda: place.queries()[names[20]], "the source has got the query")
    hang.over.set()
    for job in jobs:
        assert service.until_state(job, "succeeded", "failed")["state"] == "succeeded"
    assert {count for _, _, count in shown(place.counts("infini-gram", names=names))} == {0}
    assert place.queries() == dict.fromkeys(names, 1)
    second.stop()
    service.workers.remove(second)


def test_a_look_does_not_wait_for_a_job(place: Place) -> None:
    service = place.service
    service.hold(77)
    job = service.post(random_request("held", seed=77)).headers["Location"]
    service.until_begun(77)
    assert shown(place.counts("local", names=["cat"])) == [("cat", "cat", 1)]
    assert service.job(job)["state"] == "running"
    service.release(77)
    service.until_state(job, "succeeded")


def test_looks_at_a_source_that_hangs_do_not_delay_looks_at_another(place: Place) -> None:
    hangs = {f"hung {number}": Hang(then=Answer(200, {"count": 7, "approx": False})) for number in range(6)}
    for name, hang in hangs.items():
        place.infini_gram.fail(hang, query=name)
        assert place.post("infini-gram", {"names": [name]}, wait=0).status_code == 202
    assert shown(place.counts("local", names=["dog", "wolf"])) == [("dog", "dog", 3), ("wolf", "wolf", 2)]
    for hang in hangs.values():
        hang.over.set()
    for name in hangs:
        assert shown(place.counts("infini-gram", names=[name])) == [(name, name, 7)]


# ---- errors


@pytest.mark.parametrize(
    ("body", "code", "pointers"),
    [
        ([], "wrong_type", [""]),
        ({}, "missing_field", ["/names", "/queries"]),
        ({"names": ["a"], "queries": ["a"]}, "conflicting_fields", ["/names", "/queries"]),
        ({"names": ["a"], "query": "a"}, "unknown_field", ["/query"]),
        ({"names": "a"}, "wrong_type", ["/names"]),
        ({"names": ["a", 1]}, "wrong_type", ["/names/1"]),
        ({"names": []}, "bad_query", ["/names"]),
        ({"names": ["a"] * 100_001}, "bad_query", ["/names"]),
        ({"names": ["a", "b\n", "c\x00"]}, "bad_query", ["/names/1", "/names/2"]),
        ({"queries": ["a", " "]}, "bad_query", ["/queries/1"]),
        ({"queries": ["a", ["b", ""]]}, "bad_query", ["/queries/1/1"]),
        ({"queries": [[]]}, "bad_query", ["/queries/0"]),
        ({"names": ["a"], "refresh": 1}, "wrong_type", ["/refresh"]),
        ({"names": ["a"], "counted_since": 1}, "wrong_type", ["/counted_since"]),
        ({"names": ["a"], "counted_since": "2026-1-01T00:00:00Z"}, "bad_parameter", ["/counted_since"]),
        ({"names": ["a"], "counted_since": "2999-01-01T00:00:00Z"}, "bad_parameter", ["/counted_since"]),
        (
            {"names": ["a"], "counted_since": "2026-01-01T00:00:00Z", "refresh": True},
            "bad_parameter",
            ["/refresh", "/counted_since"],
        ),
    ],
)
def test_bad_input_is_refused_with_the_field(place: Place, body: object, code: str, pointers: list[str]) -> None:
    answer = place.post("local", body)
    assert answer.status_code == 422, answer.text
    assert_problem(answer)
    assert (answer.json()["code"], answer.json()["pointers"]) == (code, pointers)


def test_a_body_that_is_not_json_is_400(place: Place) -> None:
    answer = place.service.http.post("/v1/sources/local/counts", content=b'{"names": [')
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


def test_a_duplicate_field_is_refused(place: Place) -> None:
    answer = place.service.http.post("/v1/sources/local/counts", content=b'{"names": ["cat"], "names": ["dog"]}')
    assert_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (422, "duplicate_field")
    assert "'names' twice" in answer.json()["detail"]
    assert answer.json()["pointers"] == ["/names"]


def test_one_answer_names_all_faults(place: Place) -> None:
    body = {"names": ["a", 7], "queries": [""], "query": "a", "counted_since": "2126-01-01T00:00:00Z"}
    answer = place.service.http.post("/v1/sources/local/counts", json=body)
    assert_problem(answer)
    assert [(each["code"], each["pointers"]) for each in answer.json()["errors"]] == [
        ("unknown_field", ["/query"]),
        ("conflicting_fields", ["/names", "/queries"]),
        ("wrong_type", ["/names/1"]),
        ("bad_query", ["/queries/0"]),
        ("bad_parameter", ["/counted_since"]),
    ]


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ("unknown", 404, "source_not_found"),
        ("Local", 404, "source_not_found"),
        ("..%2Flocal", 404, "unknown_path"),
        ("request", 422, "bad_source"),
        ("keyless", 424, "source_not_configured"),
    ],
)
def test_a_look_at_a_source_that_cannot_be_asked_is_an_error(place: Place, source: str, status: int, code: str) -> None:
    until(lambda: "keyless" in place.sources(), "the worker has reported its sources")
    answer = place.post(source, {"names": ["a"]}, wait=60)
    assert_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_after_a_failure_posting_again_counts_the_rest(place: Place) -> None:
    names = [f"failing {number}" for number in range(30)]
    place.infini_gram.fail(Answer(400, {"error": "[Flask] Something is wrong"}), query=names[15])
    answer = place.post("infini-gram", {"names": names}, wait=60)
    assert_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (424, "source_refused")
    assert names[15] in answer.json()["detail"]
    assert {count for _, _, count in shown(place.counts("infini-gram", names=names))} == {0}
    times = place.queries()
    assert times[names[15]] == 2
    assert sum(each > 1 for each in times.values()) < len(names) / 2, "counts are kept"


def test_counts_of_a_killed_worker_are_kept_and_another_worker_continues(place: Place) -> None:
    names = sorted(f"deadly {number}" for number in range(200))
    place.infini_gram.fail(Hang(), query=names[150])
    body = {"names": names}

    def most_are_counted() -> bool:
        answer = place.post("infini-gram", body, wait=0)
        assert answer.status_code == 202, answer.text
        return bool(answer.json()["done"] >= 96)

    until(most_are_counted, "most are counted")
    place.service.workers[-1].kill()
    place.infini_gram.mend()
    place.service.start_worker()
    assert {count for _, _, count in shown(place.counts("infini-gram", names=names))} == {0}
    times = place.queries()
    assert set(times) == set(names)
    # All except those that were in flight, or not kept yet, when the worker died.
    assert sum(each == 1 for each in times.values()) >= 96


def test_a_stopped_worker_gives_its_look_back(place: Place) -> None:
    names = [f"stopped {number}" for number in range(50)]
    place.infini_gram.fail(Hang(), query=names[25])
    assert place.post("infini-gram", {"names": names}, wait=0).status_code == 202
    until(lambda: names[25] in place.infini_gram.queries, "the source has got the query")
    assert place.service.workers[-1].stop() == 0
    place.infini_gram.mend()
    place.service.start_worker()
    assert {count for _, _, count in shown(place.counts("infini-gram", names=names))} == {0}
    assert "Traceback" not in place.service.workers[-2].text()


def test_without_redis_the_answer_is_503(place: Place) -> None:
    place.service.valkey.process.kill()
    try:
        for answer in (place.service.http.get("/v1/sources"), place.post("local", {"names": ["dog"]})):
            assert_problem(answer)
            assert (answer.status_code, answer.json()["code"]) == (503, "redis_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
    finally:
        place.service.valkey.start()
    until(lambda: place.post("local", {"names": ["dog"]}, wait=10).status_code == 200, "the service works again")
    until(lambda: "local" in place.sources(), "the worker reports its sources again")
    assert place.service.process_is_well()


def test_the_ranks_of_the_benchmark_need_no_worker(place: Place) -> None:
    # Last in this file, because a killed worker counts as up for some seconds more.
    place.service.workers[-1].kill()
    listed = place.sources()["fomo-c4-ranks"]
    assert (listed["kind"], listed["state"], listed["unit"]) == ("ranks", "available", "rank")
    assert len(listed["fingerprint"]) == 64

    found = place.counts("fomo-c4-ranks", names=["Hazelnut", "can"])
    assert found["source"] == listed
    assert [(each["name"], each["count"], each["unit"]) for each in found["counts"]] == [
        ("Hazelnut", 67, "rank"),
        ("can", 3665, "rank"),
    ]
    assert found["counts"][0]["ranks"] == [
        {"rank": 67, "concepts": ["MVTECAD_Eval+++hazelnut"]},
        {"rank": 2929, "concepts": ["FRU92+++hazelnut", "MVTECAD_Adapt+++hazelnut"]},
    ]
    for body, code in (
        ({"names": ["can", "smart ring"]}, "source_incomplete"),
        ({"queries": [["a", "b"]]}, "source_refused"),
    ):
        answer = place.post("fomo-c4-ranks", body)
        assert_problem(answer)
        assert (answer.status_code, answer.json()["code"]) == (424, code)
    answer = place.post("fomo-c4-ranks", {"names": ["can"], "refresh": True})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_parameter")

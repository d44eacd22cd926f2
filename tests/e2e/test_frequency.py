"""Frequency orderings over HTTP, counted in every kind of source."""

import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from concept_orderings.concepts import split_concept
from concept_orderings.queries import folded, query_for
from support.deployment import Deployment
from support.elasticsearch_node import ElasticsearchNode
from support.fault_proxy import FaultProxy, status
from support.infini_gram import Answer, Hang, InfiniGram
from support.label_names import label_names
from support.processes import Process
from support.ranks import average_ranks, spearman
from support.waiting import until

pytestmark = pytest.mark.slow

N = 18_381
Body = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A service to whose file of sources tests can add; the worker reads it for each job."""

    service: Deployment
    sources: Path
    infini_gram: InfiniGram

    def add(self, name: str, **fields: object) -> None:
        lines = (f"{field} = {json.dumps(value)}\n" for field, value in fields.items())
        with self.sources.open("a") as file:
            file.write(f"[{name}]\n{''.join(lines)}\n")

    def manifest(self, version: Body) -> Body:
        found: Body = self.service.http.get(version["url"]).json()
        return found

    def arranged(self, version: Body) -> list[Body]:
        tasks = [self.service.http.get(each["url"]).json() for each in version["tasks"]]
        return [each for task in tasks for each in task["concepts"]]

    def evidence(self, version: Body) -> dict[str, Body]:
        return {each["concept"]: each["evidence"] for each in self.arranged(version)}

    def failed(self, body: Body) -> Body:
        """Return the error of the job that a request makes."""
        job = self.service.post(body).headers["Location"]
        error: Body = self.service.until_state(job, "failed", "succeeded")["error"]
        return error


@pytest.fixture(scope="module")
def texts(c4_sample: Path) -> list[str]:
    with gzip.open(c4_sample) as lines:
        return [json.loads(line)["text"] for line in lines]


@pytest.fixture(scope="module")
def place(c4_sample: Path, texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A service with a local index and an infini-gram index of the C4 sample."""
    directory = tmp_path_factory.mktemp("frequency")
    sources = directory / "sources.toml"
    with (
        InfiniGram(texts, approximate_above=20_000) as infini_gram,
        Deployment(directory, controlled=True, CONCEPT_ORDERINGS_SOURCES=str(sources)) as service,
    ):
        place = Place(service, sources, infini_gram)
        place.add("infini-gram", kind="infini-gram", url=infini_gram.url)
        command = [sys.executable, "-m", "concept_orderings.cli", "index", str(c4_sample), "--name", "c4-sample"]
        assert Process("index", command, service.environment, directory).wait(120) == 0
        service.ready()
        yield place


@pytest.fixture(scope="module")
def wimbd(place: Place, elasticsearch_node: ElasticsearchNode, c4_in_elasticsearch: str) -> str:
    """The name of a source: the C4 sample in a real Elasticsearch, as in What's In My Big Data."""
    place.add(
        "wimbd-c4",
        kind="elasticsearch",
        url=elasticsearch_node.url,
        index=c4_in_elasticsearch,
        names_per_request=500,
    )
    with place.sources.open("a") as file:
        file.write('filters = { subset = "en" }\n')
    return "wimbd-c4"


def request(source: str, datasets: Sequence[Body], name: str = "small", **parameters: object) -> Body:
    ordering = {"kind": "frequency", "source": source, **parameters}
    return {"name": name, "datasets": list(datasets), "ordering": ordering, "tasks": {"count": 1}}


def dataset(name: str, *classes: str, **fields: object) -> Body:
    return {"name": name, "classes": list(classes), **fields}


# ---- all the benchmark's names, from each kind of source


@pytest.fixture(scope="module")
def lists(benchmark_data: Path) -> list[Body]:
    stream = benchmark_data / "fomo_in_flux" / "streams" / "frequency_sequence_1.json"
    found: dict[str, list[str]] = {}
    for concept in json.loads(stream.read_text()):
        name, class_name = split_concept(concept)
        found.setdefault(name, []).append(class_name)
    assert sum(map(len, found.values())) == N
    return [dataset(name, *classes) for name, classes in found.items()]


def published(place: Place, source: str, lists: Sequence[Body]) -> Body:
    body = request(source, lists, name=f"fomo-{source}") | {"tasks": {"count": 20}}
    answer = place.service.post(body)
    if answer.status_code == 202:
        job = answer.headers["Location"]
        # A long deadline: 16,644 requests to the infini-gram endpoint, on a machine that may be busy.
        until(lambda: place.service.job(job)["state"] in ("succeeded", "failed"), f"{job} is over", deadline=250)
        assert place.service.job(job)["error"] is None
    return place.service.publish(body)


@pytest.fixture(scope="module")
def counted_locally(place: Place, lists: list[Body]) -> dict[str, int]:
    """The count of each concept in the local index."""
    version = published(place, "c4-sample", lists)
    return {concept: each["count"] for concept, each in place.evidence(version).items()}


@pytest.fixture(scope="module", params=["request", "uploaded", "c4-sample", "wimbd-c4", "infini-gram"])
def all_names(
    request: pytest.FixtureRequest, place: Place, lists: list[Body], counted_locally: dict[str, int]
) -> tuple[str, Body]:
    """A source, and the version of all names with its counts."""
    source: str = request.param
    if source == "wimbd-c4":
        request.getfixturevalue("wimbd")
    if source == "uploaded":
        upload(place, counted_locally)
    if source == "request":
        lists = [
            {**each, "counts": {name: counted_locally[f"{each['name']}+++{name}"] for name in each["classes"]}}
            for each in lists
        ]
    return source, published(place, source, lists)


def upload(place: Place, counted: dict[str, int]) -> None:
    counts = {folded(split_concept(concept)[1]): n for concept, n in counted.items()}
    lines = "".join(json.dumps({"name": name, "count": n}) + "\n" for name, n in counts.items())
    answer = place.service.http.put(
        "/v1/sources/uploaded",
        params={"unit": "documents", "corpus": "the C4 sample", "documents": 1000},
        content=lines.encode(),
        headers={"Content-Type": "application/jsonl"},
    )
    assert answer.status_code == 201, answer.text


def test_all_names_are_ordered_by_their_counts(
    place: Place, all_names: tuple[str, Body], counted_locally: dict[str, int]
) -> None:
    source, version = all_names
    arranged = place.arranged(version)
    counts = [each["evidence"]["count"] for each in arranged]
    ties = Counter(counts)

    assert len(arranged) == N
    assert {each["concept"] for each in arranged} == counted_locally.keys()
    assert counts == sorted(counts)
    assert all(each["evidence"]["tie_group"] == ties[each["evidence"]["count"]] for each in arranged)
    if source != "infini-gram":
        # All these sources count the same documents.
        assert {each["concept"]: each["evidence"]["count"] for each in arranged} == counted_locally


def test_each_count_comes_with_its_query_and_unit(
    place: Place, all_names: tuple[str, Body], counted_locally: dict[str, int]
) -> None:
    source, version = all_names
    shown = place.evidence(version)
    if source == "request":
        assert all(each.keys() == {"count", "tie_group"} for each in shown.values())
        return
    unit = "occurrences" if source == "infini-gram" else "documents"
    assert {each["unit"] for each in shown.values()} == {unit}
    for concept, each in shown.items():
        asked = query_for(split_concept(concept)[1])
        assert each["query"] == asked.as_json()
        if source == "infini-gram":
            assert each["count"] == sum(map(place.infini_gram.count, asked.spellings))
            assert each.get("approximate", False) == (each["count"] > 20_000)


def test_the_manifest_names_source_corpus_and_time(place: Place, all_names: tuple[str, Body]) -> None:
    source, version = all_names
    manifest = place.manifest(version)
    entry = manifest["evidence"]["counts"]
    assert entry["source"] == source
    if source == "request":
        return
    assert entry["kind"] == {
        "uploaded": "file", "c4-sample": "local-index", "wimbd-c4": "elasticsearch", "infini-gram": "infini-gram"
    }[source]  # fmt: skip
    assert entry["unit"] == ("occurrences" if source == "infini-gram" else "documents")
    if source == "infini-gram":
        assert entry["tokens"] == place.infini_gram.count("")
    else:
        assert entry["documents"] == 1000
    assert entry["corpus"]
    assert entry["query_form"]
    assert len(entry["fingerprint"]) == 64
    assert ("index" in entry) == (source in ("c4-sample", "wimbd-c4"))
    assert entry["counted"]["first"] <= entry["counted"]["last"] <= version["created_at"].replace("+00:00", "Z")


def test_the_warnings_of_all_names(place: Place, all_names: tuple[str, Body]) -> None:
    source, version = all_names
    arranged = place.arranged(version)
    zero = sum(each["evidence"]["count"] == 0 for each in arranged)
    warnings = place.manifest(version)["warnings"]

    def has_warning(*words: str) -> bool:
        return any(all(word in each for word in words) for each in warnings)

    assert version["warnings"] == warnings
    assert has_warning(f"{zero} of {N} concepts have a count of 0")
    assert has_warning("of 10 or more with equal counts", f"the largest has {zero} concepts")
    if source != "request":
        assert has_warning(
            "817 names are asked by several concepts", "'bridge' by 11", "14 of them written in several ways"
        )
        assert has_warning("names were cut or altered", " as ")
        read_alike = "2917 concepts share the words that the source reads with another one, in 905 groups"
        assert has_warning(read_alike) == (source in ("c4-sample", "wimbd-c4"))
        assert has_warning("single common words", "'can'")


def test_the_order_correlates_with_the_published_one(
    place: Place, all_names: tuple[str, Body], benchmark_data: Path
) -> None:
    """Over the names that the sample has at all; the published order is by counts in all of C4."""
    _, version = all_names
    stream = benchmark_data / "fomo_in_flux" / "streams" / "frequency_sequence_1.json"
    published_place = {concept: i for i, concept in enumerate(json.loads(stream.read_text()))}
    counts = {concept: each["count"] for concept, each in place.evidence(version).items() if each["count"] > 0}

    correlation = spearman(list(counts.values()), [published_place[concept] for concept in counts])

    assert len(counts) > 1000
    assert correlation > 0.5


def test_ranks_are_averaged_over_ties() -> None:
    assert average_ranks([3, 1, 3, 2]).tolist() == [3.5, 1, 3.5, 2]
    assert spearman([1, 2, 3, 3], [10, 20, 30, 30]) == pytest.approx(1)
    assert spearman([1, 2, 2, 4], [4, 3, 3, 1]) == pytest.approx(-1)


# ---- queries of the request


ANIMALS = [
    dataset("A", "animal", "dog", queries={"animal": ["dog", "cat", "dogs and cats"]}),
    dataset("B", "dog", "hot_dog", "cat", queries={"dog": "  the   dog "}),
]


@pytest.mark.parametrize("source", ["c4-sample", "wimbd-c4", "infini-gram"])
def test_spellings_count_documents_with_any_of_them_or_all_occurrences(
    place: Place, source: str, texts: list[str], request: pytest.FixtureRequest
) -> None:
    if source == "wimbd-c4":
        request.getfixturevalue("wimbd")
    body = request_of(source, ANIMALS)
    shown = place.evidence(place.service.publish(body))
    asked = {concept: each["query"] for concept, each in shown.items()}
    count = {concept: each["count"] for concept, each in shown.items()}

    assert asked == {
        "A+++animal": ["cat", "dog", "dogs and cats"],
        "A+++dog": "dog",
        "B+++dog": "the dog",
        "B+++hot_dog": "hot dog",
        "B+++cat": "cat",
    }
    if source == "infini-gram":
        each = [place.infini_gram.count(spelling) for spelling in ("cat", "dog", "dogs and cats")]
        assert count["A+++animal"] == sum(each)
    else:
        # Some documents contain both, so the count is less than the sum of both counts.
        assert max(count["A+++dog"], count["B+++cat"]) < count["A+++animal"] < count["A+++dog"] + count["B+++cat"]
    assert 0 < count["B+++dog"] < count["A+++dog"]


@pytest.mark.parametrize("source", ["c4-sample", "wimbd-c4", "infini-gram"])
def test_both_spellings_of_an_apostrophe_are_counted(place: Place, source: str, request: pytest.FixtureRequest) -> None:
    if source == "wimbd-c4":
        request.getfixturevalue("wimbd")
    names, both = ["driver's license", "valentine's day"], ["valentine's day", "valentine’s day"]
    shown = place.evidence(place.service.publish(request_of(source, [dataset("A", *names)])))
    typed = request_of(source, [dataset("A", *names, queries={name: name for name in names})])
    as_typed = place.evidence(place.service.publish(typed))
    counts = {name: (as_typed[f"A+++{name}"]["count"], shown[f"A+++{name}"]["count"]) for name in names}

    assert shown["A+++valentine's day"]["query"] == both
    if source == "infini-gram":
        each = [place.infini_gram.count(spelling) for spelling in both]
        assert counts["valentine's day"] == (each[0], sum(each))
    else:
        assert counts == {"driver's license": (1, 2), "valentine's day": (0, 3)}
    look = place.service.http.post(f"/v1/sources/{source}/counts", json={"names": names}).json()
    assert {each["name"]: each["count"] for each in look["counts"]} == {name: counts[name][1] for name in names}
    verbatim = {"names": ["valentine's_day"], "query_form": "verbatim"}
    [as_it_is] = place.service.http.post(f"/v1/sources/{source}/counts", json=verbatim).json()["counts"]
    assert (as_it_is["query"], as_it_is["count"]) == ("valentine's_day", 0)


def test_queries_of_a_warning_count_names_as_people_write_them(place: Place) -> None:
    label_files = {name: label_names()[name] for name in ("Places365", "CUB-200-2011", "EuroSAT")}
    lists = [{"name": name, "classes": names[:50]} for name, names in label_files.items()]
    body = request("c4-sample", lists, name="label-files")
    job = place.service.post(body).json()
    as_they_are = place.service.publish(body)
    warnings = [each for each in as_they_are["warning_details"] if each["code"] == "not_running_text"]
    queries = defaultdict[str, Body](dict)
    for each in warnings:
        of_dataset, _ = split_concept(each["concepts"][0])
        queries[of_dataset] |= each["queries"]
    copied = [{"name": name, "classes": names[:50], "queries": queries[name]} for name, names in label_files.items()]
    as_written = place.service.publish(request("c4-sample", copied, name="label-files"))

    assert [each for each in job["warning_details"] if each["code"] == "not_running_text"] == warnings
    assert queries["Places365"]["/b/beach"] == "beach"
    assert "not_running_text" not in {each["code"] for each in as_written["warning_details"]}
    before, after = place.evidence(as_they_are), place.evidence(as_written)
    assert before["Places365+++/b/beach"]["count"] == 0
    assert after["Places365+++/b/beach"]["count"] == 20
    assert sum(each["count"] == 0 for each in after.values()) < sum(each["count"] == 0 for each in before.values())


@pytest.mark.parametrize("source", ["c4-sample", "wimbd-c4", "infini-gram"])
def test_what_a_source_reads_in_names_is_told(place: Place, source: str, request: pytest.FixtureRequest) -> None:
    """The standard analyser reads no word in "!!!", and one in C, C++ and C#; infini-gram has tokens for each."""
    if source == "wimbd-c4":
        request.getfixturevalue("wimbd")
    names = ["C", "C++", "C#", "_", "!!!", "dog"]
    version = place.service.publish({**request_of(source, [dataset("A", *names)]), "name": f"read-by-{source}"})
    shown = place.evidence(version)
    warnings = {each["code"]: each for each in version["warning_details"]}
    look = place.service.http.post(f"/v1/sources/{source}/counts", json={"names": names}).json()

    unread = ["_"] if source == "infini-gram" else ["!!!", "_"]
    assert {name for name in names if not shown[f"A+++{name}"].get("asked", True)} == set(unread)
    assert {each["name"] for each in look["counts"] if not each["asked"]} == set(unread)
    assert all(shown[f"A+++{name}"]["count"] == 0 for name in unread)
    assert warnings["not_asked"]["concepts"] == [f"A+++{name}" for name in unread]
    if source == "infini-gram":
        assert "shared_words" not in warnings
    else:
        assert len({shown[f"A+++{name}"]["count"] for name in ("C", "C++", "C#")}) == 1
        assert warnings["shared_words"]["concepts"] == ["A+++C", "A+++C#", "A+++C++"]


def request_of(source: str, datasets: Sequence[Body]) -> Body:
    return request(source, datasets, name=f"small-{source}")


def test_a_query_of_operators_is_sent_as_words(place: Place) -> None:
    shown = place.evidence(place.service.publish(request("infini-gram", [dataset("A", "cat AND dog", "can OR dog")])))

    assert shown["A+++cat AND dog"] == {
        "query": "cat and dog",
        "count": place.infini_gram.count("cat and dog"),
        "unit": "occurrences",
        "tie_group": 2 if place.infini_gram.count("cat and dog") == place.infini_gram.count("can or dog") else 1,
    }
    assert "cat AND dog" not in place.infini_gram.queries


# ---- the cache, and counting again


def queries_sent_to(fake: InfiniGram) -> list[str]:
    """Return the queries that the endpoint got, except the empty one, which asks for the size of the corpus."""
    return [query for query in fake.queries if query]


def test_the_ordering_of_a_refreshed_job_gets_the_same_version(place: Place) -> None:
    """Posting the ordering that the job shows uses the counts made since then, for example after a cancellation."""
    body = request("infini-gram", [dataset("A", "late owl")], name="late", refresh=True)
    url = place.service.post(body).headers["Location"]
    version = place.service.until_state(url, "succeeded")["stream"]["version"]
    ordering = place.service.job(url)["ordering"]
    assert ordering["counted_since"]
    assert "refresh" not in ordering
    asked = len(queries_sent_to(place.infini_gram))
    assert place.service.publish({**body, "ordering": ordering})["version"] == version
    assert len(queries_sent_to(place.infini_gram)) == asked


def test_kept_counts_are_used_unless_the_request_has_refresh(place: Place) -> None:
    fake, http = place.infini_gram, place.service.http
    lists = [dataset("A", "quiet owl", "loud owl"), dataset("B", "quiet owl")]
    first = place.service.publish(request("infini-gram", lists, name="owls"))
    assert sorted(queries_sent_to(fake)[-2:]) == ["loud owl", "quiet owl"]
    asked = len(queries_sent_to(fake))

    other = place.service.publish(request("infini-gram", lists, name="owls", seed=1))
    assert other["version"] == 2
    assert len(queries_sent_to(fake)) == asked

    refreshed = place.service.publish(request("infini-gram", lists, name="owls", refresh=True))
    manifest = place.manifest(refreshed)
    since = manifest["request"]["ordering"]["counted_since"]
    assert refreshed["version"] == 3
    assert sorted(queries_sent_to(fake)[asked:]) == ["loud owl", "quiet owl"]
    assert "refresh" not in manifest["request"]["ordering"]
    assert manifest["evidence"]["counts"]["counted"]["first"] >= since

    # The request of the manifest gets the same version. Its labels are in the order of its own lists, which are sorted.
    again, of_labels = place.service.publish(manifest["request"]), ("labels_digest", "exports")
    assert all(again[name] == refreshed[name] for name in again if name not in of_labels)
    assert place.service.publish(request("infini-gram", lists, name="owls")) == first
    assert http.get("/v1/streams/owls").json()["versions"][-1]["version"] == 3
    assert len(queries_sent_to(fake)) == asked + 2


def test_a_retry_asks_only_for_missing_counts(place: Place) -> None:
    """One name is refused for an hour, so the job is retried; of the others, only those in flight are asked again."""
    fake = place.infini_gram
    names = [f"strange name {i}" for i in range(500)]
    fake.fail(Answer(429, {"error": "slow down"}, {"Retry-After": "3600"}), query=names[400])
    version = place.service.publish(request("infini-gram", [dataset("A", *names)], name="strange"))
    times = Counter(query for query in fake.queries if query.startswith("strange name"))

    assert len(place.evidence(version)) == 500
    assert times.keys() == set(names)
    assert times[names[400]] == 2
    assert max(times.values()) == 2
    assert sum(n == 2 for n in times.values()) <= 4, "only those in flight"


def test_after_a_kill_the_next_worker_asks_only_for_missing_counts(place: Place) -> None:
    fake, service = place.infini_gram, place.service
    names = [f"odd name {i:03}" for i in range(500)]
    fake.fail(Hang(), query=names[100])
    job = service.post(request("infini-gram", [dataset("A", *names)], name="odd")).headers["Location"]
    until(lambda: service.job(job)["progress"]["done"] >= 400, "most are counted")
    service.workers[-1].kill()
    service.start_worker()
    assert service.until_state(job, "succeeded", "failed")["state"] == "succeeded"
    times = Counter(query for query in fake.queries if query.startswith("odd name"))

    assert times.keys() == set(names)
    assert times[names[100]] == 2
    # Counts are reported, and then kept, 32 at a time.
    assert sum(n > 1 for n in times.values()) <= 100 + 32


def test_after_an_outage_of_elasticsearch_only_missing_counts_are_asked(
    place: Place, wimbd: str, elasticsearch_node: ElasticsearchNode, lists: list[Body], counted_locally: dict[str, int]
) -> None:
    """Elasticsearch refuses all requests for an hour: the job is retried, and continues."""
    some = [{**each, "classes": each["classes"][:25]} for each in lists]
    with FaultProxy(elasticsearch_node.url) as proxy:
        place.add("behind-a-proxy", kind="elasticsearch", url=proxy.url, index="c4", names_per_request=50, in_flight=2)
        proxy.inject(status(503, headers={"Retry-After": "3600"}), said="match_phrase", after=4)
        version = place.service.publish(request("behind-a-proxy", some, name="behind-a-proxy"))
        asked = Counter(json.dumps(search) for each in proxy.requests() for search in each.searches)

    found = {concept: each["count"] for concept, each in place.evidence(version).items()}
    queries = {json.dumps(each["query"]) for each in place.evidence(version).values()}
    assert found == {concept: counted_locally[concept] for concept in found}
    assert sum("match_phrase" in search for search in asked) == len(queries)
    assert 50 <= sum(n > 1 for search, n in asked.items() if "match_phrase" in search) <= 100, "those in flight"


# ---- errors


def test_a_source_that_cannot_count_fails_the_job_and_the_error_says_what_to_do(place: Place) -> None:
    place.add("no-such-index", kind="infini-gram", url=place.infini_gram.url, index="no_such_index")
    error = place.failed(request("no-such-index", [dataset("A", "dog")], name="no-such-index"))

    assert (error["code"], error["pointers"]) == ("source_refused", ["/ordering/source"])
    assert "no_such_index" in error["detail"]


def test_a_time_in_the_future_is_refused(place: Place) -> None:
    lists = [dataset("A", "dog")]
    answer = place.service.post(request("c4-sample", lists, name="future", counted_since="2999-01-01T00:00:00Z"))

    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["pointers"]) == ("bad_parameter", ["/ordering/counted_since"])


def test_a_refresh_of_counts_in_the_request_is_refused(place: Place) -> None:
    answer = place.service.post(request("request", [dataset("A", "dog", counts={"dog": 1})], refresh=True))

    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["pointers"]) == ("bad_parameter", ["/ordering/refresh"])


def test_the_command_line_counts_in_the_same_sources(place: Place, tmp_path: Path) -> None:
    body = request("infini-gram", [dataset("A", "dog", "cat", "zebra finch")], name="from-a-file")
    expected = place.service.http.get(place.service.publish(body)["export_url"]).json()
    file = tmp_path / "lists.json"
    file.write_text(json.dumps({"datasets": body["datasets"]}))
    command = [sys.executable, "-m", "concept_orderings.cli", "order", str(file), "--kind", "frequency",
               "--source", "infini-gram", "--output", str(tmp_path / "order.json")]  # fmt: skip
    run = Process("order", command, place.service.environment, tmp_path)

    assert run.wait(60) == 0, run.text()
    assert "concept-orderings: 1 of 3 concepts have a count of 0 ('A+++zebra finch')" in run.text()
    assert json.loads((tmp_path / "order.json").read_text()) == expected

"""Counts that a real Elasticsearch gives, against what documents say, and against the local index."""

import gzip
import json
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from concept_orderings.concepts import split_concept
from concept_orderings.errors import SourceError
from concept_orderings.queries import Query
from store.sources import SourceFacts, Unit
from support.elasticsearch_node import ElasticsearchNode
from support.elasticsearch_node.c4 import MAPPING
from support.fault_proxy import FaultProxy, status
from support.waiting import until
from worker.evidence.counts.base import Count
from worker.evidence.counts.elasticsearch import ElasticsearchSettings, ElasticsearchSource
from worker.evidence.counts.elasticsearch.patience import Patience
from worker.evidence.counts.spellings import LONGEST
from worker.evidence.local_index import LocalIndex, build_index
from worker.evidence.local_index.tokens import tokenise

pytestmark = pytest.mark.anyio

Open = Callable[..., ElasticsearchSource]


@pytest.fixture
async def open_source(elasticsearch_node: ElasticsearchNode) -> AsyncIterator[Open]:
    """Opens sources that ask the node, and closes them."""
    opened: list[ElasticsearchSource] = []

    def open_(*, patience: Patience | None = None, **settings: Any) -> ElasticsearchSource:
        source = ElasticsearchSettings(**{"url": elasticsearch_node.url, **settings}).open("wimbd", patience=patience)
        opened.append(source)
        return source

    yield open_
    for source in opened:
        await source.aclose()


@pytest.fixture
def proxy(elasticsearch_node: ElasticsearchNode) -> Iterator[FaultProxy]:
    with FaultProxy(elasticsearch_node.url) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def _own_indices(elasticsearch_node: ElasticsearchNode) -> Iterator[None]:
    """Remove the indices that a test makes."""
    before = indices(elasticsearch_node)
    yield
    for index in indices(elasticsearch_node) - before - {"c4"}:
        elasticsearch_node.http.delete(f"/{index}").raise_for_status()


def indices(node: ElasticsearchNode) -> set[str]:
    return {each["index"] for each in node.http.get("/_cat/indices", params={"format": "json"}).json()}


@pytest.fixture(scope="module")
def texts(c4_sample: Path) -> list[str]:
    with gzip.open(c4_sample) as lines:
        return [json.loads(line)["text"] for line in lines]


async def counts_of(source: ElasticsearchSource, *spellings: str | Sequence[str]) -> list[int]:
    """Count queries, each a spelling or several, and return the counts in the same order."""
    queries = [Query.of([each] if isinstance(each, str) else each) for each in spellings]
    found: dict[Query, int] = {}
    async for counts in source.count(list(dict.fromkeys(queries))):
        assert not found.keys() & counts.keys(), "each query is yielded once"
        found |= {query: count.value for query, count in counts.items()}
    return [found[query] for query in queries]


def make_index(node: ElasticsearchNode, index: str, documents: Sequence[tuple[str, str]], **settings: Any) -> None:
    """Make an index of (subset, text), which the test that makes it leaves behind."""
    body = {"settings": {"number_of_replicas": 0, **settings}, "mappings": MAPPING}
    node.http.put(f"/{index}", json=body, params={"wait_for_active_shards": "0"}).raise_for_status()
    if documents:
        add(node, index, documents)


def add(node: ElasticsearchNode, index: str, documents: Sequence[tuple[str, str]]) -> None:
    for subset, text in documents:
        node.http.post(f"/{index}/_doc", json={"text": text, "subset": subset}).raise_for_status()
    node.http.post(f"/{index}/_refresh").raise_for_status()


def shards(node: ElasticsearchNode, index: str) -> list[str]:
    return sorted(each["state"] for each in node.http.get(f"/_cat/shards/{index}", params={"format": "json"}).json())


def contains(text: str, spelling: str) -> bool:
    """Say whether the words of a spelling stand side by side in a text."""
    words, phrase = tokenise(text), tokenise(spelling)
    starts = range(len(words) - len(phrase) + 1)
    return bool(phrase) and any(words[at : at + len(phrase)] == phrase for at in starts)


async def test_documents_that_contain_the_phrase_are_counted(open_source: Open, c4_in_elasticsearch: str) -> None:
    source = open_source(index=c4_in_elasticsearch)

    assert await counts_of(source, "new york", "ice cream", "dog", "New York", "york ice") == [38, 7, 19, 38, 0]


async def test_all_words_may_stand_anywhere(open_source: Open, c4_in_elasticsearch: str, texts: Sequence[str]) -> None:
    source = open_source(index=c4_in_elasticsearch, match="all-words")
    names = ["york new", "dog cat", "ice cream", "the"]

    expected = [sum(set(tokenise(name)) <= set(tokenise(text)) for text in texts) for name in names]
    assert await counts_of(source, *names) == expected
    assert expected[0] > 38


async def test_only_documents_that_pass_the_filters_count(
    open_source: Open, elasticsearch_node: ElasticsearchNode
) -> None:
    documents = [("en", "a dog"), ("en", "a cat"), ("de", "a dog"), ("fr", "a dog")]
    make_index(elasticsearch_node, "subsets", documents)

    async def counted(**filters: Any) -> tuple[list[int], int | None]:
        source = open_source(index="subsets", filters=filters)
        return await counts_of(source, "dog", "cat", ["dog", "cat"]), (await source.facts()).documents

    assert await counted(subset="en") == ([1, 1, 2], 2)
    assert await counted(subset="de") == ([1, 0, 1], 1)
    assert await counted(subset=["en", "fr"]) == ([2, 1, 3], 3)
    assert await counted() == ([3, 1, 4], 4)


async def test_documents_with_any_of_several_spellings_count_once(
    open_source: Open, c4_in_elasticsearch: str, texts: Sequence[str]
) -> None:
    source = open_source(index=c4_in_elasticsearch, filters={"subset": "en"})

    either, dog, dogs = await counts_of(source, ["dog", "dogs"], "dog", "dogs")

    assert either == sum(contains(text, "dog") or contains(text, "dogs") for text in texts)
    assert max(dog, dogs) < either < dog + dogs


AWKWARD = [
    'a "quoted phrase" here',
    "C:\\temp\\new path",
    "rock AND roll OR jazz NOT pop",
    "every* wild?card ~2 ^3 [a TO b] {x} (y) +z -w !v && || /r/",
    "café crème, naïve Ångström; straße ΣΊΣΥΦΟΣ",
    "日本語 한국어 ไทย मानक",
    "family 👩\u200d👩\u200d👧 and flag 🇩🇪",
    "first line\nsecond\tline",
    "subset:en text:dog",
    '{"query": {"match_all": {}}}',
]
ASKED = [
    *AWKWARD,
    '"quoted phrase"',
    "temp\\new",
    "AND",
    "rock AND roll",
    "NOT pop",
    "every*",
    "eve*",
    "*",
    "wild?card",
    "wild card",
    "crème",
    "creme",
    "CAFÉ",
    "cafe\u0301",
    "日本",
    "本日",
    "🇩🇪",
    "line second",
    "\\",
    "'",
    "!!!",
    "?",
    " ",
    "\u200d",
    "\x00",
    "_",
    "text:dog",
    "match_all",
]


@pytest.mark.parametrize("match", ["phrase", "all-words"])
async def test_no_character_of_a_name_is_an_operator(
    open_source: Open, elasticsearch_node: ElasticsearchNode, match: str
) -> None:
    make_index(elasticsearch_node, "awkward", [("en", text) for text in AWKWARD])
    source = open_source(index="awkward", match=match)

    def is_in(name: str, text: str) -> bool:
        if match == "phrase":
            return contains(text, name)
        return bool(tokenise(name)) and set(tokenise(name)) <= set(tokenise(text))

    expected = [sum(is_in(name, text) for text in AWKWARD) for name in ASKED]
    assert dict(zip(ASKED, await counts_of(source, *ASKED), strict=True)) == dict(zip(ASKED, expected, strict=True))
    # Each text as a whole is found, where it stands.
    assert all(expected[: len(AWKWARD)])


READ = ["C++", "C#", "!!!", "the", "of the dog", "cat of the dog", "dog"]


async def readings_of(source: ElasticsearchSource, *spellings: str) -> dict[str, tuple[str, ...]]:
    """Return what a source tells of the words that it reads in spellings, after counting them."""
    found = await counts_of(source, *spellings)
    return dict(await source.readings({Query.of([each]): Count(n) for each, n in zip(spellings, found, strict=True)}))


async def test_words_are_told_as_the_index_reads_them(
    open_source: Open, elasticsearch_node: ElasticsearchNode, c4_in_elasticsearch: str
) -> None:
    analysers = {"stopping": {"type": "standard", "stopwords": ["of", "the"]}}
    fields = {name: {"type": "text", "analyzer": "stopping"} for name in ("text", "text_2")}
    searched = {"type": "text", "analyzer": "standard", "search_analyzer": "stopping"}
    body = {
        "settings": {"number_of_replicas": 0, "analysis": {"analyzer": analysers}},
        "mappings": {"dynamic": "strict", "properties": {**fields, "searched": searched}},
    }
    elasticsearch_node.http.put("/stopping", json=body, params={"wait_for_active_shards": "0"}).raise_for_status()
    document = dict.fromkeys(("text", "text_2", "searched"), "the dog")
    elasticsearch_node.http.post("/stopping/_doc?refresh=true", json=document).raise_for_status()

    standard = await readings_of(open_source(index=c4_in_elasticsearch), *READ)
    assert standard == {each: tuple(tokenise(each)) for each in READ}
    stopping = await readings_of(open_source(index="stopping"), *READ)
    dropped = {"!!!": (), "the": (), "of the dog": ("dog",), "cat of the dog": ("cat", "", "", "dog"), "dog": ("dog",)}
    assert stopping == {"C++": ("c",), "C#": ("c",), **dropped}
    anywhere = await readings_of(open_source(index="stopping", match="all-words"), "dog cat dog", "the")
    assert anywhere == {"dog cat dog": ("cat", "dog"), "the": ()}
    # Of these, a search alone tells whether there is a word: they read otherwise than they index, or are two indices.
    for settings in ({"index": "stopping", "text_field": "searched"}, {"index": f"{c4_in_elasticsearch},stopping"}):
        found = await readings_of(open_source(**settings), *READ)
        assert found == ({"!!!": (), "the": ()} if "text_field" in settings else {"!!!": ()})
    # Nothing of it was kept.
    assert (await open_source(index="stopping").facts()).documents == 1


async def test_a_name_of_stop_words_was_not_asked_of_documents_that_pass_the_filters(
    open_source: Open, elasticsearch_node: ElasticsearchNode
) -> None:
    make_index(elasticsearch_node, "some", [("en", "a dog"), ("de", "ein Hund")])
    make_index(elasticsearch_node, "others", [("en", "a cat"), ("de", "eine Katze")])
    for filters in ({}, {"subset": "en"}):
        source = open_source(index="some,others", filters=filters)
        assert await readings_of(source, "!!!", "zebra", "dog") == {"!!!": ()}


async def test_words_that_a_server_will_not_tell_are_not_known(
    open_source: Open, c4_in_elasticsearch: str, proxy: FaultProxy
) -> None:
    source = open_source(index=c4_in_elasticsearch, url=proxy.url, patience=Patience(attempts=1))
    counts = {Query.of([each]): Count(0) for each in ("!!!", "zebra")}
    for path in ("_mapping/field", "_mtermvectors"):
        proxy.inject(status(403), path=path)
    assert await source.readings(counts) == {"!!!": ()}
    # A mapping that is secret is taken for one without an analyser of its own for searches.
    proxy.inject(status(403), path="_mapping/field")
    assert await source.readings(counts) == {"!!!": (), "zebra": ("zebra",)}
    proxy.inject(status(503), path="_mtermvectors")
    with pytest.raises(SourceError, match="does not say which words it reads in names"):
        await source.readings(counts)


async def test_a_query_without_spellings_counts_0_and_is_never_sent(
    open_source: Open, c4_in_elasticsearch: str, proxy: FaultProxy
) -> None:
    source = open_source(index=c4_in_elasticsearch, url=proxy.url)

    assert await counts_of(source, "", [], "dog", ["", "dog"]) == [0, 0, 19, 19]
    assert [len(request.searches) for request in proxy.requests()] == [2]
    assert await counts_of(source) == []


async def test_names_far_too_long_are_cut_and_counted(open_source: Open, elasticsearch_node: ElasticsearchNode) -> None:
    words = " ".join(f"word{at}" for at in range(200_000))
    ideographs = "".join(chr(0x4E00 + at) for at in range(5_000))
    make_index(elasticsearch_node, "long", [("en", words), ("en", ideographs), ("en", "x" * 300)])
    for match in ("phrase", "all-words"):
        source = open_source(index="long", match=match)
        forms = [source.form(name) for name in (words, ideographs, "x" * 300, "x" * 100_000)]

        assert all(0 < len(form) <= LONGEST for form in forms)
        # 255 letters are the longest word of the standard analyser; what is over is the next.
        assert await counts_of(source, *forms[:3]) == [1, 1, 1]
        assert await counts_of(source, forms[3]) == [0 if match == "phrase" else await all_x(source, forms[3])]


async def all_x(source: ElasticsearchSource, name: str) -> int:
    """Count what the words of a name of one letter are, one by one, at most."""
    return min([1, *await counts_of(source, *(name[at : at + 255] for at in range(0, len(name), 255)))])


@pytest.mark.parametrize("index", ["no-such-index", "no-such-*", "c4,no-such-index", "c4,no-such-*"])
@pytest.mark.usefixtures("c4_in_elasticsearch")
async def test_a_missing_index_is_named(open_source: Open, index: str, proxy: FaultProxy) -> None:
    """Also if it is one of several: the others alone are another corpus."""
    source, missing = open_source(index=index, url=proxy.url), index.removeprefix("c4,")

    with pytest.raises(SourceError, match=f"no such index .{re.escape(missing)}") as counting:
        await counts_of(source, "dog", "cat")
    with pytest.raises(SourceError, match=f"no such index .{re.escape(missing)}") as asking:
        await source.facts()

    assert {counting.value.code, asking.value.code} == {"source_not_configured"}
    assert len(proxy.requests()) == 2, "it is not asked for again"


async def test_a_pattern_and_an_alias_are_indices_too(open_source: Open, elasticsearch_node: ElasticsearchNode) -> None:
    make_index(elasticsearch_node, "part-1", [("en", "a dog")])
    make_index(elasticsearch_node, "part-2", [("en", "a dog"), ("de", "a cat")])
    for subset in ("en", "de"):
        alias = {"index": "part-2", "alias": f"only-{subset}", "filter": {"term": {"subset": subset}}}
        elasticsearch_node.http.post("/_aliases", json={"actions": [{"add": alias}]}).raise_for_status()

    sources = [open_source(index=index) for index in ("part-*", "part-2", "only-en", "only-de")]

    assert [await counts_of(source, "dog", "cat") for source in sources] == [[2, 1], [1, 1], [1, 0], [0, 1]]
    facts = [await source.facts() for source in sources]
    assert [each.documents for each in facts] == [3, 2, 1, 1]
    # The last two have one document each, of one index, and are not the same.
    assert len({each.fingerprint for each in facts}) == 4


async def test_a_truly_lost_shard_gives_no_partial_count(
    open_source: Open, elasticsearch_node: ElasticsearchNode
) -> None:
    # One of two shards has no place on a node that may have but one.
    settings = {"number_of_shards": 2, "index.routing.allocation.total_shards_per_node": 1}
    make_index(elasticsearch_node, "half", [], **settings)
    until(lambda: shards(elasticsearch_node, "half") == ["STARTED", "UNASSIGNED"], "one of two shards has started")
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    source = open_source(index="half", patience=Patience(attempts=3, sleep=sleep))

    with pytest.raises(SourceError, match=r"'cat', 'dog'.*1 of 2 shards answered") as error:
        await counts_of(source, "cat", "dog")
    assert error.value.code == "source_unavailable"
    assert len(pauses) == 2
    with pytest.raises(SourceError, match="1 of 2 shards answered"):
        await source.facts()


@pytest.mark.slow
async def test_requests_to_a_truly_busy_node_are_retried(
    open_source: Open, tmp_path: Path, elasticsearch_node: ElasticsearchNode
) -> None:
    pauses: list[float] = []
    settings = {"thread_pool.search.size": "1", "thread_pool.search.queue_size": "1"}
    with ElasticsearchNode(tmp_path, settings) as node:
        make_index(node, "few", [("en", f"dog number{at} {'some words ' * at}") for at in range(50)])

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)

        patience = Patience(attempts=10_000, sleep=sleep)
        source = open_source(url=node.url, index="few", patience=patience, names_per_request=20, in_flight=16)
        names = [f"dog number{at % 60} {at}" if at % 2 else f"number{at % 60}" for at in range(2_000)]
        expected = [int(name.startswith("number") and int(name[6:]) < 50) for name in names]

        assert await counts_of(source, *names) == expected
        rejected = node.http.get("/_nodes/stats/thread_pool").json()["nodes"].values()

    assert [each["thread_pool"]["search"]["rejected"] > 0 for each in rejected] == [True]
    assert pauses


async def test_all_class_names_have_the_counts_of_the_local_index(
    open_source: Open, c4_in_elasticsearch: str, c4_sample: Path, benchmark_data: Path, tmp_path: Path
) -> None:
    stream = json.loads((benchmark_data / "fomo_in_flux" / "streams" / "random_sequence_1.json").read_text())
    assert len(stream) == 18_381
    names = sorted({split_concept(concept)[1] for concept in stream})
    build_index([c4_sample], tmp_path / "c4")
    source = open_source(index=c4_in_elasticsearch, filters={"subset": "en"})

    theirs = dict(zip(names, await counts_of(source, *names), strict=True))

    ours = dict(zip(names, LocalIndex.open(tmp_path / "c4").count(names), strict=True))
    assert {name: (theirs[name], ours[name]) for name in names if theirs[name] != ours[name]} == {}
    assert sum(count > 0 for count in theirs.values()) > 1_000
    assert all(source.form(name) == name for name in names)


async def test_facts_describe_index_and_search(
    open_source: Open, c4_in_elasticsearch: str, elasticsearch_node: ElasticsearchNode
) -> None:
    facts = await open_source(index=c4_in_elasticsearch, filters={"subset": "en"}, ttl_hours=2).facts()

    assert facts == SourceFacts(
        name="wimbd",
        kind="elasticsearch",
        unit=Unit.DOCUMENTS,
        corpus="c4 where subset = en",
        documents=1000,
        query_form="match_phrase with slop 0 in the field text",
        fingerprint=facts.fingerprint,
        index=elasticsearch_node.http.get("/c4/_settings").json()["c4"]["settings"]["index"]["uuid"],
        ttl_seconds=7200.0,
    )
    other = await open_source(index=c4_in_elasticsearch, match="all-words").facts()
    assert (other.corpus, other.ttl_seconds) == ("c4", None)
    assert other.query_form == "match with all words in the field text"


async def test_a_fingerprint_is_of_what_decides_a_count(
    open_source: Open, elasticsearch_node: ElasticsearchNode, proxy: FaultProxy
) -> None:
    async def fingerprint(**settings: Any) -> str:
        return (await open_source(index="fingers", **settings).facts()).fingerprint

    make_index(elasticsearch_node, "fingers", [("en", "a dog")])
    one = await fingerprint()
    assert await fingerprint(in_flight=2, names_per_request=1, ttl_hours=1) == one
    # The same index, wherever it is reached.
    assert await fingerprint(url=[proxy.url, elasticsearch_node.url]) == one
    others = [await fingerprint(filters={"subset": "en"}), await fingerprint(match="all-words")]
    add(elasticsearch_node, "fingers", [("en", "a cat")])
    others.append(await fingerprint())
    elasticsearch_node.http.delete("/fingers").raise_for_status()
    make_index(elasticsearch_node, "fingers", [("en", "a dog")])
    others.append(await fingerprint())

    assert len({one, *others}) == 5


async def test_a_key_that_may_only_search_is_enough(
    open_source: Open, c4_in_elasticsearch: str, proxy: FaultProxy
) -> None:
    allowed = open_source(index=c4_in_elasticsearch, url=proxy.url)
    known = await allowed.facts()
    for path in ("_cat", "_settings", "_field_caps", "_cluster", "_stats"):
        proxy.inject(status(403, error="security_exception"), path=path, times=None)
    source = open_source(index=c4_in_elasticsearch, url=proxy.url)

    facts = await source.facts()

    assert (facts.documents, facts.unit) == (1000, Unit.DOCUMENTS)
    assert facts.fingerprint != known.fingerprint
    assert facts.fingerprint == (await source.facts()).fingerprint
    assert await counts_of(source, "dog") == [19]
    assert {request.method + request.path for request in proxy.requests("")} == {
        "POST/c4/_msearch",
        "GET/c4/_settings/index.uuid",
        "POST/c4/_field_caps",
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filters": {"subset": "zz"}}, "has no documents: c4 where subset = zz has none"),
        ({"filters": {"nowhere": "en"}}, "has no documents: c4 where nowhere = en has none"),
        ({"text_field": "content"}, "the field content of c4 does not exist"),
        ({"text_field": "url"}, "the field url of c4 is of type keyword"),
        # Of a field of words, a filter takes any document with the word.
        ({"filters": {"text": "dog"}}, "its filter by text would match single words of c4"),
    ],
)
async def test_an_index_whose_counts_would_mean_something_else_is_refused(
    open_source: Open, c4_in_elasticsearch: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SourceError, match=message) as error:
        await open_source(index=c4_in_elasticsearch, **settings).facts()
    assert error.value.code == "source_not_configured"


async def test_names_are_sent_in_few_compressed_requests_over_few_connections(
    open_source: Open, c4_in_elasticsearch: str, elasticsearch_node: ElasticsearchNode
) -> None:
    names = [f"name {at}" for at in range(1_001)]
    with FaultProxy(elasticsearch_node.url, delay=0.05) as proxy:
        source = open_source(index=c4_in_elasticsearch, url=proxy.url, names_per_request=50, in_flight=4)
        await counts_of(source, *names)
        requests, most = proxy.requests(), proxy.most_at_once

    asked = [each["query"]["match_phrase"]["text"]["query"] for request in requests for each in request.searches]
    assert sorted(asked) == sorted(names)
    assert len(requests) == 21
    assert most == 4
    assert len({request.connection for request in requests}) <= 4
    assert {request.headers.get("Content-Encoding") for request in requests} == {"gzip"}
    assert all("gzip" in request.headers["Accept-Encoding"] for request in requests)
    assert all(search["track_total_hits"] is True for request in requests for search in request.searches)


async def test_keys_and_passwords_are_sent(
    open_source: Open, c4_in_elasticsearch: str, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("c2VjcmV0\n")
    monkeypatch.setenv("ELASTIC_SECRET", "s3cret")
    key = open_source(index=c4_in_elasticsearch, url=proxy.url, api_key_file=tmp_path / "secret")
    user = open_source(index=c4_in_elasticsearch, url=proxy.url, user="ann", password_env="ELASTIC_SECRET")

    assert await counts_of(key, "dog") == await counts_of(user, "dog") == [19]

    sent = [request.headers["Authorization"] for request in proxy.requests()]
    assert sent == ["ApiKey c2VjcmV0", "Basic YW5uOnMzY3JldA=="]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1, signed by itself, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes a certificate, is not installed")
    path = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(path / "key.pem"), "-out", str(path / "ca.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return path


async def test_a_server_is_known_by_its_certificate(
    open_source: Open, c4_in_elasticsearch: str, elasticsearch_node: ElasticsearchNode, certificate: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "ca.pem", certificate / "key.pem")
    with FaultProxy(elasticsearch_node.url, tls=context) as proxy:
        known = open_source(index=c4_in_elasticsearch, url=proxy.url, ca_file=certificate / "ca.pem")
        unknown = open_source(index=c4_in_elasticsearch, url=proxy.url)

        assert await counts_of(known, "dog") == [19]
        with pytest.raises(SourceError, match="ca_file") as error:
            await counts_of(unknown, "dog")
    assert error.value.code == "source_not_configured"

"""Measure the counting of the class names of FoMo-in-Flux in Elasticsearch, with 50 ms of added latency.

    python bench/elasticsearch_counts.py [--runs 5] [--names 18381] [--copies 1] [--delay-ms 50]

Uses a real node with the C4 sample, and a proxy in a process of its own that delays each answer. Baselines in the same
run, both with the official client: one ``_count`` at a time, extrapolated from 200 names; and ``_msearch`` in batches
of 500, one after the other, as What's-In-My-Big-Data does. The node counts for a while before it is measured, because a
server that was just started is slower. The baselines query the name of each concept; the source, as in a job, queries
each distinct name once. The node caches no results, so each run counts anew. The last rows count through the cache of
counts in Valkey: first empty, then with all names in it.
"""

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from elasticsearch import Elasticsearch
from redis.asyncio import Redis

from concept_orderings.queries import Query
from store.count_cache import CountCache
from store.keys import DEFAULT_NAMESPACE, Keys
from worker.evidence.counts.elasticsearch import ElasticsearchSettings
from worker.evidence.counts.through_cache import count_through_cache

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SAMPLE = DATA / "c4" / "c4-sample.json.gz"
STREAM = DATA / "fomo_in_flux" / "streams" / "random_sequence_1.json"
INDEX = "c4"
ONE_AT_A_TIME = 200
BATCH = 500

# The tests' helpers start a node.
sys.path.insert(0, str(ROOT / "tests"))

from support.elasticsearch_node import ElasticsearchNode, load_c4  # noqa: E402
from support.fault_proxy import FaultProxy  # noqa: E402
from support.processes import Valkey  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--names", type=int, default=18_381)
    parser.add_argument("--copies", type=int, default=1, help="how often each of the sample's documents is indexed")
    parser.add_argument("--delay-ms", type=float, default=50.0)
    parser.add_argument("--warm-up", type=int, default=8, help="how often all names are counted before measuring")
    parser.add_argument("--names-per-request", type=int, help="replaces the source's default")
    parser.add_argument("--in-flight", type=int, help="replaces the source's default")
    arguments = parser.parse_args()
    if not SAMPLE.exists() or not STREAM.exists():
        raise SystemExit(f"The data that this benchmark needs is not next to the checkout: {SAMPLE}, {STREAM}")
    gc.freeze()  # as a worker does when it starts
    names = [concept.split("+++", 1)[1] for concept in json.loads(STREAM.read_text())][: arguments.names]
    own = {"names_per_request": arguments.names_per_request, "in_flight": arguments.in_flight}
    with node(arguments.copies) as url, delayed(url, arguments.delay_ms / 1000) as slow:
        settings = ElasticsearchSettings(
            url=slow, index=INDEX, filters={"subset": "en"}, **{key: value for key, value in own.items() if value}
        )
        print(f"{len(names)} names, {len(set(names))} of them different; {arguments.delay_ms:.0f} ms added", end="; ")
        print(f"{settings.names_per_request} names in a request, {settings.in_flight} requests in flight")
        measure(names, settings, arguments.runs, arguments.warm_up)


def measure(names: Sequence[str], settings: ElasticsearchSettings, runs: int, warm_up: int) -> None:
    sampled = names[:: max(1, len(names) // ONE_AT_A_TIME)][:ONE_AT_A_TIME]
    print(f"{runs} runs; seconds: min / median / max")
    with Elasticsearch(settings.url[0]) as client:
        expected = in_sequence(client, names)
        # A server that was just started still compiles its hot code; a server that people share has done so.
        for _ in range(warm_up):
            assert counted(settings, names) == in_sequence(client, names) == expected
        ours, sequence, one = [], [], []
        # In turns, so that other load on the machine affects all of them.
        for _ in range(runs):
            ours.append(seconds(lambda: counted(settings, names), expected))
            sequence.append(seconds(lambda: in_sequence(client, names), expected))
            one.append(seconds(lambda: one_at_a_time(client, sampled), {name: expected[name] for name in sampled}))
    extrapolated = [each * len(names) / len(sampled) for each in one]
    report(f"one _count at a time ({len(sampled)}, extrapolated)", extrapolated)
    report(f"_msearch of {BATCH}, one after the other", sequence)
    report("this source", ours)
    print(f"{'times as fast as one at a time':48}{median(extrapolated) / median(ours):.1f}")
    print(f"{f'times as fast as batches of {BATCH}':48}{median(sequence) / median(ours):.1f}")
    measure_cached(names, settings, runs, expected)


def measure_cached(names: Sequence[str], settings: ElasticsearchSettings, runs: int, expected: dict[str, int]) -> None:
    valkey = Valkey(durable=True)
    try:
        with valkey.client() as client:
            empty = []
            for _ in range(runs):
                client.flushall()
                empty.append(seconds(lambda: asyncio.run(through_cache(settings, names, valkey.url))[0], expected))
        cached = [asyncio.run(through_cache(settings, names, valkey.url)) for _ in range(runs)]
    finally:
        valkey.close()
    assert all(counts == expected for counts, _ in cached)
    report("this source through an empty cache", empty)
    report("all in the cache, the source's facts included", [taken for _, taken in cached])


async def through_cache(
    settings: ElasticsearchSettings, names: Sequence[str], url: str
) -> tuple[dict[str, int], float]:
    """Count through the cache, over connections that are open already, as they are in a worker."""
    redis = Redis.from_url(url)
    source = settings.open(INDEX)
    try:
        await redis.ping()
        await source.facts()
        started = time.perf_counter()
        queries = {name: Query.of([name]) for name in names}
        found = await count_through_cache(
            source, list(set(queries.values())), CountCache(redis, Keys(DEFAULT_NAMESPACE))
        )
        taken = time.perf_counter() - started
        return {name: found.counts[query].value for name, query in queries.items()}, taken
    finally:
        await source.aclose()
        await redis.aclose()


def counted(settings: ElasticsearchSettings, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}

    # It returns nothing because asyncio.run makes a text of a returned value, which takes time.
    async def count() -> None:
        source = settings.open(INDEX)
        try:
            async for counts in source.count(list(dict.fromkeys(Query.of([name]) for name in names))):
                found.update({query.spellings[0]: count.value for query, count in counts.items()})
        finally:
            await source.aclose()

    asyncio.run(count())
    return found


def one_at_a_time(client: Elasticsearch, names: Sequence[str]) -> dict[str, int]:
    return {name: client.count(index=INDEX, query=phrase(name))["count"] for name in names}


def in_sequence(client: Elasticsearch, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        bodies = [{"size": 0, "track_total_hits": True, "query": phrase(name)} for name in batch]
        searches = [line for body in bodies for line in ({"index": INDEX}, body)]
        answers = client.msearch(searches=searches)["responses"]
        found |= {name: answer["hits"]["total"]["value"] for name, answer in zip(batch, answers, strict=True)}
    return found


def phrase(name: str) -> dict[str, Any]:
    return {
        "bool": {"must": [{"match_phrase": {"text": {"query": name}}}], "filter": [{"term": {"subset": "en"}}]},
    }


@contextmanager
def node(copies: int) -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory() as directory,
        ElasticsearchNode(Path(directory), options=("-Xms1g", "-Xmx1g")) as started,
    ):
        documents = load_c4(started.http, INDEX, SAMPLE, copies=copies)
        started.http.put(f"/{INDEX}/_settings", json={"index.requests.cache.enable": False}).raise_for_status()
        print(f"{documents} documents", end="; ")
        yield started.url


@contextmanager
def delayed(url: str, delay: float) -> Iterator[str]:
    command = [sys.executable, __file__, "--proxy", url, str(delay)]
    proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert proxy.stdin is not None
    assert proxy.stdout is not None
    try:
        yield proxy.stdout.readline().strip()
    finally:
        proxy.stdin.close()
        proxy.wait()


def serve_proxy(url: str, delay: float) -> None:
    with FaultProxy(url, delay=delay) as proxy:
        print(proxy.url, flush=True)
        # End with the process that started this one.
        sys.stdin.read()


def seconds(work: Callable[[], dict[str, int]], expected: dict[str, int]) -> float:
    """Return the seconds that counting takes, and check the counts."""
    started = time.perf_counter()
    found = work()
    taken = time.perf_counter() - started
    assert found == expected, "counts differ"
    return taken


def report(what: str, taken: Sequence[float]) -> None:
    print(f"{what:48}{min(taken):.2f} / {median(taken):.2f} / {max(taken):.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--proxy"]:
        serve_proxy(sys.argv[2], float(sys.argv[3]))
    else:
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        main()

"""Measure frequency orderings of the FoMo-in-Flux concepts through the running service, with each kind of source.

    python bench/frequency.py [--names 18381] [--runs 3]

Prints the seconds from POST to the last of 20 tasks, and the shares of counting and of the rest: with an empty cache
and with all counts in it. The sources hold the 1,000 documents of the C4 sample: a counts file, a local index, a real
Elasticsearch (left out without Java 17 and Maven), and the tests' fake of infini-gram, which runs in this process and
answers as fast as Python does. Then prints, for the concepts that occur in the sample, how each order agrees with the
one that the benchmark's authors published: Spearman's rank correlation, with average ranks for ties, and Kendall's
tau-b with the ranks that the source fomo-c4-ranks reads off it, also for all concepts.
"""

import argparse
import contextlib
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "tests"), str(ROOT / "bench")]

from service import get, service  # noqa: E402

from concept_orderings.evidence.ranks import benchmark_ranks  # noqa: E402
from concept_orderings.queries import folded  # noqa: E402
from concept_orderings.rank_correlation import kendall_tau_b  # noqa: E402
from support.elasticsearch_node import ElasticsearchNode, Unavailable, load_c4  # noqa: E402
from support.infini_gram import InfiniGram  # noqa: E402
from support.ranks import spearman  # noqa: E402

DATA = ROOT.parent / "shared" / "data"
SAMPLE = DATA / "c4" / "c4-sample.json.gz"
PUBLISHED = DATA / "fomo_in_flux" / "streams" / "frequency_sequence_1.json"
INDEX = "local-sample"
UPLOADED = "uploaded"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=18_381)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    if not SAMPLE.exists() or not PUBLISHED.exists():
        raise SystemExit(f"The data that this benchmark needs is not next to the checkout: {SAMPLE}, {PUBLISHED}")
    published = json.loads(PUBLISHED.read_text())
    concepts = published[:: max(1, len(published) // arguments.names)][: arguments.names]
    with (
        tempfile.TemporaryDirectory() as root,
        sources(Path(root)) as names,
        service(Path(root) / "data") as (base, _),
    ):
        measure(base, names, concepts, arguments.runs)


@contextlib.contextmanager
def sources(root: Path) -> Iterator[list[str]]:
    """Start the servers and write the file of sources; yield the sources' names."""
    with contextlib.ExitStack() as stack:
        fake = stack.enter_context(InfiniGram(texts()))
        tables = [f'[infini-gram]\nkind = "infini-gram"\nurl = "{fake.url}"\n']
        names = [INDEX, UPLOADED, "infini-gram"]
        try:
            (root / "node").mkdir()
            # With Java's optimising compiler, which tests leave out: the server's speed matters here.
            node = stack.enter_context(ElasticsearchNode(root / "node", options=("-Xmx1g",)))
            load_c4(node.http, "c4", SAMPLE)
            tables.append(
                f'[elasticsearch]\nkind = "elasticsearch"\nurl = "{node.url}"\nindex = "c4"\n'
                'filters = { subset = "en" }\n'
            )
            names.append("elasticsearch")
        except Unavailable as reason:
            print(f"no Elasticsearch: {reason}")
        (root / "sources.toml").write_text("\n".join(tables))
        os.environ["CONCEPT_ORDERINGS_SOURCES"] = str(root / "sources.toml")
        build_index(root / "data")
        yield names


def texts() -> list[str]:
    with gzip.open(SAMPLE) as lines:
        return [json.loads(line)["text"] for line in lines]


def build_index(data: Path) -> None:
    command = [sys.executable, "-m", "concept_orderings.cli", "index", str(SAMPLE), "--name", INDEX]
    subprocess.run([*command, "--data-dir", str(data)], cwd=ROOT, check=True, capture_output=True)


def measure(base: str, names: list[str], concepts: list[str], runs: int) -> None:
    print(f"{len(concepts)} concepts, {runs} runs; seconds: min / median / max")
    print(f"{'source':16}{'cache':8}{'POST to last task':24}{'of it counting':24}arranging and publishing")
    evidence: dict[str, dict[str, int]] = {}
    for source in names:
        if source == UPLOADED:
            upload(base, evidence[INDEX])
        first = [counted_anew(base, source, concepts) for _ in range(runs)]
        again = [ordered(base, source, concepts, seed=seed) for seed in range(runs)]
        for cache, timed in (("empty", first), ("full", again)):
            whole, counting, rest = zip(*(each[0] for each in timed), strict=True)
            print(f"{source:16}{cache:8}{shown(whole):24}{shown(counting):24}{shown(rest)}")
        evidence[source] = again[-1][1]
    print("rank correlation with the published order, over the concepts that the sample has")
    for source in names:
        print(f"{source:16}{correlation(evidence[source], concepts)}")


def counted_anew(base: str, source: str, concepts: list[str]) -> Any:
    # A refresh must not use the counts of the run before; times of counts are whole seconds.
    time.sleep(2)
    return ordered(base, source, concepts, refresh=True)


def upload(base: str, counted: dict[str, int]) -> None:
    counts = {folded(concept.split("+++", 1)[1]): count for concept, count in counted.items()}
    lines = "".join(json.dumps({"name": name, "count": count}) + "\n" for name, count in counts.items())
    url = f"{base}/v1/sources/{UPLOADED}?unit=documents&corpus=the+C4+sample&documents=1000"
    request = urllib.request.Request(url, lines.encode(), {"Content-Type": "application/x-ndjson"}, method="PUT")
    urllib.request.urlopen(request).close()


def ordered(
    base: str, source: str, concepts: list[str], **parameters: object
) -> tuple[tuple[float, float, float], dict[str, int]]:
    """Order the concepts; return the seconds (total, counting, rest of the job) and the counts by concept."""
    body = {
        "name": f"bench-{source}",
        "concepts": concepts,
        "ordering": {"kind": "frequency", "source": source, **parameters},
        "tasks": {"count": 20},
    }
    began = time.perf_counter()
    request = urllib.request.Request(f"{base}/v1/streams", json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        url = answer.headers["Location"]
    phases = follow(f"{base}{url}/events")
    job = get(f"{base}{url}")
    if job["state"] != "succeeded":
        raise SystemExit(f"{source}: {job['error']}")
    version = get(base + job["stream"]["url"])
    tasks = [get(f"{base}{job['stream']['url']}/tasks/{each['task']}")["concepts"] for each in version["tasks"]]
    whole = time.perf_counter() - began
    counts = {each["concept"]: each["evidence"]["count"] for task in tasks for each in task}
    counting, making = (
        sum(phases.get(each, 0.0) for each in several)
        for several in (("waiting for the source", "counting"), ("arranging", "publishing"))
    )
    return (whole, counting, making), counts


def follow(url: str) -> dict[str, float]:
    """Return the seconds that each phase of a job took, according to its events."""
    seconds: dict[str, float] = {}
    phase, began = "", time.perf_counter()
    with urllib.request.urlopen(url) as events:
        for line in events:
            if not line.startswith(b"data:"):
                continue
            now, next_phase = time.perf_counter(), json.loads(line[5:])["progress"]["phase"] or ""
            seconds[phase] = seconds.get(phase, 0.0) + now - began
            phase, began = next_phase, now
    return seconds


def correlation(counts: dict[str, int], published: list[str]) -> str:
    occurring = [concept for concept in published if counts[concept] > 0]
    place: dict[str, Any] = {concept: i for i, concept in enumerate(published)}
    found = spearman([counts[concept] for concept in occurring], [place[concept] for concept in occurring])
    return (
        f"{found:.3f} over {len(occurring)} concepts; Kendall's tau-b with the ranks: {agreement(counts, occurring)}, "
        f"and {agreement(counts, published)} over all {len(published)}"
    )


def agreement(counts: dict[str, int], concepts: list[str]) -> str:
    ranks = benchmark_ranks()
    found = kendall_tau_b([counts[each] for each in concepts], [ranks[each] for each in concepts])
    return "none" if found is None else f"{found:.3f}"


def shown(seconds: tuple[float, ...]) -> str:
    return f"{min(seconds):.2f} / {median(seconds):.2f} / {max(seconds):.2f}"


if __name__ == "__main__":
    main()

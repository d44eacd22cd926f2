"""The local index of C4 shards: building it, and counting the class names of FoMo-in-Flux in it.

    python bench/local_index.py [--documents 20000] [--runs 3]

Baselines in the same run: for building, ``gzip -dc`` of the same shards and nothing else; for counting, the index
library asked for one name at a time in one thread, as a first script would. The shards hold the documents of the C4
sample over and over, each time with its sentences in another order: names are as frequent as in the sample, and the
shards do not compress away.
"""

import argparse
import gzip
import json
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import tantivy

from worker.evidence.local_index import LocalIndex, build_index, layout, tokens

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SAMPLE = DATA / "c4" / "c4-sample.json.gz"
STREAM = DATA / "fomo_in_flux" / "streams" / "random_sequence_1.json"
SHARD_DOCUMENTS = 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    if not SAMPLE.exists() or not STREAM.exists():
        raise SystemExit(f"The data this needs is not beside the checkout: {SAMPLE}, {STREAM}")
    names = [concept.split("+++", 1)[1] for concept in json.loads(STREAM.read_text())]
    with tempfile.TemporaryDirectory() as root:
        shards = make_shards(Path(root), arguments.documents)
        megabytes = sum(shard.stat().st_size for shard in shards) / 1e6
        print(f"{arguments.documents} documents in {len(shards)} shards, {megabytes:.1f} MB; {arguments.runs} runs")
        print("seconds: min / median / max")
        measure_building(Path(root), shards, arguments.runs)
        measure_counting(Path(root, "index-0"), names, arguments.runs)


def make_shards(root: Path, documents: int) -> list[Path]:
    with gzip.open(SAMPLE) as lines:
        texts = [json.loads(line)["text"] for line in lines]
    paths = []
    for start in range(0, documents, SHARD_DOCUMENTS):
        numbers = range(start, min(documents, start + SHARD_DOCUMENTS))
        path = root / f"c4-{start:08d}.json.gz"
        content = "".join(json.dumps({"text": varied(texts, number)}) + "\n" for number in numbers)
        path.write_bytes(gzip.compress(content.encode(), compresslevel=6))
        paths.append(path)
    return paths


def varied(texts: Sequence[str], number: int) -> str:
    text = texts[number % len(texts)]
    if number < len(texts):
        return text
    sentences = text.split(". ")
    random.Random(number).shuffle(sentences)
    return ". ".join(sentences)


def measure_building(root: Path, shards: Sequence[Path], runs: int) -> None:
    report("gzip -dc alone", [seconds(lambda: decompress(shards)) for _ in range(runs)])
    report(
        "build the index", [seconds(lambda run=run: build_index(shards, root / f"index-{run}")) for run in range(runs)]
    )
    size = sum(path.stat().st_size for path in Path(root, "index-0").rglob("*"))
    print(f"{'':24}index {size / 1e6:.1f} MB; peak memory of this process {peak():.0f} MB")


def measure_counting(directory: Path, names: Sequence[str], runs: int) -> None:
    opened = LocalIndex.open(directory)
    counts = opened.count(names)
    report(f"count {len(names)} names", [seconds(lambda: opened.count(names)) for _ in range(runs)])
    published = layout.read(directory)
    assert published is not None
    index = tantivy.Index.open(str(directory / published.generation))
    report("one name at a time", [seconds(lambda: one_at_a_time(index, names)) for _ in range(runs)])
    print(f"{'':24}{sum(map(bool, counts))} names found; peak memory of this process {peak():.0f} MB")
    print(f"{'':24}same counts: {one_at_a_time(index, names) == counts}")


def one_at_a_time(index: tantivy.Index, names: Sequence[str]) -> list[int]:
    searcher = index.searcher()
    found = []
    for name in names:
        words = tokens.tokenise(name)
        if len(words) > 1:
            query = tantivy.Query.phrase_query(index.schema, layout.FIELD, words)
        else:
            query = tantivy.Query.term_query(index.schema, layout.FIELD, "".join(words))
        found.append(searcher.search(query).count)
    return found


def decompress(shards: Sequence[Path]) -> None:
    subprocess.run(["gzip", "-dc", *map(str, shards)], check=True, stdout=subprocess.DEVNULL)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def report(what: str, times: Sequence[float]) -> None:
    print(f"{what:24}{min(times):.2f} / {median(times):.2f} / {max(times):.2f}")


if __name__ == "__main__":
    main()

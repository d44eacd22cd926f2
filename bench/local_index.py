"""Measure the building of a local index of C4 shards, and the counting of the class names of FoMo-in-Flux in it.

    python bench/local_index.py [--documents 100000] [--runs 5]

Baselines in the same run: for building, ``gzip -dc`` of the same shards alone; for counting, the index library queried
for one name at a time in one thread, as a simple script would. A second baseline for counting gets the names' tokens,
so that only the queries are compared. Wall and processor seconds are printed; the processor seconds of building include
those of the processes that it starts. The shards repeat the documents of the C4 sample, each time with its sentences in
another order: names are as frequent as in the sample, and the shards do not compress to almost nothing.
"""

import argparse
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
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
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    if not SAMPLE.exists() or not STREAM.exists():
        raise SystemExit(f"The data that this benchmark needs is not next to the checkout: {SAMPLE}, {STREAM}")
    names = [concept.split("+++", 1)[1] for concept in json.loads(STREAM.read_text())]
    with tempfile.TemporaryDirectory() as root:
        shards = make_shards(Path(root), arguments.documents)
        megabytes = sum(shard.stat().st_size for shard in shards) / 1e6
        print(f"{arguments.documents} documents in {len(shards)} shards, {megabytes:.1f} MB; {arguments.runs} runs")
        print(f"{'seconds: min / median / max':32}{'wall':24}processor")
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
    plain = [Taken(lambda: decompress(shards)) for _ in range(runs)]
    # Each build runs in a process of its own, so that the peak memory is that of the build.
    built = [Taken(partial(build, shards, root / f"index-{run}")) for run in range(runs)]
    report("gzip -dc alone", plain)
    report("build the index", built)
    compare("times gzip -dc alone", built, plain)
    index, text = (sum(path.stat().st_size for path in paths) / 1e6 for paths in (files(root / "index-0"), shards))
    print(f"{'':32}index {index:.1f} MB, shards {text:.1f} MB")


def measure_counting(directory: Path, names: Sequence[str], runs: int) -> None:
    opened = LocalIndex.open(directory)
    counts = opened.count(names)
    published = layout.read(directory)
    assert published is not None
    index = tantivy.Index.open(str(directory / published.generation))
    counted, one_by_one, tokens_given = [], [], []
    cut = [tokens.tokenise(name) for name in names]
    # In turns, so that other load on the machine affects all of them.
    for _ in range(runs):
        counted.append(Taken(lambda: opened.count(names)))
        one_by_one.append(Taken(lambda: one_at_a_time(index, map(tokens.tokenise, names))))
        tokens_given.append(Taken(lambda: one_at_a_time(index, cut)))
    report(f"count {len(names)} names", counted)
    report("one name at a time", one_by_one)
    report("the same, given the tokens", tokens_given)
    compare("times as fast as one at a time", one_by_one, counted)
    compare("times as fast as given tokens", tokens_given, counted)
    print(f"{'':32}{sum(map(bool, counts))} names found; {index.searcher().num_segments} segments")
    print(f"{'':32}same counts: {one_at_a_time(index, cut) == counts}")
    print(f"{'':32}peak memory of this process {peak(resource.RUSAGE_SELF):.0f} MB")


def one_at_a_time(index: tantivy.Index, names: Iterable[list[str]]) -> list[int]:
    searcher = index.searcher()
    found = []
    for words in names:
        if len(words) > 1:
            query = tantivy.Query.phrase_query(index.schema, layout.FIELD, [*words])
        else:
            query = tantivy.Query.term_query(index.schema, layout.FIELD, "".join(words))
        found.append(searcher.search(query).count)  # type: ignore[attr-defined]  # not in its stub
    return found


def build(shards: Sequence[Path], directory: Path) -> None:
    subprocess.run([sys.executable, __file__, "--build", str(directory), *map(str, shards)], check=True, cwd=ROOT)


def build_here(directory: Path, shards: Sequence[Path]) -> None:
    build_index(shards, directory)
    own, largest = peak(resource.RUSAGE_SELF), peak(resource.RUSAGE_CHILDREN)
    print(f"{'':32}peak memory {own:.0f} MB, of a process that it starts {largest:.0f} MB")


def decompress(shards: Sequence[Path]) -> None:
    subprocess.run(["gzip", "-dc", *map(str, shards)], check=True, stdout=subprocess.DEVNULL)


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


class Taken:
    """Wall and processor seconds of some work, including those of the processes that it waited for."""

    def __init__(self, work: Callable[[], object]) -> None:
        wall, processor = time.perf_counter(), processor_seconds()
        work()
        self.wall, self.processor = time.perf_counter() - wall, processor_seconds() - processor


def processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1e3


def report(what: str, taken: Sequence[Taken]) -> None:
    print(f"{what:32}{spread([one.wall for one in taken]):24}{spread([one.processor for one in taken])}")


def compare(what: str, longer: Sequence[Taken], shorter: Sequence[Taken]) -> None:
    """Print the ratios of the medians."""
    wall, processor = (
        median(getattr(one, clock) for one in longer) / median(getattr(one, clock) for one in shorter)
        for clock in ("wall", "processor")
    )
    print(f"{what:32}{wall:<24.1f}{processor:.1f}")


def spread(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.2f} / {median(seconds):.2f} / {max(seconds):.2f}"


if __name__ == "__main__":
    # Guarded: the processes that a build starts read this file again.
    if sys.argv[1:2] == ["--build"]:
        build_here(Path(sys.argv[2]), [Path(shard) for shard in sys.argv[3:]])
    else:
        main()

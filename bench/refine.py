"""Measure the local search that shortens the similarity path, and LKH (through elkai) in the same run.

    python bench/refine.py [--n 1500] [--all 18381] [--runs 3] [--rounds 1 2 5 10]

Each run samples n of the FoMo-in-Flux concepts, with the run's number as seed. LKH solves the sample once, and the
local search begins with the best greedy path. Then all concepts are measured without a baseline, which would not
finish. Needs what `similarity_path.py` needs, and elkai, which is for non-commercial use only. With the defaults, LKH
takes half a minute for each sample on one core.
"""

import argparse
import os
import statistics
from collections.abc import Iterable
from time import monotonic

import numpy as np
from elkai import _elkai
from numpy.typing import NDArray
from similarity_path import KEPT, Clock, child

from concept_orderings.path import distance_as_cosine, quantise, shortest_greedy_path
from concept_orderings.path.crew import available_cores
from concept_orderings.path.refine import RefinedPath, refine_path

LARGEST = 10_000_000
"""The largest distance that LKH can take: it multiplies distances by 100 and keeps them in 32 bits."""


def sample(n: int, seed: int) -> NDArray[np.int16]:
    """Return a random sample of `n` quantised embeddings, (n, d), in their original order."""
    embeddings = np.load(KEPT)
    chosen = np.random.default_rng(seed).choice(len(embeddings), size=min(n, len(embeddings)), replace=False)
    return quantise(embeddings[np.sort(chosen)])


def distances(vectors: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return all exact squared distances, (n, n): float64 holds every sum of the products exactly."""
    exact = vectors.astype(np.float64)
    squares = np.square(exact).sum(axis=1)
    matrix: NDArray[np.int64] = (squares[:, None] + squares - 2 * (exact @ exact.T)).astype(np.int64)
    return matrix


def lkh(vectors: NDArray[np.int16]) -> tuple[int, float, float]:
    """Return the exact total of the path that one run of LKH finds, and its wall and processor time in seconds.

    One more city, at distance 0 from all others, makes the path a tour. LKH gets distances without their lowest bits,
    for which it has no room; the total is the sum of the exact ones.
    """
    n = len(vectors)
    exact = distances(vectors)
    shift = 0
    while exact.max() >> shift > LARGEST:
        shift += 1
    matrix = np.pad(exact >> shift, (0, 1))
    # As elkai's DistanceMatrix.solve_tsp does, without its checks in Python, which would count as LKH's time.
    rows = "\n".join(" ".join(map(str, row)) for row in matrix.tolist())
    problem = (
        f"TYPE : TSP\nDIMENSION : {n + 1}\nEDGE_WEIGHT_TYPE : EXPLICIT\nEDGE_WEIGHT_FORMAT : FULL_MATRIX\n"
        f"EDGE_WEIGHT_SECTION\n{rows}\n"
    )
    clock = Clock()
    tour = np.array(_elkai.solve_problem("RUNS = 1\nPROBLEM_FILE = :stdin:\n", problem)) - 1
    wall, processor = clock.lap()
    path = np.roll(tour, -1 - int((tour == n).argmax()))[:n]
    assert np.array_equal(np.sort(path), np.arange(n))
    return int(exact[path[:-1], path[1:]].sum()), wall, processor


def refined(vectors: NDArray[np.int16], order: NDArray[np.int64], rounds: int) -> tuple[RefinedPath, float, float]:
    """Return the refined path, and its wall and processor time in seconds, including that of the neighbours."""
    clock = Clock()
    path = refine_path(vectors, order, rounds=rounds)
    return path, *clock.lap()


def spread(values: Iterable[float], digits: int = 1) -> str:
    ordered = sorted(values)
    return " / ".join(f"{value:.{digits}f}" for value in (ordered[0], statistics.median(ordered), ordered[-1]))


def against_lkh(n: int, runs: int, rounds: list[int]) -> None:
    theirs, ours = [], []
    for run in range(runs):
        vectors = sample(n, run)
        greedy = shortest_greedy_path(vectors)
        total, *times = lkh(vectors)
        theirs.append((total / greedy.total, *times))
        found = [refined(vectors, greedy.order, each) for each in rounds]
        ours.append([(path.total / greedy.total, path.total / total, *times) for path, *times in found])
    best = np.array(theirs).T  # (3, runs)
    of_rounds = np.array(ours).transpose(1, 2, 0)  # (rounds, 4, runs)
    print(f"{n} concepts, {runs} samples\n\n| | of greedy | of LKH | wall | processor | LKH's time / ours |")
    print("|---|---|---|---|---|---|")
    print(f"| LKH, 1 run | {spread(best[0], 4)} | 1 | {spread(best[1])} | {spread(best[2])} | 1 |")
    for count, (of_greedy, of_lkh, wall, processor) in zip(rounds, of_rounds, strict=True):
        columns = [spread(of_greedy, 4), spread(of_lkh, 4), spread(wall, 3), spread(processor, 3)]
        print(f"| rounds={count} | {' | '.join(columns)} | {spread(best[2] / processor, 0)} |")


def alone(n: int, runs: int, rounds: list[int]) -> None:
    vectors = sample(n, 0)
    greedy = shortest_greedy_path(vectors)
    total = distance_as_cosine(greedy.total)
    print(f"\n{len(vectors)} concepts; greedy: {total:.4f} cosine distance\n")
    print("| | of greedy | cosine distance | wall | processor |\n|---|---|---|---|---|")
    for count in rounds:
        found = [refined(vectors, greedy.order, count) for _ in range(runs)]
        (path, *_), wall, processor = found[0], [each[1] for each in found], [each[2] for each in found]
        assert all(np.array_equal(path.order, other.order) for other, *_ in found)
        columns = [f"{path.total / greedy.total:.4f}", f"{distance_as_cosine(path.total):.4f}"]
        print(f"| rounds={count} | {' | '.join(columns)} | {spread(wall)} | {spread(processor)} |")
    begun = monotonic()
    path = refine_path(vectors, greedy.order, rounds=10**6, deadline=begun + 1)
    print(f"\nWith a deadline of 1 s it returned after {monotonic() - begun:.2f} s, {path.total / greedy.total:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1500)
    parser.add_argument("--all", type=int, default=18_381)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rounds", type=int, nargs="+", default=[1, 2, 5, 10])
    options = parser.parse_args()
    if not KEPT.exists():
        child("encode", options.n)
    small = sample(300, 0)
    refine_path(small, np.arange(len(small)), rounds=2)  # compiles
    shortest_greedy_path(small)
    print(
        f"{available_cores()} cores, load {os.getloadavg()[0]:.1f}; min / median / max of {options.runs} runs; seconds"
    )
    against_lkh(options.n, options.runs, options.rounds)
    alone(options.all, options.runs, options.rounds)


if __name__ == "__main__":
    main()

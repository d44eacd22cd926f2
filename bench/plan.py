"""Time the plan of batches: the mean of 1,000 steps, and the first step after a jump to the middle of the last task.

    python bench/plan.py

The stream has 18,381 concepts in 20 tasks, and 2.2 million samples (made-up numbers); batches have 512 samples in
FoMo-in-Flux's mixture, with 1,251,473 samples of pretraining. The baseline has the same numbers of samples and takes as
many of each pool in each step from PyTorch's `DistributedSampler`: one for each pool, which begins again when it ends.
It can only jump by drawing all steps before; here it draws none. Memory is what the steps allocate (tracemalloc, Python
and NumPy; of PyTorch what its lists take).
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sized
from functools import partial
from itertools import islice
from statistics import median
from typing import Any

from torch.utils.data import DistributedSampler

from concept_orderings.client.plan import Cursor, make_cursor

CONCEPTS, TASKS, BATCH, PRETRAINING = 18_381, 20, 512, 1_251_473
STEPS = 1_000


class Stream:
    """Made-up concepts in tasks of equally many."""

    name, version, digest, training = "bench", 1, "5a" * 32, None
    concepts_by_task = tuple(
        tuple(("dataset", f"class {i}") for i in range(CONCEPTS) if i * TASKS // CONCEPTS == t) for t in range(TASKS)
    )


class Numbers(Sized):
    """A data set of which the baseline reads the length alone."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    pairs = [pair for task in Stream.concepts_by_task for pair in task]
    samples = {pair: 20 + 37 * i % 201 for i, pair in enumerate(pairs)}
    options: dict[str, Any] = {"samples": samples, "pretraining": PRETRAINING, "batch_size": BATCH}
    variants: dict[str, dict[str, Any]] = {
        "uniform over images": {},
        "uniform over concepts": {"uniform_over": "concepts"},
        "a billion samples of pretraining": {"pretraining": 10**9},
        "blurry 0.1, repetition 0.1": {"blurry": 0.1, "repetition": 0.1},
        "rank 3 of 8": {"rank": 3, "world_size": 8},
    }
    for what, more in variants.items():
        cursor = make_cursor(Stream(), **{"rank": 0, "world_size": 1, **options, **more})
        show(what, runs, partial(planned, cursor, TASKS - 1), partial(planned, cursor, TASKS - 2))
    sizes = {
        "pretraining": PRETRAINING,
        "update": sum(samples[pair] for pair in Stream.concepts_by_task[-1]),
        "buffer": sum(samples[pair] for task in Stream.concepts_by_task[:-1] for pair in task),
    }
    begin = partial(drawn_by_samplers, sizes, {"pretraining": 169, "update": 175, "buffer": 168})
    show("baseline: DistributedSampler", runs, begin, begin)


def planned(cursor: Cursor, task: int) -> Iterator[object]:
    """Yield the arrays of the steps from the middle of a task on."""
    cursor.seek(task, cursor.plan.steps // 2)
    return (step.arrays for step in cursor)


def drawn_by_samplers(sizes: dict[str, int], shares: dict[str, int]) -> Iterator[object]:
    """Yield lists of indices, one for each pool."""
    pools = [endless(Numbers(sizes[pool])) for pool in sizes]
    while True:
        yield [list(islice(pool, shares[name])) for pool, name in zip(pools, sizes, strict=True)]


def endless(numbers: Numbers) -> Iterator[int]:
    """Yield the indices of one epoch after the other."""
    sampler: DistributedSampler[int] = DistributedSampler(numbers, num_replicas=1, rank=0)  # type: ignore[arg-type]
    epoch = 0
    while True:
        sampler.set_epoch(epoch)
        yield from sampler
        epoch += 1


def show(
    what: str, runs: int, begin: Callable[[], Iterator[object]], begin_earlier: Callable[[], Iterator[object]]
) -> None:
    """Print minimum, median and maximum of the first step and of 1,000 that begin earlier, and the memory of 200."""
    first, mean = [], []
    for _ in range(runs):
        start = time.perf_counter()
        next(begin())
        first.append(1000 * (time.perf_counter() - start))
        steps = begin_earlier()
        next(steps)
        start = time.perf_counter()
        for _ in islice(steps, STEPS):
            pass
        mean.append(1000 * (time.perf_counter() - start) / STEPS)
    tracemalloc.start()
    for _ in islice(begin(), 200):
        pass
    memory = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    print(f"{what}: first step {spread(first)} ms, later ones {spread(mean)} ms each, {memory:.1f} MB", flush=True)


def spread(values: list[float]) -> str:
    return f"{min(values):.3f} / {median(values):.3f} / {max(values):.3f}"


if __name__ == "__main__":
    main()

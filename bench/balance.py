"""Measure the balanced split of a million concepts, and print the table of docs/class-lists.md.

    python bench/balance.py [--concepts 1000000] [--tasks 200] [--runs 5]

Baseline in the same run: the split into tasks of equally many concepts, and the samples of its tasks. The table, of the
training samples of the benchmark's streams, is the same on every machine; a test compares it with the page.
"""

import argparse
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from random import Random
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

from concept_orderings.balance import balanced_sizes, task_samples  # noqa: E402
from concept_orderings.catalogue import CATALOGUE  # noqa: E402
from concept_orderings.evidence.samples import Number, average_samples  # noqa: E402
from concept_orderings.split import EqualTasks  # noqa: E402
from support.task_samples import rows  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concepts", type=int, default=1_000_000)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    random = Random(0)
    averages = [each for each in map(average_samples, CATALOGUE) if each is not None]
    inputs: dict[str, list[Number]] = {
        "integers from 1 to 2,000": [random.randint(1, 2_000) for _ in range(options.concepts)],
        "the catalogue's averages, as fractions": random.choices(averages, k=options.concepts),
    }
    print(f"{options.concepts:,} concepts, {options.tasks:,} tasks; seconds: min / median / max of {options.runs}")
    for name, samples in inputs.items():
        measure(f"balanced, {name}", partial(balanced_sizes, samples, options.tasks), options.runs)
        measure(f"equal, with the samples of its tasks, {name}", partial(equal, samples, options.tasks), options.runs)
    print()
    for row in rows():
        print(row.as_markdown())


def equal(samples: list[Number], tasks: int) -> list[Fraction]:
    return task_samples(samples, EqualTasks(tasks).sizes(samples))


def measure(name: str, work: Callable[[], object], runs: int) -> None:
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    print(f"{name}: {min(seconds):.2f} / {median(seconds):.2f} / {max(seconds):.2f}")


if __name__ == "__main__":
    main()

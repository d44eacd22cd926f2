"""The training samples of the tasks of the benchmark's streams, as docs/class-lists.md has them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from concept_orderings.balance import balanced_sizes, task_samples
from concept_orderings.catalogue import find_dataset
from concept_orderings.concepts import split_concept
from concept_orderings.evidence.samples import Number, average_samples
from concept_orderings.published_streams import FREQUENCY_BASE, PUBLISHED_STREAMS, published_order
from concept_orderings.split import EqualTasks

TASKS = 20


@dataclass(frozen=True)
class Row:
    """A stream with the samples of its tasks, of equally many concepts and balanced."""

    stream: str
    equal: Sequence[Fraction]
    balanced: Sequence[Fraction]

    def as_markdown(self) -> str:
        """Return the row of the table: the smallest and the largest task, and the factor, of both."""
        name = self.stream.removeprefix("fomo/")
        return " | ".join([f"| `{name}`", *_figures(self.equal), *_figures(self.balanced)]) + " |"


def _figures(samples: Sequence[Fraction]) -> list[str]:
    smallest, largest = min(samples), max(samples)
    factor = float(largest / smallest)
    return [f"{round(smallest):,}", f"{round(largest):,}", f"{factor:.3f}" if factor < 1.05 else f"{factor:.1f}"]


def rows() -> Iterator[Row]:
    """Yield a row for each file of the benchmark, by the catalogue's averages."""
    for name in PUBLISHED_STREAMS:
        if name.startswith("fomo/") and name != FREQUENCY_BASE:
            samples = [_samples(concept) for concept in published_order(name)]
            equal = task_samples(samples, EqualTasks(TASKS).sizes(samples))
            yield Row(name, equal, task_samples(samples, balanced_sizes(samples, TASKS)))


def _samples(concept: str) -> Number:
    known = find_dataset(split_concept(concept)[0])
    samples = None if known is None else average_samples(known)
    assert samples is not None
    return samples

"""Small streams to plan batches of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from concept_orderings.client.plan import Cursor, make_cursor


@dataclass(frozen=True)
class SmallStream:
    concepts_by_task: Sequence[Sequence[tuple[str, str]]]
    name: str = "small"
    version: int = 1
    digest: str = "ab" * 32
    training: Mapping[str, Any] | None = field(default=None)


def stream_of(sizes: Sequence[Sequence[int]], **changes: Any) -> tuple[SmallStream, dict[tuple[str, str], int]]:
    """Return a stream with concepts of these numbers of samples in each task, and the numbers by concept."""
    tasks = [[(f"d{(t + i) % 2}", f"class {t} {i}") for i in range(len(task))] for t, task in enumerate(sizes)]
    samples = {
        pair: n for task, numbers in zip(tasks, sizes, strict=True) for pair, n in zip(task, numbers, strict=True)
    }
    return SmallStream(tasks, **changes), samples


def cursor_of(sizes: Sequence[Sequence[int]], training: Mapping[str, Any] | None = None, **options: Any) -> Cursor:
    stream, samples = stream_of(sizes, training=training)
    return make_cursor(stream, samples=samples, **options)

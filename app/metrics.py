"""The answer of `/metrics`, in the format of Prometheus: what all programs have counted, and what holds now."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from store.figures import COUNTERS, HISTOGRAMS, Counter, Histogram, Totals
from store.figures.declared import PREFIX
from store.runs import Load

if TYPE_CHECKING:
    from prometheus_client import Metric


@dataclass(frozen=True)
class Moment:
    """What holds at the moment of a scrape.

    Attributes
    ----------
    redis
        Whether Redis answers.
    store
        Whether the store of streams takes writes.
    workers
        How many workers have reported recently; None if Redis is away.
    load
        The jobs that are queued or running; None if Redis is away.
    data_dir
        The directory whose disk is measured.
    """

    redis: bool
    store: bool
    workers: int | None
    load: Load | None
    data_dir: Path


GAUGES: dict[str, tuple[str, Callable[[Moment], float | None]]] = {
    f"{PREFIX}redis_up": ("1 if Redis answers.", lambda now: float(now.redis)),
    f"{PREFIX}store_up": ("1 if the store of streams takes writes.", lambda now: float(now.store)),
    f"{PREFIX}workers": ("Workers that have reported recently.", lambda now: now.workers),
    f"{PREFIX}jobs_queued": ("Jobs that wait for a worker.", lambda now: now.load and now.load.queued),
    f"{PREFIX}jobs_running": ("Jobs that a worker has.", lambda now: now.load and now.load.running),
    f"{PREFIX}jobs_oldest_seconds": (
        "The age of the oldest job that waits; 0 if none does.",
        lambda now: now.load and now.load.oldest_seconds,
    ),
    f"{PREFIX}disk_free_bytes": (
        "Free bytes on the disk of the data directory.",
        lambda now: _disk(now.data_dir, "free"),
    ),
    f"{PREFIX}disk_bytes": ("The size of the disk of the data directory.", lambda now: _disk(now.data_dir, "total")),
}
"""By name: what it says, and its value at a moment; None if it is not known."""


def render(totals: Totals, now: Moment, accept: str) -> tuple[bytes, str]:
    """Return the body and its media type, as the client accepts it: text of Prometheus, or OpenMetrics.

    Parameters
    ----------
    totals
        What was counted; left out if it is not complete.
    now
        What holds.
    accept
        The field Accept of the request.
    """
    # Imported here: no other answer needs it.
    from prometheus_client.exposition import choose_encoder  # noqa: PLC0415
    from prometheus_client.registry import CollectorRegistry  # noqa: PLC0415

    encode, media_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(totals, now))
    return encode(registry), media_type


class _Collector:
    """What `prometheus_client` asks for its families of samples."""

    def __init__(self, totals: Totals, now: Moment) -> None:
        self._totals = totals
        self._now = now

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        # Prometheus takes a smaller number for a new beginning: it would count all totals once more when they are back.
        if self._totals.complete:
            for counter in COUNTERS:
                yield _counter(counter, self._totals)
            for histogram in HISTOGRAMS:
                yield _histogram(histogram, self._totals)
        for name, (summary, value_at) in GAUGES.items():
            if (value := value_at(self._now)) is not None:
                yield GaugeMetricFamily(name, summary, value=value)


def _counter(counter: Counter, totals: Totals) -> "Metric":
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415

    family = CounterMetricFamily(counter.name, counter.summary, labels=counter.labels)
    for labels, value in sorted(totals.counter(counter).items()):
        family.add_metric(labels, value)
    return family


def _histogram(histogram: Histogram, totals: Totals) -> "Metric":
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415

    family = HistogramMetricFamily(histogram.name, histogram.summary, labels=histogram.labels)
    bounds = [*map(str, histogram.bounds), "+Inf"]
    for labels, (ranges, total) in sorted(totals.histogram(histogram).items()):
        below = 0.0
        buckets = []
        for bound, number in zip(bounds, ranges, strict=True):
            below += number
            buckets.append((bound, below))
        family.add_metric(labels, buckets, total)
    return family


def _disk(directory: Path, what: str) -> float | None:
    try:
        return float(getattr(shutil.disk_usage(directory), what))
    except OSError:
        return None

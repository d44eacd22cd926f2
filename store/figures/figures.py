"""Count in this process, and add what was counted to one hash in Redis.

All processes add to the same fields. So the totals go on when a process ends or is replaced, and one scrape of any
process of the API has the figures of all programs on all machines. A killed process loses what it counted since its
last report, a few seconds. Clients wait for none of this.
"""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.figures.counted import COUNTED, SUM, Counted, Field
from store.figures.declared import Counter, Histogram
from store.keys import Keys
from store.redis_hashes import delete_unless_hash

REPORT_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Totals:
    """What all processes have reported, and this one has counted.

    Attributes
    ----------
    values
        By name, part and labels.
    complete
        Whether Redis answered; if not, these are figures of this process alone.
    """

    values: Mapping[Field, float]
    complete: bool

    def counter(self, counter: Counter) -> dict[tuple[str, ...], float]:
        """Return the totals of a counter by the values of its labels."""
        return {
            tuple(labels): value
            for (name, part, *labels), value in self.values.items()
            if (name, part, len(labels)) == (counter.name, "", len(counter.labels))
        }

    def histogram(self, histogram: Histogram) -> dict[tuple[str, ...], tuple[list[float], float]]:
        """Return by labels how often the quantity was in each range, (B + 1,), and the sum of the quantity."""
        found: dict[tuple[str, ...], tuple[list[float], list[float]]] = {}
        for (name, part, *labels), value in self.values.items():
            if name != histogram.name or len(labels) != len(histogram.labels):
                continue
            ranges, total = found.setdefault(tuple(labels), ([0.0] * (len(histogram.bounds) + 1), [0.0]))
            if part == SUM:
                total[0] += value
            elif part.isdecimal() and int(part) < len(ranges):
                ranges[int(part)] += value
        return {labels: (ranges, total) for labels, (ranges, (total,)) in found.items()}


class Figures:
    """Reports what this process counts to Redis, and reads the totals.

    Parameters
    ----------
    redis, keys
        A client and the names of keys.
    counted
        What this process counts.
    """

    def __init__(self, redis: "Redis", keys: Keys, counted: Counted = COUNTED) -> None:
        self._redis = redis
        self._key = keys.figures
        self._counted = counted

    async def report(self) -> bool:
        """Add what was counted since the last report to the totals in Redis; return whether Redis took it.

        If Redis is away, it is reported the next time. If the connection breaks while Redis does it, it may be counted
        twice.
        """
        taken = self._counted.take()
        try:
            if taken:
                await delete_unless_hash(self._redis, self._key)
                async with self._redis.pipeline() as pipeline:
                    for field, by in taken.items():
                        pipeline.hincrbyfloat(self._key, json.dumps(field), by)
                    await pipeline.execute()
        except (RedisError, OSError) as error:
            _log.debug("figures are reported later: %s", error)
            self._counted.put_back(taken)
            return False
        return True

    async def report_for_ever(self) -> None:
        """Report every few seconds, until cancelled, and then once more."""
        try:
            while True:
                await asyncio.sleep(REPORT_SECONDS)
                await self.report()
        finally:
            await self.report()

    async def totals(self) -> Totals:
        """Report, and return the totals of all processes."""
        if await self.report():
            try:
                found: Any = await self._redis.hgetall(self._key)
                return Totals(dict(_undamaged(found)), complete=True)
            except (RedisError, OSError) as error:
                _log.warning("the figures in Redis cannot be read: %s", error)
        return Totals(self._counted.look(), complete=False)


def _undamaged(found: Mapping[bytes, bytes]) -> Iterator[tuple[Field, float]]:
    for field, value in found.items():
        with suppress(ValueError, TypeError):
            name, part, *labels = map(str, json.loads(field))
            yield (name, part, *labels), float(value)

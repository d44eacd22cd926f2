"""Rare to frequent, by how often the pretraining corpus has the class names."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import numpy as np

from concept_orderings.canonical import Json
from concept_orderings.concepts import Concepts
from concept_orderings.count_warnings import equal_counts, zero_counts
from concept_orderings.errors import BadParameter
from concept_orderings.evidence import Evidence, Need
from concept_orderings.machine import Machine
from concept_orderings.names import NAME
from concept_orderings.orderings.base import POINTER, Arrangement, Ordering, order_of, parameter
from concept_orderings.progress import Report

IN_REQUEST = "request"
"""The source that means: the counts stand in the request itself."""

BUILT_IN = "infini-gram"
"""The source that workers have without a file of sources."""

_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, kw_only=True)
class Frequency(Ordering):
    """Lowest count first; equal counts in random order (arXiv 2408.14471, "concept frequency")."""

    kind: ClassVar[str] = "frequency"
    summary: ClassVar[str] = (
        "Rare to frequent: the concepts whose names are rarest in the pretraining corpus come first."
    )
    needs: ClassVar[frozenset[Need]] = frozenset({Need.COUNTS})

    source: str = parameter(
        IN_REQUEST,
        'Where counts come from: "request" for those given with the classes, else the name of a source: '
        "an index of Elasticsearch or infini-gram, a counts file, or a local index of C4 shards.",
        pattern=NAME.pattern,
    )
    counted_since: str = parameter(
        "",
        "Counts that were kept before this time are not used: UTC, as 2026-01-31T12:00:00Z; empty for any.",
        pattern="|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
    )
    refresh: bool = parameter(
        False, "Counts again: the service sets counted_since to the time of the request, and makes a new version."
    )

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        counts = np.asarray(evidence.of(Need.COUNTS), dtype=np.int64)
        warnings = (*zero_counts(counts, concepts), *equal_counts(counts))
        return Arrangement(order_of(list(zip(counts.tolist(), self.keys(concepts), strict=True))), {}, warnings)

    def fitted(self, concepts: Concepts) -> "Frequency":
        """See `Ordering.fitted`."""
        self._check_given("counted_since", self.counted_since != "")
        self._check_given("refresh", self.refresh)
        if self.refresh and self.counted_since:
            raise _refused("A refresh sets counted_since itself; leave one of the two out.", "refresh", "counted_since")
        if self.counted_since and not _is_time(self.counted_since):
            raise _refused(
                "There is no such time as counted_since names; give one as 2026-01-31T12:00:00Z.", "counted_since"
            )
        return self

    def settled(self, now: datetime) -> "Frequency":
        """Return this ordering with a refresh written as the time that it counts from."""
        if not self.refresh:
            return self
        return replace(self, refresh=False, counted_since=refreshed_since(now))

    def as_json(self) -> dict[str, Json]:
        """See `Ordering.as_json`; a refresh is there only until it is settled."""
        return {name: value for name, value in super().as_json().items() if name != "refresh" or value}

    def _check_given(self, name: str, given: bool) -> None:
        if given and self.source == IN_REQUEST:
            raise _refused(
                f'The source "{IN_REQUEST}" counts nothing again; leave {name} out, or name a source of counts.', name
            )


def refreshed_since(now: datetime) -> str:
    """Return what `counted_since` is for a refresh at this moment: the next whole second.

    Times are whole seconds, and what was counted earlier in this one is to be counted again, too.
    """
    return (now.astimezone(UTC) + timedelta(seconds=1)).strftime(_TIME)


def _refused(detail: str, *names: str) -> BadParameter:
    return BadParameter("bad_parameter", detail, [f"{POINTER}/{name}" for name in names])


def _is_time(text: str) -> bool:
    try:
        datetime.strptime(text, _TIME)
    except ValueError:
        return False
    return True

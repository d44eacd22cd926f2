"""Rare to frequent, by how often the pretraining corpus has the class names."""

import re
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
# The library also takes a month of one digit; one time is written in one way.
_WRITTEN = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_CLOCKS_DIFFER = timedelta(minutes=1)


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
        pattern=f"|{_WRITTEN.pattern}",
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
        if self.counted_since and time_of(self.counted_since) is None:
            raise _refused(
                "There is no such time as counted_since names; give one as 2026-01-31T12:00:00Z.", "counted_since"
            )
        return self

    def settled(self, now: datetime) -> "Frequency":
        """Return this ordering with a refresh written as the time that it counts from.

        Raises
        ------
        BadParameter
            If `counted_since` is to come.
        """
        if not self.refresh:
            check_is_past(self.counted_since, now, f"{POINTER}/counted_since")
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


def time_of(counted_since: str) -> datetime | None:
    """Return the time that is meant; None if it is none, or is not written as times are here."""
    if not _WRITTEN.fullmatch(counted_since):
        return None
    try:
        return datetime.strptime(counted_since, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def check_is_past(counted_since: str, now: datetime, pointer: str) -> None:
    """Refuse a time to come: no count would ever be new enough. Clocks may differ by a minute.

    Parameters
    ----------
    counted_since
        A time, or nothing.
    now
        The time.
    pointer
        Where the field stands.

    Raises
    ------
    BadParameter
        ``bad_parameter``.
    """
    time = time_of(counted_since)
    if time is not None and time > now + _CLOCKS_DIFFER:
        raise BadParameter(
            "bad_parameter",
            f"counted_since is {counted_since}, which is to come; leave it out, or say refresh: true.",
            [pointer],
        )

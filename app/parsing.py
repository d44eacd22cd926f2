"""Decode and check the bodies of requests for a stream, and keep of a refused one what only workers can judge."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from concept_orderings.checks import check_mapping
from concept_orderings.errors import InvalidInput
from concept_orderings.evidence.counts import AT_HAND, NeedsCounts
from concept_orderings.faults import Faults
from concept_orderings.json_text import parse_json
from concept_orderings.labels import Labels, listed_labels
from concept_orderings.orderings import parse_ordering
from concept_orderings.parameters import Parameters
from concept_orderings.request import StreamRequest, listed_concepts, parse_request


@dataclass(frozen=True)
class Accepted:
    """An accepted request.

    Attributes
    ----------
    request : StreamRequest
    labels : Labels
        The labels of its class lists, which depend on the order in which this body lists the classes.
    """

    request: StreamRequest
    labels: Labels


@dataclass(frozen=True)
class Refused:
    """A refused request.

    Attributes
    ----------
    error : InvalidInput
        All faults that the body alone shows.
    source : str or None
        The source of counts that its ordering names and a worker asks; None if there is none, or it cannot be read.
    """

    error: InvalidInput
    source: str | None


def read_request(body: bytes, *, defaults: Mapping[str, object], now: datetime) -> Accepted | Refused:
    """Decode and check a body; see `concept_orderings.request.parse_request` for the options.

    Raises
    ------
    ValueError, RecursionError
        If the body is not JSON.
    """
    source: str | None = None

    def parse(value: object) -> Accepted:
        nonlocal source
        source = _source_in(value, defaults)
        request = parse_request(value, defaults=defaults, now=now)
        return Accepted(request, listed_labels(listed_concepts(check_mapping(value, ""))))

    try:
        return parse_json(body, parse)
    except InvalidInput as error:
        return Refused(error, source)


def source_outside(ordering: Parameters) -> str | None:
    """Return the source of counts that an ordering names and a worker asks; None if there is none to ask."""
    if not isinstance(ordering, NeedsCounts) or ordering.source in AT_HAND:
        return None
    return ordering.source


def _source_in(body: object, defaults: Mapping[str, object]) -> str | None:
    given = body.get("ordering") if isinstance(body, Mapping) else None
    ordering, doubtful = parse_ordering(given, Faults(), defaults=defaults)
    return None if ordering is None or "source" in doubtful else source_outside(ordering)

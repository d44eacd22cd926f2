"""Decode and check the bodies of requests for a stream, and keep which sources they name."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from app.known_requests import Identity, KnownRequest
from concept_orderings.asked_classes import listed_pairs
from concept_orderings.checks import check_mapping
from concept_orderings.errors import InvalidInput
from concept_orderings.evidence import Need
from concept_orderings.evidence.counts import AT_HAND, NeedsCounts
from concept_orderings.evidence.scores import NeedsScores
from concept_orderings.evidence.tie_orders import reference_in
from concept_orderings.faults import Faults
from concept_orderings.json_text import read_json
from concept_orderings.labels import Labels, listed_labels
from concept_orderings.orderings import Ordering, parse_ordering
from concept_orderings.parameters import POINTER, WITHIN, Parameters
from concept_orderings.request import DESCRIPTION, MOST_VARIANTS, StreamRequest
from concept_orderings.variants import parse_requests


class NamedSource(NamedTuple):
    """A source that an ordering names.

    Attributes
    ----------
    need : Need
        Counts or scores.
    name : str
    pointer : str
        JSON pointer to the name in the body.
    """

    need: Need
    name: str
    pointer: str


@dataclass(frozen=True)
class Accepted:
    """A body without faults, as far as the body alone shows.

    Attributes
    ----------
    requests : sequence of StreamRequest
        One; several if the body asks for variants.
    first_seed : int or None
        The seed of the first variant; that of each other is larger by 1. None without variants.
    labels : Labels
        The labels of its class lists, which depend on the order in which this body lists the classes. All variants
        have them.
    sources : sequence of NamedSource
        Those that must exist outside the request; whether they do is not known yet.
    description : str or None
        The new description of the streams; None to leave it as it is.
    lasting : bool
        Whether the same body asks for the same at any time: it names no order in the store, and `refresh` is not set.
    """

    requests: Sequence[StreamRequest]
    first_seed: int | None
    labels: Labels
    sources: Sequence[NamedSource]
    description: str | None = None
    lasting: bool = False

    @cached_property
    def known(self) -> KnownRequest:
        """What the answer needs of the body. It has digests, which take long to compute for many concepts."""
        identities = tuple(Identity(each.name, each.digest) for each in self.requests)
        return KnownRequest(identities, self.first_seed, self.labels.digest, self.description)


@dataclass(frozen=True)
class Refused:
    """A refused request.

    Attributes
    ----------
    error : InvalidInput
        All faults that the body alone shows.
    sources : sequence of NamedSource
        Those that can be read.
    """

    error: InvalidInput
    sources: Sequence[NamedSource]


@dataclass(frozen=True)
class Unresolved:
    """A request that refers to an order in the store, which is to be found first.

    Attributes
    ----------
    reference : str
        The name of a version, NAME@VERSION, or the digest of an order.
    """

    reference: str


@dataclass(frozen=True)
class Decoded:
    """A body as a JSON value.

    Attributes
    ----------
    value : object
    faults : Faults
        Has a fault for each name that an object has twice.
    """

    value: object
    faults: Faults


def decode(body: bytes) -> Decoded:
    """Decode a body.

    Raises
    ------
    ValueError, RecursionError
        If the body is not JSON.
    """
    faults = Faults()
    return Decoded(read_json(body, faults), faults)


def read_request(
    body: Decoded,
    *,
    defaults: Mapping[str, object],
    now: datetime,
    orders: Mapping[str, Sequence[str] | None] = MappingProxyType({}),
    most_variants: int = MOST_VARIANTS,
) -> Accepted | Refused | Unresolved:
    """Check a body; see `concept_orderings.variants.parse_requests` for the options."""
    # Of the body and not of the canonical request, which has them in another order: pointers are to the body.
    sources: Sequence[NamedSource] = ()

    def parse(value: object) -> Accepted | Unresolved:
        nonlocal sources
        reference = reference_in(value)
        if reference and reference not in orders:
            return Unresolved(reference)
        written = value.get("ordering") if isinstance(value, Mapping) else None
        ordering, doubtful = parse_ordering(written, Faults(), defaults=defaults)
        sources = tuple(_sources_in(ordering, doubtful))
        asked = parse_requests(value, defaults=defaults, orders=orders, now=now, most=most_variants)
        fields = check_mapping(value, "")
        listed = listed_pairs(fields, asked.requests[0].ordering.own_concepts())
        given = fields.get(DESCRIPTION.name)
        description = None if given is None else str(given)
        lasting = not reference and ordering is not None and ordering.as_of(now) == ordering
        return Accepted(asked.requests, asked.first_seed, listed_labels(listed), sources, description, lasting)

    try:
        read = body.faults.attempt(parse, body.value)
        body.faults.refuse()
    except InvalidInput as error:
        return Refused(error, sources)
    assert read is not None  # otherwise there were faults
    return read


def _sources_in(ordering: Ordering | None, doubtful: Set[str]) -> Iterator[NamedSource]:
    for part in () if ordering is None else ordering.parts:
        path = "" if part is ordering else f"{WITHIN}/"
        for each in _sources_of(part):
            if f"{path}{each.pointer.partition('/')[0]}" not in doubtful:
                yield each._replace(pointer=f"{POINTER}/{path}{each.pointer}")


def _sources_of(ordering: Parameters) -> Iterator[NamedSource]:
    """Yield the sources that an ordering names, with pointers that begin at the ordering."""
    if isinstance(ordering, NeedsCounts) and ordering.source not in AT_HAND:
        yield NamedSource(Need.COUNTS, ordering.source, "source")
    if isinstance(ordering, NeedsScores):
        if ordering.source is not None:
            yield NamedSource(Need.SCORES, ordering.source, "source")
        for i, name in enumerate(ordering.sources or ()):
            yield NamedSource(Need.SCORES, name, f"sources/{i}")

"""Variants: one body that stands for several requests, which differ in their seeds and in the names of their streams.

Variant k of N, from 1, is the request that the same body makes without ``variants``, with the name ``NAME-k`` and the
seed ``seed + k - 1``: its canonical request, its version and its warnings are those of a request of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from concept_orderings.asked_classes import listed_concepts
from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.checks import check_mapping
from concept_orderings.errors import BadParameter, BadValue
from concept_orderings.evidence import Need
from concept_orderings.evidence.at_hand import assemble, evidence_at_hand
from concept_orderings.faults import Faults
from concept_orderings.orderings import Ordering, parse_ordering
from concept_orderings.orderings.base import SeededOrdering
from concept_orderings.parameters import POINTER, WITHIN
from concept_orderings.request import MOST_VARIANTS, STREAM_NAME, VARIANTS, StreamRequest, parse_request
from concept_orderings.url_names import LONGEST_URL_NAME, URL_NAME


class Asked(NamedTuple):
    """What a body asks for.

    Attributes
    ----------
    requests : list of StreamRequest
        One; several if the body asks for variants.
    first_seed : int or None
        The seed of the first variant; that of each other is larger by 1. None without variants.
    """

    requests: list[StreamRequest]
    first_seed: int | None


_NUMBER = f"/{VARIANTS.name}"


def parse_requests(
    body: object,
    *,
    defaults: Mapping[str, object] | None = None,
    passed: frozenset[Need] = frozenset(),
    orders: Mapping[str, Sequence[str] | None] = MappingProxyType({}),
    now: datetime | None = None,
    most: int = MOST_VARIANTS,
) -> Asked:
    """Check a body and return its requests: one, or with ``variants`` one for each variant.

    Parameters
    ----------
    body, defaults, passed, orders, now
        See `concept_orderings.request.parse_request`; the body may have ``variants``.
    most
        The most variants for which the caller has room.

    Raises
    ------
    InvalidInput
        As there. With ``variants`` also ``bad_variants``; ``bad_stream_name`` and ``bad_parameter``, if the last name
        is too long or the last seed too large; ``seed_changes_nothing``, if the variants would have one order, as far
        as the body shows (see `refuse_one_order`).
    """
    fields = check_mapping(body, "")
    one = {name: value for name, value in fields.items() if name != VARIANTS.name}
    parse = partial(parse_request, defaults=defaults, passed=passed, orders=orders, now=now)
    if fields.get(VARIANTS.name) is None:
        return Asked([parse(one)], None)
    faults = Faults()
    request = faults.attempt(parse, one)
    number = _number(fields[VARIANTS.name], most, faults)
    ordering, doubtful = parse_ordering(one.get("ordering"), Faults(), defaults=defaults)
    seed = _seed(ordering, doubtful, number, faults)
    _find_long_name(one.get(STREAM_NAME.name), number, faults)
    faults.refuse()
    assert request is not None  # otherwise there were faults, as for the two that follow
    assert number is not None
    assert seed is not None
    written = check_mapping(one["ordering"], POINTER)
    variants = []
    for k in range(number):
        seeded, _ = parse_ordering({**written, "seed": seed + k}, Faults(), defaults=defaults)
        assert seeded is not None  # as with the first seed
        seeded = seeded.with_orders(orders, Faults())
        listed = partial(listed_concepts, one, seeded.own_concepts())
        seeded = seeded.canonical_for(request.concepts, listed).without_checks()
        variant = replace(request, name=f"{request.name}-{k + 1}", ordering=seeded)
        variants.append(variant if now is None else variant.as_of(now))
    refuse_one_order(variants)
    return Asked(variants, seed)


def refuse_one_order(variants: Sequence[StreamRequest]) -> None:
    """Refuse variants that would have one order, as far as this can be known before their evidence is gathered.

    Where the request and the catalogue have all evidence, the concepts are arranged with each seed, until two orders
    differ. Otherwise the ordering says whether its seed may matter (`Ordering.seed_may_matter`).

    Parameters
    ----------
    variants
        Two or more requests that differ in their seeds and names alone.

    Raises
    ------
    BadValue
        ``seed_changes_nothing``.
    """
    first = variants[0]
    pointers = [_NUMBER, f"{POINTER}/seed"]
    if all(each.ordering == first.ordering for each in variants):
        if len(first.ordering.parts) > 1:
            reason = (
                f"the seed decides neither the groups nor what is inside, where {WITHIN}/seed counts if it is given"
            )
            raise _one_order(reason, [*pointers, f"{POINTER}/{WITHIN}/seed"])
        raise _one_order("with these parameters nothing is random, so that the seed decides nothing", pointers)
    if first.outside:
        if not first.ordering.seed_may_matter(first.concepts):
            raise _one_order(
                f"{first.ordering.part_for(Need.EMBEDDINGS).kind} uses its seed for equal distances, and no two "
                "concepts have the same captions",
                pointers,
            )
        return
    evidence = assemble(evidence_at_hand(first))
    orders = (each.ordering.arrangement(each.concepts, evidence).order for each in variants)
    expected = next(orders)
    if all(np.array_equal(each, expected) for each in orders):
        raise _one_order("nothing in these concepts and their evidence is ordered at random", pointers)


def _number(value: object, most: int, faults: Faults) -> int | None:
    before = faults.found
    VARIANTS.shape.find_faults(value, _NUMBER, faults)
    if faults.found > before or not isinstance(value, int):
        return None
    if value > most:
        instead = f"Ask for at most {most} in one call." if most > 1 else "Post a request for each seed."
        faults.add(
            BadValue("bad_variants", f"There is no room for {value} requests of this size. {instead}", [_NUMBER])
        )
    return value


def _seed(ordering: Ordering | None, doubtful: frozenset[str], number: int | None, faults: Faults) -> int | None:
    """Return the first seed; None, and a fault, if the ordering has none or the last seed is too large."""
    if ordering is None or "seed" in doubtful:
        return None  # which is a fault of the ordering
    if not isinstance(ordering, SeededOrdering):
        faults.add(_one_order(f"{ordering.kind} has no seed", [_NUMBER, f"{POINTER}/kind"]))
        return None
    if number is not None and ordering.seed + number - 1 > LARGEST_INTEGER:
        detail = (
            f"The {number} variants have the seeds {ordering.seed} to {ordering.seed + number - 1}, and the largest "
            f"is {LARGEST_INTEGER}; give a smaller seed."
        )
        faults.add(BadParameter("bad_parameter", detail, [f"{POINTER}/seed", _NUMBER]))
    return ordering.seed


def _find_long_name(name: object, number: int | None, faults: Faults) -> None:
    if number is None or not isinstance(name, str) or not URL_NAME.fullmatch(name):
        return
    if not URL_NAME.fullmatch(f"{name}-{number}"):
        longest = LONGEST_URL_NAME - len(f"-{number}")
        detail = (
            f"The last of the {number} variants is named like the stream with -{number} after it, so the name has at "
            f"most {longest} characters; this one has {len(name)}."
        )
        faults.add(BadValue("bad_stream_name", detail, [f"/{STREAM_NAME.name}", _NUMBER]))


def _one_order(reason: str, pointers: Sequence[str]) -> BadValue:
    detail = (
        f"The variants would all have the same order: {reason}. Leave variants out, or choose an ordering or "
        "parameters with which the seed matters."
    )
    return BadValue("seed_changes_nothing", detail, pointers)

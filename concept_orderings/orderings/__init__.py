"""The orderings. Validation, the API's schema, documentation and tests read the registry `ORDERINGS`."""

from collections.abc import Mapping

from concept_orderings.checks import check_mapping, is_integer
from concept_orderings.errors import BadParameter, UnknownOrdering, UnreadableRequest
from concept_orderings.faults import Faults
from concept_orderings.orderings.base import Arrangement, Ordering, SeededOrdering
from concept_orderings.orderings.dataset import Dataset
from concept_orderings.orderings.frequency import Frequency
from concept_orderings.orderings.given import Given
from concept_orderings.orderings.groups import OrdersGroups
from concept_orderings.orderings.performance import Performance
from concept_orderings.orderings.published import Published
from concept_orderings.orderings.random import Random
from concept_orderings.orderings.similarity import Similarity
from concept_orderings.orderings.time import Time
from concept_orderings.orderings.typicality import Typicality
from concept_orderings.parameters import POINTER, SEED, WITHIN, Parameter, pointed_within
from concept_orderings.text import nearest

__all__ = [
    "ORDERINGS",
    "Arrangement",
    "Ordering",
    "Parameter",
    "SeededOrdering",
    "defaults_for",
    "may_have_own_concepts",
    "parse_ordering",
    "read_ordering",
]

_LONGEST_COMPARED = 40

ORDERINGS: Mapping[str, type[Ordering]] = {
    each.kind: each
    for each in (Performance, Frequency, Similarity, Time, Dataset, Random, Given, Typicality, Published)
}


def parse_ordering(
    body: object, faults: Faults, *, defaults: Mapping[str, object] | None = None
) -> tuple[Ordering | None, frozenset[str]]:
    """Check the JSON object of an ordering, ``{"kind": …, parameters…}``, and return the ordering.

    Parameters
    ----------
    body
        A JSON value.
    faults
        Gets ``wrong_type`` if the value is not an object; ``unknown_ordering`` for an unknown kind, or another version
        of a known one; ``unknown_parameter`` and ``bad_parameter``.
    defaults
        Parameters by name that replace the defaults of the orderings that have them, such as the encoder of a service.

    Returns
    -------
    ordering : Ordering or None
        None if its kind is not known. A parameter at fault has its default.
    doubtful : frozenset of str
        The names of the parameters at fault; those of an ordering inside groups as ``within/NAME``.
    """
    given = faults.attempt(check_mapping, body, POINTER)
    ordering = None if given is None else faults.attempt(_kind_of, given)
    if given is None or ordering is None:
        return None, frozenset()
    faults.attempt(_check_version, ordering, given.get("version", ordering.version))
    parameters = {name: value for name, value in given.items() if name not in ("kind", "version")}
    unclear = frozenset[str]()
    if issubclass(ordering, OrdersGroups) and parameters.get(WITHIN) is not None:
        parameters[WITHIN], unclear = _parse_within(ordering, parameters, faults, defaults or {})
    parsed, doubtful = ordering.parse({**defaults_for(ordering, defaults or {}), **parameters}, faults)
    return parsed, doubtful | unclear


def _parse_within(
    around: type[OrdersGroups], parameters: Mapping[str, object], faults: Faults, defaults: Mapping[str, object]
) -> tuple[Ordering | None, frozenset[str]]:
    """Check the parameter `within`; parameters and result as of `parse_ordering`, the names as ``within/NAME``."""
    body, inside = faults.attempt(check_mapping, parameters[WITHIN], f"{POINTER}/{WITHIN}"), Faults()
    if body is None:
        return None, frozenset({WITHIN})
    if body.get(WITHIN) is not None:
        detail = (
            "An ordering inside groups has no groups of its own: within goes one level deep. Leave the inner one out."
        )
        inside.add(BadParameter("within_too_deep", detail, [f"{POINTER}/{WITHIN}"]))
        body = {name: value for name, value in body.items() if name != WITHIN}
    seed = next(each for each in around.parameters() if each.name == SEED)
    # One seed decides all that is random, unless the request gives two.
    own = {SEED: parameters[SEED]} if seed.fits(parameters.get(SEED)) else {}
    ordering, doubtful = parse_ordering(body, inside, defaults={**defaults, **own})
    error = inside.first()
    if error is not None:
        faults.add(pointed_within(error))
    names = frozenset(f"{WITHIN}/{name}" for name in doubtful)
    return ordering, names if ordering is not None else names | {WITHIN}


def may_have_own_concepts(body: object) -> bool:
    """Tell whether a body names an ordering that has concepts of its own, perhaps with its kind misspelt."""
    kind = body.get("kind") if isinstance(body, Mapping) else None
    near = nearest(kind[:_LONGEST_COMPARED], list(ORDERINGS)) if isinstance(kind, str) else None
    if near is None or not isinstance(body, Mapping):
        return False
    return ORDERINGS[near].has_own_concepts or may_have_own_concepts(body.get(WITHIN))


def _kind_of(body: Mapping[str, object]) -> type[Ordering]:
    kind = body.get("kind")
    ordering = ORDERINGS.get(kind) if isinstance(kind, str) else None
    if ordering is None:
        problem = f"no ordering {ascii(kind)[:80]}" if kind is not None else "no kind of ordering given"
        raise UnknownOrdering(
            "unknown_ordering", f"There is {problem}; the kinds are {', '.join(ORDERINGS)}.", [f"{POINTER}/kind"]
        )
    return ordering


def _check_version(ordering: type[Ordering], version: object) -> None:
    if not is_integer(version) or version != ordering.version:
        raise UnknownOrdering(
            "unknown_ordering",
            f"This software has version {ordering.version} of the ordering {ordering.kind}, not {ascii(version)[:20]}; "
            "leave the version out.",
            [f"{POINTER}/version"],
        )


def read_ordering(written: Mapping[str, object]) -> Ordering:
    """Return the ordering that `Ordering.as_json` wrote, in this release or an earlier one.

    Raises
    ------
    UnreadableRequest
        For a kind, a version, a parameter or a value that this release does not know.
    UnknownOrdering
        ``unknown_ordering``: the ordering's version has been raised since.
    """
    values = dict(written)
    kind, version = values.pop("kind", None), values.pop("version", None)
    ordering = ORDERINGS.get(kind) if isinstance(kind, str) else None
    if ordering is None:
        raise UnreadableRequest.with_unknown(f"the ordering {ascii(kind)[:80]}")
    if not is_integer(version) or version > ordering.version:
        raise UnreadableRequest.with_unknown(f"version {ascii(version)[:20]} of the ordering {kind}")
    if version < ordering.version:
        raise UnknownOrdering(
            "unknown_ordering",
            f"This software has version {ordering.version} of the ordering {kind}; the stored request is for version "
            f"{version}, of an earlier release. Post the request again without the version.",
            [f"{POINTER}/version"],
        )
    return ordering.read(values)


def defaults_for(ordering: type[Ordering], defaults: Mapping[str, object]) -> dict[str, object]:
    """Return the part of a service's defaults that are parameters of an ordering."""
    return {each.name: defaults[each.name] for each in ordering.parameters() if each.name in defaults}

"""Find the path of the service that is most like an unknown one, for the error that answers it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import quote

from concept_orderings.evidence.tables import TABLE_KINDS
from concept_orderings.exporters import EXPORTERS

_LEAST_RATIO = 0.6  # of a segment that counts as a misspelt literal
_MOST_COST = 0.56  # per segment of a path that is still near

# The costs of changes. Text of the client is dropped last.
_MISSING, _MISSING_VERSION, _MISSING_PARAMETER, _SURPLUS, _FILLED, _REPLACED = 1.0, 0.5, 0.75, 1.5, 0.1, 0.8

_PARAMETERS: Mapping[str, "re.Pattern[str]"] = {
    "{version}": re.compile("[1-9][0-9]*|latest"),
    "{task}": re.compile("[0-9]+"),
    "{id}": re.compile("[0-9a-f]{32}"),
    "{format}": re.compile("|".join(EXPORTERS)),
    "{kind}": re.compile("|".join(TABLE_KINDS)),
}
"""What a parameter looks like; others may be anything."""

_MOST_CHARACTERS = 300
_MOST_SEGMENTS = 12


class Fit(NamedTuple):
    """How an unknown path becomes one that exists.

    Attributes
    ----------
    cost : float
        The sum of the costs of all changes of a segment.
    literals : int
        How many of its segments are literals of the other path, perhaps misspelt, less those that it lacks. A version
        such as ``v1`` counts for nothing.
    segments : tuple of str
        The other path, with the values of the unknown one for its parameters.
    """

    cost: float
    literals: int
    segments: tuple[str, ...]

    def after(self, cost: float, segment: str = "", literals: int = 0) -> "Fit":
        """Return this fit with a change, and perhaps a segment, before it."""
        return Fit(self.cost + cost, self.literals + literals, (segment, *self.segments) if segment else self.segments)


def nearest_path(path: str, templates: Iterable[str]) -> str | None:
    """Return the path that exists and is most like an unknown one.

    Parameters
    ----------
    path
        The unknown path.
    templates
        The paths that exist, with parameters in braces: ``/v1/streams/{name}``. Of equally near ones, the first counts.

    Returns
    -------
    str or None
        A template in which the parameters that the unknown path has are filled in; None if no template is near.
    """
    segments = tuple(filter(None, path.split("/")))
    if not segments or len(path) > _MOST_CHARACTERS or len(segments) > _MOST_SEGMENTS:
        return None
    near: list[Fit] = []
    for template in templates:
        wanted = tuple(filter(None, template.split("/")))
        fit = _fit(segments, wanted)
        if fit.literals >= 0 and fit.cost <= _MOST_COST * max(len(segments), len(wanted)):
            near.append(fit)
    return "/" + "/".join(min(near, key=lambda each: each.cost).segments) if near else None


def _fit(given: tuple[str, ...], wanted: tuple[str, ...]) -> Fit:
    """Return the cheapest way from the segments of a path to those of a template: an edit distance."""

    @cache
    def rest(i: int, j: int) -> Fit:
        """Return the cheapest way from ``given[i:]`` to ``wanted[j:]``."""
        ways = [
            *(rest(i + 1, j + 1).after(*change) for change in _matches(given[i : i + 1], wanted[j : j + 1])),
            *(rest(i, j + 1).after(*_insertion(segment)) for segment in wanted[j : j + 1]),
            *(rest(i + 1, j).after(_SURPLUS) for _ in given[i : i + 1]),
        ]
        return min(ways, key=lambda each: each.cost) if ways else Fit(0, 0, ())

    return rest(0, 0)


def _matches(given: Sequence[str], wanted: Sequence[str]) -> Iterator[tuple[float, str, int]]:
    """Yield the change that makes the first of some segments the first of others, if they are like each other."""
    for one, other in zip(given, wanted, strict=False):
        if _is_parameter(other):
            fits = other not in _PARAMETERS or _PARAMETERS[other].fullmatch(one)
            yield (_FILLED, quote(one), 0) if fits else (_REPLACED, other, 0)
        elif _is_version(other) and _is_version(one):
            yield 1 - _ratio(one, other), other, 0
        elif (ratio := _ratio(one, other)) >= _LEAST_RATIO:
            yield 1 - ratio, other, 1


def _insertion(segment: str) -> tuple[float, str, int]:
    if _is_parameter(segment):
        return _MISSING_PARAMETER, segment, 0
    return (_MISSING_VERSION, segment, 0) if _is_version(segment) else (_MISSING, segment, -1)


@lru_cache(maxsize=4096)
def _ratio(given: str, wanted: str) -> float:
    return SequenceMatcher(None, given.lower(), wanted).ratio()


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def _is_version(segment: str) -> bool:
    """Tell whether a segment is a version of the API, such as ``v1``."""
    return segment[:1] == "v" and segment[1:].isdigit()

"""Warnings about names that look like other names, or that have characters which running text seldom has.

The sentences stand in published manifests, so their texts must not change.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from itertools import islice

from concept_orderings.concepts import Concepts
from concept_orderings.evidence.base import Need
from concept_orderings.look_alikes import composed, grouped_by_appearance, told_apart, told_from
from concept_orderings.plain_names import plain
from concept_orderings.request import StreamRequest
from concept_orderings.stream_warnings import StreamWarning, WarningCode
from concept_orderings.text import first_of

_EXAMPLES = 10


def look_alikes(request: StreamRequest) -> Iterable[StreamWarning]:
    """Warn of class names that look the same, or that in one dataset differ only in case, spaces or underscores."""
    groups = _groups(request.concepts)
    if not groups:
        return
    alike = {name for group in groups for name in group}
    sentence = (
        f"{len(alike)} class names look or read like another one of the request ({_groups_shown(groups)}): "
        "each is a concept of its own; if they mean one thing, give one of them."
    )
    concerned = _concepts_named(request.concepts, alike)
    yield StreamWarning.of(WarningCode.LOOK_ALIKES, sentence, count=len(alike), concepts=concerned)


def not_composed(request: StreamRequest) -> Iterable[StreamWarning]:
    """Warn of class names that are not in Unicode's normal form C, in which most texts are."""
    by_name = _changed(request.concepts, composed)
    if by_name:
        sentence = (
            f"{_class_names(len(by_name))} not in Unicode's normal form C, as most texts are "
            f"({_pairs_shown(by_name)}): sources of counts and encoders read another text; write names in that form, "
            "or give it as their query."
        )
        yield _with_queries(WarningCode.NOT_NFC, sentence, by_name, request)


def unusual_characters(request: StreamRequest) -> Iterable[StreamWarning]:
    """Warn of class names with characters that running text seldom has, such as ligatures and hidden characters."""
    by_name = {name: text for name, text in _changed(request.concepts, plain).items() if text != composed(name)}
    if by_name:
        sentence = (
            f"{_class_names(len(by_name))} written with characters that running text seldom has "
            f"({_pairs_shown(by_name)}): sources of counts and encoders read another text; write names plainly, or "
            "give the plain form as their query."
        )
        yield _with_queries(WarningCode.UNUSUAL_CHARACTERS, sentence, by_name, request)


def _groups(concepts: Concepts) -> list[list[str]]:
    """Return the groups of names that look or read alike, sorted; no name is in two groups."""
    groups = grouped_by_appearance(sorted(set(concepts.class_names)))
    for each in concepts.datasets:
        groups += grouped_by_appearance(each.classes, loosely=True)
    joined: dict[str, set[str]] = {}
    for group in groups:
        together = set[str]().union(group, *(joined[name] for name in group if name in joined))
        joined.update(dict.fromkeys(together, together))
    distinct = {id(group): group for group in joined.values()}
    return sorted(sorted(group) for group in distinct.values())


def _groups_shown(groups: Sequence[Sequence[str]]) -> str:
    named = (" and ".join(told_from(name, group) for name in group[:_EXAMPLES]) for group in groups[:_EXAMPLES])
    return first_of([*named, *(group[0] for group in groups[_EXAMPLES:])], _EXAMPLES)


def _changed(concepts: Concepts, change: Callable[[str], str]) -> dict[str, str]:
    """Return the names that a function changes, sorted, and what it makes of each. It changes no ASCII."""
    names = sorted(name for name in set(concepts.class_names) if not name.isascii())
    return {name: text for name in names if (text := change(name)) != name}


def _pairs_shown(by_name: Mapping[str, str]) -> str:
    pairs = (told_apart(name, text) for name, text in islice(by_name.items(), _EXAMPLES))
    return first_of([*(f"{name} for {text}" for name, text in pairs), *list(by_name)[_EXAMPLES:]], _EXAMPLES)


def _with_queries(
    code: WarningCode, sentence: str, by_name: Mapping[str, str], request: StreamRequest
) -> StreamWarning:
    concerned = _concepts_named(request.concepts, by_name)
    queries = by_name.items() if Need.COUNTS in request.outside else ()
    return StreamWarning.of(code, sentence, count=len(by_name), concepts=concerned, queries=queries)


def _concepts_named(concepts: Concepts, names: Container[str]) -> Iterable[str]:
    """Yield the concepts with some class names, in canonical order."""
    return (concept for concept, name in zip(concepts.ids, concepts.class_names, strict=True) if name in names)


def _class_names(number: int) -> str:
    return "1 class name is" if number == 1 else f"{number} class names are"

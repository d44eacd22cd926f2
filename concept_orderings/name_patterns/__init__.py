"""Patterns of names that were written for a file system or a label file, and not as people write them.

A source of counts finds such a name in no text, and an encoder reads it badly in a caption. To add a pattern, write it
in a file here and add a line to `PATTERNS`; docs/names.md has a row for each.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from concept_orderings.apostrophes import apostrophe_spellings
from concept_orderings.canonical import Json
from concept_orderings.name_patterns import alternatives, identifiers, joined, markup, paths, qualifiers
from concept_orderings.name_patterns.base import Form, Pattern
from concept_orderings.queries import MOST_SPELLINGS, Query, folded, query_for

PATTERNS: Sequence[Pattern] = (
    # In the order in which names are rewritten: first what stands around them, last what divides them.
    markup.URLS,
    markup.ENTITIES,
    markup.ESCAPES,
    markup.FILES,
    markup.BULLETS,
    markup.QUOTES,
    markup.BRACKETS,
    identifiers.NUMBERS,
    identifiers.LAST_NUMBERS,
    identifiers.PLACEHOLDERS,
    identifiers.ONLY_IDS,
    identifiers.FIRST_IDS,
    identifiers.LAST_IDS,
    identifiers.SYNSETS,
    identifiers.CODES,
    identifiers.EVENTS,
    identifiers.LABELS,
    identifiers.COPIES,
    paths.LINEAGES,
    qualifiers.ABBREVIATIONS,
    paths.LETTERS,
    paths.SETTINGS,
    paths.KINDS,
    paths.GROUPS,
    paths.FOLDERS,
    paths.DOTS,
    qualifiers.ANNOTATION,
    qualifiers.AUTHORS,
    qualifiers.REMARKS,
    joined.PLUS_SIGNS,
    joined.DOTS,
    joined.CAMEL_CASE,
    joined.HYPHENS,
    joined.WORDS_RUN_TOGETHER,
    joined.CAPITALS,
    alternatives.SYNONYMS,
    alternatives.EITHER,
)
"""All patterns."""


MOST_CHARACTERS = 300
"""The most characters of a name in which patterns are looked for."""


@dataclass(frozen=True)
class WrittenNames:
    """The names of a dataset that have a pattern.

    Attributes
    ----------
    places : mapping of Pattern to list of int
        Where in the class list the names with each pattern stand, ascending.
    queries : mapping of str to str or list of str
        By class name, a query as people write the name, for the field ``queries`` of a class list. Names for which none
        is known are missing.
    """

    places: Mapping[Pattern, Sequence[int]]
    queries: Mapping[str, Json]


def written_names(names: Sequence[str]) -> WrittenNames:
    """Find the patterns in the names of one dataset.

    Parameters
    ----------
    names
        Class names; a pattern may depend on all of them.
    """
    # Expressions may take quadratic time, and no label file has a name as long as a page.
    forms: list[Form] = [name if len(name) <= MOST_CHARACTERS else "" for name in names]
    text = _lines(forms)
    signs = set(text)
    found: dict[Pattern, list[int]] = {}
    for pattern in PATTERNS:
        if (pattern.signs and signs.isdisjoint(pattern.signs)) or not pattern.trace.search(text):
            continue
        rewritten = {i: new for i, form in enumerate(forms) if (new := _rewritten(pattern, form)) is not None}
        matched = [str(forms[i]) for i in rewritten]
        if not rewritten or not pattern.is_likely(names, matched):
            continue
        found[pattern] = list(rewritten)
        for i, form in rewritten.items():
            forms[i] = form
        text = _lines(forms)
    if not found:
        return WrittenNames({}, {})
    _keep_apart(names, forms, found)
    places = sorted(set(chain.from_iterable(found.values())))
    queries = {names[i]: query for i in places if (query := _query(names[i], forms[i])) is not None}
    kept = {pattern: [i for i in where if names[i] in queries or not forms[i]] for pattern, where in found.items()}
    return WrittenNames({pattern: where for pattern, where in kept.items() if where}, queries)


def suggested_queries(names: Sequence[str]) -> dict[str, Json]:
    """Return queries for the names of one dataset that are not written as people write them.

    Parameters
    ----------
    names
        Class names.

    Returns
    -------
    dict
        By class name, a query or a list of spellings, as the field ``queries`` of a class list has them.

    Examples
    --------
    >>> suggested_queries(["/b/beach", "/b/bus_station/indoor", "/c/canyon"])
    {'/b/beach': 'beach', '/b/bus_station/indoor': 'bus station', '/c/canyon': 'canyon'}
    """
    return dict(written_names(names).queries)


def _lines(forms: Sequence[Form]) -> str:
    return "\n".join(form for form in forms if isinstance(form, str))


def _rewritten(pattern: Pattern, form: Form) -> Form | None:
    """Return the next form of a name, or None; spellings that were divided stay as they are."""
    return pattern.rewrite(form) if isinstance(form, str) and form else None


def _keep_apart(names: Sequence[str], forms: list[Form], found: Mapping[Pattern, Sequence[int]]) -> None:
    """Keep all words of names that would have the form of another name, such as crane (bird) and crane (machine)."""
    alike: defaultdict[str, list[int]] = defaultdict(list)
    for i, form in enumerate(forms):
        if isinstance(form, str):
            alike[folded(form).casefold()].append(i)
    shortened = {i for pattern, where in found.items() if pattern.rewrite_whole for i in where}
    again = shortened.intersection(chain.from_iterable(group for group in alike.values() if len(group) > 1))
    patterns: defaultdict[int, list[Pattern]] = defaultdict(list)
    for pattern, where in found.items():
        for i in again.intersection(where):
            patterns[i].append(pattern)
    for i in again:
        forms[i] = _whole(names[i], patterns[i])


def _whole(name: str, patterns: Sequence[Pattern]) -> Form:
    form: Form = name
    for pattern in patterns:
        if isinstance(form, str):
            form = (pattern.rewrite_whole or pattern.rewrite)(form) or form
    return form


def _query(name: str, form: Form) -> Json:
    """Return the query for a name as people write it; None if nothing is left, or if the name is asked so anyway."""
    texts = map(folded, [form] if isinstance(form, str) else form)
    spellings = list(dict.fromkeys(each for text in texts if text for each in apostrophe_spellings(text)))
    if not spellings or Query.of(spellings) == query_for(name):
        return None
    return spellings[0] if len(spellings) == 1 else [*spellings[:MOST_SPELLINGS]]

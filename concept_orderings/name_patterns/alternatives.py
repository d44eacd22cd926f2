"""Names that list several names of one class, after commas, semicolons, bars or slashes."""

import re
from collections.abc import Sequence

from concept_orderings.name_patterns.base import Pattern, traced

_COMMA = re.compile(r",[\s_]+|;|\s*\|\s*")
_MOST_WORDS = 5
"""The most words of a synonym; what is longer is part of a sentence."""

_NO_SYNONYM = re.compile(
    r"(?:and|or|with|without|not|then|but|so|of|including|etc|one|two|three|four|five|six|seven|eight|nine|ten|[0-9]|inside|outside)(?![\w-])"
    r"|.*\b(?:and|or|of|the)$|.*\band\s",
    re.IGNORECASE,
)
_EITHER = re.compile(r"([^\W\d_][\w-]*(?: [\w-]+)?)\s*/\s*([^\W\d_][\w-]*(?: [\w-]+)?)")
_NO_ALTERNATIVES = frozenset({"and/or", "he/she", "his/her", "him/her", "client/server", "input/output", "on/off"})


def _synonyms(name: str) -> tuple[str, ...] | None:
    parts = [part for each in _COMMA.split(name) if (part := each.strip(" _,"))]
    plain = [part.replace("_", " ") for part in parts]
    # Names of places, such as Paris, France, have capitals throughout.
    if len(parts) < 2 or not any(word[0].islower() for part in plain for word in part.split()):
        return None
    if any(_NO_SYNONYM.match(part) or len(part.split()) > _MOST_WORDS for part in plain):
        return None
    return tuple(dict.fromkeys(parts))


def _are_synonyms(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether lists are synonyms: they are common in the dataset, and few parts are those of other names, too."""
    parts = [part for name in matched for part in _synonyms(name) or ()]
    return 10 * len(matched) >= len(names) and 10 * len(set(parts)) >= 8 * len(parts)


def _either(name: str) -> tuple[str, ...] | None:
    found = _EITHER.fullmatch(name)
    if not found or name.lower() in _NO_ALTERNATIVES:
        return None
    first, second = found.groups()
    if len(first) < 3 or len(second) < 2 or first.isupper():
        return None
    # "Cargo/Container Car" is short for "Cargo Car/Container Car", and "eat meal/snack" is not clear.
    words, spaced = (len(first.split()), len(second.split())), " / " in name
    if words == (1, 2) and not spaced:
        return f"{first} {second.split()[1]}", second
    return (first, second) if spaced or words[0] == words[1] else None


def _are_no_paths(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether slashes divide alternatives; in a dataset with underscores for spaces, they divide paths."""
    del matched
    return not any("_" in name or name.startswith("/") for name in names)


SYNONYMS = Pattern(
    "synonyms",
    "synonyms after commas, semicolons or bars",
    "tench, Tinca tinca",
    ",;|",
    traced(r",[\s_]|[;|]"),
    _synonyms,
    is_likely=_are_synonyms,
    in_captions=False,
)
EITHER = Pattern(
    "alternatives with a slash",
    "alternatives with a slash",
    "Handbag/Satchel",
    "/",
    traced(r"[\w-]\s*/\s*[^\W\d_]"),
    _either,
    is_likely=_are_no_paths,
    in_captions=False,
)

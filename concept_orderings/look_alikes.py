"""Names that look the same as another name, and how sentences tell them apart.

Two texts look the same if their skeletons are equal (Unicode Technical Standard #39): what shows nothing is left out,
compatibility forms such as full width and ligatures become plain ones, accents are written as marks of their own, and
each character becomes the prototype of those that it is confusable with.

Every Python gives the same results, although each has a Unicode of its own: they depend on the characters of Unicode
14.0 alone, which the oldest supported Python has, and whose normal forms and cases never change. Characters that were
added later look like nothing but themselves. `concept_orderings.data` has the two tables.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from unicodedata import is_normalized, normalize

from concept_orderings.data import LOOK_ALIKES, read_packed
from concept_orderings.text import HIDDEN, first_of, later_characters, shown

_MOST_SHOWN = 6
"""The most characters of a name that are shown as code points."""

_HIDDEN = re.compile(f"[{HIDDEN}]+")
_EARLY = re.compile("[\0-\u0377]*")
"""Text of characters before the first that Unicode 14.0 has not: most text in Latin letters."""

_END = "\n"
"""Between names that are changed at once: no name has a control character."""

_AT_ONCE = 10_000


def appearance(name: str) -> str:
    """Return the skeleton of a name: two names that look the same have the same one. It is no text for readers."""
    return _skeleton(name, str)


def loose_appearance(name: str) -> str:
    """Return the skeleton of a name in small letters, with spaces for underscores."""
    return _skeleton(name, _loose)


def composed(name: str) -> str:
    """Return a name in Unicode's normal form C, NFC, in which most texts are."""
    return change_known(name, lambda text: normalize("NFC", text))


def look_alike_of(name: str, names: Iterable[str]) -> str | None:
    """Return the first of some names that looks the same as a name, and is another text; None if there is none."""
    skeleton = appearance(name)
    return next((each for each in names if each != name and appearance(each) == skeleton), None)


def grouped_by_appearance(names: Sequence[str], *, loosely: bool = False) -> list[list[str]]:
    """Return the groups of two or more distinct names that look the same, in the order of their first names.

    Parameters
    ----------
    names
        Distinct names.
    loosely
        Whether small and capital letters, and spaces and underscores, are the same.
    """
    letters = _loose if loosely else str
    # Most requests have no such names. Hashes tell that without keeping the skeletons of a million names.
    if len(set(map(hash, _skeletons(names, letters)))) == len(names):
        return []
    groups: dict[str, list[str]] = {}
    for name, skeleton in zip(names, _skeletons(names, letters), strict=True):
        groups.setdefault(skeleton, []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def told_apart(name: str, other: str) -> tuple[str, str]:
    r"""Return two names for a sentence: quoted, each with the code points of the part in which they differ.

    Examples
    --------
    >>> told_apart("caf\u00e9", "cafe\u0301")
    ("'café' (U+00E9)", "'café' (e, U+0301)")
    """
    points = _differences(name, other)
    first, second = (
        f"{shown(each)} ({its})" if its else shown(each) for each, its in zip((name, other), points, strict=True)
    )
    return first, second


def told_from(name: str, names: Iterable[str]) -> str:
    """Quote a name for a sentence; if another one of some names looks the same, with its code points."""
    other = look_alike_of(name, names)
    return shown(name) if other is None else told_apart(name, other)[0]


def shown_beside(name: str, names: Iterable[str], *, limit: int = 80) -> str:
    """Quote a name for an error that says that it is not among others; if one looks the same, say how it differs.

    Parameters
    ----------
    name
        A name that is not among `names`.
    names
        The names that it might be taken for.
    limit
        The most characters of a name that are shown.
    """
    other = look_alike_of(name, names)
    if other is None:
        return shown(name, limit)
    own, its = _differences(name, other)
    before, after = f"{own}; " if own else "", f", {its}" if its else ""
    return f"{shown(name, limit)} ({before}it only looks like {shown(other, limit)}{after})"


def first_beside(names: Sequence[str], others: Iterable[str], most: int, *, limit: int = 80) -> str:
    """Return the first `most` names as `shown_beside` quotes them; if there are others, followed by " and 7 more"."""
    return first_of([*(shown_beside(each, others, limit=limit) for each in names[:most]), *names[most:]], most)


def is_known(character: str) -> bool:
    """Tell whether Unicode 14.0 has a character."""
    return later_characters().match(character) is None


def change_known(name: str, change: Callable[[str], str]) -> str:
    """Return a name with each part changed that is of characters of Unicode 14.0; later characters stay as they are."""
    if _EARLY.fullmatch(name) or later_characters().search(name) is None:
        return change(name)
    parts = later_characters().split(name)
    # Every second part matched.
    return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))


def _loose(text: str) -> str:
    return text.replace("_", " ").casefold()


def _skeleton(name: str, letters: Callable[[str], str]) -> str:
    prototypes = _prototypes()
    if name.isascii():
        return " ".join(letters(name).translate(prototypes).split())

    def of_known(text: str) -> str:
        plain = text if is_normalized("NFKC", text) else normalize("NFKC", text)
        small = letters(plain)
        return normalize("NFKD", normalize("NFKD", small).translate(prototypes))

    return " ".join(change_known(_HIDDEN.sub("", name), of_known).split())


def _skeletons(names: Sequence[str], letters: Callable[[str], str]) -> Iterator[str]:
    """Yield the skeletons of many names, some thousands at once, which is ten times as fast as each alone."""
    for start in range(0, len(names), _AT_ONCE):
        yield from _skeletons_at_once(names[start : start + _AT_ONCE], letters)


def _skeletons_at_once(names: Sequence[str], letters: Callable[[str], str]) -> list[str]:
    """Return the skeletons of names: those of ASCII, as most are, as one text."""
    ascii_names = [name for name in names if name.isascii()]
    text = letters(_END.join(ascii_names)).translate(_prototypes())
    changed = text.split(_END)
    if any(spaces in f"\n{text}\n" for spaces in ("  ", " \n", "\n ")):
        changed = [" ".join(each.split()) for each in changed]
    if len(changed) == len(names):
        return changed
    left = iter(changed)
    return [next(left) if name.isascii() else _skeleton(name, letters) for name in names]


@cache
def _prototypes() -> Mapping[int, str]:
    return str.maketrans(read_packed(LOOK_ALIKES)["prototypes"])


def _differences(name: str, other: str) -> tuple[str, str]:
    """Return the characters of each of two names that are not in the other, as `_code_points` writes them."""
    start = _common_start(name, other)
    end = _common_start(name[start:][::-1], other[start:][::-1])
    return _code_points(name[start : len(name) - end]), _code_points(other[start : len(other) - end])


def _common_start(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (mine, others) in pairs if mine != others), min(len(one), len(other)))


def _code_points(text: str) -> str:
    """Return the characters of a text: those of ASCII as they are, others as U+00E9."""
    points = [each if each.isascii() and each.isprintable() and each != " " else f"U+{ord(each):04X}" for each in text]
    more = ", …" if len(points) > _MOST_SHOWN else ""
    return f"{', '.join(points[:_MOST_SHOWN])}{more}"

"""Text from requests: which characters it may contain, and how errors quote it."""

import difflib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

from concept_orderings.data import LOOK_ALIKES, read_packed

_SURROGATES = r"\ud800-\udfff"

FORBIDDEN = rf"[\x00-\x1f\x7f-\x9f{_SURROGATES}]"
"""A regular expression for one control character or lone surrogate.

Control characters would break tools that read lines; lone surrogates have no UTF-8 form. Python and ECMA-262 read the
expression in the same way.
"""

_BLANKS = (
    (0x20, 0x20), (0xA0, 0xA0), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x1680, 0x1680),
    (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F), (0x2800, 0x2800),
    (0x3000, 0x3000), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB),
    (0x13430, 0x13442), (0x16FE4, 0x16FE4), (0x1BCA0, 0x1BCA3), (0x1D159, 0x1D159), (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)  # fmt: skip
"""The first and the last of each run of characters that show nothing.

They are the separators, the characters with the property Default_Ignorable_Code_Point, and the blank ones that have
neither property: the blank Braille pattern, the blanks and joiners of Egyptian hieroglyphs, the filler of Khitan, the
marks of interlinear annotations and the null note. Characters without a meaning, those of private use and combining
marks alone show something: a box, a picture of the font's own, a dotted circle. Unicode never takes the property from a
character, so the list stays right.
"""


def members_of(runs: Iterable[tuple[int, int]]) -> str:
    """Return runs of code points, none of them with a meaning in it, as members of a class of a regular expression."""
    return "".join(chr(first) if first == last else f"{chr(first)}-{chr(last)}" for first, last in runs)


_BLANKS_BEYOND_16_BITS = members_of(run for run in _BLANKS if run[0] > 0xFFFF)

BLANK = members_of(_BLANKS)
"""The members of a class of a regular expression for one character that shows nothing; control characters are none."""

HIDDEN = members_of(
    run for run in _BLANKS if run[0] not in (0x20, 0xA0, 0x1680, 0x2000, 0x2028, 0x205F, 0x3000)
) + members_of(((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F)))
"""The same without separators, which are spaces of some width, and ends of lines and paragraphs."""

VISIBLE = f"[^{BLANK}]"
"""A regular expression for one visible character; a control character is one here, too, and `FORBIDDEN` refuses it."""

_FORBIDDEN = re.compile(FORBIDDEN)
_VISIBLE = re.compile(VISIBLE)
_LONGEST_PLAIN = 80
# `repr` shows these as they are. The selectors of variants, which pictures have, are left to `look_alikes`.
_SHOWN_AS_NOTHING = re.compile(f"[{members_of(run for run in _BLANKS if run[0] not in (0x20, 0xFE00))}]")


def schema_pattern(pattern: str) -> str:
    r"""Return a regular expression as a JSON Schema states it: without what some engines refuse to compile.

    Lone surrogates: JSON can escape one (``"\ud800"``), but no string of Unicode characters has one, and engines that
    match UTF-8, such as those of Go and Rust, refuse an expression that names one. Blank characters beyond 16 bits:
    ECMA-262 without its flag ``u``, as generated clients may use it, reads a run of them as a run of half characters
    that ends before it begins.
    """
    return pattern.replace(_SURROGATES, "").replace(_BLANKS_BEYOND_16_BITS, "")


def is_plain_text(text: str) -> bool:
    """Tell whether text has a UTF-8 form and no control characters."""
    return not _FORBIDDEN.search(text)


def shows_something(text: str) -> bool:
    """Tell whether text has a visible character."""
    return _VISIBLE.search(text) is not None


@cache
def later_characters() -> re.Pattern[str]:
    """Return a regular expression for characters that Unicode 14.0, that of the oldest supported Python, has not."""
    runs: Sequence[tuple[int, int]] = read_packed(LOOK_ALIKES)["assigned"]
    between = [(first[1] + 1, second[0] - 1) for first, second in pairwise(runs)]
    # In a class of its own, which is found ten times as fast as one with characters beyond 16 bits.
    small = members_of(run for run in between if run[1] <= 0xFFFF)
    large = members_of(run for run in between if run[0] > 0xFFFF)
    return re.compile(f"((?:[{small}]|(?=[\U00010000-\U0010ffff])[{large}])+)")


def _escaped(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def shown(text: str, limit: int = 80) -> str:
    """Quote text from a request for an error: escaped, and cut to `limit` characters so that it stays readable.

    Characters that show nothing are escaped too, such as the filler of Hangul, which `repr` takes for a letter;
    selectors of variants only in a text that shows nothing at all.
    """
    shown = repr(text) if is_plain_text(text) and shows_something(text) else ascii(text)
    if not shown.isascii():
        shown = _SHOWN_AS_NOTHING.sub(_escaped, shown)
        # As `repr` escapes them where Python's Unicode does not have them yet: sentences are the same on every Python.
        shown = later_characters().sub(_escaped, shown)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def in_sentence(name: str) -> str:
    """Return a name from a request for a sentence: as it is, or quoted if it is long or cannot be printed."""
    return name if is_plain_text(name) and 0 < len(name) <= _LONGEST_PLAIN else shown(name)


def first_of(items: Sequence[str], most: int) -> str:
    """Return the first `most` items, separated by commas; if there are others, followed by " and 7 more"."""
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")


def nearest(name: str, names: Sequence[str]) -> str | None:
    """Return the one of `names` that is most like a name, upper and lower case alike; None if none is like it."""
    by_lower = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None

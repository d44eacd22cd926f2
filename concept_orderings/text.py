"""Text from requests: which characters it may contain, and how errors quote it."""

import difflib
import re
from collections.abc import Sequence

_SURROGATES = r"\ud800-\udfff"

FORBIDDEN = rf"[\x00-\x1f\x7f-\x9f{_SURROGATES}]"
"""A regular expression for one control character or lone surrogate.

Control characters would break tools that read lines; lone surrogates have no UTF-8 form. Python and ECMA-262 read the
expression in the same way.
"""

VISIBLE = r"\S"
"""A regular expression for one visible character."""

_FORBIDDEN = re.compile(FORBIDDEN)
_LONGEST_PLAIN = 80


def schema_pattern(pattern: str) -> str:
    r"""Return a regular expression as a JSON Schema states it: without lone surrogates.

    JSON can escape one (``"\ud800"``), but no string of Unicode characters has one, and engines that match UTF-8, such
    as those of Go and Rust, refuse to compile an expression that names one.
    """
    return pattern.replace(_SURROGATES, "")


def is_plain_text(text: str) -> bool:
    """Tell whether text has a UTF-8 form and no control characters."""
    return not _FORBIDDEN.search(text)


def shown(text: str, limit: int = 80) -> str:
    """Quote text from a request for an error: escaped, and cut to `limit` characters so that it stays readable."""
    shown = repr(text) if is_plain_text(text) else ascii(text)
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

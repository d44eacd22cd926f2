"""Text from requests: what it may hold, and how errors quote it."""

import re
from collections.abc import Sequence

FORBIDDEN = r"[\u0000-\u001f\u007f-\u009f\ud800-\udfff]"
"""Control characters, which would break line-based tools, and lone surrogates, which have no UTF-8 form.

Written as Python and ECMA-262 read it alike.
"""

VISIBLE = r"\S"

_FORBIDDEN = re.compile(FORBIDDEN)


def is_plain_text(text: str) -> bool:
    """Tell whether text has a UTF-8 form and no control characters."""
    return not _FORBIDDEN.search(text)


def shown(text: str, limit: int = 80) -> str:
    """Quote text from a request for an error: escaped, and cut so that an answer stays readable."""
    shown = repr(text) if is_plain_text(text) else ascii(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def first_of(items: Sequence[str], most: int) -> str:
    """Return the first `most` items, separated by commas, and how many more there are."""
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")

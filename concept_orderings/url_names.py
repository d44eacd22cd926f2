"""The rule for names that occur in URLs and file names: those of streams, sources of counts and local indexes."""

import re

URL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")

URL_NAME_RULE = (
    "has 1 to 128 lower-case letters, digits, dots, underscores and hyphens, and begins with a letter or digit"
)
"""The pattern in words, as the end of a sentence that begins with "The name"."""

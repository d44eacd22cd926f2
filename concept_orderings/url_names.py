"""The rule for names that occur in URLs and file names: those of streams, sources of counts and local indexes."""

import re

LONGEST_URL_NAME = 128

URL_NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{LONGEST_URL_NAME - 1}}}")

URL_NAME_RULE = (
    f"has 1 to {LONGEST_URL_NAME} lower-case letters, digits, dots, underscores and hyphens, and begins with a letter "
    "or digit"
)
"""The pattern in words, as the end of a sentence that begins with "The name"."""

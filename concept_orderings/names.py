"""The one rule for names that stand in URLs and file names: of streams and of local indexes."""

import re

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")

NAME_RULE = "has 1 to 128 lower-case letters, digits, dots, underscores and hyphens, and begins with a letter or digit"
"""The pattern in words: what follows "The name"."""

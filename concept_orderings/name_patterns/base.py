"""The base of all patterns of names: what marks a name that was written for a program, and how people write it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Form: TypeAlias = str | tuple[str, ...]
"""A name as people write it, or several spellings of it. An empty string says that no such form is known."""


def is_always_likely(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell that a pattern is certain wherever it is found."""
    del names, matched
    return True


def are_most(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether at least half of the names have a pattern, and at least two of them."""
    return len(matched) >= 2 and 2 * len(matched) >= len(names)


@dataclass(frozen=True)
class Pattern:
    """A way in which label files and file systems write names, and people do not.

    Attributes
    ----------
    name : str
        Its name in the documentation.
    what : str
        What such names have, for a sentence.
    example : str
        A name of a public dataset with this pattern alone; the documentation and the tests have it.
    signs : str
        Characters of which a name with the pattern has at least one; empty if letters and digits are enough.
    trace : re.Pattern
        Finds a place in the lines of all names without which no name has the pattern. It must be fast, since most
        class lists have no pattern at all.
    rewrite : callable
        Takes a name; returns it without what the pattern adds, or None if it does not have the pattern. Other patterns
        may be left, and underscores and slashes are.
    rewrite_whole : callable or None
        Does the same and keeps all words, for a class whose name would otherwise equal another's. None if `rewrite`
        leaves no word out.
    is_likely : callable
        Takes the names of a dataset and those that have the pattern; tells whether it is one. A name such as
        ``747-400`` or ``McDonald`` looks like a pattern and is none.
    in_captions : bool
        Whether an encoder reads a caption with such a name badly.
    """

    name: str
    what: str
    example: str
    signs: str
    trace: re.Pattern[str]
    rewrite: Callable[[str], Form | None]
    rewrite_whole: Callable[[str], Form | None] | None = None
    is_likely: Callable[[Sequence[str], Sequence[str]], bool] = field(default=is_always_likely)
    in_captions: bool = True


def traced(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Return the expression of a trace, in which ``^`` and ``$`` are the ends of a name."""
    return re.compile(pattern, re.MULTILINE | (re.IGNORECASE if ignore_case else 0))


def without(expression: re.Pattern[str]) -> Callable[[str], str | None]:
    """Return the rewriting that leaves out what an expression finds, unless nothing is left."""

    def rewrite(name: str) -> str | None:
        rest = expression.sub("", name)
        return rest if rest != name and has_letter(rest) else None

    return rewrite


def has_letter(text: str) -> bool:
    """Tell whether a text has a letter of any language."""
    return any(map(str.isalpha, text))

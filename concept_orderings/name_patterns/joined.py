"""Names whose words are joined, or written in capitals."""

import re
import string
from collections.abc import Sequence

from concept_orderings.name_patterns.base import Pattern, are_most, traced
from concept_orderings.name_patterns.known_names import PROPER_NAMES, RUN_TOGETHER

_CAMEL = re.compile(r"(?:[A-Z][a-z]+|[a-z]{3,})(?:[A-Z][a-z]+)+[0-9]*")
_WORD = re.compile(r"[A-Z]?[a-z]+|[0-9]+")
_SURNAME = re.compile(r"(?:Mc|Mac|De|Di|Du|La|Le|Van|Von|Fitz|El|San)[A-Z][a-z]+")
_HYPHENS = re.compile(r"[^\W_]+(?:-[^\W_]+)+")
_DOTS = re.compile(r"[^\W\d_]{2,}(?:\.[^\W\d_]{2,})+")
_SITES = frozenset({"com", "edu", "gov", "io", "js", "net", "org"})
_PLUS = re.compile(r"[^\W\d_][^\W_]+(?:\+[^\W_]{2,})+")
_CAPITALS = re.compile(r"[A-Z][A-Z\s_&/-]*")
_LONG_CAPITALS = re.compile("[A-Z]{5}")


def _of_camel_case(name: str) -> str | None:
    if not _CAMEL.fullmatch(name) or name in PROPER_NAMES or _SURNAME.fullmatch(name):
        return None
    return " ".join(_WORD.findall(name)).lower()


def _join_so(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether a dataset joins words in this way: one name in eight does, and at most one in four has spaces."""
    return 8 * len(matched) >= len(names) >= 4 * sum(" " in name for name in names)


def _join_by_dots(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether a dataset joins words by dots, as R does; names of sites end alike, such as with com."""
    ends = [name.rpartition(".")[2] for name in matched]
    return len(matched) >= 2 and _join_so(names, matched) and 2 * len(set(ends)) > len(ends)


def _join_by_hyphens(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether a dataset joins words by hyphens: some compounds, such as "globe-flower", have one anyway."""
    return len(matched) >= 3 and _join_so(names, matched)


def _are_all_capitals(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether a dataset has capitals only; most names must have long words, since abbreviations have capitals."""
    return len(matched) == len(names) and are_most(names, [name for name in matched if _LONG_CAPITALS.search(name)])


def _of_hyphens(name: str) -> str | None:
    if not _HYPHENS.fullmatch(name):
        return None
    parts = name.split("-")
    # "T-shirt" and "Tu-134" are written so.
    return " ".join(parts) if sum(part.isalpha() and len(part) > 1 for part in parts) > 1 else None


def _of_dots(name: str) -> str | None:
    joined = _DOTS.fullmatch(name) and name.rpartition(".")[2].lower() not in _SITES
    return name.replace(".", " ") if joined else None


def _of_plus_signs(name: str) -> str | None:
    return name.replace("+", " ") if _PLUS.fullmatch(name) else None


def _of_capitals(name: str) -> str | None:
    return name.lower() if _CAPITALS.fullmatch(name) else None


def _of_run_together(name: str) -> str | None:
    return RUN_TOGETHER.get(name.lower())


PLUS_SIGNS = Pattern(
    "words joined by plus signs",
    "plus signs for spaces",
    "grizzly+bear",
    "+",
    traced(r"[^\W_]\+[^\W_]"),
    _of_plus_signs,
)
DOTS = Pattern(
    "words joined by dots",
    "dots for spaces",
    "hot.dog",
    ".",
    traced(r"[^\W\d_]\.[^\W\d_]"),
    _of_dots,
    is_likely=_join_by_dots,
)
CAMEL_CASE = Pattern(
    "CamelCase",
    "capitals for spaces",
    "AnnualCrop",
    string.ascii_uppercase,
    traced("[a-z][A-Z][a-z]"),
    _of_camel_case,
    is_likely=_join_so,
)
HYPHENS = Pattern(
    "words joined by hyphens",
    "hyphens for spaces",
    "golf-course",
    "-",
    traced(r"[^\W\d_]-[^\W\d_]"),
    _of_hyphens,
    is_likely=_join_by_hyphens,
    in_captions=False,
)
WORDS_RUN_TOGETHER = Pattern(
    "words without a space",
    "no space between words",
    "diningtable",
    "",
    traced(rf"^[A-Za-z]{{{min(map(len, RUN_TOGETHER))},}}$"),
    _of_run_together,
)
CAPITALS = Pattern(
    "capitals",
    "capitals only",
    "EOSINOPHIL",
    string.ascii_uppercase,
    traced("[A-Z]{5}"),
    _of_capitals,
    is_likely=_are_all_capitals,
    in_captions=False,
)

"""Names with numbers and identifiers before or after the words, or with nothing else."""

import re
import string
from collections.abc import Sequence

from concept_orderings.name_patterns.base import Pattern, are_most, has_letter, traced, without

_WORDNET = "[nvar][0-9]{8}"
# Freebase, as in OpenImages and AudioSet. A folder of one letter, such as /m/mosque, has no digit there.
_FREEBASE = "/(?:m/0|g/1|t/dd)[0-9a-z_]+"
_FIRST_ID = re.compile(rf"(?:{_WORDNET}|{_FREEBASE})[\s_:.,-]+(?=\S)")
_ONLY_ID = re.compile(rf"{_WORDNET}|{_FREEBASE}")
_LAST_ID = re.compile(rf"[\s_(-]+{_WORDNET}\)?$")
_SYNSET = re.compile(r"^Synset\('|(?:\.[nvars]\.|#[nvars]#)[0-9]{1,2}(?:'\))?$")
_NUMBERED = re.compile(r"([0-9]{1,6})(\s*[._:)-]\s*|\s+)([^\W\d_].*)")
_FEWEST_CODES, _SHORTEST_CODE = 5, 3
"""Numbers before at least 5 names, all of the same length of at least 3 digits, are codes, as those of CORINE."""

_MOST_DIGITS = 6
"""The most digits of the number of a class."""

_JOINTS = "_-"
_BEFORE_NUMBER = string.whitespace + ":=,;" + _JOINTS
_CODED = re.compile(r"([A-Za-z][0-9]{2,5}(?:\.[0-9]{1,3})?)[\s_:.-]+(?=[^\W\d_])")
_EVENT = re.compile(r"\([A-Z]{1,4}\)\s+")
_LABELLED = re.compile(r"(?:category|categories|class|label|cls|lbl)\s*[_:-]\s*(?=[^\W\d_])", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"(?:class|label|category|object)[\s_-]?[0-9]{1,6}|[A-Za-z]{0,3}[0-9]{2,8}", re.IGNORECASE)
_ZERO_FIRST = re.compile("[A-Za-z]{0,3}0")
_COPY = re.compile(r"_[0-9]$")


def _after_number(name: str) -> str | None:
    found = _NUMBERED.fullmatch(name)
    # Caltech 256 ends the names that Caltech 101 has, too, with its number.
    return found[3].removesuffix("-101") if found else None


def _are_numbers_of_classes(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether numbers before words are those of classes.

    Numbers that belong to the words, as in "3-piece suit" and "2 Kings", are rarely distinct, padded with zeros, or all
    numbers from 0 on.
    """
    parts = [found.groups() for name in matched if (found := _NUMBERED.fullmatch(name))]
    digits, separators, words = zip(*parts, strict=True)
    spaced = any(map(str.isspace, separators))
    if any(each.startswith("0") and len(each) > 1 for each in digits):
        return not spaced or are_most(names, matched)
    if all(separator == "." and len(each) >= 3 for each, separator in zip(digits, separators, strict=True)):
        return True
    numbers = sorted(map(int, digits))
    if not are_most(names, matched) or len(set(words)) < len(words) or len(set(numbers)) < len(numbers):
        return False
    counted = numbers in (list(range(len(numbers))), list(range(1, len(numbers) + 1)))
    lengths = set(map(len, digits))
    if len(matched) == len(names) >= _FEWEST_CODES and len(lengths) == 1 and min(lengths) >= _SHORTEST_CODE:
        return True
    if spaced:
        return counted and len(matched) == len(names) and (numbers[0] == 0 or len(names) >= 10)
    return counted or all(separator.strip() in (".", ":", ")") for separator in separators)


def _before_number(name: str) -> str | None:
    rest = name.rstrip(string.digits)
    words = rest.rstrip(_BEFORE_NUMBER)
    # Without a regular expression, which would look for the words from each place on.
    is_numbered = len(rest) < len(name) <= len(rest) + _MOST_DIGITS and words != rest
    return words if is_numbered and has_letter(words) else None


def _are_numbers_of_lines(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether numbers after words are indices, or marks of one digit: "area 1" and "area 2" are names.

    Numbers that are joined to words, as in "dog_0", are indices only.
    """
    words = [_before_number(name) for name in matched]
    digits = [name[len(name.rstrip(string.digits)) :] for name in matched]
    if len(matched) < len(names) or len(names) < 2 or len(set(words)) < len(words):
        return False
    numbers = sorted(map(int, digits))
    counted = numbers in (list(range(len(numbers))), list(range(1, len(numbers) + 1)))
    joined = any(name.rstrip(string.digits).endswith(tuple(_JOINTS)) for name in matched)
    return (counted and (numbers[0] == 0 or len(names) > 2)) or (len(names) >= 10 and numbers[-1] <= 9 and not joined)


def _are_codes_of_classes(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether most names have a code of their own, and one is padded with a zero: "T72 tank" has none."""
    codes = [found[1] for name in matched if (found := _CODED.match(name))]
    padded = any(code[1] == "0" or "." in code for code in codes)
    return are_most(names, matched) and padded and len(set(codes)) == len(codes)


def _are_labelled(names: Sequence[str], matched: Sequence[str]) -> bool:
    return are_most(names, matched) or all(":" in found[0] for name in matched if (found := _LABELLED.match(name)))


def _are_copies(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether all names with a number have a namesake without it: "Windows_7" has none."""
    all_names = set(names)
    return all(_COPY.sub("", name) in all_names for name in matched)


def _no_words(name: str) -> str | None:
    return "" if _PLACEHOLDER.fullmatch(name) else None


def _are_placeholders(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether all names are placeholders: years and models, such as A320, are names, and have no leading zeros."""
    if len(matched) < len(names) or len(names) < 2:
        return False
    bare = [name for name in matched if name[:4].isalnum() and len(name.rstrip(string.digits)) < 4]
    return not bare or (any(map(_ZERO_FIRST.match, bare)) and len(set(map(len, bare))) == 1)


def _nothing(name: str) -> str | None:
    return "" if _ONLY_ID.fullmatch(name) else None


ONLY_IDS = Pattern(
    "identifiers alone",
    "an identifier and no words",
    "n02085620",
    string.digits,
    traced(rf"^(?:{_WORDNET}|{_FREEBASE})$"),
    _nothing,
)
FIRST_IDS = Pattern(
    "identifiers before words",
    "an identifier of WordNet or Freebase before the words",
    "n02085620-Chihuahua",
    string.digits,
    traced(rf"^(?:{_WORDNET}|{_FREEBASE})[\s_:.,-]"),
    without(re.compile(rf"^{_FIRST_ID.pattern}")),
)
SYNSETS = Pattern(
    "WordNet synsets",
    "the part of speech and the number of a WordNet synset at the end",
    "alarm_clock.n.01",
    ".#",
    traced(r"[.#][nvars][.#][0-9]{1,2}(?:'\))?$"),
    without(_SYNSET),
)
LAST_IDS = Pattern(
    "identifiers after words",
    "an identifier of WordNet after the words",
    "tench_n01440764",
    string.digits,
    traced(rf"{_WORDNET}\)?$"),
    without(_LAST_ID),
)
PLACEHOLDERS = Pattern(
    "numbers alone",
    "a number of the class and no words",
    "class_12",
    string.digits,
    traced(rf"^(?:{_PLACEHOLDER.pattern})$", ignore_case=True),
    _no_words,
    is_likely=_are_placeholders,
)
NUMBERS = Pattern(
    "numbers of classes",
    "the number of the class before the words",
    "001.Black_footed_Albatross",
    string.digits,
    traced(r"^[0-9]{1,6}[\s._:)-]"),
    _after_number,
    is_likely=_are_numbers_of_classes,
)
LAST_NUMBERS = Pattern(
    "numbers after words",
    "a number after the words, which each name of the dataset has",
    "/a/airfield 0",
    string.digits,
    traced(r"[\s:=,;_-][0-9]{1,6}$"),
    _before_number,
    is_likely=_are_numbers_of_lines,
)
CODES = Pattern(
    "codes of classes",
    "the code of the class before the words",
    "c000 Holding some clothes",
    string.digits,
    traced(r"^[A-Za-z][0-9]{2,5}[\s_:.-]"),
    without(re.compile(rf"^{_CODED.pattern}")),
    is_likely=_are_codes_of_classes,
)
EVENTS = Pattern(
    "codes in parentheses",
    "a code in parentheses before the words",
    "(FX) split leap with 1 turn",
    "(",
    traced(r"^\([A-Z]{1,4}\)\s"),
    without(re.compile(rf"^{_EVENT.pattern}")),
    rewrite_whole=without(re.compile("[()]")),
    is_likely=are_most,
)
LABELS = Pattern(
    "the word class or category",
    "a word such as class, label or category before the words",
    "Category:Toronto_Argonauts",
    ":_-",
    traced(r"^(?:categor|class|label|cls|lbl)", ignore_case=True),
    without(re.compile(rf"^{_LABELLED.pattern}", re.IGNORECASE)),
    is_likely=_are_labelled,
)
COPIES = Pattern(
    "numbers of copies",
    "the number of a copy at the end",
    "crane_1",
    "_",
    traced("_[0-9]$"),
    without(_COPY),
    is_likely=_are_copies,
)

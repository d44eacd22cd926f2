"""Names with characters that running text seldom has, and the same names as running text has them.

A corpus hardly ever has them, so a name with one of them counts 0. The rules depend on no release of Python; see
`concept_orderings.look_alikes`.
"""

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache, lru_cache
from unicodedata import decomposition, is_normalized, normalize
from unicodedata import name as name_of

from concept_orderings.look_alikes import appearance, change_known, composed, is_known
from concept_orderings.text import HIDDEN, members_of

_HIDDEN = re.compile(f"[{HIDDEN}]+")
_NEVER_IN_TEXT = frozenset("\u00ad\u2060\ufeff")
"""Soft hyphen, word joiner, byte order mark: other hidden characters belong to scripts and to pictures."""

_IN_PICTURES = frozenset("\u200d\ufe0e\ufe0f")

# Letters and digits for other purposes: mathematical alphabets, Arabic presentation forms. Signs such as ² and ™ stay.
_FORMS = frozenset({"<font>", "<initial>", "<medial>", "<final>", "<isolated>"})
_WIDE = "<wide>"
_LIGATURES_AND_NUMERALS = re.compile(f"[{members_of(((0x2160, 0x217F), (0xFB00, 0xFB06), (0xFB13, 0xFB17)))}]")

_LETTERS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "LATIN": ((0x41, 0x5A), (0x61, 0x7A)),
    "CYRILLIC": ((0x410, 0x44F), (0x401, 0x40F), (0x451, 0x45F)),
    "GREEK": ((0x391, 0x3C9),),
}
"""The letters of each script that a letter of another script may stand for, the most common first."""

_WORD = re.compile(r"[^\W\d_]+")
_GREEK_OR_CYRILLIC = re.compile(f"[{members_of(((0x370, 0x3FF), (0x400, 0x52F)))}]")


def plain(name: str) -> str:
    """Return a name in NFC as running text has it, which looks the same; the name itself if it is plain already."""
    name = composed(name)
    if name.isascii():
        return name
    return change_known(_HIDDEN.sub(_kept, name), lambda text: _in_one_script_each(_in_common_forms(text)))


def _kept(hidden: re.Match[str]) -> str:
    """Return hidden characters that have a use where they stand; none beside letters of Europe, or at an end."""
    if not _NEVER_IN_TEXT.isdisjoint(hidden[0]):
        return ""
    text, start, end = hidden.string, hidden.start(), hidden.end()
    beside = text[start - 1 : start] or text[end : end + 1]
    if beside.isalpha() and is_known(beside):
        return "" if _script(beside) in _LETTERS else hidden[0]
    return hidden[0] if not beside.isascii() or _IN_PICTURES.issuperset(hidden[0]) else ""


def _in_common_forms(text: str) -> str:
    return text if is_normalized("NFKC", text) else normalize("NFC", "".join(map(_common_form, text)))


@lru_cache(maxsize=4096)
def _common_form(character: str) -> str:
    tag = decomposition(character).partition(" ")[0]
    is_odd = tag in _FORMS or (tag == _WIDE and character.isalnum()) or _LIGATURES_AND_NUMERALS.match(character)
    return normalize("NFKC", character) if is_odd else character


def _in_one_script_each(text: str) -> str:
    """Return a text in which each word is in one script, if it was meant to be."""
    return _WORD.sub(_in_one_script, text) if _GREEK_OR_CYRILLIC.search(text) else text


def _in_one_script(found: re.Match[str]) -> str:
    """Return a word with the script of most of its letters, each other letter replaced by its twin in that script.

    The word is returned as it is if a letter has no twin: then it may be meant.
    """
    word = found[0]
    scripts = Counter(map(_script, word))
    if len(scripts) == 1 or not scripts.keys() <= _LETTERS.keys():
        return word
    most = max(_LETTERS, key=lambda script: scripts[script])
    twins = [each if _script(each) == most else _twin(each, most) for each in word]
    return "".join(twins) if all(twins) else word


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return name_of(letter, "").partition(" ")[0]


@lru_cache(maxsize=4096)
def _twin(letter: str, script: str) -> str:
    """Return the letter of a script that looks the same and is of the same case; empty if there is none."""
    alike = _by_skeleton(script).get(appearance(letter), ())
    return next((each for each in alike if each.isupper() == letter.isupper()), "")


@cache
def _by_skeleton(script: str) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for first, last in _LETTERS[script]:
        for letter in map(chr, range(first, last + 1)):
            found.setdefault(appearance(letter), []).append(letter)
    return found

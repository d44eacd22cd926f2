"""Tokens and counts the slow way, from the same rules and nothing else in common with what they check.

Unicode's word boundaries are decided rule by rule between two neighbours, over the classes that the standard
library's character database gives. It knows the characters of the tests and of the C4 sample; Hebrew quotes,
South-East Asian runs, joined emoji and tokens of more than 255 units are checked against recorded answers instead.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

_BETWEEN_BOTH = "'.‘’․﹒＇．"
_BETWEEN_LETTERS = ":··״‧︓﹕："
_BETWEEN_DIGITS = ",;;։،؍٬߸⁄︐︔﹐﹔，；"
_PICTURES = "©®™♥🙂🍑😀🚀❤㊗㊙"
_LETTERS_BY_NAME = ("MODIFIER LETTER", "CIRCLED LATIN")

WORD = "letter", "digit", "katakana"


def plain_tokens(text: str) -> list[str]:
    """Return the text's tokens, in order."""
    atoms = _atoms(text)
    kinds = [kind for kind, _ in atoms]
    tokens: list[str] = []
    start = 0
    for at in range(1, len(atoms) + 1):
        if at == len(atoms) or not _joined(kinds, at):
            part = atoms[start:at]
            if any(kind in (*WORD, "alone") for kind, _ in part):
                tokens.append("".join(map(_lower, "".join(characters for _, characters in part))))
            start = at
    return tokens


def plain_counts(names: Sequence[str], texts: Iterable[str]) -> list[int]:
    """Count, for each name, the texts whose tokens hold the name's tokens in a row."""
    phrases = [tuple(plain_tokens(name)) for name in names]
    wanted = set(phrases) - {()}
    lengths = {len(phrase) for phrase in wanted}
    counts: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        tokens = plain_tokens(text)
        runs = (tuple(tokens[at : at + length]) for length in lengths for at in range(len(tokens) - length + 1))
        counts.update(wanted.intersection(runs))
    return [counts[phrase] for phrase in phrases]


def _atoms(text: str) -> list[tuple[str, str]]:
    """Return characters with their kind; marks and format characters belong to what they follow."""
    atoms: list[tuple[str, str]] = []
    for character in text:
        kind = _kind(character)
        if kind == "mark" and atoms and atoms[-1][1] not in "\n\r":
            atoms[-1] = (atoms[-1][0], atoms[-1][1] + character)
        else:
            atoms.append((kind, character))
    return atoms


@cache
def _kind(character: str) -> str:
    for kind, members in (("both", _BETWEEN_BOTH), ("in letters", _BETWEEN_LETTERS), ("in digits", _BETWEEN_DIGITS)):
        if character in members:
            return kind
    name = unicodedata.name(character, "")
    category = unicodedata.category(character)
    if character in _PICTURES or name.startswith(("CJK UNIFIED", "HIRAGANA LETTER")):
        return "alone"
    if name.startswith(("KATAKANA LETTER", "KATAKANA-HIRAGANA PROLONGED")):
        return "katakana"
    if category[0] == "L" or category == "Nl" or name.startswith(_LETTERS_BY_NAME):
        return "letter"
    by_category = {"Nd": "digit", "Pc": "connector", "Mn": "mark", "Me": "mark", "Mc": "mark", "Cf": "mark"}
    return "other" if character == "\u200b" else by_category.get(category, "other")


def _joined(kinds: Sequence[str], at: int) -> bool:
    """Tell whether there is no word boundary before this place; in brackets, the rules of Annex #29."""
    before, after = kinds[at - 1], kinds[at]
    further = kinds[at + 1] if at + 1 < len(kinds) else ""
    earlier = kinds[at - 2] if at >= 2 else ""
    alphanumeric = ("letter", "digit")
    return (
        (before in alphanumeric and after in alphanumeric)  # WB5, WB8, WB9, WB10
        or (before == "letter" == further and after in ("both", "in letters"))  # WB6
        or (earlier == "letter" == after and before in ("both", "in letters"))  # WB7
        or (earlier == "digit" == after and before in ("both", "in digits"))  # WB11
        or (before == "digit" == further and after in ("both", "in digits"))  # WB12
        or before == after == "katakana"  # WB13
        or (before in (*WORD, "connector") and after == "connector")  # WB13a
        or (before == "connector" and after in WORD)  # WB13b
    )


def _lower(character: str) -> str:
    return "i" if character == "İ" else character.lower()

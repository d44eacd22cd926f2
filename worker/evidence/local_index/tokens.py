r"""The rule that cuts texts and names into tokens.

It follows the ``standard`` analyser of Elasticsearch 8, so that counts are the same as in the published Elasticsearch
index of C4. That analyser does this:

- it segments words by Unicode Standard Annex #29, with the character classes of Unicode 12.1: "don't", "3.5",
  "1,000" and "foo_bar" are one token each, "U.S." is "u.s", "t-shirt" is two tokens;
- it keeps segments with a letter, a digit or a Katakana; each Han and Hiragana character by itself; runs of
  South-East Asian letters (Thai, Lao, Myanmar, Khmer ...) as one token; each emoji sequence; and nothing else;
- it takes the longest token that starts at a position, cuts it after 255 UTF-16 units, and continues with the rest;
- it makes each character lower case by itself, whatever its neighbours and language: "İ" becomes "i", a final "Σ"
  becomes "σ".

The pattern below is that rule as a regular expression of the index library, which has the character classes of a later
Unicode version: ``age=12.1`` leaves out characters that were added later, and each class has exceptions for characters
that were reclassified since. The exceptions were found by sending every character to Elasticsearch 8.19.

Known differences, none of which matters for the text of C4:

- a letter that is also an emoji (ℹ Ⓜ 🅰 🅱 🅾 🅿), joined by U+200D to another emoji, is two tokens here and one in
  Elasticsearch;
- skin tones and tags in places that no emoji keyboard produces (after two joiners, after U+FE0F) may be a token here
  and part of another in Elasticsearch, or the reverse;
- half a surrogate pair, which JSON can contain and Unicode text cannot, is read as U+FFFD.

Cutting a text by this pattern is slow, because the index library is built without the fast engines of its regular
expressions. `cutting` gives the same tokens, and uses this pattern only where it must.

`VERSION` is part of the fingerprint of every index. Raise it when a change changes any token.
"""

import tantivy

VERSION = 1

LONGEST = 255
"""The most UTF-16 units in a token."""

_JOINER = r"\x{200D}"
_EMOJI_STYLE = r"\x{FE0F}"


def _chosen(members: str, *, but: str = "") -> str:
    """Return the class of the members that Unicode 12.1 has, except those of `but`."""
    known = rf"[{members}&&\p{{age=12.1}}]"
    return f"[{known}--[{but}]]" if but else known


# Format characters that count as digits or letters since Unicode 15.1.
_PREPENDED = r"\x{600}-\x{605}\x{6DD}\x{70F}\x{8E2}\x{110BD}\x{110CD}"
# Marks and symbols that count as letters since Unicode 13.
_LETTERS_SINCE = r"\x{2E5}-\x{2EB}\x{55A}\x{58A}\x{A708}-\x{A716}"
_SOUTH_EAST_ASIAN_SCRIPTS = ("Thai", "Lao", "Myanmar", "Khmer", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet", "Ahom")
_SOUTH_EAST_ASIAN_SIGNS = (
    r"\x{109E}\x{109F}\x{19DA}\x{19DE}\x{19DF}\x{1AA0}-\x{1AA6}\x{1AA8}-\x{1AAD}"
    r"\x{AA77}-\x{AA79}\x{AADE}\x{AADF}\x{1173A}\x{1173B}\x{1173F}"
)

_EXTENDING = _chosen(rf"\p{{wb=Extend}}\p{{wb=Format}}\p{{wb=ZWJ}}{_PREPENDED}")
_EXTENSION = f"{_EXTENDING}*"
_EMOJI_EXTENSION = rf"[{_EXTENDING}--[\x{{FE0E}}\x{{FE0F}}]]*"

_HEBREW = _chosen(r"\p{wb=Hebrew_Letter}") + _EXTENSION
_LETTER = _chosen(r"\p{wb=ALetter}\p{wb=Hebrew_Letter}", but=_LETTERS_SINCE + _PREPENDED) + _EXTENSION
_DIGIT = _chosen(r"\p{wb=Numeric}\x{FF10}-\x{FF19}", but=r"\x{19DA}" + _PREPENDED) + _EXTENSION
_KATAKANA = _chosen(r"\p{wb=Katakana}") + _EXTENSION
_CONNECTOR = _chosen(r"\p{wb=ExtendNumLet}") + _EXTENSION
_QUOTE = "'" + _EXTENSION
_DOUBLE_QUOTE = '"' + _EXTENSION
_IN_LETTERS = _chosen(r"\p{wb=MidLetter}\p{wb=MidNumLet}'", but=r"\x{55F}") + _EXTENSION
_IN_DIGITS = _chosen(r"\p{wb=MidNum}\p{wb=MidNumLet}'\x{FE10}\x{FE14}") + _EXTENSION

_LETTERS_AND_DIGITS = (
    f"(?:{_HEBREW}(?:{_QUOTE}|{_DOUBLE_QUOTE}{_HEBREW})"
    f"|{_DIGIT}(?:{_IN_DIGITS}{_DIGIT})*"
    f"|{_LETTER}(?:{_IN_LETTERS}{_LETTER})*)+"
)
_PART = f"(?:(?:{_KATAKANA})+|{_LETTERS_AND_DIGITS})"
_WORD = f"(?:{_CONNECTOR})*{_PART}(?:(?:{_CONNECTOR})+{_PART})*(?:{_CONNECTOR})*"

_SOUTH_EAST_ASIAN_LETTERS = "".join(rf"\p{{script={script}}}" for script in _SOUTH_EAST_ASIAN_SCRIPTS)
_SOUTH_EAST_ASIAN = (
    "(?:"
    + _chosen(rf"[[{_SOUTH_EAST_ASIAN_LETTERS}]&&[\p{{L}}\p{{M}}]]{_SOUTH_EAST_ASIAN_SIGNS}", but=r"\x{1A7F}")
    + _EXTENSION
    + ")+"
)
_IDEOGRAPH = _chosen(r"\p{script=Han}\p{script=Hiragana}", but=r"\x{16FE2}") + _EXTENSION

# A skin tone extends the picture before it; only one that follows no picture is a token of its own.
_SKIN_TONE = rf"\p{{Emoji_Modifier}}{_EMOJI_EXTENSION}"
# Block U+1FB00 was set aside for pictures before it was given to other symbols.
_PICTURE = (
    rf"[[\p{{Extended_Pictographic}}\p{{Emoji}}\x{{1FB00}}-\x{{1FBFF}}]"
    rf"--[\p{{wb=Regional_Indicator}}0-9\#*\p{{Emoji_Modifier}}]]{_EMOJI_EXTENSION}{_EMOJI_STYLE}?"
)
_FIRST_PICTURE = f"(?:{_JOINER}*{_PICTURE}|{_SKIN_TONE})"
_NEXT_PICTURE = f"(?:{_PICTURE}|{_SKIN_TONE})"
_EMOJI = f"(?:{_FIRST_PICTURE}{_JOINER}+(?:{_NEXT_PICTURE}{_JOINER}+)*{_NEXT_PICTURE}|{_FIRST_PICTURE})"
_KEYCAP = rf"[\#*]{_EMOJI_EXTENSION}{_EMOJI_STYLE}?\x{{20E3}}{_EMOJI_EXTENSION}"
_FLAG = rf"(?:\p{{wb=Regional_Indicator}}{_EXTENSION}){{2}}"

# The first alternative that matches is taken, so words come before emoji: a word may begin with one.
_TOKEN = "|".join((_WORD, _SOUTH_EAST_ASIAN, _IDEOGRAPH, _EMOJI, _KEYCAP, _FLAG))


def analyser() -> tantivy.TextAnalyzer:
    """Return the rule as an analyser of the index library, for texts from `prepare`."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_TOKEN)).filter(tantivy.Filter.lowercase()).build()


_ANALYSER = analyser()
_SCANNER = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_TOKEN)).build()


def prepare(text: str) -> str:
    """Return the text with the three changes that `analyser` does not make.

    Half surrogate pairs become U+FFFD, "İ" becomes "i", and a token of more than 255 UTF-16 units is cut by spaces.
    Most texts are returned unchanged.
    """
    if not text.isascii():
        text = without_half_pairs(text).replace("İ", "i")
    # No token contains a space, and a character has at most two units, so shorter runs cannot have a token too long.
    runs = text.split(" ")
    if max(map(len, runs)) <= LONGEST // 2:
        return text
    return " ".join(_cut(run) if len(run) > LONGEST // 2 else run for run in runs)


def tokenise(text: str) -> list[str]:
    """Return the tokens of a text or name, in order.

    Examples
    --------
    >>> tokenise("The U.S. don't_know 3.5 T-shirts")
    ['the', 'u.s', "don't_know", '3.5', 't', 'shirts']
    """
    tokens: list[str] = _ANALYSER.analyze(prepare(text))
    return tokens


def without_half_pairs(text: str) -> str:
    """Return the text with U+FFFD for each lone half of a surrogate pair; two halves that form a pair are joined."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _cut(run: str) -> str:
    """Return the run with spaces between its tokens if one of them is too long, else unchanged."""
    if all(_units(token) <= LONGEST for token in _SCANNER.analyze(run)):
        return run
    tokens = []
    start = 0
    while start < len(run):
        # The scanner of Elasticsearch sees 255 units at a time; where no token starts, it skips one character.
        window = _within_longest(run[start : start + LONGEST])
        first = next(iter(_SCANNER.analyze(window)), "")
        if first and window.startswith(first):
            tokens.append(first)
            start += len(first)
        else:
            start += 1
    return " ".join(tokens)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _within_longest(text: str) -> str:
    return text.encode("utf-16-le")[: 2 * LONGEST].decode("utf-16-le", "ignore")

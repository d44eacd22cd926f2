r"""The one rule that cuts texts and names into tokens.

It follows the ``standard`` analyser of Elasticsearch 8, so that a phrase counted here and in the published
Elasticsearch index of C4 is the same phrase. That analyser is:

- the word segmentation of Unicode Standard Annex #29, with the character classes of Unicode 12.1: "don't",
  "3.5", "1,000" and "foo_bar" are one token each, "U.S." is "u.s", "t-shirt" is two tokens;
- of the segments, those with a letter, a digit, or a Katakana; each Han and Hiragana character alone; runs of
  South-East Asian letters (Thai, Lao, Myanmar, Khmer ...) unbroken; each emoji sequence; nothing else;
- the longest token that starts at a place wins, a token has at most 255 UTF-16 units, and what would be longer
  goes on as the next token;
- lower case character by character, without regard to neighbours or language: "İ" is "i", a final "Σ" is "σ".

The pattern below is that rule for the regular expressions of the index library, whose character classes are of
a later Unicode version: ``age=12.1`` leaves out characters that came later, and the exceptions beside each
class take back what was reclassified since. They were found by asking Elasticsearch 8.19 about every character.

Known deviations, all without consequence for the text of C4:

- a letter that is also an emoji (ℹ Ⓜ 🅰 🅱 🅾 🅿), joined by U+200D to another emoji, is two tokens here and one there;
- skin tones and tags where no emoji keyboard puts them (after two joiners, after U+FE0F) may be a token of their own
  here and part of one there, or the reverse;
- half a surrogate pair, which JSON can spell and Unicode text cannot hold, is read as U+FFFD.

Cutting a text by this pattern is slow: the index library is built without the fast engines of its regular
expressions, so each alternative below costs. `cutting` gives the same tokens, and comes here for the hard cases alone.

`VERSION` is part of every index's fingerprint; it goes up with any change of any token.
"""

import tantivy

VERSION = 1

LONGEST = 255
"""Most UTF-16 units in a token."""

_JOINER = r"\x{200D}"
_EMOJI_STYLE = r"\x{FE0F}"


def _chosen(members: str, *, but: str = "") -> str:
    """Return a class of those members that Unicode 12.1 knew, less some."""
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

# The first alternative that fits is taken, so a word comes before the emoji that it may begin with.
_TOKEN = "|".join((_WORD, _SOUTH_EAST_ASIAN, _IDEOGRAPH, _EMOJI, _KEYCAP, _FLAG))


def analyser() -> tantivy.TextAnalyzer:
    """Return the rule for texts that went through `prepare`, in the form the index library works with."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_TOKEN)).filter(tantivy.Filter.lowercase()).build()


_ANALYSER = analyser()
_SCANNER = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_TOKEN)).build()


def prepare(text: str) -> str:
    """Return the text with those three things done to it that `analyser` alone would do otherwise.

    Half surrogate pairs become U+FFFD, "İ" becomes "i", and spaces are put where a token of more than 255
    UTF-16 units is cut. Nearly every text comes back as it is.
    """
    if not text.isascii():
        text = without_half_pairs(text).replace("İ", "i")
    # No token holds a space, and a character is at most two units: shorter runs need no second look.
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
    """Return the text with U+FFFD for each half of a surrogate pair; two halves that belong together become one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _cut(run: str) -> str:
    """Return the run with spaces around its tokens if one of them is too long, else as it is."""
    if all(_units(token) <= LONGEST for token in _SCANNER.analyze(run)):
        return run
    tokens = []
    start = 0
    while start < len(run):
        # What the reference scanner sees at a time; where nothing starts, it steps over one character.
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

r"""Cutting many texts into tokens at once: the rule of `tokens`, about twenty times as fast for ASCII text.

In ASCII text, the rules of Unicode Standard Annex #29 depend only on a character and its two neighbours. Letters,
digits and ``_`` are always part of a token (WB5, WB8 to WB10, WB13a, WB13b), except that a run of ``_`` alone is not a
token. ``.``, ``'`` and ``:`` are part of a token between two letters (WB6, WB7), and ``.``, ``'``, ``,`` and ``;``
between two digits (WB11, WB12). Every other character separates tokens. So a table classifies all bytes of a batch, a
byte that is in no token becomes a space, and the joining characters are checked with their two neighbours.

The exact rule of `tokens` cuts what this method cannot:

- a run of characters around one that is not ASCII, up to the next ASCII character that no token can contain. The rule
  never looks back, so the tokens of the run alone are those that it has in its text. Short runs occur often ("don’t",
  "café"), so their tokens are cached;
- a text with a token of more than 255 characters.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from worker.evidence.local_index import tokens

_Bytes = NDArray[np.uint8]
_Places = NDArray[np.intp]

_BETWEEN_TEXTS = b"\x1e"
"""The record separator of ASCII. It is never part of a token, so joining texts with it changes no token."""

_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_DIGITS = b"0123456789"
_BETWEEN_BOTH = b".'"
_BETWEEN_LETTERS = b":"
_BETWEEN_DIGITS = b",;"
_INNER = _BETWEEN_BOTH + _BETWEEN_LETTERS + _BETWEEN_DIGITS
_SPACE = ord(" ")

_BESIDE_LETTERS, _BESIDE_DIGITS = 1, 2

_RECALLED_BYTES = 48
_RUNS_RECALLED = 1 << 15


def _lower_or_space() -> bytes:
    kept = {*_LETTERS, *_DIGITS, *_INNER, *b"_", *_BETWEEN_TEXTS}
    lowered = bytes(range(256)).lower()
    return bytes(byte if byte in kept else _SPACE for byte in lowered)


def _classes(*members: tuple[bytes, int]) -> _Bytes:
    """Return the class of each byte, 0 for bytes without one; uint8 (256,)."""
    numbers = np.zeros(256, dtype=np.uint8)
    for characters, number in members:
        numbers[list(characters)] = number
    return numbers


def _marks(characters: bytes) -> bytes:
    """Return a table for `bytes.translate` that maps the given bytes to 1 and all others to 0."""
    return bytes(byte in characters for byte in range(256))


_LOWER_OR_SPACE = _lower_or_space()
_SIDES = _classes((_LETTERS, _BESIDE_LETTERS), (_DIGITS, _BESIDE_DIGITS))
_JOINS = _classes(
    (_BETWEEN_BOTH, _BESIDE_LETTERS | _BESIDE_DIGITS),
    (_BETWEEN_LETTERS, _BESIDE_LETTERS),
    (_BETWEEN_DIGITS, _BESIDE_DIGITS),
)
# The characters in tokens of ASCII, and those that the exact rule joins to others: " to Hebrew letters, # and * to a
# keycap.
_MAY_BE_IN_A_TOKEN = _LETTERS + _LETTERS.upper() + _DIGITS + _INNER + b'_"#*'
_STOPS = _marks(bytes(byte for byte in range(128) if byte not in _MAY_BE_IN_A_TOKEN))
_NOT_ASCII = _marks(bytes(range(128, 256)))
_MAY_JOIN = _marks(_INNER)
# The pattern begins with a fixed byte, for which the search is five times as fast as for "_+".
_UNDERSCORES = re.compile(rb"__*")
_WORD_CHARACTERS = frozenset(_LETTERS + _DIGITS)


def cut(texts: Sequence[str]) -> list[str]:
    """Return each text as its tokens, in order, with spaces between them.

    No token contains a space. There may be several spaces between two tokens, before the first and after the last.
    """
    if not texts:
        return []
    joined = _joined(texts)
    lowered = _cut_ascii(joined)
    if not joined.isascii():
        lowered = _with_exact_runs(lowered, joined)
    found = lowered.split(_BETWEEN_TEXTS)
    return [_exact(text) if _has_overlong(one) else one.decode() for one, text in zip(found, texts, strict=True)]


def tokenise(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the tokens of each text or name, in order.

    Examples
    --------
    >>> tokenise(["The U.S. don't_know", "3.5 T-shirts", "?"])
    [('the', 'u.s', "don't_know"), ('3.5', 't', 'shirts'), ()]
    """
    # Only at spaces: a token may contain U+202F, which Python counts as white space.
    return [tuple(filter(None, one.split(" "))) for one in cut(texts)]


def _joined(texts: Sequence[str]) -> bytes:
    """Return all texts in UTF-8, with a separator between each two and nowhere else."""
    separator = _BETWEEN_TEXTS.decode()
    joined = separator.join(texts)
    if joined.count(separator) >= len(texts):
        joined = separator.join(text.replace(separator, " ") for text in texts)
    try:
        return joined.encode()
    except UnicodeEncodeError:
        # One text at a time, so that only texts with half a surrogate pair take the slow way.
        return separator.join(map(tokens.without_half_pairs, joined.split(separator))).encode()


def _cut_ascii(joined: bytes) -> bytes:
    """Return the bytes in lower case, with a space for each byte that is in no token; the length stays the same.

    The result is wrong next to bytes outside ASCII, in the runs that `_with_exact_runs` replaces.
    """
    # A space at each end means the same as the end, and gives every character two neighbours.
    padded = b" %b " % joined.translate(_LOWER_OR_SPACE)
    inner = _places(padded.translate(_MAY_JOIN))
    text = np.frombuffer(bytearray(padded), dtype=np.uint8)
    useless = (_JOINS[text[inner]] & _SIDES[text[inner - 1]] & _SIDES[text[inner + 1]]) == 0
    text[inner[useless]] = _SPACE
    return _UNDERSCORES.sub(_within_a_word, text[1:-1].tobytes())


def _within_a_word(underscores: re.Match[bytes]) -> bytes:
    """Return the underscores if a letter or digit is next to them, else the same number of spaces (WB13a, WB13b)."""
    text, start, end = underscores.string, underscores.start(), underscores.end()
    beside = text[max(0, start - 1) : start] + text[end : end + 1]
    return underscores[0] if not _WORD_CHARACTERS.isdisjoint(beside) else b" " * (end - start)


def _with_exact_runs(lowered: bytes, joined: bytes) -> bytes:
    """Replace each run with a byte outside ASCII by its tokens by the exact rule; `lowered` is as long as `joined`."""
    stops = _places(joined.translate(_STOPS))
    # Each byte outside ASCII is between two stops, which may have several such bytes between them.
    after = np.unique(np.searchsorted(stops, _places(joined.translate(_NOT_ASCII))))
    stops = np.concatenate(([-1], stops, [len(joined)]))
    parts: list[bytes] = []
    done = 0
    for start, end in zip((stops[after] + 1).tolist(), stops[after + 1].tolist(), strict=True):
        run = joined[start:end]
        parts += lowered[done:start], _recalled_run(run) if len(run) <= _RECALLED_BYTES else _exact_run(run)
        done = end
    parts.append(lowered[done:])
    return b"".join(parts)


def _places(marked: bytes) -> _Places:
    """Return the positions of the bytes that are 1; all others must be 0."""
    # numpy finds them three times as fast among booleans as among numbers.
    return np.flatnonzero(np.frombuffer(marked, dtype=np.bool_))


def _exact_run(run: bytes) -> bytes:
    return _exact(run.decode()).encode()


_recalled_run = lru_cache(_RUNS_RECALLED)(_exact_run)


def _exact(text: str) -> str:
    return " ".join(tokens.tokenise(text))


def _has_overlong(text: bytes) -> bool:
    """Tell whether a text may have a token of more than 255 characters: it has more bytes than that without a space."""
    start = 0
    while len(text) - start > tokens.LONGEST:
        start = text.rfind(b" ", start, start + tokens.LONGEST + 1) + 1
        if start == 0:
            return True
    return False

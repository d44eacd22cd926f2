r"""The tokens of many texts at once: the rule of `tokens`, some twenty times as fast where a text is ASCII.

For ASCII, Unicode Standard Annex #29 comes down to what one character has beside it. A letter, a digit and ``_``
are part of a token wherever they stand (WB5, WB8 to WB10, WB13a, WB13b), but for a run of ``_`` alone, which is no
token. Between two letters ``.``, ``'`` and ``:`` are (WB6, WB7), between two digits ``.``, ``'``, ``,`` and ``;``
(WB11, WB12). Everything else is between tokens. So all bytes of a batch are classified by table, a byte that is in
no token becomes a space, and what is left is looked at with its two neighbours.

What this does not settle is left to the exact rule, piece by piece:

- a run of characters around one that is not ASCII, up to the next ASCII character that no token can hold. The rule
  never looks back, so the run's tokens are those that the text has there. Such runs recur ("don’t", "café"), and
  what was found for the short ones is kept;
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
"""ASCII's record separator: never part of a token, so what is between texts cannot change their tokens."""

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
    """Return the number of each byte's class, 0 for bytes that are in none; shape (256,)."""
    numbers = np.zeros(256, dtype=np.uint8)
    for characters, number in members:
        numbers[list(characters)] = number
    return numbers


def _marks(characters: bytes) -> bytes:
    """Return 1 for these bytes and 0 for the others; 256 bytes, as `bytes.translate` wants."""
    return bytes(byte in characters for byte in range(256))


_LOWER_OR_SPACE = _lower_or_space()
_SIDES = _classes((_LETTERS, _BESIDE_LETTERS), (_DIGITS, _BESIDE_DIGITS))
_JOINS = _classes(
    (_BETWEEN_BOTH, _BESIDE_LETTERS | _BESIDE_DIGITS),
    (_BETWEEN_LETTERS, _BESIDE_LETTERS),
    (_BETWEEN_DIGITS, _BESIDE_DIGITS),
)
# Besides what can be in a token of ASCII, the exact rule joins " to Hebrew letters, and # and * to a keycap.
_MAY_BE_IN_A_TOKEN = _LETTERS + _LETTERS.upper() + _DIGITS + _INNER + b'_"#*'
_STOPS = _marks(bytes(byte for byte in range(128) if byte not in _MAY_BE_IN_A_TOKEN))
_NOT_ASCII = _marks(bytes(range(128, 256)))
_MAY_JOIN = _marks(_INNER)
# Two parts, so that the search for the first "_" is one for a fixed byte: five times as fast as that for "_+".
_UNDERSCORES = re.compile(rb"__*")
_WORD_CHARACTERS = frozenset(_LETTERS + _DIGITS)


def cut(texts: Sequence[str]) -> list[str]:
    """Return each text as its tokens, in order, with spaces between them.

    No token holds a space. There may be several between two tokens, and some before the first and after the last.
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
    # At spaces alone: tokens may hold U+202F, which Python counts as white space.
    return [tuple(filter(None, one.split(" "))) for one in cut(texts)]


def _joined(texts: Sequence[str]) -> bytes:
    """Return all texts in UTF-8, with a separator between two and nowhere else."""
    separator = _BETWEEN_TEXTS.decode()
    joined = separator.join(texts)
    if joined.count(separator) >= len(texts):
        joined = separator.join(text.replace(separator, " ") for text in texts)
    try:
        return joined.encode()
    except UnicodeEncodeError:
        # One text at a time: two halves of a pair, one text's last character and another's first, stay apart anyway,
        # but only texts that need it are to go the long way.
        return separator.join(map(tokens.without_half_pairs, joined.split(separator))).encode()


def _cut_ascii(joined: bytes) -> bytes:
    """Return the bytes in lower case, with spaces for those in no token; as long as given.

    Only right where no byte beside is outside ASCII, that is, outside the runs that `_with_exact_runs` puts in.
    """
    # An end is as good as a space, and with one on either side every character in question has two neighbours.
    padded = b" %b " % joined.translate(_LOWER_OR_SPACE)
    inner = _places(padded.translate(_MAY_JOIN))
    text = np.frombuffer(bytearray(padded), dtype=np.uint8)
    useless = (_JOINS[text[inner]] & _SIDES[text[inner - 1]] & _SIDES[text[inner + 1]]) == 0
    text[inner[useless]] = _SPACE
    return _UNDERSCORES.sub(_within_a_word, text[1:-1].tobytes())


def _within_a_word(underscores: re.Match[bytes]) -> bytes:
    """Return the underscores if a letter or digit is beside them, else as many spaces (WB13a, WB13b)."""
    text, start, end = underscores.string, underscores.start(), underscores.end()
    beside = text[max(0, start - 1) : start] + text[end : end + 1]
    return underscores[0] if not _WORD_CHARACTERS.isdisjoint(beside) else b" " * (end - start)


def _with_exact_runs(lowered: bytes, joined: bytes) -> bytes:
    """Put the exact rule's tokens in place of each run with a byte outside ASCII; both are equally long."""
    stops = _places(joined.translate(_STOPS))
    # Each byte outside ASCII is between two stops; several may be between the same two.
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
    """Return where the ones are among zeros and ones, in order."""
    # As booleans, which nothing but 0 and 1 can be, numpy finds them three times as fast as among numbers.
    return np.flatnonzero(np.frombuffer(marked, dtype=np.bool_))


def _exact_run(run: bytes) -> bytes:
    return _exact(run.decode()).encode()


_recalled_run = lru_cache(_RUNS_RECALLED)(_exact_run)


def _exact(text: str) -> str:
    return " ".join(tokens.tokenise(text))


def _has_overlong(text: bytes) -> bool:
    """Tell whether there may be a token of more than 255 characters: more bytes than that without a space."""
    start = 0
    while len(text) - start > tokens.LONGEST:
        start = text.rfind(b" ", start, start + tokens.LONGEST + 1) + 1
        if start == 0:
            return True
    return False

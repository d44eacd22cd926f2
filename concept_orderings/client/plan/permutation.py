"""Keyed permutations of the numbers below n, a number at a time: no table, and the same on every machine.

A permutation is decided by a `PermutationKey` (from SHAKE-256 of a text), a *tweak* of 64 bits (an epoch, or a concept
and an epoch) and n. Numbers are unsigned and of 64 bits; sums and products are modulo 2**64.

- n of at most `TINY`: the shuffle of Fisher and Yates, of which one number is followed: all n! orders are possible.
- larger n: a Feistel network over Z_a × Z_b (Black and Rogaway, 2002). a is the smallest number with a·a >= n, and b
  the smallest with a·b >= n. Results of n or more, at most about one in √n, are permuted again (cycle walking).

docs/decisions/0048 has the reasons, and figures.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

LARGEST = 1 << 48
"""The largest n: the parts of a number have 24 bits, and a hash of 40 bits times one of them fits into 64."""
TINY = 16
"""The largest n of which the shuffle is written out."""
ROUNDS = 8
ROUNDS_OF_SMALL = 12
SMALL = 1 << 12
"""Networks over fewer numbers have `ROUNDS_OF_SMALL` rounds: their parts are small, and mix slowly."""
CHUNK = 8192
"""Numbers that are permuted at once: the arrays of a round stay in the processor's cache."""

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST_MULTIPLIER = 0xBF58476D1CE4E5B9
_SECOND_MULTIPLIER = 0x94D049BB133111EB


@dataclass(frozen=True)
class PermutationKey:
    """What decides permutations beside tweak and n.

    Attributes
    ----------
    text : str
        Names the permutation; another text is another, unrelated permutation.
    """

    text: str

    @cached_property
    def words(self) -> tuple[int, ...]:
        """A word for epochs, one for each round, and one for concepts: (1 + ROUNDS_OF_SMALL + 1,), of 64 bits."""
        data = hashlib.shake_256(self.text.encode()).digest(8 * (ROUNDS_OF_SMALL + 2))
        return tuple(int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8))

    def tweaks(self, epochs: Words, concepts: Words | None = None) -> Words:
        """Return a word for each epoch, and each concept if there are several.

        Parameters
        ----------
        epochs : (m,) uint64
            From 0.
        concepts : (m,) uint64
            From 0.
        """
        first = self.words[0]
        if concepts is None:
            return mixed(epochs * np.uint64(_GOLDEN) + np.uint64(first))
        own = mixed(concepts * np.uint64(_GOLDEN) + np.uint64(self.words[-1]))
        own += epochs * np.uint64(_GOLDEN) + np.uint64(first)
        return mixed(own)


def mixed(words: Words) -> Words:
    """Mix the bits of each word in place, and return the words: the finaliser of SplitMix64 (Steele and others, 2014).

    Parameters
    ----------
    words : (m,) uint64
        Changed.
    """
    words ^= words >> np.uint64(30)
    words *= np.uint64(_FIRST_MULTIPLIER)
    words ^= words >> np.uint64(27)
    words *= np.uint64(_SECOND_MULTIPLIER)
    words ^= words >> np.uint64(31)
    return words


def permuted(numbers: Words, n: Words, key: PermutationKey, tweaks: Words) -> Words:
    """Return the image of each number under the permutation of the numbers below its n.

    Parameters
    ----------
    numbers : (m,) uint64
        Each below its n.
    n : (m,) or (1,) uint64
        From 1 to `LARGEST`.
    key : PermutationKey
        The same for all.
    tweaks : (m,) or (1,) uint64
        See `PermutationKey.tweaks`.

    Returns
    -------
    (m,) uint64
    """
    images = np.empty_like(numbers)
    for i in range(0, len(numbers), CHUNK):
        part = slice(i, i + CHUNK)
        images[part] = _chunk(
            numbers[part], n if len(n) == 1 else n[part], key, tweaks if len(tweaks) == 1 else tweaks[part]
        )
    return images


def _chunk(numbers: Words, n: Words, key: PermutationKey, tweaks: Words) -> Words:
    tiny, small = n <= TINY, n <= SMALL
    images = np.empty_like(numbers)
    for permute, chosen in ((_shuffled, tiny), (_small, small & ~tiny), (_large, ~small)):
        if chosen.all():
            return permute(numbers, n, key, tweaks)
        if chosen.any():
            at = np.flatnonzero(chosen)
            images[at] = permute(numbers[at], n[at], key, _of(tweaks, at))
    return images


def _of(values: Words, at: NDArray[np.intp]) -> Words:
    return values if len(values) == 1 else values[at]


def _small(numbers: Words, n: Words, key: PermutationKey, tweaks: Words) -> Words:
    return _walked(numbers, n, key.words[1 : 1 + ROUNDS_OF_SMALL], tweaks)


def _large(numbers: Words, n: Words, key: PermutationKey, tweaks: Words) -> Words:
    return _walked(numbers, n, key.words[1 : 1 + ROUNDS], tweaks)


def _walked(numbers: Words, n: Words, words: Sequence[int], tweaks: Words) -> Words:
    """Permute numbers below a·b until they are below n."""
    columns = np.sqrt(n.astype(np.float64)).astype(np.uint64)
    columns += columns * columns < n
    rows = (n + columns - np.uint64(1)) // columns
    images = _network(numbers, columns, rows, words, tweaks)
    outside = np.flatnonzero(images >= n)
    while len(outside):
        images[outside] = _network(
            images[outside], _of(columns, outside), _of(rows, outside), words, _of(tweaks, outside)
        )
        outside = outside[images[outside] >= _of(n, outside)]
    return images


def _network(numbers: Words, columns: Words, rows: Words, words: Sequence[int], tweaks: Words) -> Words:
    """Return the image of each number below columns · rows; (m,) uint64."""
    row = numbers // columns
    column = numbers - row * columns
    hashes, other = np.empty_like(numbers), np.empty_like(numbers)
    for i, word in enumerate(words):
        read, changed, below = (row, column, columns) if i % 2 == 0 else (column, row, rows)
        _hash_below(below, read, word, i, tweaks, hashes, other)
        changed += hashes
        # Modulo `below`: where nothing is to be subtracted, the difference is a huge number.
        np.subtract(changed, below, out=other)
        np.minimum(changed, other, out=changed)
    return row * columns + column


def _shuffled(numbers: Words, n: Words, key: PermutationKey, tweaks: Words) -> Words:
    """Follow numbers through the exchanges of i and a random place up to i, for i from n - 1 down to 1."""
    places = numbers.copy()
    hashes, other = np.empty_like(numbers), np.empty_like(numbers)
    for i in range(int(n.max()) - 1, 0, -1):
        at = np.uint64(i)
        _hash_below(np.uint64(i + 1), np.full(1, at), key.words[1], i, tweaks, hashes, other)
        moved = np.where(places == at, hashes, np.where(places == hashes, at, places))
        places = np.where(at < n, moved, places)
    return places


def _hash_below(
    below: Words | np.uint64, read: Words, word: int, i: int, tweaks: Words, hashes: Words, other: Words
) -> None:
    """Write a number below `below` for each number that is read into `hashes`: 40 bits of a hash, times `below`.

    `below` has at most 24 bits, so that each number is as probable as any other to one in 65,536 or better.
    """
    round_keys = np.multiply(tweaks, np.uint64(2 * i + 1), out=other if len(tweaks) == len(other) else None)
    round_keys += np.uint64(word)
    np.add(read, round_keys, out=hashes)
    np.right_shift(hashes, np.uint64(32), out=other)
    np.bitwise_xor(hashes, other, out=hashes)
    np.multiply(hashes, np.uint64(_FIRST_MULTIPLIER), out=hashes)
    np.right_shift(hashes, np.uint64(29), out=other)
    np.bitwise_xor(hashes, other, out=hashes)
    np.multiply(hashes, np.uint64(_SECOND_MULTIPLIER), out=hashes)
    np.right_shift(hashes, np.uint64(24), out=hashes)
    np.multiply(hashes, below, out=hashes)
    np.right_shift(hashes, np.uint64(40), out=hashes)

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

# Constants are arrays without dimensions: for a NumPy function, to convert a number takes longer than its work on some
# hundred numbers.
_GOLDEN = np.array(0x9E3779B97F4A7C15, np.uint64)
_FIRST_MULTIPLIER = np.array(0xBF58476D1CE4E5B9, np.uint64)
_SECOND_MULTIPLIER = np.array(0x94D049BB133111EB, np.uint64)
_ODD = tuple(np.array(2 * i + 1, np.uint64) for i in range(TINY))
_24, _27, _29, _30, _31, _32, _40 = (np.array(bits, np.uint64) for bits in (24, 27, 29, 30, 31, 32, 40))


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

    @cached_property
    def rounds(self) -> tuple[Words, ...]:
        """The words for rounds, (ROUNDS_OF_SMALL,); each is () uint64."""
        return tuple(np.array(each, np.uint64) for each in self.words[1 : 1 + ROUNDS_OF_SMALL])

    def tweaks(self, epochs: Words, concepts: Words | None = None) -> Words:
        """Return a word for each epoch, and each concept if there are several.

        Parameters
        ----------
        epochs : (m,) uint64
            From 0.
        concepts : (m,) uint64
            From 0.
        """
        first = np.uint64(self.words[0])
        if concepts is None:
            return mixed(epochs * _GOLDEN + first)
        own = mixed(concepts * _GOLDEN + np.uint64(self.words[-1]))
        own += epochs * _GOLDEN + first
        return mixed(own)


def mixed(words: Words) -> Words:
    """Mix the bits of each word in place, and return the words: the finaliser of SplitMix64 (Steele and others, 2014).

    Parameters
    ----------
    words : (m,) uint64
        Changed.
    """
    words ^= words >> _30
    words *= _FIRST_MULTIPLIER
    words ^= words >> _27
    words *= _SECOND_MULTIPLIER
    words ^= words >> _31
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
    n, tweaks = _shared(n), _shared(tweaks)
    tiny, small = n <= TINY, n <= SMALL
    images = np.empty_like(numbers)
    for permute, chosen in ((_shuffled, tiny), (_small, small & ~tiny), (_large, ~small)):
        if chosen.all():
            return permute(numbers, n, key, tweaks)
        if chosen.any():
            at = np.flatnonzero(chosen)
            images[at] = permute(numbers[at], n[at], key, _of(tweaks, at))
    return images


def _shared(values: Words) -> Words:
    """Return the value that all numbers share as an array without dimensions, with which NumPy is faster."""
    return values.reshape(()) if len(values) == 1 else values


def _of(values: Words, at: NDArray[np.intp] | slice) -> Words:
    return values[at] if values.ndim else values


def _small(numbers: Words, n: Words, key: PermutationKey, tweaks: Words) -> Words:
    return _walked(numbers, n, key.rounds, tweaks)


def _large(numbers: Words, n: Words, key: PermutationKey, tweaks: Words) -> Words:
    return _walked(numbers, n, key.rounds[:ROUNDS], tweaks)


def _walked(numbers: Words, n: Words, rounds: Sequence[Words], tweaks: Words) -> Words:
    """Permute numbers below a·b until they are below n."""
    columns = np.asarray(np.sqrt(n.astype(np.float64)).astype(np.uint64))
    columns += columns * columns < n
    rows = np.asarray((n + columns - np.uint64(1)) // columns)
    images = _network(numbers, columns, rows, rounds, tweaks)
    outside = np.flatnonzero(images >= n)
    while len(outside):
        images[outside] = _network(
            images[outside], _of(columns, outside), _of(rows, outside), rounds, _of(tweaks, outside)
        )
        outside = outside[images[outside] >= _of(n, outside)]
    return images


def _network(numbers: Words, columns: Words, rows: Words, rounds: Sequence[Words], tweaks: Words) -> Words:
    """Return the image of each number below columns · rows; (m,) uint64."""
    images = np.empty_like(numbers)
    for i in range(0, len(numbers), CHUNK):
        part = slice(i, i + CHUNK)
        images[part] = _chunk(numbers[part], _of(columns, part), _of(rows, part), rounds, _of(tweaks, part))
    return images


def _chunk(numbers: Words, columns: Words, rows: Words, rounds: Sequence[Words], tweaks: Words) -> Words:
    row = numbers // columns
    column = numbers - row * columns
    hashes, other = np.empty_like(numbers), np.empty_like(numbers)
    for i, word in enumerate(rounds):
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
        at = np.array(i, np.uint64)
        _hash_below(np.array(i + 1, np.uint64), at, key.rounds[0], i, tweaks, hashes, other)
        moved = np.where(places == at, hashes, np.where(places == hashes, at, places))
        places = np.where(at < n, moved, places)
    return places


def _hash_below(below: Words, read: Words, word: Words, i: int, tweaks: Words, hashes: Words, other: Words) -> None:
    """Write a number below `below` for each number that is read into `hashes`: 40 bits of a hash, times `below`.

    `below` has at most 24 bits, so that each number is as probable as any other to one in 65,536 or better.
    """
    round_keys = other if tweaks.ndim else np.empty_like(tweaks)
    np.multiply(tweaks, _ODD[i], out=round_keys)
    np.add(round_keys, word, out=round_keys)
    np.add(read, round_keys, out=hashes)
    np.right_shift(hashes, _32, out=other)
    np.bitwise_xor(hashes, other, out=hashes)
    np.multiply(hashes, _FIRST_MULTIPLIER, out=hashes)
    np.right_shift(hashes, _29, out=other)
    np.bitwise_xor(hashes, other, out=hashes)
    np.multiply(hashes, _SECOND_MULTIPLIER, out=hashes)
    np.right_shift(hashes, _24, out=hashes)
    np.multiply(hashes, below, out=hashes)
    np.right_shift(hashes, _40, out=hashes)

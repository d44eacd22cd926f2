"""Random permutations as Python and NumPy make them, written out so that no release of either changes them.

Both draw from the Mersenne Twister MT19937. Python does not promise its shuffle. NumPy freezes its legacy generator,
``RandomState`` (NEP 19), but may drop it.
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TypeVar

_Item = TypeVar("_Item")

_WORDS, _MIDDLE = 624, 397
_WORD = 0xFFFFFFFF


def python_shuffled(items: Sequence[_Item], seed: int) -> list[_Item]:
    """Return the items as ``random.Random(seed).shuffle`` leaves them."""
    bits = Random(seed).getrandbits

    def below(n: int) -> int:
        return _first(lambda: bits(n.bit_length()), n - 1)

    return _swapped(items, lambda i: below(i + 1))


def numpy_permutation(n: int, seed: int) -> list[int]:
    """Return ``numpy.random.RandomState(seed).permutation(n)``, (n,)."""
    words = _words(seed)
    return _swapped(range(n), lambda i: _first(lambda: next(words) & ((1 << i.bit_length()) - 1), i))


def _swapped(items: Sequence[_Item], place: Callable[[int], int]) -> list[_Item]:
    """Return shuffled items: from the last to the second, each is swapped with the one at `place` of its position."""
    shuffled = list(items)
    for i in range(len(shuffled) - 1, 0, -1):
        j = place(i)
        shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
    return shuffled


def _first(draw: Callable[[], int], most: int) -> int:
    """Return the first number drawn that is not larger than `most`."""
    while (drawn := draw()) > most:
        pass
    return drawn


def _words(seed: int) -> Iterator[int]:
    """Yield the 32-bit words of MT19937, seeded with one word as its authors do (Matsumoto and Nishimura, 1998)."""
    state = [seed & _WORD]
    for i in range(1, _WORDS):
        state.append((1812433253 * (state[-1] ^ (state[-1] >> 30)) + i) & _WORD)
    while True:
        for i in range(_WORDS):
            mixed = (state[i] & 0x80000000) | (state[(i + 1) % _WORDS] & 0x7FFFFFFF)
            state[i] = state[(i + _MIDDLE) % _WORDS] ^ (mixed >> 1) ^ (0x9908B0DF if mixed & 1 else 0)
        yield from map(_tempered, tuple(state))


def _tempered(word: int) -> int:
    word ^= word >> 11
    word ^= (word << 7) & 0x9D2C5680
    word ^= (word << 15) & 0xEFC60000
    return word ^ (word >> 18)

"""The inner loops, compiled by numba. All release the GIL; none allocates more than a few rows.

Integers are written with their type throughout: numba, like C, would widen ``int32 * int32`` to 64 bits, and the
processor's 16-bit multiply-and-add would not be used.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
Ids: TypeAlias = NDArray[np.uint16 | np.int32]
Int: TypeAlias = int | np.int64

BIN_SHIFT = 19  # distances are below 2**31: 4,096 bins, each a cosine distance of 0.001
DIGIT = 11  # bits per pass of the radix sort: three passes for 31 bits


class Lists(NamedTuple):
    """The vectors, and for each its nearest neighbours, sorted by (distance, id)."""

    vectors: NDArray[np.int16]  # (n, d)
    squares: NDArray[np.int32]  # (n,) squared lengths
    near: Ids  # (n, h) the head of `ids`, apart: together these stay in the processor's cache
    ids: Ids  # (n, k)
    distances: NDArray[np.int32]  # (n, k)
    slots: NDArray[np.int32]  # (n,) the row of `deep` that continues the list, or -1
    deep: Ids  # (m, l) longer lists, of the few vectors whose list ran out
    wanted: NDArray[np.uint8]  # (n,) set where a longer list would have helped
    few: int  # so many unseen vectors are as soon measured as found in a longer list


class Walks(NamedTuple):
    """Walks of equal length, each where it stands now."""

    starts: NDArray[np.int64]  # (w,) rising
    at: NDArray[np.int64]  # (w,)
    totals: NDArray[np.int64]  # (w,) sum of the distances so far
    seen: NDArray[np.uint64]  # (w, words) one bit per vector


def compiled(function: Kernel) -> Kernel:
    """Compile on first use, and keep the machine code if there is a directory that can be written."""
    try:
        return cast(Kernel, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:
        # numba found nowhere to keep it, as in a container with a read-only file system.
        return cast(Kernel, numba.njit(nogil=True)(function))


def inlined(function: Kernel) -> Kernel:
    """Compile as part of each caller.

    A call counts references to its arrays, atomically; two threads calling this often would mostly wait for the
    one count of an array that they share.
    """
    return cast(Kernel, numba.njit(nogil=True, inline="always")(function))


@inlined
def squared_distance(vectors: NDArray[np.int16], squares: NDArray[np.int32], i: Int, j: Int) -> np.int32:
    """Return the exact squared distance of rows `i` and `j` as int32."""
    product = np.int32(0)
    for x in range(vectors.shape[1]):
        product = np.int32(product + np.int32(np.int32(vectors[i, x]) * np.int32(vectors[j, x])))
    return np.int32(squares[i] + squares[j] - 2 * np.int64(product))


@compiled
def sort_by_distance(
    ids: Ids, distances: NDArray[np.int32], spare_ids: Ids, spare: NDArray[np.int32], counts: NDArray[np.int64]
) -> None:
    """Sort in place by distance; stable, so equal distances stay in the order of the ids.

    A radix sort of three passes; `spare_ids` and `spare` are as long as the arrays, `counts` is ``2**DIGIT``.
    """
    for shift in (0, DIGIT, 2 * DIGIT):
        counts[:] = 0
        for c in range(distances.size):
            counts[(distances[c] >> shift) & (counts.size - 1)] += 1
        before = 0
        for digit in range(counts.size):
            count = counts[digit]
            counts[digit] = before
            before += count
        for c in range(distances.size):
            digit = (distances[c] >> shift) & (counts.size - 1)
            spare[counts[digit]] = distances[c]
            spare_ids[counts[digit]] = ids[c]
            counts[digit] += 1
        distances[:] = spare
        ids[:] = spare_ids


@compiled
def candidates_within(
    guesses: NDArray[np.int32], k: int, slack: int, counts: NDArray[np.int64], found: NDArray[np.int64]
) -> int:
    """Write the ids whose guessed distance can be one of the `k` smallest to `found`; return how many.

    `slack` is twice the largest error of a guess: the k-th smallest distance is at most one error above the
    k-th smallest guess, and the guess of anything nearer at most another above that.
    """
    counts[:] = 0
    for j in range(guesses.size):
        counts[guesses[j] >> BIN_SHIFT] += 1
    enough = 0
    edge = np.int64(0)
    while enough < k:
        enough += counts[edge]
        edge += 1
    limit = (edge << BIN_SHIFT) + slack
    size = 0
    for j in range(guesses.size):
        found[size] = j
        size += guesses[j] < limit
    return size


@compiled
def nearest(
    products: NDArray[np.float32],
    rows: NDArray[np.int64],
    vectors: NDArray[np.int16],
    squares: NDArray[np.int32],
    slack: int,
    ids: Ids,
    distances: NDArray[np.int32],
) -> None:
    """Fill `ids` and `distances`, both (m, k), with the k nearest of each of `rows`, by (distance, id).

    `products`, (m, n), are the dot products as float32 arithmetic gives them. They choose candidates only.
    """
    n = len(vectors)
    k = ids.shape[1]
    guesses = np.empty(n, dtype=np.int32)
    bins = np.empty(1 << (31 - BIN_SHIFT), dtype=np.int64)
    digits = np.empty(1 << DIGIT, dtype=np.int64)
    found = np.empty(n + 1, dtype=np.int64)
    near_ids = np.empty(n, dtype=ids.dtype)
    spare_ids = np.empty(n, dtype=ids.dtype)
    near = np.empty(n, dtype=np.int32)
    spare = np.empty(n, dtype=np.int32)
    for r in range(rows.size):
        i = rows[r]
        for j in range(n):
            guesses[j] = max(np.int32(0), np.int32(squares[i] + squares[j] - 2 * np.int32(products[r, j])))
        guesses[i] = np.int32(0x7FFFFFFF)  # nobody is their own neighbour
        size = candidates_within(guesses, k, slack, bins, found)
        for c in range(size):
            near_ids[c] = found[c]
            near[c] = squared_distance(vectors, squares, i, found[c])
        sort_by_distance(near_ids[:size], near[:size], spare_ids[:size], spare[:size], digits)
        ids[r] = near_ids[:k]
        distances[r] = near[:k]


@inlined
def is_seen(seen: NDArray[np.uint64], j: Int) -> np.uint64:
    """Return the bit of `j` as uint64."""
    return np.uint64((seen[j >> 6] >> np.uint64(j & 63)) & np.uint64(1))


@inlined
def mark_seen(seen: NDArray[np.uint64], j: Int) -> None:
    """Set the bit of `j`."""
    seen[j >> 6] |= np.uint64(1) << np.uint64(j & 63)


@compiled
def nearest_unseen(
    at: Int, seen: NDArray[np.uint64], vectors: NDArray[np.int16], squares: NDArray[np.int32]
) -> tuple[Int, Int, int]:
    """Look at everything unseen: return the nearest, its distance, and how many there were."""
    best = np.int64(-1)
    best_distance = np.int64(1) << 62
    looked = 0
    for word in range(seen.size):
        unseen = ~seen[word]
        j = np.int64(word) << 6
        while unseen and j < len(vectors):
            if unseen & np.uint64(1):
                looked += 1
                distance = np.int64(squared_distance(vectors, squares, at, j))
                # Ids rise, so that of equal distances the smaller id stays.
                if distance < best_distance:
                    best_distance = distance
                    best = j
            unseen >>= np.uint64(1)
            j += 1
    return best, best_distance, looked


@compiled
def beyond_list(at: Int, seen: NDArray[np.uint64], lists: Lists) -> tuple[Int, Int]:
    """Return the nearest unseen vector and its distance, when all in the list of `at` have been seen."""
    slot = lists.slots[at]
    if slot >= 0:
        for c in range(lists.ids.shape[1], lists.deep.shape[1]):
            j = np.int64(lists.deep[slot, c])
            if not is_seen(seen, j):
                return j, np.int64(squared_distance(lists.vectors, lists.squares, at, j))
    nearest_id, distance, looked = nearest_unseen(at, seen, lists.vectors, lists.squares)
    if slot < 0 and looked > lists.few:
        # Threads may write this at once; it is only ever set, and changes speed alone.
        lists.wanted[at] = 1
    return nearest_id, distance


@compiled
def advance(  # noqa: C901
    first: int, last: int, walks: Walks, lists: Lists, steps: int, trail: NDArray[np.int64], stop: NDArray[np.uint8]
) -> None:
    """Take `steps` steps in each of the walks `first` to `last`; returns early, half done, once `stop` is set.

    `trail`, (2, steps), is given the vectors reached and the distances; it is not written if it is (2, 0).
    All in one function, long as it is: see `inlined`, which does not help where a function returns from more
    than one place.
    """
    for w in range(first, last):
        at = walks.at[w]
        total = walks.totals[w]
        seen = walks.seen[w]
        for t in range(steps):
            found: Int = np.int64(-1)
            step: Int = np.int64(0)
            for c in range(lists.near.shape[1]):
                j = np.int64(lists.near[at, c])
                if not is_seen(seen, j):
                    found = j
                    step = np.int64(lists.distances[at, c])
                    break
            if found < 0:
                for c in range(lists.near.shape[1], lists.ids.shape[1]):
                    j = np.int64(lists.ids[at, c])
                    if not is_seen(seen, j):
                        found = j
                        step = np.int64(lists.distances[at, c])
                        break
            if found < 0:
                found, step = beyond_list(at, seen, lists)
            at = found
            total += step
            mark_seen(seen, at)
            if trail.shape[1]:
                trail[0, t] = at
                trail[1, t] = step
            if stop[0]:
                return
        walks.at[w] = at
        walks.totals[w] = total

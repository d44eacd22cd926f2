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
MOST = 2**31 - 1  # no distance is as large
LOOK = 8  # bounds looked at together: the bytes of a word
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)  # all its runs of six bits differ
PLACES = np.zeros(64, dtype=np.int64)  # of a lone bit that it is multiplied by, by the upmost six bits of the product
PLACES[[((int(DE_BRUIJN) << place) & (2**64 - 1)) >> 58 for place in range(64)]] = range(64)
ROUGHNESS = 1024  # more than float32 rounds off a sum of squared lengths and products, all below 2**32


class Lists(NamedTuple):
    """The vectors, and for each its nearest neighbours, sorted by (distance, id)."""

    vectors: NDArray[np.int16]  # (n, d)
    squares: NDArray[np.int32]  # (n,) squared lengths
    short: NDArray[np.int16]  # (n, s) projections, looked at first: they make lower bounds of distances
    error: int  # a squared distance is at least its bound less this
    near: Ids  # (n, h) the head of `ids`, apart: together these stay in the processor's cache
    distances: NDArray[np.int32]  # (n, h) of the head; the few that are needed beyond it are computed
    ids: Ids  # (n, k)
    lengths: NDArray[np.int32]  # (n,) so many of `ids` are neighbours; after them a row's own id stands
    slots: NDArray[np.int32]  # (n,) the row of `deep` that continues the list, or -1
    deep: Ids  # (m, l) longer lists, of the few vectors whose list ran out
    wanted: NDArray[np.uint8]  # (n,) set where a longer list would have helped
    names: NDArray[np.uint64]  # (n, 2) of which the marks of walks are made
    few: int  # so many unseen vectors are as soon measured as found in a longer list


class Walks(NamedTuple):
    """Walks of equal length, each where it stands now."""

    at: NDArray[np.int64]  # (w,)
    marks: NDArray[np.uint64]  # (w, 2) names the set seen: the exclusive or of the vectors' names
    totals: NDArray[np.int64]  # (w,) sum of the distances since the walks were last compared
    seen: NDArray[np.uint64]  # (w, words) one bit per vector


class Kept(NamedTuple):
    """What a block of rows keeps of all that it is offered: candidates for its nearest neighbours."""

    rows: NDArray[np.int64]  # (m,)
    sizes: NDArray[np.int64]  # (m,) how many candidates
    limits: NDArray[np.int64]  # (m,) whatever is as far is no candidate
    ids: NDArray[np.int32]  # (m, room)
    distances: NDArray[np.int32]  # (m, room)


class Space(NamedTuple):
    """The vectors."""

    vectors: NDArray[np.int16]  # (n, d)
    squares: NDArray[np.int32]  # (n,) squared lengths
    rough: NDArray[np.float32]  # (n,) squared lengths, rounded


class Scratch(NamedTuple):
    """Room for sorting a row's candidates."""

    bins: NDArray[np.int64]
    digits: NDArray[np.int64]
    spare_ids: NDArray[np.int32]
    spare: NDArray[np.int32]


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
def dot(vectors: NDArray[np.int16], i: Int, j: Int) -> np.int32:
    """Return the exact dot product of rows `i` and `j` as int32."""
    product = np.int32(0)
    for x in range(vectors.shape[1]):
        product = np.int32(product + np.int32(np.int32(vectors[i, x]) * np.int32(vectors[j, x])))
    return product


@inlined
def squared_distance(vectors: NDArray[np.int16], squares: NDArray[np.int32], i: Int, j: Int) -> np.int32:
    """Return the exact squared distance of rows `i` and `j` as int32."""
    return np.int32(squares[i] + squares[j] - 2 * np.int64(dot(vectors, i, j)))


@compiled
def new_scratch(room: int) -> Scratch:
    """Return scratch for rows of up to `room` candidates."""
    return Scratch(
        np.empty(1 << (31 - BIN_SHIFT), dtype=np.int64),
        np.empty(1 << DIGIT, dtype=np.int64),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
    )


@compiled
def sort_by_distance(
    ids: NDArray[np.int32],
    distances: NDArray[np.int32],
    spare_ids: NDArray[np.int32],
    spare: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> None:
    """Sort in place by distance; stable, so equal distances stay in the order they were in.

    A radix sort of three passes; `spare_ids` and `spare` are at least as long as the arrays, `counts` is
    ``2**DIGIT``.
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
        distances[:] = spare[: distances.size]
        ids[:] = spare_ids[: ids.size]


@compiled
def nearer_than(distances: NDArray[np.int32], k: int, bins: NDArray[np.int64]) -> Int:
    """Return a limit that the `k` smallest are below, if there are so many; `bins` is scratch."""
    if distances.size <= k:
        return MOST
    bins[:] = 0
    for c in range(distances.size):
        bins[distances[c] >> BIN_SHIFT] += 1
    enough = 0
    edge = np.int64(0)
    while enough < k:
        enough += bins[edge]
        edge += 1
    return min(edge << BIN_SHIFT, np.int64(MOST))


@compiled
def shrink(row: Int, k: int, kept: Kept, size: Int, scratch: Scratch) -> tuple[Int, Int]:
    """Forget what is not among the `k` nearest; return how many are left, and the limit for others."""
    ids, distances = kept.ids[row], kept.distances[row]
    limit = np.int64(nearer_than(distances[:size], k, scratch.bins))
    left = np.int64(0)
    for c in range(size):
        ids[left] = ids[c]
        distances[left] = distances[c]
        left += distances[c] < limit
    if left > ids.size // 2:
        # More of them are alike than a bin tells apart. What is offered later has a larger id, and loses a tie.
        sort_kept(row, kept, left, scratch)
        left = min(left, np.int64(k))
        limit = min(np.int64(distances[left - 1]), np.int64(MOST))
    return left, limit


@compiled
def sort_kept(row: Int, kept: Kept, size: Int, scratch: Scratch) -> None:
    """Sort the first `size` candidates of a row by (distance, id)."""
    ids, distances = kept.ids[row][:size], kept.distances[row][:size]
    # Ids rise where none has been sorted yet; where some have, they come first and need not.
    for c in range(1, size):
        if ids[c] < ids[c - 1]:
            sort_by_distance(distances, ids, scratch.spare, scratch.spare_ids, scratch.digits)
            break
    sort_by_distance(ids, distances, scratch.spare_ids, scratch.spare, scratch.digits)


@compiled
def offer(products: NDArray[np.float32], begin: int, k: int, space: Space, error: int, kept: Kept) -> None:
    """Offer the vectors from `begin` on to the kept rows, (m,), which keep those that may be among the k nearest.

    `products`, (m, columns), are dot products of projections, as float32 arithmetic gives them: they make lower bounds
    of the distances, less `error`, and whatever has a low one is measured.
    """
    scratch = new_scratch(kept.ids.shape[1])
    columns = products.shape[1]
    rough = space.rough[begin : begin + columns]
    flags = np.zeros((columns + LOOK - 1) // LOOK * LOOK, dtype=np.uint8)
    looks = flags.view(np.uint64)
    for r in range(len(products)):
        i = kept.rows[r]
        size, limit = kept.sizes[r], kept.limits[r]
        # First the bounds, so that the processor compares many at once; most looks then find no flag among theirs.
        low = np.float32(limit - space.squares[i] + error + ROUGHNESS)
        row = products[r]
        for x in range(row.size):
            flags[x] = rough[x] - np.float32(2.0) * row[x] < low
        for look in range(looks.size):
            if looks[look] == 0:
                continue
            for x in range(look * LOOK, min(look * LOOK + LOOK, columns)):
                j = begin + x
                if flags[x] and j != i:  # nobody is their own neighbour
                    distance = squared_distance(space.vectors, space.squares, i, j)
                    if distance < limit:
                        kept.ids[r, size] = j
                        kept.distances[r, size] = distance
                        size += 1
            if size > kept.ids.shape[1] - LOOK:
                size, limit = shrink(r, k, kept, size, scratch)
        kept.sizes[r], kept.limits[r] = size, limit


@compiled
def settle(kept: Kept, ids: Ids, distances: NDArray[np.int32]) -> None:
    """Write the nearest of each kept row to `ids`, (m, k), by (distance, id).

    `distances`, (m, h) with h at most k, is given the distances of the first h.
    """
    scratch = new_scratch(kept.ids.shape[1])
    k = ids.shape[1]
    for r in range(len(ids)):
        size, _ = shrink(r, k, kept, kept.sizes[r], scratch)
        sort_kept(r, kept, size, scratch)
        ids[r] = kept.ids[r, :k]
        distances[r] = kept.distances[r, : distances.shape[1]]


@compiled
def verify(
    first: int,
    last: int,
    space: Space,
    kept: Kept,
    ids: Ids,
    distances: NDArray[np.int32],
    lengths: NDArray[np.int32],
) -> None:
    """Write what is certain of proposed neighbours: those nearer than anything that was not proposed.

    `kept` holds the proposals, whose distances are not known yet; its limits are the distances below which each row's
    are complete. `lengths` is given how many of each row are certain; the rest of the row is filled with its own id.
    """
    scratch = new_scratch(kept.ids.shape[1])
    k = ids.shape[1]
    for r in range(first, last):
        size = kept.sizes[r]
        for c in range(size):
            kept.distances[r, c] = squared_distance(
                space.vectors, space.squares, kept.rows[r], np.int64(kept.ids[r, c])
            )
        sort_kept(r, kept, size, scratch)
        certain = 0
        for c in range(min(k, size)):
            if kept.distances[r, c] >= kept.limits[r]:
                break
            ids[r, c] = kept.ids[r, c]
            if c < distances.shape[1]:
                distances[r, c] = kept.distances[r, c]
            certain += 1
        lengths[r] = certain
        ids[r, certain:] = kept.rows[r]


@inlined
def is_seen(seen: NDArray[np.uint64], j: Int) -> np.uint64:
    """Return the bit of `j` as uint64."""
    return np.uint64((seen[j >> 6] >> np.uint64(j & 63)) & np.uint64(1))


@inlined
def mark_seen(seen: NDArray[np.uint64], j: Int) -> None:
    """Set the bit of `j`."""
    seen[j >> 6] |= np.uint64(1) << np.uint64(j & 63)


@compiled
def nearest_unseen(at: Int, seen: NDArray[np.uint64], lists: Lists) -> tuple[Int, Int, int]:
    """Look at everything unseen: return the nearest, its distance, and how many there were."""
    best = np.int64(-1)
    best_distance = np.int64(1) << 62
    looked = 0
    for word in range(seen.size):
        unseen = ~seen[word]
        while unseen:
            lone = unseen & (~unseen + np.uint64(1))
            unseen ^= lone
            j = (np.int64(word) << 6) + PLACES[(lone * DE_BRUIJN) >> np.uint64(58)]
            if j >= len(lists.vectors):
                break
            looked += 1
            bound = lists.squares[at] + np.int64(lists.squares[j]) - 2 * np.int64(dot(lists.short, at, j))
            if bound - lists.error < best_distance:
                distance = np.int64(squared_distance(lists.vectors, lists.squares, at, j))
                # Ids rise, so that of equal distances the smaller id stays.
                if distance < best_distance:
                    best_distance = distance
                    best = j
    return best, best_distance, looked


@compiled
def beyond_list(at: Int, seen: NDArray[np.uint64], lists: Lists) -> tuple[Int, Int]:
    """Return the nearest unseen vector and its distance, when all in the list of `at` have been seen."""
    slot = lists.slots[at]
    if slot >= 0:
        for c in range(lists.lengths[at], lists.deep.shape[1]):
            j = np.int64(lists.deep[slot, c])
            if not is_seen(seen, j):
                return j, np.int64(squared_distance(lists.vectors, lists.squares, at, j))
    nearest_id, distance, looked = nearest_unseen(at, seen, lists)
    if slot < 0 and looked > lists.few:
        # Threads may write this at once; it is only ever set, and changes speed alone.
        lists.wanted[at] = 1
    return nearest_id, distance


@compiled
def advance(  # noqa: C901
    first: int,
    last: int,
    walks: Walks,
    lists: Lists,
    steps: int,
    trail: NDArray[np.int64],
    stop: NDArray[np.uint8],
) -> None:
    """Take `steps` steps in each of the walks `first` to `last`; returns early, half done, once `stop` is set.

    `trail`, (2, steps), is given the vectors reached and the distances; it is not written if it is (2, 0). All in one
    function, long as it is: see `inlined`, which does not help where a function returns from more than one place.
    """
    for w in range(first, last):
        at = walks.at[w]
        total = walks.totals[w]
        mark, other_mark = walks.marks[w, 0], walks.marks[w, 1]
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
                        step = np.int64(squared_distance(lists.vectors, lists.squares, at, j))
                        break
            if found < 0:
                found, step = beyond_list(at, seen, lists)
            at = found
            total += step
            mark ^= lists.names[at, 0]
            other_mark ^= lists.names[at, 1]
            mark_seen(seen, at)
            if trail.shape[1]:
                trail[0, t] = at
                trail[1, t] = step
            if stop[0]:
                return
        walks.at[w] = at
        walks.totals[w] = total
        walks.marks[w, 0], walks.marks[w, 1] = mark, other_mark

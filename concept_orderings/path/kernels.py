"""The inner loops of the search, compiled by numba. All release the GIL; none allocates more than a few rows.

Each integer is written with its type. Otherwise numba, like C, would widen ``int32 * int32`` to 64 bits, and the
compiler would not use the processor's 16-bit multiply-and-add.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numba.core import event
from numpy.typing import NDArray

from concept_orderings.path.compiling import note_compiling

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
Ids: TypeAlias = NDArray[np.uint16 | np.int32]
Int: TypeAlias = int | np.int64

BIN_SHIFT = 19  # distances are below 2**31: 4,096 bins, each a cosine distance of 0.001
DIGIT_BITS = 11  # bits per pass of the radix sort: three passes for 31 bits
INFINITE_DISTANCE = 2**31 - 1  # larger than every distance
FLAGS_PER_WORD = 8  # flags of one byte that are tested together, as one 64-bit word
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)  # a De Bruijn sequence: all its runs of six bits differ
# Index of a single set bit by its De Bruijn hash: the upper six bits of the product of the bit and the sequence.
BIT_INDEX = np.zeros(64, dtype=np.int64)
BIT_INDEX[[((int(DE_BRUIJN) << index) & (2**64 - 1)) >> 58 for index in range(64)]] = range(64)
# Upper bound of the rounding error of a float32 sum of squared lengths and products, which are all below 2**32.
ROUNDING_ALLOWANCE = 1024


class NeighbourLists(NamedTuple):
    """The vectors, and for each vector a list of its nearest neighbours, sorted by (distance, id)."""

    vectors: NDArray[np.int16]  # (n, d)
    squares: NDArray[np.int32]  # (n,) squared lengths
    projections: NDArray[np.int16]  # (n, s) their dot products make lower bounds of distances; a scan reads them first
    error: int  # a squared distance is at least its bound minus this
    near: Ids  # (n, h) a copy of the first h of each row of `ids`, small enough for the processor's cache
    distances: NDArray[np.int32]  # (n, h) distances to `near`; distances beyond them are computed when needed
    ids: Ids  # (n, k)
    lengths: NDArray[np.int32]  # (n,) number of neighbours in each row of `ids`; the row's own id fills the rest
    deep_row: NDArray[np.int32]  # (n,) the row of `deep` with a longer list of the same vector, or -1
    deep: Ids  # (m, l) longer lists, for the few vectors whose list ran out
    wants_deep: NDArray[np.uint8]  # (n,) set where a longer list would have saved a scan
    hash_keys: NDArray[np.uint64]  # (n, 2) random 128-bit keys; see `Walks.hashes`
    scan_below: int  # with fewer unseen vectors than this, a scan is as fast as a longer list


class Walks(NamedTuple):
    """The current states of w walks that have taken equally many steps."""

    at: NDArray[np.int64]  # (w,) the vector at which each walk stands
    hashes: NDArray[np.uint64]  # (w, 2) Zobrist hash of the set of vectors seen: the exclusive or of their `hash_keys`
    totals: NDArray[np.int64]  # (w,) sum of the distances since the walks were last compared
    seen: NDArray[np.uint64]  # (w, words) one bit per vector: whether the walk has visited it


class Candidates(NamedTuple):
    """Candidates for the nearest neighbours of a block of m rows."""

    rows: NDArray[np.int64]  # (m,)
    sizes: NDArray[np.int64]  # (m,) number of candidates
    limits: NDArray[np.int64]  # (m,) only vectors nearer than this become candidates
    ids: NDArray[np.int32]  # (m, room)
    distances: NDArray[np.int32]  # (m, room)


class Space(NamedTuple):
    """The vectors and their squared lengths."""

    vectors: NDArray[np.int16]  # (n, d)
    squares: NDArray[np.int32]  # (n,) squared lengths
    rough_squares: NDArray[np.float32]  # (n,) squared lengths, rounded to float32


class Scratch(NamedTuple):
    """Buffers for sorting one row's candidates."""

    bins: NDArray[np.int64]
    digits: NDArray[np.int64]
    spare_ids: NDArray[np.int32]
    spare: NDArray[np.int32]


class CompilerListener(event.Listener):
    """Notes when a thread enters and leaves the compiler, for progress reports."""

    def on_start(self, event: event.Event) -> None:
        """Note that a thread enters the compiler, or waits for it."""
        note_compiling(begins=True)

    def on_end(self, event: event.Event) -> None:
        """Note that the thread has left the compiler."""
        note_compiling(begins=False)


# The compiler's lock is held while kernels are compiled, and while they are loaded from the cache on disk.
event.register("numba:compiler_lock", CompilerListener())  # type: ignore[no-untyped-call]


def compiled(function: Kernel) -> Kernel:
    """Compile a function on first use, and cache the machine code on disk if a directory can be written."""
    try:
        return cast(Kernel, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:
        # numba found no directory for its cache, as in a container with a read-only file system.
        return cast(Kernel, numba.njit(nogil=True)(function))


def inlined(function: Kernel) -> Kernel:
    """Compile a function as part of each of its callers.

    A call counts the references to its arrays with atomic operations. Threads that call a small function often would
    spend most of their time waiting for the reference count of an array that they share.
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
    """Return buffers for rows of up to `room` candidates."""
    return Scratch(
        np.empty(1 << (31 - BIN_SHIFT), dtype=np.int64),
        np.empty(1 << DIGIT_BITS, dtype=np.int64),
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
    """Sort ids and distances in place by distance; the sort is stable, so equal distances keep their order.

    This is a radix sort of three passes. `spare_ids` and `spare` are buffers at least as long as the arrays, `counts`
    is one of ``2**DIGIT_BITS`` numbers.
    """
    for shift in (0, DIGIT_BITS, 2 * DIGIT_BITS):
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
def exclusive_bound(distances: NDArray[np.int32], k: int, bins: NDArray[np.int64]) -> Int:
    """Return an upper bound of the k-th smallest distance, which is itself below the bound.

    With k distances or fewer it is `INFINITE_DISTANCE`. `bins` is a buffer.
    """
    if distances.size <= k:
        return INFINITE_DISTANCE
    bins[:] = 0
    for c in range(distances.size):
        bins[distances[c] >> BIN_SHIFT] += 1
    enough = 0
    edge = np.int64(0)
    while enough < k:
        enough += bins[edge]
        edge += 1
    return min(edge << BIN_SHIFT, np.int64(INFINITE_DISTANCE))


@compiled
def keep_nearest(row: Int, k: int, candidates: Candidates, size: Int, scratch: Scratch) -> tuple[Int, Int]:
    """Drop candidates of a row that are not among its `k` nearest.

    Returns
    -------
    left : int
        How many candidates remain: at least k, if there were k, and at most half of the row's room.
    limit : int
        Only vectors nearer than this may still be among the k nearest.
    """
    ids, distances = candidates.ids[row], candidates.distances[row]
    limit = np.int64(exclusive_bound(distances[:size], k, scratch.bins))
    left = np.int64(0)
    for c in range(size):
        ids[left] = ids[c]
        distances[left] = distances[c]
        left += distances[c] < limit
    if left > ids.size // 2:
        # Too many distances fall into one bin: sort them. Later candidates have larger ids, so they lose every tie.
        sort_candidates(row, candidates, left, scratch)
        left = min(left, np.int64(k))
        limit = min(np.int64(distances[left - 1]), np.int64(INFINITE_DISTANCE))
    return left, limit


@compiled
def sort_candidates(row: Int, candidates: Candidates, size: Int, scratch: Scratch) -> None:
    """Sort the first `size` candidates of a row by (distance, id)."""
    ids, distances = candidates.ids[row][:size], candidates.distances[row][:size]
    # Ids ascend unless an earlier call has sorted some of the candidates by distance.
    for c in range(1, size):
        if ids[c] < ids[c - 1]:
            sort_by_distance(distances, ids, scratch.spare, scratch.spare_ids, scratch.digits)
            break
    sort_by_distance(ids, distances, scratch.spare_ids, scratch.spare, scratch.digits)


@compiled
def offer(products: NDArray[np.float32], begin: int, k: int, space: Space, error: int, candidates: Candidates) -> None:
    """Add the vectors from `begin` on that may be among the k nearest of a row to that row's candidates.

    `products`, (m, columns), are float32 dot products of projections. They make lower bounds of the distances, within
    `error`. The exact distance is computed only where the bound is below the row's limit.
    """
    scratch = new_scratch(candidates.ids.shape[1])
    columns = products.shape[1]
    rough_squares = space.rough_squares[begin : begin + columns]
    flags = np.zeros((columns + FLAGS_PER_WORD - 1) // FLAGS_PER_WORD * FLAGS_PER_WORD, dtype=np.uint8)
    words = flags.view(np.uint64)
    for r in range(len(products)):
        i = candidates.rows[r]
        size, limit = candidates.sizes[r], candidates.limits[r]
        # All bounds first, so that the processor compares several at once. Most words then hold no flag.
        low = np.float32(limit - space.squares[i] + error + ROUNDING_ALLOWANCE)
        row = products[r]
        for x in range(row.size):
            flags[x] = rough_squares[x] - np.float32(2.0) * row[x] < low
        for word in range(words.size):
            if words[word] == 0:
                continue
            for x in range(word * FLAGS_PER_WORD, min(word * FLAGS_PER_WORD + FLAGS_PER_WORD, columns)):
                j = begin + x
                if flags[x] and j != i:  # a vector is not its own neighbour
                    distance = squared_distance(space.vectors, space.squares, i, j)
                    if distance < limit:
                        candidates.ids[r, size] = j
                        candidates.distances[r, size] = distance
                        size += 1
            if size > candidates.ids.shape[1] - FLAGS_PER_WORD:
                size, limit = keep_nearest(r, k, candidates, size, scratch)
        candidates.sizes[r], candidates.limits[r] = size, limit


@compiled
def write_nearest(candidates: Candidates, ids: Ids, distances: NDArray[np.int32]) -> None:
    """Write the k nearest candidates of each row to `ids`, (m, k), sorted by (distance, id).

    The distances of the first h are written to `distances`, (m, h); h is at most k.
    """
    scratch = new_scratch(candidates.ids.shape[1])
    k = ids.shape[1]
    for r in range(len(ids)):
        size, _ = keep_nearest(r, k, candidates, candidates.sizes[r], scratch)
        sort_candidates(r, candidates, size, scratch)
        ids[r] = candidates.ids[r, :k]
        distances[r] = candidates.distances[r, : distances.shape[1]]


@compiled
def verify(
    first: int,
    last: int,
    space: Space,
    candidates: Candidates,
    ids: Ids,
    distances: NDArray[np.int32],
    lengths: NDArray[np.int32],
) -> None:
    """Write the proposed neighbours that are certain: those nearer than every vector that was not proposed.

    Rows `first` to `last` are verified. `candidates` holds the proposals, whose distances are computed here. Its limits
    are lower bounds of the distances to all other vectors. The number of certain neighbours is written to `lengths`,
    (m,); the rest of a row of `ids`, (m, k), is filled with the row's own id.
    """
    scratch = new_scratch(candidates.ids.shape[1])
    k = ids.shape[1]
    for r in range(first, last):
        size = candidates.sizes[r]
        for c in range(size):
            candidates.distances[r, c] = squared_distance(
                space.vectors, space.squares, candidates.rows[r], np.int64(candidates.ids[r, c])
            )
        sort_candidates(r, candidates, size, scratch)
        certain = 0
        for c in range(min(k, size)):
            if candidates.distances[r, c] >= candidates.limits[r]:
                break
            ids[r, c] = candidates.ids[r, c]
            if c < distances.shape[1]:
                distances[r, c] = candidates.distances[r, c]
            certain += 1
        lengths[r] = certain
        ids[r, certain:] = candidates.rows[r]


@inlined
def is_seen(seen: NDArray[np.uint64], j: Int) -> np.uint64:
    """Return 1 if vector `j` has been seen, else 0, as uint64."""
    return np.uint64((seen[j >> 6] >> np.uint64(j & 63)) & np.uint64(1))


@inlined
def mark_seen(seen: NDArray[np.uint64], j: Int) -> None:
    """Mark vector `j` as seen."""
    seen[j >> 6] |= np.uint64(1) << np.uint64(j & 63)


@compiled
def nearest_unseen(at: Int, seen: NDArray[np.uint64], lists: NeighbourLists) -> tuple[Int, Int, int]:
    """Scan all unseen vectors; return the one nearest to `at`, its distance, and how many were scanned."""
    best = np.int64(-1)
    best_distance = np.int64(1) << 62
    scanned = 0
    for word in range(seen.size):
        unseen = ~seen[word]
        while unseen:
            lone = unseen & (~unseen + np.uint64(1))
            unseen ^= lone
            j = (np.int64(word) << 6) + BIT_INDEX[(lone * DE_BRUIJN) >> np.uint64(58)]
            if j >= len(lists.vectors):
                break
            scanned += 1
            bound = lists.squares[at] + np.int64(lists.squares[j]) - 2 * np.int64(dot(lists.projections, at, j))
            if bound - lists.error < best_distance:
                distance = np.int64(squared_distance(lists.vectors, lists.squares, at, j))
                # Ids ascend, so the smaller id wins a tie.
                if distance < best_distance:
                    best_distance = distance
                    best = j
    return best, best_distance, scanned


@compiled
def nearest_beyond_list(at: Int, seen: NDArray[np.uint64], lists: NeighbourLists) -> tuple[Int, Int]:
    """Return the nearest unseen vector and its distance, once all vectors in the list of `at` have been seen."""
    deep_row = lists.deep_row[at]
    if deep_row >= 0:
        for c in range(lists.lengths[at], lists.deep.shape[1]):
            j = np.int64(lists.deep[deep_row, c])
            if not is_seen(seen, j):
                return j, np.int64(squared_distance(lists.vectors, lists.squares, at, j))
    nearest_id, distance, scanned = nearest_unseen(at, seen, lists)
    if deep_row < 0 and scanned > lists.scan_below:
        # Several threads may write this at once. They all write 1, and it changes only the speed.
        lists.wants_deep[at] = 1
    return nearest_id, distance


@compiled
def advance(  # noqa: C901
    first: int,
    last: int,
    walks: Walks,
    lists: NeighbourLists,
    steps: int,
    trail: NDArray[np.int64],
    stop: NDArray[np.uint8],
) -> None:
    """Take `steps` steps in each of the walks `first` to `last`; return in the middle of a walk once `stop` is set.

    The vectors reached and the distances are written to `trail`, (2, steps), unless its shape is (2, 0). This is one
    long function because calls are slow here (see `inlined`), and numba cannot inline a function with several returns.
    """
    for w in range(first, last):
        at = walks.at[w]
        total = walks.totals[w]
        hash_0, hash_1 = walks.hashes[w, 0], walks.hashes[w, 1]
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
                found, step = nearest_beyond_list(at, seen, lists)
            at = found
            total += step
            hash_0 ^= lists.hash_keys[at, 0]
            hash_1 ^= lists.hash_keys[at, 1]
            mark_seen(seen, at)
            if trail.shape[1]:
                trail[0, t] = at
                trail[1, t] = step
            if stop[0]:
                return
        walks.at[w] = at
        walks.totals[w] = total
        walks.hashes[w, 0], walks.hashes[w, 1] = hash_0, hash_1

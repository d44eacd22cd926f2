"""The inner loops of the local search: 3-opt moves over neighbour lists, and kicks that are undone unless they help.

The tour is an array of vertices and the position of each in it. Every change is a sequence of reversals, as in
Bentley's "Fast Algorithms for Geometric Traveling Salesman Problems" (1992), and is undone by the same reversals in
opposite order. A path becomes a tour by one more vertex, the gap, whose distance to all others is 0.

The functions are compiled where numba is installed. Without it they run as Python, with the same results.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from concept_orderings.path.kernels import Int, compiled, inlined, squared_distance
else:
    try:
        from concept_orderings.path.kernels import Int, compiled, inlined, squared_distance
    except ImportError:
        Int = int

        def compiled(function):
            """Return the function as it is, for Python to run."""
            return function

        inlined = compiled

        def squared_distance(vectors, squares, i, j):
            """Return the exact squared distance of rows `i` and `j`."""
            product = int(np.dot(vectors[i].astype(np.int64), vectors[j].astype(np.int64)))
            return int(squares[i]) + int(squares[j]) - 2 * product


# Indices of `Tour.state`.
HEAD = 0  # index of the first vertex in the queue
QUEUED = 1  # number of vertices in the queue
LOGGED = 2  # number of reversals in the log
RANDOM = 3  # state of the random number generator, 32 bits, not 0
TOTAL = 4  # length of the tour
SEARCHES = 5  # number of calls of `find_move`, over all rounds
KICKS_TRIED = 6  # number of kicks, over all rounds
STATE_SIZE = 7

FORBIDDEN = 1 << 60  # a length too large for any move: gains are sums of at most three distances, each below 2**31
FLIPS = 3  # the largest number of flips in a move


class Tour(NamedTuple):
    """A tour through N = n + 1 vertices, the n vectors and the gap (vertex n), with the buffers of the search."""

    vectors: NDArray[np.int16]  # (n, d)
    squares: NDArray[np.int32]  # (n,) squared lengths
    near: NDArray[np.int32]  # (N, 1 + k): the gap, then the k nearest vertices; the row of the gap is not used
    distances: NDArray[np.int32]  # (N, 1 + k) distances to `near`, ascending along each row
    order: NDArray[np.int32]  # (N,) vertices along the tour
    position: NDArray[np.int32]  # (N,) index of each vertex in `order`
    links: NDArray[np.int32]  # (N, 2) the two neighbours of each vertex on the tour, in either order
    lengths: NDArray[np.int32]  # (N, 2) lengths of the edges to them
    queue: NDArray[np.int32]  # (N,) ring buffer of the vertices to search from: those whose don't-look bit is off
    queued: NDArray[np.uint8]  # (N,) 1 if the vertex is in the queue
    stamps: NDArray[np.int64]  # (N,) number of the last search for which `closing_lengths` is valid
    closing_lengths: NDArray[np.int64]  # (N,) distance to the vertex from which the search starts
    log: NDArray[np.int32]  # (l, 4) reversals: first position, number of positions, lengths of the two edges removed
    state: NDArray[np.int64]  # (STATE_SIZE,)


@compiled
def measured(vectors: NDArray[np.int16], squares: NDArray[np.int32], a: Int, b: Int) -> Int:
    """Return the exact squared distance of two vertices; that of the gap to any vertex is 0."""
    if a == len(vectors) or b == len(vectors):
        return np.int64(0)
    return np.int64(squared_distance(vectors, squares, a, b))


@inlined
def distance(tour: Tour, a: Int, b: Int) -> Int:
    """Return the exact squared distance of two vertices of a tour."""
    return measured(tour.vectors, tour.squares, a, b)


@compiled
def draw(tour: Tour, bound: Int) -> Int:
    """Draw a number from 0 to `bound` - 1 with Marsaglia's xorshift generator (2003); `bound` is below 2**31."""
    x = tour.state[RANDOM]
    x ^= (x << 13) & 0xFFFFFFFF
    x ^= x >> 17
    x ^= (x << 5) & 0xFFFFFFFF
    tour.state[RANDOM] = x
    number: Int = (x * bound) >> 32
    return number


@inlined
def wrapped(position: Int, size: Int) -> Int:
    """Return a position modulo `size`; it must lie from -`size` to 2 `size` - 1."""
    return position + size if position < 0 else (position - size if position >= size else position)


@inlined
def push(tour: Tour, vertex: Int) -> None:
    """Turn off the don't-look bit of a vertex: append it to the queue, unless it is there already or is the gap."""
    if not tour.queued[vertex] and vertex < len(tour.vectors):
        tour.queued[vertex] = 1
        tour.queue[wrapped(tour.state[HEAD] + tour.state[QUEUED], len(tour.queue))] = vertex
        tour.state[QUEUED] += 1


@inlined
def pop(tour: Tour) -> Int:
    """Take the first vertex from the queue, turn on its don't-look bit, and return it."""
    vertex = np.int64(tour.queue[tour.state[HEAD]])
    tour.state[HEAD] = wrapped(tour.state[HEAD] + 1, len(tour.queue))
    tour.state[QUEUED] -= 1
    tour.queued[vertex] = 0
    return vertex


@inlined
def length_of(tour: Tour, a: Int, b: Int) -> Int:
    """Return the length of the tour's edge from `a` to `b`."""
    return np.int64(tour.lengths[a, 0 if tour.links[a, 0] == b else 1])


@inlined
def relink(tour: Tour, vertex: Int, old: Int, new: Int, length: Int) -> None:
    """Replace the edge from `vertex` to `old` by one to `new`, of length `length`."""
    side = 0 if tour.links[vertex, 0] == old else 1
    tour.links[vertex, side] = new
    tour.lengths[vertex, side] = length


@inlined
def reverse(tour: Tour, first: Int, length: Int, outer: Int, inner: Int) -> None:
    """Reverse the vertices at `length` positions from `first` on, and log it.

    `length` is at least 2 and less than the number of vertices. Two edges are new: `outer` is the length of the one
    from the vertex before the segment to its last vertex, `inner` that of the one from its first vertex to the vertex
    after the segment.
    """
    size = len(tour.order)
    i = first
    j = wrapped(first + length - 1, size)
    a = tour.order[wrapped(i - 1, size)]
    b = tour.order[i]
    c = tour.order[j]
    d = tour.order[wrapped(j + 1, size)]
    a_b = length_of(tour, a, b)
    c_d = length_of(tour, d, c)
    tour.state[TOTAL] += outer + inner - a_b - c_d
    logged = tour.state[LOGGED]
    tour.log[logged, 0] = first
    tour.log[logged, 1] = length
    tour.log[logged, 2] = a_b
    tour.log[logged, 3] = c_d
    tour.state[LOGGED] = logged + 1
    relink(tour, a, b, c, outer)
    relink(tour, b, a, d, inner)
    relink(tour, c, d, a, outer)
    relink(tour, d, c, b, inner)
    for _ in range(length >> 1):
        u = tour.order[i]
        v = tour.order[j]
        tour.order[i] = v
        tour.position[v] = i
        tour.order[j] = u
        tour.position[u] = j
        i = wrapped(i + 1, size)
        j = wrapped(j - 1, size)


@inlined
def reverse_at(tour: Tour, first: Int, length: Int) -> None:
    """Measure the two new edges, and reverse a segment as `reverse` does."""
    size = len(tour.order)
    before = tour.order[wrapped(first - 1, size)]
    behind = tour.order[wrapped(first + length, size)]
    end = tour.order[wrapped(first + length - 1, size)]
    outer = distance(tour, before, end)
    inner = distance(tour, tour.order[first], behind)
    reverse(tour, first, length, outer, inner)


@compiled
def undo(tour: Tour) -> None:
    """Undo all reversals in the log, the last one first, and empty the log."""
    for entry in range(tour.state[LOGGED] - 1, -1, -1):
        first, length = np.int64(tour.log[entry, 0]), np.int64(tour.log[entry, 1])
        outer, inner = np.int64(tour.log[entry, 2]), np.int64(tour.log[entry, 3])
        tour.state[LOGGED] = entry
        reverse(tour, first, length, outer, inner)
    tour.state[LOGGED] = 0


@compiled
def flip(tour: Tour, a: Int, b: Int, c: Int, d: Int) -> None:
    """Make a 2-opt move: replace the edges a-b and c-d by a-c and b-d.

    The tour passes a, b, c and d in this order, in one of its two directions. The shorter of the segments b to c and d
    to a is reversed. Nothing changes if b is c, or d is a.
    """
    size = len(tour.order)
    if tour.order[wrapped(tour.position[a] + 1, size)] == b:
        first, last, other = b, c, d
    else:
        first, last, other = c, b, a
    length = wrapped(tour.position[last] - tour.position[first], size) + 1
    if 2 * length > size:
        first = other
        length = size - length
    if length > 1:
        reverse_at(tour, np.int64(tour.position[first]), length)


@inlined
def measure_closing_edges(tour: Tour, base: Int, search: Int) -> None:
    """Write the distances of the neighbours of `base` to `closing_lengths`, and forbid its present edges."""
    for c in range(tour.near.shape[1]):
        vertex = tour.near[base, c]
        tour.stamps[vertex] = search
        tour.closing_lengths[vertex] = tour.distances[base, c]
    for side in range(2):
        vertex = tour.links[base, side]
        tour.stamps[vertex] = search
        tour.closing_lengths[vertex] = FORBIDDEN
    tour.stamps[base] = search
    tour.closing_lengths[base] = FORBIDDEN


@inlined
def rank(tour: Tour, vertex: Int, start: Int, forward: bool) -> Int:
    """Return the number of edges from position `start` to a vertex, going forward or backward along the tour."""
    steps = tour.position[vertex] - start if forward else start - tour.position[vertex]
    return wrapped(np.int64(steps), len(tour.order))


@compiled
def find_move(tour: Tour, t1: Int) -> tuple[int, Int, Int, Int, Int, Int]:  # noqa: C901, PLR0912
    """Find a move that removes an edge of `t1` and makes the tour shorter: 2-opt, Or-opt, or another 3-opt move.

    As in Lin and Kernighan (1973), edges are removed and added in turns: t1-t2 and t2-t3, t3-t4 and t4-t5, t5-t6 and
    t6-t1. The gain stays above 0 after each step, which excludes no move: every move that helps has an edge to begin
    with for which this holds. All new edges except the last lead to near neighbours. The last one is measured only if
    it can be short enough: vertices that are not among the neighbours of t1 are at least as far as the last of those.

    The gap has no neighbours, which excludes no move either: a move that would leave it by a new edge enters it by one
    when its edges are taken in the opposite direction. This is one long function because a call would cost more than
    the work between two calls.

    Returns
    -------
    edges : int
        Number of edges that the move replaces, 2 or 3; 0 if no move was found.
    t2, t3, t4, t5, t6 : int
        The vertices in the order above; t5 and t6 have no meaning if `edges` is 2.
    """
    tour.state[SEARCHES] += 1
    search = tour.state[SEARCHES]
    measure_closing_edges(tour, t1, search)
    breadth = tour.near.shape[1]
    radius = np.int64(tour.distances[t1, breadth - 1])
    gap = len(tour.vectors)
    for side_2 in range(2):
        t2 = np.int64(tour.links[t1, side_2])
        gain_1 = np.int64(tour.lengths[t1, side_2])
        start = np.int64(tour.position[t2])
        forward = tour.order[wrapped(np.int64(tour.position[t1]) + 1, len(tour.order))] == t2
        for c_3 in range(breadth):
            gain_2 = gain_1 - tour.distances[t2, c_3]
            if gain_2 <= 0:
                break
            t3 = np.int64(tour.near[t2, c_3])
            if t3 == tour.links[t2, 0] or t3 == tour.links[t2, 1]:
                continue
            for side_4 in range(2):
                t4 = np.int64(tour.links[t3, side_4])
                gain_3 = gain_2 + tour.lengths[t3, side_4]
                known = tour.stamps[t4] == search
                if gain_3 > (tour.closing_lengths[t4] if known else radius):
                    # Valid only if the result is one tour, and not two.
                    valid = rank(tour, t4, start, forward) < rank(tour, t3, start, forward)
                    if valid and (known or gain_3 > distance(tour, t4, t1)):
                        return 2, t2, t3, t4, t4, t4
                if t4 == gap:
                    continue
                for c_5 in range(breadth):
                    gain_4 = gain_3 - tour.distances[t4, c_5]
                    if gain_4 <= 0:
                        break
                    t5 = np.int64(tour.near[t4, c_5])
                    if t5 == tour.links[t4, 0] or t5 == tour.links[t4, 1]:
                        continue
                    for side_6 in range(2):
                        t6 = np.int64(tour.links[t5, side_6])
                        gain_5 = gain_4 + tour.lengths[t5, side_6]
                        known = tour.stamps[t6] == search
                        if gain_5 <= (tour.closing_lengths[t6] if known else radius):
                            continue
                        rank_3 = rank(tour, t3, start, forward)
                        rank_4 = rank(tour, t4, start, forward)
                        rank_5 = rank(tour, t5, start, forward)
                        rank_6 = rank(tour, t6, start, forward)
                        if rank_3 < rank_5:
                            valid = rank_4 < rank_3 and rank_6 < rank_5
                        else:
                            valid = rank_3 < rank_4 or rank_5 < rank_6
                        if valid and (known or gain_5 > distance(tour, t6, t1)):
                            return 3, t2, t3, t4, t5, t6
    return 0, t1, t1, t1, t1, t1


@compiled
def improve(tour: Tour, t1: Int) -> bool:
    """Make a move from `t1` and turn off the don't-look bits of its vertices; return False if there is none."""
    edges, t2, t3, t4, t5, t6 = find_move(tour, t1)
    if edges == 0:
        return False
    for vertex in (t1, t2, t3, t4, t5, t6):
        push(tour, vertex)
    size = len(tour.order)
    start = np.int64(tour.position[t2])
    forward = tour.order[wrapped(np.int64(tour.position[t1]) + 1, size)] == t2
    rank_3 = rank(tour, t3, start, forward)
    rank_5 = rank(tour, t5, start, forward)
    if rank(tour, t4, start, forward) < rank_3:
        flip(tour, t1, t2, t4, t3)
        if edges == 3:
            flip(tour, t1, t4, t6, t5)
    elif rank(tour, t6, start, forward) < rank_5:
        flip(tour, t1, t2, t6, t5)
        flip(tour, t2, t5, t3, t4)
    else:
        # The segments t2 to t5, t6 to t3 and t4 to t1 make up the tour. Swapping any two of them gives the same tour.
        first, second, third = rank_5 + 1, rank_3 - rank_5, size - rank_3 - 1
        if third >= max(first, second):
            swap(tour, t1, t2, t5, t6, t3, t4)
        elif first >= second:
            swap(tour, t5, t6, t3, t4, t1, t2)
        else:
            swap(tour, t3, t4, t1, t2, t5, t6)
    return True


@compiled
def swap(tour: Tour, before: Int, a: Int, b: Int, c: Int, d: Int, behind: Int) -> None:
    """Swap the adjacent segments a to b and c to d, between `before` and `behind`: an Or-opt move if one is short."""
    flip(tour, before, a, b, c)
    flip(tour, a, c, d, behind)
    flip(tour, before, b, c, behind)


@compiled
def queue_all(tour: Tour) -> None:
    """Turn off the don't-look bits of all vertices, in the order of the tour."""
    for position in range(len(tour.order)):
        push(tour, tour.order[position])


@compiled
def descend(tour: Tour, stop: NDArray[np.uint8]) -> None:
    """Make moves until the queue is empty; return early, between two moves, once `stop` is set."""
    while tour.state[QUEUED] and not stop[0]:
        tour.state[LOGGED] = 0
        improve(tour, pop(tour))


@compiled
def kick(tour: Tour, longest: Int) -> None:
    """Put three adjacent segments, each of 1 to `longest` vertices, into opposite order without reversing any of them.

    This is the double bridge of Martin, Otto and Felten (1991), which no 3-opt move undoes. Segments are kept short, as
    in Johnson and McGeoch (1997).
    """
    size = len(tour.order)
    start = draw(tour, size)
    bound = min(longest, (size - 1) // 3)
    first = 1 + draw(tour, bound)
    second = 1 + draw(tour, bound)
    third = 1 + draw(tour, bound)
    reverse_at(tour, start, first + second + third)
    for length in (first, second, third):
        if length > 1:
            reverse_at(tour, start, length)
        push(tour, tour.order[wrapped(start - 1, size)])
        push(tour, tour.order[start])
        start = wrapped(start + length, size)
    push(tour, tour.order[wrapped(start - 1, size)])
    push(tour, tour.order[start])


@compiled
def perturb(tour: Tour, kicks: Int, longest: Int, stop: NDArray[np.uint8]) -> None:
    """Kick, make moves, and undo both unless the tour is shorter; repeat until `kicks` have been tried over all rounds.

    Return early, between two kicks, once `stop` is set.
    """
    while tour.state[KICKS_TRIED] < kicks and not stop[0]:
        tour.state[LOGGED] = 0
        before = tour.state[TOTAL]
        kick(tour, longest)
        # When the log is full, the vertices left in the queue wait until after the next kick.
        while tour.state[QUEUED] and tour.state[LOGGED] + FLIPS <= len(tour.log):
            improve(tour, pop(tour))
        if tour.state[TOTAL] >= before:
            undo(tour)
        tour.state[KICKS_TRIED] += 1

"""The inner loops of the local search: 3-opt moves over neighbour lists, and kicks that are undone unless they help.

The tour is an array of vertices with the position of each, and every change of it is a sequence of reversals, as in
Bentley's "Fast Algorithms for Geometric Traveling Salesman Problems" (1992): it is undone by the same reversals, last
first. A path becomes a tour through one more vertex, the gap, which is at distance 0 from all.

Compiled where numba is installed; the same functions run without it, and find the same.
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
            """Leave it to Python."""
            return function

        inlined = compiled

        def squared_distance(vectors, squares, i, j):
            """Return the exact squared distance of rows `i` and `j`."""
            product = int(np.dot(vectors[i].astype(np.int64), vectors[j].astype(np.int64)))
            return int(squares[i]) + int(squares[j]) - 2 * product


# Places in `Tour.state`.
HEAD = 0  # where the queue begins
QUEUED = 1  # how many vertices are in it
LOGGED = 2  # how many reversals are in the log
RANDOM = 3  # state of the random numbers, of 32 bits and not 0
TOTAL = 4  # length of the tour
LOOK = 5  # how many vertices have been looked at, over all rounds
KICKS = 6  # how many kicks have been tried, over all rounds
STATE = 7

FORBIDDEN = 1 << 60  # an edge as long is never added: gains are sums of at most three distances, each below 2**31
FLIPS = 3  # that a move takes at most


class Tour(NamedTuple):
    """A tour through n vectors and the gap, which is vertex n, and room for the search; N is n + 1."""

    vectors: NDArray[np.int16]  # (n, d)
    squares: NDArray[np.int32]  # (n,) squared lengths
    near: NDArray[np.int32]  # (N, 1 + k): the gap, and the k nearest vertices; the gap's own row is not used
    distances: NDArray[np.int32]  # (N, 1 + k) of those, rising along each row
    order: NDArray[np.int32]  # (N,) vertices along the tour
    position: NDArray[np.int32]  # (N,) of each vertex in `order`
    links: NDArray[np.int32]  # (N, 2) the vertices before and behind each, in either order
    lengths: NDArray[np.int32]  # (N, 2) of the edges to those
    queue: NDArray[np.int32]  # (N,) ring of the vertices to look at: those whose don't-look bit is off
    queued: NDArray[np.uint8]  # (N,) 1 if it is in the ring
    looked: NDArray[np.int64]  # (N,) the last look for which `closing` holds
    closing: NDArray[np.int64]  # (N,) distance to the vertex that is looked at
    log: NDArray[np.int32]  # (l, 4) reversals: first position, length, and the lengths of the edges removed
    state: NDArray[np.int64]  # (STATE,)


@compiled
def measured(vectors: NDArray[np.int16], squares: NDArray[np.int32], a: Int, b: Int) -> Int:
    """Return the exact distance of two vertices."""
    if a == len(vectors) or b == len(vectors):
        return np.int64(0)
    return np.int64(squared_distance(vectors, squares, a, b))


@inlined
def distance(tour: Tour, a: Int, b: Int) -> Int:
    """Return the exact distance of two vertices."""
    return measured(tour.vectors, tour.squares, a, b)


@compiled
def draw(tour: Tour, bound: Int) -> Int:
    """Return a random number from 0 to `bound` - 1, by Marsaglia's xorshift (2003); `bound` is below 2**31."""
    x = tour.state[RANDOM]
    x ^= (x << 13) & 0xFFFFFFFF
    x ^= x >> 17
    x ^= (x << 5) & 0xFFFFFFFF
    tour.state[RANDOM] = x
    number: Int = (x * bound) >> 32
    return number


@inlined
def wrapped(position: Int, size: Int) -> Int:
    """Return a position from -`size` to 2 `size` - 1 as one from 0 to `size` - 1."""
    return position + size if position < 0 else (position - size if position >= size else position)


@inlined
def push(tour: Tour, vertex: Int) -> None:
    """Turn off the don't-look bit of a vertex."""
    if not tour.queued[vertex] and vertex < len(tour.vectors):
        tour.queued[vertex] = 1
        tour.queue[wrapped(tour.state[HEAD] + tour.state[QUEUED], len(tour.queue))] = vertex
        tour.state[QUEUED] += 1


@inlined
def pop(tour: Tour) -> Int:
    """Return the vertex that has waited longest, and turn its don't-look bit on."""
    vertex = np.int64(tour.queue[tour.state[HEAD]])
    tour.state[HEAD] = wrapped(tour.state[HEAD] + 1, len(tour.queue))
    tour.state[QUEUED] -= 1
    tour.queued[vertex] = 0
    return vertex


@inlined
def length_of(tour: Tour, a: Int, b: Int) -> Int:
    """Return the length of an edge of the tour."""
    return np.int64(tour.lengths[a, 0 if tour.links[a, 0] == b else 1])


@inlined
def relink(tour: Tour, vertex: Int, old: Int, new: Int, length: Int) -> None:
    """Put the edge to `new` in place of the one to `old`."""
    side = 0 if tour.links[vertex, 0] == old else 1
    tour.links[vertex, side] = new
    tour.lengths[vertex, side] = length


@inlined
def reverse(tour: Tour, first: Int, length: Int, outer: Int, inner: Int) -> None:
    """Reverse the vertices at `length` positions from `first` on, and log it; 2 positions or more, and not all.

    Two edges are new: `outer` is the length of the one from the vertex before them to the last of them, `inner` that
    of the one from the first of them to the vertex behind.
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
    """Reverse as `reverse` does, and measure the new edges."""
    size = len(tour.order)
    before = tour.order[wrapped(first - 1, size)]
    behind = tour.order[wrapped(first + length, size)]
    end = tour.order[wrapped(first + length - 1, size)]
    outer = distance(tour, before, end)
    inner = distance(tour, tour.order[first], behind)
    reverse(tour, first, length, outer, inner)


@compiled
def undo(tour: Tour) -> None:
    """Undo all that is in the log."""
    for entry in range(tour.state[LOGGED] - 1, -1, -1):
        first, length = np.int64(tour.log[entry, 0]), np.int64(tour.log[entry, 1])
        outer, inner = np.int64(tour.log[entry, 2]), np.int64(tour.log[entry, 3])
        tour.state[LOGGED] = entry
        reverse(tour, first, length, outer, inner)
    tour.state[LOGGED] = 0


@compiled
def flip(tour: Tour, a: Int, b: Int, c: Int, d: Int) -> None:
    """Replace the edges a b and c d by a c and b d, where one passes a, b, c and d in this order: a 2-opt move.

    Either b to c or d to a is reversed, whichever is shorter. Nothing changes if b is c, or d is a.
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
def measure(tour: Tour, base: Int, look: Int) -> None:
    """Write to `closing` the distances of the neighbours of `base`, and forbid the edges that it has already."""
    for c in range(tour.near.shape[1]):
        vertex = tour.near[base, c]
        tour.looked[vertex] = look
        tour.closing[vertex] = tour.distances[base, c]
    for side in range(2):
        vertex = tour.links[base, side]
        tour.looked[vertex] = look
        tour.closing[vertex] = FORBIDDEN
    tour.looked[base] = look
    tour.closing[base] = FORBIDDEN


@inlined
def rank(tour: Tour, vertex: Int, start: Int, forward: bool) -> Int:
    """Return after how many edges one comes from position `start` to a vertex, forward or backward."""
    steps = tour.position[vertex] - start if forward else start - tour.position[vertex]
    return wrapped(np.int64(steps), len(tour.order))


@compiled
def find_move(tour: Tour, t1: Int) -> tuple[int, Int, Int, Int, Int, Int]:  # noqa: C901, PLR0912
    """Find a move that begins by removing an edge of `t1` and makes the tour shorter: 2-opt, Or-opt, or another 3-opt.

    Lin and Kernighan (1973): edges are removed and added in turns, t1 t2 and t2 t3, t3 t4 and t4 t5, t5 t6 and t6 t1,
    and what is gained stays above 0 throughout: any move that helps can be begun so that it does. New edges lead to
    near neighbours, but for the last. That one is not measured as long as it cannot be short enough: all that are
    not among the neighbours of t1 are at least as far as the last of those.

    That the gap has no neighbours loses nothing: a move that would leave it by a new edge enters it by one if taken
    in the other direction. All in one function, long as it is, because calls cost more than what is done between.

    Returns
    -------
    edges : int
        How many are replaced: 2 or 3; 0 if no move was found.
    t2, t3, t4, t5, t6 : int
        In the order above; t5 and t6 mean nothing if `edges` is 2.
    """
    tour.state[LOOK] += 1
    look = tour.state[LOOK]
    measure(tour, t1, look)
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
                known = tour.looked[t4] == look
                if gain_3 > (tour.closing[t4] if known else radius):
                    # One tour, and not two, if t2 to t4 is reversed.
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
                        known = tour.looked[t6] == look
                        if gain_5 <= (tour.closing[t6] if known else radius):
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
    """Make a move that `find_move` finds, and turn off the don't-look bits of the vertices whose edges it changes."""
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
        # The pieces t2 to t5, t6 to t3 and t4 to t1 follow each other: swapping any two makes the same tour.
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
    """Swap the pieces a to b and c to d, which lie between two vertices; an Or-opt move, if one of them is short."""
    flip(tour, before, a, b, c)
    flip(tour, a, c, d, behind)
    flip(tour, before, b, c, behind)


@compiled
def look_at_all(tour: Tour) -> None:
    """Turn off all don't-look bits, along the tour."""
    for position in range(len(tour.order)):
        push(tour, tour.order[position])


@compiled
def descend(tour: Tour, stop: NDArray[np.uint8]) -> None:
    """Make moves until none is found; returns early, between moves, once `stop` is set."""
    while tour.state[QUEUED] and not stop[0]:
        tour.state[LOGGED] = 0
        improve(tour, pop(tour))


@compiled
def kick(tour: Tour, longest: Int) -> None:
    """Put three neighbouring segments of up to `longest` vertices into the opposite order, none of them turned round.

    This is the double bridge of Martin, Otto and Felten (1991), which no 3-opt move undoes; kept short, as by Johnson
    and McGeoch (1997).
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
    """Kick, descend, and undo both unless the tour is shorter; until so many kicks have been tried over all rounds.

    Returns early, between two kicks, once `stop` is set.
    """
    while tour.state[KICKS] < kicks and not stop[0]:
        tour.state[LOGGED] = 0
        before = tour.state[TOTAL]
        kick(tour, longest)
        # Vertices left when the log is full are looked at after the next kick.
        while tour.state[QUEUED] and tour.state[LOGGED] + FLIPS <= len(tour.log):
            improve(tour, pop(tour))
        if tour.state[TOTAL] >= before:
            undo(tour)
        tour.state[KICKS] += 1

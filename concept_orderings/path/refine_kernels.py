"""The inner loops of the local search: 3-opt moves over neighbour lists, and kicks that are undone unless they help.

The tour is an array of vertices with the position of each, and every change of it is a sequence of reversals, as in
Bentley's "Fast Algorithms for Geometric Traveling Salesman Problems" (1992): a change is undone by the same
reversals, last first. A path becomes a tour through one more vertex, the gap, which is at distance 0 from all.

Compiled where numba is installed; the same functions run without it, and find the same.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from concept_orderings.path.kernels import Int, compiled, squared_distance
else:
    try:
        from concept_orderings.path.kernels import Int, compiled, squared_distance
    except ImportError:
        Int = int

        def compiled(function):
            """Leave it to Python."""
            return function

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
MOST_EDGES = 4  # that a change replaces: three in a 3-opt move, four in a double bridge


class Tour(NamedTuple):
    """A tour through n vectors and the gap, which is vertex n, and room for the search; N is n + 1."""

    vectors: NDArray[np.int16]  # (n, d)
    squares: NDArray[np.int32]  # (n,) squared lengths
    near: NDArray[np.int32]  # (N, 1 + k): the gap, and the k nearest vertices; the gap has none
    distances: NDArray[np.int32]  # (N, 1 + k) of those, rising along each row
    order: NDArray[np.int32]  # (N,) vertices along the tour
    position: NDArray[np.int32]  # (N,) of each vertex in `order`
    links: NDArray[np.int32]  # (N, 2) the vertices before and after each, in either order
    lengths: NDArray[np.int32]  # (N, 2) of the edges to those
    queue: NDArray[np.int32]  # (N,) ring of vertices to look at: those whose don't-look bit is off
    queued: NDArray[np.uint8]  # (N,) 1 if it is in the ring
    looked: NDArray[np.int64]  # (N,) the last look for which `closing` holds
    closing: NDArray[np.int64]  # (N,) distance to the vertex that is looked at
    log: NDArray[np.int32]  # (l, 2) first position and length of reversals
    ends: NDArray[np.int32]  # (2 * MOST_EDGES,) ends of edges to remove: t1 t2, t3 t4, ... of Lin and Kernighan
    cuts: NDArray[np.int64]  # (MOST_EDGES,) positions of those edges, rising
    partners: NDArray[np.int64]  # (2 * MOST_EDGES,) how their ends are joined, see `joined`
    pieces: NDArray[np.int64]  # (MOST_EDGES, 3) first position, length and direction of what the move rearranges
    state: NDArray[np.int64]  # (STATE,)


@compiled
def distance(tour: Tour, a: Int, b: Int) -> Int:
    """Return the exact distance of two vertices."""
    gap = len(tour.vectors)
    if a == gap or b == gap:
        return np.int64(0)
    return np.int64(squared_distance(tour.vectors, tour.squares, a, b))


@compiled
def draw(tour: Tour, bound: Int) -> Int:
    """Return a random number from 0 to `bound` - 1, by Marsaglia's xorshift (2003); `bound` is below 2**31."""
    x = tour.state[RANDOM]
    x ^= (x << 13) & 0xFFFFFFFF
    x ^= x >> 17
    x ^= (x << 5) & 0xFFFFFFFF
    tour.state[RANDOM] = x
    return (x * bound) >> 32


@compiled
def wrapped(tour: Tour, position: Int) -> Int:
    """Return a position from -1 to 2 N - 1 as one from 0 to N - 1."""
    size = len(tour.order)
    if position < 0:
        return position + size
    return position - size if position >= size else position


@compiled
def push(tour: Tour, vertex: Int) -> None:
    """Turn off the don't-look bit of a vertex."""
    if not tour.queued[vertex] and vertex != len(tour.vectors):
        tour.queued[vertex] = 1
        tour.queue[wrapped(tour, tour.state[HEAD] + tour.state[QUEUED])] = vertex
        tour.state[QUEUED] += 1


@compiled
def pop(tour: Tour) -> Int:
    """Return the vertex that has waited longest, and turn its don't-look bit on."""
    vertex = tour.queue[tour.state[HEAD]]
    tour.state[HEAD] = wrapped(tour, tour.state[HEAD] + 1)
    tour.state[QUEUED] -= 1
    tour.queued[vertex] = 0
    return vertex


@compiled
def relink(tour: Tour, vertex: Int, old: Int, new: Int, length: Int) -> Int:
    """Put the edge to `new` in place of the one to `old`; return by how much it is longer."""
    side = 0 if tour.links[vertex, 0] == old else 1
    longer = length - np.int64(tour.lengths[vertex, side])
    tour.links[vertex, side] = new
    tour.lengths[vertex, side] = length
    return longer


@compiled
def reverse(tour: Tour, first: Int, length: Int) -> None:
    """Reverse the vertices at `length` positions from `first` on: a 2-opt move. At least one position stays."""
    if length < 2:
        return
    i = first
    j = wrapped(tour, first + length - 1)
    a = tour.order[wrapped(tour, i - 1)]
    b = tour.order[i]
    c = tour.order[j]
    d = tour.order[wrapped(tour, j + 1)]
    a_c = distance(tour, a, c)
    b_d = distance(tour, b, d)
    tour.state[TOTAL] += relink(tour, a, b, c, a_c) + relink(tour, d, c, b, b_d)
    relink(tour, b, a, d, b_d)
    relink(tour, c, d, a, a_c)
    size = len(tour.order)
    for _ in range(length >> 1):
        u = tour.order[i]
        v = tour.order[j]
        tour.order[i] = v
        tour.position[v] = i
        tour.order[j] = u
        tour.position[u] = j
        i += 1
        if i == size:
            i = 0
        j -= 1
        if j < 0:
            j = size - 1


@compiled
def reverse_logged(tour: Tour, first: Int, length: Int) -> None:
    """Reverse as `reverse` does, so that `undo` can undo it."""
    logged = tour.state[LOGGED]
    tour.log[logged, 0] = first
    tour.log[logged, 1] = length
    tour.state[LOGGED] = logged + 1
    reverse(tour, first, length)


@compiled
def undo(tour: Tour) -> None:
    """Undo all that is in the log."""
    for logged in range(tour.state[LOGGED] - 1, -1, -1):
        reverse(tour, np.int64(tour.log[logged, 0]), np.int64(tour.log[logged, 1]))
    tour.state[LOGGED] = 0


@compiled
def cut(tour: Tour, edges: Int) -> Int:
    """Write to `cuts` and `partners` what removing edges does; return after which cut the longest piece begins.

    Removed are the first `edges` edges of `ends`, e1 e2, e3 e4, ..., and e2 e3, e4 e5, ... and the last and e1 are
    to be joined. Cut i, between its position and the next, has two ends, numbered 2 i (before) and 2 i + 1 (behind).
    """
    for e in range(edges):
        position = np.int64(tour.position[tour.ends[2 * e]])
        if tour.order[wrapped(tour, position + 1)] != tour.ends[2 * e + 1]:
            position = np.int64(tour.position[tour.ends[2 * e + 1]])
        i = e
        while i > 0 and tour.cuts[i - 1] > position:
            tour.cuts[i] = tour.cuts[i - 1]
            i -= 1
        tour.cuts[i] = position
    for e in range(edges):
        a = end_number(tour, edges, 2 * e + 1, 2 * e)
        following = 2 * e + 2 if e + 1 < edges else 0
        b = end_number(tour, edges, following, following + 1)
        tour.partners[a] = b
        tour.partners[b] = a
    longest = 0
    for i in range(1, edges):
        if piece_length(tour, edges, i) > piece_length(tour, edges, longest):
            longest = i
    return longest


@compiled
def end_number(tour: Tour, edges: Int, end: Int, other: Int) -> Int:
    """Return the number that `cut` gives to ``ends[end]``, where ``ends[other]`` is the other end of its edge."""
    position = np.int64(tour.position[tour.ends[end]])
    before = tour.order[wrapped(tour, position + 1)] == tour.ends[other]
    if not before:
        position = wrapped(tour, position - 1)
    i = 0
    while tour.cuts[i] != position:
        i += 1
    return 2 * i if before else 2 * i + 1


@compiled
def piece_length(tour: Tour, edges: Int, i: Int) -> Int:
    """Return how many vertices there are from cut `i` to the next."""
    if i + 1 < edges:
        return tour.cuts[i + 1] - tour.cuts[i]
    return tour.cuts[0] + len(tour.order) - tour.cuts[i]


@compiled
def joined(tour: Tour, edges: Int) -> bool:
    """Return whether replacing edges as in `cut` gives one tour; write to `pieces` what comes behind the longest.

    Each piece is given by its first position, its length, and 1 if it is to be reversed.
    """
    longest = cut(tour, edges)
    last = 2 * longest + 1  # where the longest piece begins, and the tour ends
    at = (2 * longest + 2) % (2 * edges)
    count = 0
    while tour.partners[at] != last:
        entered = tour.partners[at]
        backwards = 1 - (entered & 1)
        # Behind cut i lies piece i, before it piece i - 1.
        i = entered >> 1 if not backwards else ((entered >> 1) + edges - 1) % edges
        tour.pieces[count, 0] = wrapped(tour, tour.cuts[i] + 1)
        tour.pieces[count, 1] = piece_length(tour, edges, i)
        tour.pieces[count, 2] = backwards
        count += 1
        at = 2 * i + 1 if backwards else (2 * i + 2) % (2 * edges)
    return count == edges - 1


@compiled
def rearrange(tour: Tour, edges: Int) -> None:
    """Do what `joined` has written to `pieces`, and turn off the don't-look bits of the ends of all edges changed."""
    for e in range(2 * edges):
        push(tour, tour.ends[e])
    first = tour.pieces[0, 0]
    swapped = 0
    if edges == 3 and wrapped(tour, first + tour.pieces[0, 1]) != tour.pieces[1, 0]:
        # The second piece came first. Reversing both together swaps them, and turns them round.
        swapped = 1
        first = tour.pieces[1, 0]
        reverse_logged(tour, first, tour.pieces[0, 1] + tour.pieces[1, 1])
    for i in range(edges - 1):
        length = tour.pieces[i, 1]
        if tour.pieces[i, 2] != swapped:
            reverse_logged(tour, first, length)
        first = wrapped(tour, first + length)


@compiled
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


@compiled
def closes(tour: Tour, edges: Int, gain: Int, radius: Int, look: Int) -> bool:
    """Return whether the move that is complete but for its last edge, to t1, gives a shorter tour.

    `gain` is what it gains without that edge. Whatever is not among the neighbours of t1 is at least `radius` away:
    most ends need not be measured.
    """
    base = tour.ends[0]
    last = tour.ends[2 * edges - 1]
    if tour.looked[last] == look:
        return gain > tour.closing[last] and joined(tour, edges)
    return gain > radius and joined(tour, edges) and gain > distance(tour, last, base)


@compiled
def third_edge(tour: Tour, gain: Int, radius: Int, look: Int) -> bool:
    """Look for t5 and t6 that complete a 3-opt move, given t1 to t4, and leave them in `ends`."""
    t4 = tour.ends[3]
    for c in range(tour.near.shape[1]):
        gain_4 = gain - np.int64(tour.distances[t4, c])
        if gain_4 <= 0:
            return False
        t5 = tour.near[t4, c]
        if t5 != tour.links[t4, 0] and t5 != tour.links[t4, 1]:
            tour.ends[4] = t5
            for side in range(2):
                tour.ends[5] = tour.links[t5, side]
                if closes(tour, 3, gain_4 + np.int64(tour.lengths[t5, side]), radius, look):
                    return True
    return False


@compiled
def second_edge(tour: Tour, gain: Int, radius: Int, look: Int) -> int:
    """Look for t3, t4 and perhaps t5, t6, given t1 and t2; return how many edges the move found replaces, or 0."""
    gap = len(tour.vectors)
    t2 = tour.ends[1]
    for c in range(tour.near.shape[1]):
        gain_2 = gain - np.int64(tour.distances[t2, c])
        if gain_2 <= 0:
            return 0
        t3 = tour.near[t2, c]
        if t3 != tour.links[t2, 0] and t3 != tour.links[t2, 1]:
            tour.ends[2] = t3
            for side in range(2):
                t4 = tour.links[t3, side]
                tour.ends[3] = t4
                gain_3 = gain_2 + np.int64(tour.lengths[t3, side])
                if closes(tour, 2, gain_3, radius, look):
                    return 2
                if t4 != gap and third_edge(tour, gain_3, radius, look):
                    return 3
    return 0


@compiled
def improve(tour: Tour, base: Int) -> bool:
    """Make the first 2-opt or 3-opt move found that begins with an edge at `base` and shortens the tour.

    Lin and Kernighan (1973): edges are removed and added in turns, beginning at t1, and what is gained must stay
    above 0 throughout. Any move that helps can be begun so that it does. Moves that insert up to three vertices
    elsewhere (Or-opt) are among those that replace three edges. That the gap has no neighbours loses nothing: where
    a move passes through it, the same move in the other direction enters it from a vertex in whose list it is.
    """
    tour.state[LOOK] += 1
    look = tour.state[LOOK]
    measure(tour, base, look)
    radius = np.int64(tour.distances[base, tour.near.shape[1] - 1])
    tour.ends[0] = base
    for side in range(2):
        tour.ends[1] = tour.links[base, side]
        edges = second_edge(tour, np.int64(tour.lengths[base, side]), radius, look)
        if edges:
            rearrange(tour, edges)
            return True
    return False


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
        vertex = pop(tour)
        if improve(tour, vertex):
            push(tour, vertex)


@compiled
def kick(tour: Tour, longest: Int) -> None:
    """Put three neighbouring segments of up to `longest` vertices into the opposite order, none turned round.

    This is the double bridge of Martin, Otto and Felten (1991), which 3-opt moves do not undo at once, kept short as
    by Johnson and McGeoch (1997).
    """
    size = len(tour.order)
    first = draw(tour, size)
    length = np.int64(0)
    for i in range(3):
        tour.pieces[i, 1] = 1 + draw(tour, min(longest, (size - 1) // 3))
        length += tour.pieces[i, 1]
    reverse_logged(tour, first, length)
    push(tour, tour.order[wrapped(tour, first - 1)])
    for i in range(3):
        push(tour, tour.order[first])
        reverse_logged(tour, first, tour.pieces[i, 1])
        first = wrapped(tour, first + tour.pieces[i, 1])
        push(tour, tour.order[wrapped(tour, first - 1)])
        push(tour, tour.order[first])


@compiled
def perturb(tour: Tour, kicks: Int, longest: Int, stop: NDArray[np.uint8]) -> None:
    """Kick, descend, and undo both unless the tour is shorter; until so many kicks have been tried over all rounds.

    Returns early, between two kicks, once `stop` is set.
    """
    room = len(tour.log) - 3
    while tour.state[KICKS] < kicks and not stop[0]:
        tour.state[LOGGED] = 0
        before = tour.state[TOTAL]
        kick(tour, longest)
        # Vertices left when the log is full are looked at after the next kick.
        while tour.state[QUEUED] and tour.state[LOGGED] <= room:
            vertex = pop(tour)
            if improve(tour, vertex):
                push(tour, vertex)
        if tour.state[TOTAL] >= before:
            undo(tour)
        tour.state[KICKS] += 1

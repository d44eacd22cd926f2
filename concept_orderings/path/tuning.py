"""Lengths that decide the speed and the memory of a search, and never its result."""

from dataclasses import dataclass, replace

from concept_orderings.errors import NotEnoughMemory
from concept_orderings.path.crew import available_cores

CONCEPT_BYTES = 1000
"""Names, captions and documents of a concept, about."""

FEWEST_LISTED = 64
"""Shorter lists run out so often that a search would take hours where it should take minutes."""


@dataclass(frozen=True)
class Tuning:
    """Measured on the captions of FoMo-in-Flux, with MiniLM."""

    near: int = 32  # head of a list that is kept apart: of its steps, 19 of 20 end there
    listed: int = 512  # 128 doubles the time of the walks, 1,024 no longer shortens it
    deep: int = 4096  # of the lists of those vectors, about one in ten, whose list ran out
    deep_bytes: int = 128 << 20  # for those
    few: int = 64  # so many vectors are as soon measured as found in a longer list
    checkpoints: tuple[int, ...] = (16, 64, 256, 1024, 4096, 16384, 65536)  # lengths at which walks are compared
    first_batch: int = 16  # walks after which the first longer lists are made
    seen_bytes: int = 64 << 20  # for the sets that the walks of a block have seen
    rows: int = 256  # of a tile of the products of all pairs
    columns: int = 1024
    candidates: int = 1 << 20  # kept by the rows of a tile, together
    short_ids: int = 1 << 16  # up to so many vectors, ids have 16 bits


DEFAULT = Tuning()


def sampled(n: int) -> int:
    """Return about how many of `n` vectors tell how far the neighbours of the others are."""
    return min(n, max(1024, n // 64), 16384)


def memory_needed(n: int, dimensions: int, tuning: Tuning = DEFAULT) -> int:
    """Return about how many bytes it takes at most to arrange `n` embeddings, they themselves included.

    It grows with n, not with n².
    """
    id_bytes = 2 if n <= tuning.short_ids else 4
    embeddings = n * dimensions * (4 + 2 + 2)  # as gathered, quantised, and sorted by key
    floats = 4 * n * dimensions
    lists = n * (min(tuning.listed, n) * id_bytes + tuning.near * (id_bytes + 4) + 17)
    deep = min(tuning.deep_bytes, n * min(tuning.deep, n) * id_bytes)
    rows, room = min(tuning.rows, n), 2 * min(tuning.deep, n)
    tile = rows * 4 * (min(tuning.columns, n) + sampled(n) + 2 * dimensions) + min(
        8 * tuning.candidates, 8 * rows * room
    )
    tiles = min(available_cores(), n) * tile
    walks = min(tuning.seen_bytes, n * (n + 63) // 8) + 40 * n
    meetings = 100 * n * len(tuning.checkpoints)  # about every second walk leaves some 200 bytes
    # Longer lists, and the walks that go on, are copied while the old ones are still there.
    arranging = embeddings + floats + lists + tiles + 2 * deep + 2 * walks + meetings
    ensembles = 16 * n * dimensions  # means of several captions, before: sums of float64, the first, the next
    return max(arranging, ensembles) + CONCEPT_BYTES * n


def tuned(shape: tuple[int, int], memory: int | None) -> Tuning:
    """Return lengths for embeddings of that shape, (n, d): shorter lists, which cost time, where memory is short.

    Raises
    ------
    NotEnoughMemory
        ``not_enough_memory``, with how much is needed and what helps.
    """
    n, dimensions = shape
    tuning = DEFAULT
    if memory is None:
        return tuning
    while memory_needed(n, dimensions, tuning) > memory:
        if tuning.listed <= FEWEST_LISTED:
            raise _not_enough(n, dimensions, memory_needed(n, dimensions, tuning), memory)
        tuning = replace(tuning, listed=tuning.listed // 2)
    return tuning


def _not_enough(n: int, dimensions: int, needed: int, memory: int) -> NotEnoughMemory:
    return NotEnoughMemory(
        "not_enough_memory",
        f"A path through {n} concepts with embeddings of {dimensions} numbers needs {needed / 1e9:.1f} GB of memory, "
        f"and there are {memory / 1e9:.1f}. Run the worker where there is more, raise CONCEPT_ORDERINGS_MEMORY_MB if "
        "that is what bounds it, take an encoder of fewer dimensions, or order parts of the concepts apart.",
    )

"""The sizes that decide the speed and the memory of a search, and never its result."""

from dataclasses import dataclass, replace

from concept_orderings.errors import NotEnoughMemory
from concept_orderings.path.crew import available_cores

CONCEPT_BYTES = 1000
"""Estimated bytes for the names, captions and documents of one concept."""

FEWEST_LISTED = 64
"""The shortest lists of neighbours that are used: shorter ones run out so often that minutes become hours."""


@dataclass(frozen=True)
class Tuning:
    """The sizes of a search. The defaults were measured on the captions of FoMo-in-Flux, with MiniLM.

    Attributes
    ----------
    near : int
        Length of the head of each list that is kept apart. Of all steps, 19 in 20 end in it.
    listed : int
        Neighbours listed for each vector. 128 doubles the time of the walks, 1,024 no longer shortens it.
    deep : int
        Length of the longer lists, for vectors whose list ran out: about one in ten.
    deep_bytes : int
        Memory for the longer lists.
    scan_below : int
        With fewer unseen vectors than this, a scan is as fast as a longer list.
    checkpoints : tuple of int
        Numbers of steps after which walks are compared.
    first_batch : int
        Walks after which the first longer lists are made.
    seen_bytes : int
        Memory for the sets of vectors that the walks of a block have seen.
    rows, columns : int
        Size of a tile of the products of all pairs.
    tile_candidates : int
        Candidates that the rows of a tile keep, together.
    proposed_rows : int
        Rows whose neighbours a device proposes while those of as many others are verified.
    short_ids : int
        The largest number of vectors whose ids have 16 bits.
    """

    near: int = 32
    listed: int = 512
    deep: int = 4096
    deep_bytes: int = 128 << 20
    scan_below: int = 64
    checkpoints: tuple[int, ...] = (16, 64, 256, 1024, 4096, 16384, 65536)
    first_batch: int = 16
    seen_bytes: int = 64 << 20
    rows: int = 256
    columns: int = 1024
    tile_candidates: int = 1 << 20
    proposed_rows: int = 2048
    short_ids: int = 1 << 16


DEFAULT = Tuning()


def sample_size(n: int) -> int:
    """Return about how many of `n` vectors are sampled to estimate how far neighbours are."""
    return min(n, max(1024, n // 64), 16384)


def memory_needed(n: int, dimensions: int, tuning: Tuning = DEFAULT) -> int:
    """Estimate an upper bound of the bytes that arranging `n` embeddings takes, the embeddings included.

    It grows with n, not with n².
    """
    id_bytes = 2 if n <= tuning.short_ids else 4
    embeddings = n * dimensions * (4 + 2 + 2)  # as gathered (at most float32), quantised, and sorted by key
    floats = 4 * n * dimensions
    lists = n * (min(tuning.listed, n) * id_bytes + tuning.near * (id_bytes + 4) + 17)
    deep = min(tuning.deep_bytes, n * min(tuning.deep, n) * id_bytes)
    rows, room = min(tuning.rows, n), 2 * min(tuning.deep, n)
    tile = rows * 4 * (min(tuning.columns, n) + sample_size(n) + 2 * dimensions) + min(
        8 * tuning.tile_candidates, 8 * rows * room
    )
    tiles = min(available_cores(), n) * tile
    walks = min(tuning.seen_bytes, n * (n + 63) // 8) + 40 * n
    meetings = 100 * n * len(tuning.checkpoints)  # about every second walk leaves a state of some 200 bytes
    # Longer lists and continued walks are copied before the old ones are freed.
    arranging = embeddings + floats + lists + tiles + 2 * deep + 2 * walks + meetings
    ensembles = 24 * n * dimensions  # means of several captions: float64 sums, and twice the rows of one caption each
    return max(arranging, ensembles) + CONCEPT_BYTES * n


def tuned(shape: tuple[int, int], memory: int | None) -> Tuning:
    """Return the sizes for embeddings of shape (n, d): shorter, slower lists if the default ones need too much memory.

    Parameters
    ----------
    shape
        (n, d).
    memory
        Bytes that may be used; None for no limit.

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
        f"but only {memory / 1e9:.1f} GB may be used. Run the worker on a machine with more memory, raise "
        "CONCEPT_ORDERINGS_MEMORY_MB if that setting is the limit, choose an encoder with fewer dimensions, or order "
        "parts of the concepts separately.",
    )

"""Which part of each batch this process takes."""

import operator
import os
import sys

from concept_orderings.client.errors import BadArgument


def read_ranks(rank: int | None, world_size: int | None, batch_size: int) -> tuple[int, int]:
    """Return the rank and the number of ranks, checked.

    Parameters
    ----------
    rank, world_size
        By default those of `torch.distributed` where it is initialised; else ``RANK`` and ``WORLD_SIZE`` of the
        environment, which ``torchrun`` sets; else 0 of 1.
    batch_size
        Samples of the global batch.

    Raises
    ------
    BadArgument
        One is given without the other; `rank` is not below `world_size`; or there are more ranks than samples.
    """
    if (rank is None) != (world_size is None):
        raise BadArgument.of("Give both rank and world_size, or neither.")
    if rank is None or world_size is None:
        rank, world_size = _default_ranks()
    try:
        rank, world_size = operator.index(rank), operator.index(world_size)
    except TypeError:
        raise BadArgument.of(f"rank and world_size are whole numbers, not {rank!r} and {world_size!r}.") from None
    if not 0 <= rank < world_size:
        raise BadArgument.of(f"A rank is from 0 to world_size - 1: {rank} is no rank of {world_size}.")
    if world_size > batch_size:
        raise BadArgument.of(
            f"There are {world_size:,} ranks, and a batch has {batch_size:,} samples: some ranks would have none. "
            "batch_size is that of all ranks together."
        )
    return rank, world_size


def _default_ranks() -> tuple[int, int]:
    # PyTorch is not imported for it: a program that uses torch.distributed has done so.
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    named = (os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", ""))
    if all(each.isdecimal() for each in named):
        return int(named[0]), int(named[1])
    return 0, 1

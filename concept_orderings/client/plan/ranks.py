"""Which part of each batch this process takes."""

import operator
import os
import sys
from typing import NamedTuple

from concept_orderings.client.errors import BadArgument


class Ranks(NamedTuple):
    """Which part of each batch a process takes.

    Attributes
    ----------
    rank, world_size : int
    given : bool
        Whether the caller gave them.
    """

    rank: int
    world_size: int
    given: bool

    def refuse_other_group(self) -> None:
        """Raise an error if ranks that were not given are not those of `torch.distributed`, which may begin later.

        Else all ranks would train the whole batches of rank 0 of 1.

        Raises
        ------
        BadArgument
            The process group of this process has another rank or size.
        """
        group = None if self.given else _of_process_group()
        if group is not None and group != (self.rank, self.world_size):
            raise BadArgument.of(
                f"The cursor was made for rank {self.rank} of {self.world_size}, before torch.distributed had begun, "
                f"and this process is rank {group[0]} of {group[1]}: make the cursor afterwards (with Lightning in "
                "setup), or give rank and world_size."
            )


def read_ranks(rank: int | None, world_size: int | None, batch_size: int) -> Ranks:
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
    given = rank is not None
    if rank is None or world_size is None:
        rank, world_size = _of_process_group() or _of_environment()
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
    return Ranks(rank, world_size, given)


def _of_process_group() -> tuple[int, int] | None:
    # PyTorch is not imported for it: a program that uses torch.distributed has done so.
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return None


def _of_environment() -> tuple[int, int]:
    rank, world_size = (os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE"))
    if rank.isdecimal() and world_size.isdecimal():
        return int(rank), int(world_size)
    if world_size.isdecimal() and int(world_size) > 1:
        # Lightning sets LOCAL_RANK and WORLD_SIZE alone.
        raise BadArgument.of(
            f"WORLD_SIZE is {world_size}, and RANK is not set: make the cursor when torch.distributed has begun (with "
            "Lightning in setup), or give rank and world_size."
        )
    return 0, 1

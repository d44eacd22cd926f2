"""What a job may use of this machine: threads, memory, and a device that proposes nearest neighbours."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from concept_orderings.machine import Machine, Proposer
from store.memory import memory
from worker.settings import WorkerSettings

FEWEST_ON_DEVICE = 10_000
"""Fewer vectors than this are compared on the processor: that is done before they are on the device."""


def this_machine(settings: WorkerSettings) -> Machine:
    """Return the threads, memory and device of a job that begins now."""
    allowed = settings.memory_mb * 1_000_000 or memory().free
    return Machine(threads=settings.threads, memory=allowed, make_proposer=partial(_proposer, settings.device))


def _proposer(device: str, vectors: NDArray[np.int16]) -> Proposer | None:
    """Return a proposer of neighbours of `vectors` on a GPU; None where the processor is as fast."""
    if device == "cpu" or len(vectors) < FEWEST_ON_DEVICE:
        return None
    # Imported here, because it loads torch.
    from worker.neighbours_on_device import proposer_on  # noqa: PLC0415

    return proposer_on(device, vectors)

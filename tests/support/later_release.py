"""The API or the worker of a later release, as far as one can be told from this one.

It has four more orderings (`support.ten_line_orderings`), one more parameter of ``random``, and one more phase of jobs.

``python later_release.py app|worker [ARGUMENTS]``
"""

import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import numpy as np

import concept_orderings.orderings as registry
from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement
from concept_orderings.orderings.random import Random
from concept_orderings.parameters import parameter
from concept_orderings.progress import Phase, Report
from store.runs import Runs
from support.ten_line_orderings import NEW

LATER_PHASE = "dreaming"
"""The phase that workers of the later release record before each of theirs, and at the end."""


@dataclass(frozen=True, kw_only=True)
class LaterRandom(Random):
    """``random`` with a parameter that was added after its first release."""

    rotate: int = parameter(0, "How many concepts go from the beginning to the end.", minimum=0, absent=0)

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        found = super().arrange(concepts, evidence, machine=machine, report=report)
        first = self.rotate % len(concepts)
        return Arrangement(np.roll(found.order, -first), found.details)


progress = Runs.progress


async def dream_first(self: Runs, identifier: str, run: int, phase: Phase, done: int, total: int) -> None:
    if done == 0:
        await progress(self, identifier, run, cast("Phase", SimpleNamespace(value=LATER_PHASE)), 0, 1)
    await progress(self, identifier, run, phase, done, total)


succeed = Runs.succeed


async def dream_last(
    self: Runs, identifier: str, run: int, result: bytes, *, progress: tuple[Phase, int, int] | None = None
) -> None:
    # A small job writes no phase before its end.
    await dream_first(self, identifier, run, Phase.PUBLISHING, 0, 1)
    await succeed(self, identifier, run, result, progress=progress)


if __name__ == "__main__":
    # Before the import of the programs: the API's schema lists the orderings.
    registry.ORDERINGS = {**registry.ORDERINGS, **NEW, LaterRandom.kind: LaterRandom}
    if sys.argv.pop(1) == "app":
        from app.__main__ import main

        sys.exit(main())
    from worker.worker_command import run

    Runs.progress = dream_first  # type: ignore[method-assign]
    Runs.succeed = dream_last  # type: ignore[method-assign]
    sys.exit(run())

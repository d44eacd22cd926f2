"""The worker with a controlled ordering ``random``: files named after a request's seed make it wait, fail or die.

In the directory ``CONTROL``:

- ``SEED.hold``: the arranging goes on, reporting its progress, until the file is gone;
- ``SEED.die``: the worker is killed, as by the kernel for lack of memory;
- ``SEED.fail``: the arranging fails with the error that the file names, ``code`` or an exception's name;
- ``SEED.begun``: written when the arranging begins, one line a time.
"""

import os
import signal
import sys
import time
from pathlib import Path

import worker.runner
from concept_orderings.concepts import Concepts
from concept_orderings.errors import SourceError
from concept_orderings.evidence import Evidence
from concept_orderings.machine import Machine
from concept_orderings.orderings.base import Arrangement
from concept_orderings.orderings.random import Random
from concept_orderings.progress import Report
from store.runs import Lane
from worker.lanes import AT_ONCE
from worker.worker_command import run

CONTROL = Path(os.environ["CONTROL"])

arrange = Random.arrange


def controlled(
    self: Random, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report
) -> Arrangement:
    files = {kind: CONTROL / f"{self.seed}.{kind}" for kind in ("begun", "hold", "die", "fail")}
    with files["begun"].open("a") as file:
        file.write(f"{os.getpid()}\n")
    if files["die"].exists():
        os.kill(os.getpid(), signal.SIGKILL)
    if files["fail"].exists():
        code = files["fail"].read_text()
        if "_" not in code:
            raise RuntimeError(code)
        raise SourceError(code, "The source is out for a walk; ask again.", ["/ordering/seed"])
    steps = 0
    while files["hold"].exists():
        steps += 1
        report(steps % len(concepts), len(concepts))
        time.sleep(0.01)
    return arrange(self, concepts, evidence, machine=machine, report=report)


Random.arrange = controlled  # type: ignore[method-assign]
# Tests hold one job, and expect that the next one waits.
AT_ONCE[Lane.ORDER] = 1
# Tests that are not about waiting do not wait five seconds between attempts.
worker.runner._FIRST_PAUSE_SECONDS = int(os.environ.get("RETRY_MILLISECONDS", "50")) / 1000

if __name__ == "__main__":
    sys.exit(run())

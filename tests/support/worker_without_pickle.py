"""The controlled worker in a process in which unpickling raises an error and leaves the file ``unpickled``."""

import pickle
import sys
import traceback
from typing import Never

import cloudpickle  # type: ignore[import-untyped]

from support.controlled_worker import CONTROL
from worker.worker_command import run


def refuse(*_: object, **__: object) -> Never:
    (CONTROL / "unpickled").write_text("".join(traceback.format_stack()))
    raise AssertionError("something is unpickled")


for name in ("load", "loads", "Unpickler"):
    setattr(pickle, name, refuse)
for name in ("load", "loads"):
    setattr(cloudpickle, name, refuse)

if __name__ == "__main__":
    sys.exit(run())

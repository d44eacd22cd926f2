"""``python -m worker``: the same as ``concept-orderings worker``."""

import sys

from worker.worker_command import run

if __name__ == "__main__":
    sys.exit(run())

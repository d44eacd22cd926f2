"""``python -m worker``: takes jobs until told to stop."""

import asyncio
import logging
import sys

from worker.main import run_worker
from worker.settings import WorkerSettings


def main() -> int:
    """Work until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(run_worker(WorkerSettings()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m worker``: takes jobs until told to stop."""

import asyncio
import gc
import logging
import sys

from concept_orderings.errors import ConceptOrderingsError
from store.settings import read_settings
from worker.main import run_worker
from worker.settings import WorkerSettings


def main() -> int:
    """Work until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for client in ("httpx", "elastic_transport"):  # a line for each of 18,381 requests, and the URL in it
        logging.getLogger(client).setLevel(logging.WARNING)
    # What is imported stays: a full collection, in the middle of some job, need not go through all of it (60 ms).
    gc.freeze()
    try:
        asyncio.run(run_worker(read_settings(WorkerSettings)))
    except ConceptOrderingsError as error:
        print(f"{error.detail} [{error.code}]", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

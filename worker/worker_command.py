"""``concept-orderings worker`` and ``python -m worker``: take jobs until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import gc
import logging
import sys

from concept_orderings.errors import ConceptOrderingsError
from store.logs import TEXT, configure_logs
from store.memory import end_first
from store.settings import read_settings
from worker.heartbeat import heartbeats
from worker.main import run_worker
from worker.running import announced
from worker.settings import WorkerSettings

_ENDED_BEFORE_OTHERS = 300
"""See `store.memory.end_first`: as if it used three tenths of the memory more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments: the settings of the worker are environment variables."""


def run(options: argparse.Namespace | None = None) -> int:
    """Work until SIGTERM or SIGINT; return the exit status."""
    configure_logs("info", TEXT)
    for client in ("httpx", "elastic_transport"):
        # They log a line with the URL for each request, and a job may send 18,381.
        logging.getLogger(client).setLevel(logging.WARNING)
    # Imported modules stay in memory. Without this, each full garbage collection checks them, which takes 60 ms.
    gc.freeze()
    # A worker is started again, and its job goes on; all clients need the API and Valkey.
    end_first(_ENDED_BEFORE_OTHERS)
    try:
        settings = read_settings(WorkerSettings)
        configure_logs("info", settings.log_format)
        with announced(settings.data_dir):
            asyncio.run(_run(settings))
    except ConceptOrderingsError as error:
        print(f"{error.detail} [{error.code}]", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # Ctrl-C before the worker has its own handler of the signal.
        return 0
    return 0


async def _run(settings: WorkerSettings) -> None:
    async with heartbeats():
        await run_worker(settings)

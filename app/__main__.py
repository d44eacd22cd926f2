"""``python -m app``: the HTTP service alone; the worker and Redis run elsewhere."""

import argparse
import asyncio
import sys

import uvicorn

from app.access.listening import warn_if_open
from app.main import create_server_app
from app.settings import AppSettings
from concept_orderings.errors import ConceptOrderingsError
from store.format import claim_data_dir
from store.settings import read_settings
from store.upgrade import Upgrade


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    try:
        settings = read_settings(AppSettings)
        claim_data_dir(settings.data_dir)
        asyncio.run(Upgrade(settings.redis_url, settings.keys).try_now())
        app = create_server_app(settings)
        warn_if_open(arguments.host, settings.access_keys)
    except ConceptOrderingsError as error:
        print(f"{error.detail} [{error.code}]", file=sys.stderr)
        return 1
    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        log_level=settings.log_level,
        # An event stream lasts as long as its job: waiting for it to end would delay a restart.
        timeout_graceful_shutdown=2,
        # Clusters send many requests; the error handlers log every error of the service.
        access_log=settings.log_level == "debug",
        server_header=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m app``: the HTTP service alone; the worker and Redis run elsewhere."""

import argparse
import asyncio
import socket
import sys

from app.access.listening import warn_if_open
from app.main import create_app, for_servers
from app.serving import serve
from app.settings import AppSettings
from concept_orderings.errors import ConceptOrderingsError
from store.format import claim_data_dir
from store.logs import configure_logs
from store.settings import read_settings
from store.upgrade import Upgrade


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--fd", type=int, action="append", help="listen on an inherited socket instead, which is bound; once for each"
    )
    arguments = parser.parse_args()
    try:
        settings = read_settings(AppSettings)
        configure_logs(settings.log_level, settings.log_format)
        claim_data_dir(settings.data_dir)
        asyncio.run(Upgrade(settings.redis_url, settings.keys).try_now())
        app = create_app(settings)
        server_app = for_servers(app, settings)
        warn_if_open(arguments.host, settings.access_keys)
    except ConceptOrderingsError as error:
        print(f"{error.detail} [{error.code}]", file=sys.stderr)
        return 1
    end_waits = app.state.service.end_waits
    sockets = None if arguments.fd is None else [socket.socket(fileno=each) for each in arguments.fd]
    started = serve(
        server_app, settings, host=arguments.host, port=arguments.port, end_waits=end_waits, sockets=sockets
    )
    return 0 if started else 1


if __name__ == "__main__":
    sys.exit(main())

"""``concept-orderings serve``: Valkey, a worker and the HTTP service, all in one."""

import argparse
import os

from concept_orderings.cli.entry_points import load_all
from concept_orderings.cli.options import add_data_dir
from launcher.run import serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where to listen and the data directory."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on (default: %(default)s)")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    """Run the service until SIGTERM or Ctrl-C; return the exit status.

    Raises
    ------
    SettingError
        ``bad_setting``: the worker or the API would refuse its settings. ``unknown_data_format``: a later release wrote
        the data directory. Nothing was started or written.
    """
    try:
        # The programs find it there, and so do their checks.
        os.environ["CONCEPT_ORDERINGS_DATA_DIR"] = str(options.data_dir.absolute())
        for check in load_all("concept_orderings.settings_checks"):
            check()
        return serve(host=options.host, port=options.port, data_dir=options.data_dir)
    except KeyboardInterrupt:
        # Ctrl-C before `serve` handles the signal.
        return 0


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port

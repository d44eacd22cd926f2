"""``concept-orderings serve``: Valkey, a worker and the HTTP service, all in one."""

import argparse
import os

from concept_orderings.cli.entry_points import load_all
from concept_orderings.cli.options import add_data_dir
from launcher.options import PROCESSES, add_address, add_processes, number_of_processes
from launcher.run import serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where to listen, the number of processes and the data directory."""
    add_address(parser)
    add_processes(parser)
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
        # The programs find them there, and so do their checks.
        os.environ["CONCEPT_ORDERINGS_DATA_DIR"] = str(options.data_dir.absolute())
        if options.processes is not None:
            os.environ[PROCESSES] = str(options.processes)
        for check in load_all("concept_orderings.settings_checks"):
            check()
        processes = number_of_processes(options.processes)
        return serve(host=options.host, port=options.port, data_dir=options.data_dir, processes=processes)
    except KeyboardInterrupt:
        # Ctrl-C before `serve` handles the signal.
        return 0

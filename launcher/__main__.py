"""``python -m launcher api`` and ``python -m launcher worker``: keep one program running, as the images do.

A health check of a container has no action. So the first process of an image is this one: it starts its program again
when that ends or hangs, and ends it, with time to finish, when the container stops. It keeps no files, and its program
writes where it writes itself.
"""

import argparse
import os
import sys

from launcher.api_address import Health, Listeners
from launcher.child import Child, Program
from launcher.console import print_error
from launcher.errors import CannotRun, StopRequested
from launcher.kept import Kept
from launcher.options import add_address, add_processes, number_of_processes
from launcher.patience import PATIENCE
from launcher.programs import API, WORKER, api_programs, worker_program
from launcher.signals import Signals
from launcher.signs_of_life import Answers, Heartbeats, Watch
from launcher.supervisor import Supervisor

API_GRACE = 15.0
WORKER_GRACE = 100.0
"""Seconds from SIGTERM to SIGKILL: less than the containers' `stop_grace_period`."""


def main() -> int:
    """Keep a program running until SIGTERM; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m launcher", description="Keep one program running.")
    programs = parser.add_subparsers(dest="program", required=True)
    api = programs.add_parser("api", help="the HTTP service")
    add_address(api)
    add_processes(api)
    programs.add_parser("worker", help="a worker")
    options = parser.parse_args()
    try:
        with Signals() as signals:
            if options.program == "worker":
                return _keep(signals, [(worker_program(WORKER, grace=WORKER_GRACE), Heartbeats(PATIENCE))])
            with Listeners(options.host, options.port) as listeners:
                apis = api_programs(API, listeners, number_of_processes(options.processes), grace=API_GRACE)
                return _keep(signals, [(each, Answers(Health(), PATIENCE)) for each in apis], listeners)
    except CannotRun as error:
        print_error(str(error))
        return 1


def _keep(signals: Signals, programs: list[tuple[Program, Watch]], listeners: Listeners | None = None) -> int:
    kept = [Kept(Child(program, os.environ), watch, PATIENCE) for program, watch in programs]
    supervisor = Supervisor(signals, [kept], needed=kept)
    try:
        supervisor.run(is_ready=lambda: any(each.has_lived for each in kept))
    except StopRequested:
        return 0
    except CannotRun as error:
        print_error(str(error))
        return 1
    finally:
        if listeners is not None:
            listeners.close()
        supervisor.stop()


if __name__ == "__main__":
    sys.exit(main())

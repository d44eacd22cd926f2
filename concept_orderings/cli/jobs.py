"""The command ``jobs``: list the jobs of a service, follow one, or cancel one."""

import argparse

from concept_orderings.cli.of_service import add_url, client_of
from concept_orderings.cli.output import write
from concept_orderings.client.asking import Job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: a job, whether to follow or cancel it, and the service."""
    parser.add_argument("id", nargs="?", metavar="ID", help="show this job (default: active and recent jobs)")
    add_url(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--cancel", metavar="ID", help="cancel this job")
    what.add_argument(
        "--follow", metavar="ID", help="follow this job to its end; the exit status is 1 if it does not succeed"
    )
    what.add_argument(
        "--limit", type=_limit, default=100, help="the most jobs that are listed, up to 1000 (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """Print a line for each job: id, state, stream, and how much of its phase is done.

    Raises
    ------
    ConceptOrderingsError
        There is no such job, it cannot be cancelled, or the service does not answer.
    """
    with client_of(options) as client:
        if options.cancel is not None:
            jobs = [client.cancel(options.cancel)]
        elif options.follow is not None:
            jobs = [client.follow(options.follow, progress=True)]
        elif options.id is not None:
            jobs = [client.job(options.id)]
        else:
            jobs = client.jobs(options.limit)
    write([("".join(f"{_line(each)}\n" for each in jobs).encode(), None)])
    return 0 if options.follow is None or jobs[0].state == "succeeded" else 1


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{ascii(text)[:40]} is not a number from 1 to 1000")
    return int(text)


def _line(job: Job) -> str:
    name = f"{job.name}@{job.version}" if job.version is not None else job.name
    steps = f"{job.phase}: {job.done} of {job.total}" if job.total else job.phase
    waits = "" if job.ahead is None else f"{job.ahead} ahead"
    return "\t".join(filter(None, (job.id, job.state, name, waits or job.error or steps)))

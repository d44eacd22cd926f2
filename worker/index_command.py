"""``concept-orderings index``: build or extend a local index of C4 shards, with a progress bar."""

import argparse
import asyncio
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from concept_orderings.cli.options import add_data_dir
from concept_orderings.cli.terminal import say
from concept_orderings.errors import BadValue, SourceError, StoreError
from concept_orderings.evidence.counts import RESERVED
from store.counts_files import CountsFiles
from store.format import claim_data_dir
from store.objects import open_objects
from store.settings import StoreSettings, read_settings
from worker.evidence.local_index import build_index
from worker.running import running_elsewhere, running_workers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the shards, the index's name and the data directory."""
    parser.add_argument("shards", nargs="+", type=Path, metavar="SHARD", help="C4 JSON lines, .json.gz")
    parser.add_argument("--name", default="c4", help="the source by which orderings name it (default: %(default)s)")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    """Add the shards to the index of that name; return the exit status.

    Raises
    ------
    SourceError
        ``source_not_configured`` for a name that no index can have; see also `index`.
    BadValue
        ``bad_file``: the index cannot be written.
    SettingError
        ``unknown_data_format`` if a later release wrote the data directory.
    """
    settings = read_settings(StoreSettings, data_dir=options.data_dir)
    directory = settings.index_dir(options.name)
    _check_not_reserved(options.name)
    claim_data_dir(options.data_dir)
    # Also before the build, which may take hours.
    _warn_of_another_data_dir(options.data_dir)
    try:
        status = index(options.shards, directory)
    except OSError as error:
        raise BadValue("bad_file", f"The index {directory} cannot be written: {error.strerror}.") from error
    if _is_counts_file(options.name, settings):
        say(
            f"Orderings with the source {options.name} use this index now, and not the counts file of that name which "
            "was uploaded before. Versions that were ordered by the file stay what they are."
        )
    if not _warn_of_another_data_dir(options.data_dir):
        print(_readers(options.name, options.data_dir))
    return status


def _check_not_reserved(name: str) -> None:
    """Refuse a name that has a meaning of its own: orderings could not use the index."""
    if name in RESERVED:
        raise SourceError(
            "source_not_configured", f"{name} is the name of {RESERVED[name]}; give the index another one by --name."
        )


def _is_counts_file(name: str, settings: StoreSettings) -> bool:
    # The index can be built while the store is away, as on a machine without access to it.
    with suppress(StoreError):
        return asyncio.run(CountsFiles(open_objects(settings.streams_location)).exists(name))
    return False


def _warn_of_another_data_dir(data_dir: Path) -> bool:
    """Say so if a service runs, but on another data directory; return whether it does."""
    if warning := running_elsewhere(data_dir):
        say(warning)
    return bool(warning)


def _readers(name: str, data_dir: Path) -> str:
    """Return a sentence on who reads an index: the running workers, or those of a service that is started later."""
    if workers := [str(each.pid) for each in running_workers() if each.uses(data_dir)]:
        return f"Orderings of the running service can use the source {name} now (worker: process {', '.join(workers)})."
    directory = shlex.quote(str(data_dir.absolute()))
    return (
        f"No service of this user runs on this machine; one that is started with --data-dir {directory} has the index."
    )


def index(shards: Sequence[Path], directory: Path) -> int:
    """Add shards to the index in a directory, print warnings and a summary of the index; return the exit status.

    Raises
    ------
    SourceError
        If shards are damaged, or another build is running in the directory.
    """
    with tqdm(unit="B", unit_scale=True, desc=directory.name, dynamic_ncols=True) as bar:

        def report(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        summary = build_index(shards, directory, report=report)
    for warning in summary.warnings:
        say(warning)
    for path in summary.skipped:
        print(f"{path}: skipped, because its content is in the index already")
    print(f"{directory.name}: {summary.documents:,} documents in {len(summary.shards)} shards; {directory}")
    return 0

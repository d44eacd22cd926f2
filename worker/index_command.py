"""``concept-orderings index``: build or extend a local index of C4 shards, with a progress bar."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from concept_orderings.cli.options import add_data_dir
from concept_orderings.cli.terminal import say
from store.format import claim_data_dir
from store.settings import StoreSettings, read_settings
from worker.evidence.local_index import build_index


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
    SettingError
        ``unknown_data_format`` if a later release wrote the data directory.
    """
    claim_data_dir(options.data_dir)
    return index(options.shards, read_settings(StoreSettings, data_dir=options.data_dir).index_dir(options.name))


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

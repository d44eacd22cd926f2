"""``concept-orderings index``: build or extend a local index of C4 shards, with a progress bar."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from worker.evidence.local_index import build_index


def index(shards: Sequence[Path], directory: Path) -> int:
    """Add shards to the index in a directory and say what it holds then; return the exit status.

    Raises
    ------
    SourceError
        If shards are damaged, or another build is at work there.
    """
    with tqdm(unit="B", unit_scale=True, desc=directory.name, dynamic_ncols=True) as bar:

        def report(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        summary = build_index(shards, directory, report=report)
    for path in summary.skipped:
        print(f"{path}: skipped, its content is in the index already")
    print(f"{directory.name}: {summary.documents:,} documents in {len(summary.shards)} shards; {directory}")
    return 0

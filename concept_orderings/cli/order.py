"""The command ``order``: order class-list files without a server."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concept_orderings.cli.embeddings_file import read_embeddings
from concept_orderings.cli.gatherers import find_gatherer
from concept_orderings.cli.options import add_data_dir
from concept_orderings.cli.output import write
from concept_orderings.cli.parameters import add_parameters, given_parameters
from concept_orderings.errors import BadParameter
from concept_orderings.evidence import Need
from concept_orderings.exporters import EXPORTERS
from concept_orderings.given import Gathered
from concept_orderings.order_files import order, read_request
from concept_orderings.orderings import ORDERINGS
from concept_orderings.orderings.frequency import Frequency
from concept_orderings.orderings.similarity import Similarity
from concept_orderings.progress import Report, silent
from concept_orderings.request import StreamRequest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the files, the ordering with its parameters, the split, and what is written where."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="JSON: a list of class names (the file's name is the dataset's), a list of DATASET+++class name, "
        "or an object with datasets or concepts as a request has them",
    )
    parser.add_argument("--kind", choices=ORDERINGS, required=True, help="the ordering")
    add_parameters(parser)
    tasks = parser.add_mutually_exclusive_group()
    tasks.add_argument("--tasks", type=int, metavar="T", help="cut into T tasks (default: 1)")
    tasks.add_argument("--by", choices=("dataset", "year"), help="cut into one task per contiguous group")
    parser.add_argument(
        "--embeddings",
        type=Path,
        metavar="NPY",
        help="similarity: use these caption embeddings, (n, d): a row per concept, sorted by dataset and class name",
    )
    parser.add_argument(
        "--format",
        choices=EXPORTERS,
        default="fomo",
        # argparse replaces what follows a percent sign.
        help=" ".join(f"{name}: {exporter.summary}" for name, exporter in EXPORTERS.items()).replace("%", "%%"),
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there and not to standard output")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    """Order the files and write the order; return the exit status."""
    ordering = {"kind": options.kind, **given_parameters(options)}
    tasks: dict[str, object] = (
        {"by": options.by} if options.by else {"count": 1 if options.tasks is None else options.tasks}
    )
    body = read_request(options.files, ordering=ordering, tasks=tasks)
    report = _progress_line if sys.stderr.isatty() else silent
    stream = order(
        body, embed=_embedder(options.embeddings, options.data_dir), count=_counter(options.data_dir), report=report
    )
    for warning in stream.warnings():
        _warn(warning)
    # Exporters render a published version: this order is rendered as version 1 of a stream named like the request.
    write(EXPORTERS[options.format]().render(stream.published(1)), options.output)
    return 0


def _embedder(path: Path | None, data_dir: Path) -> Callable[[StreamRequest, Similarity, Report], NDArray[np.float32]]:
    def embed(request: StreamRequest, ordering: Similarity, report: Report) -> NDArray[np.float32]:
        if path is not None:
            if ordering.weights:
                raise BadParameter(
                    "bad_parameter", "The weights of given embeddings cannot be checked; leave them out."
                )
            return read_embeddings(path, len(request.concepts))
        found = find_gatherer(Need.EMBEDDINGS)(request, report, data_dir=data_dir)
        for warning in found.provenance.warnings:
            _warn(warning)
        return np.asarray(found.values, dtype=np.float32)

    return embed


def _counter(data_dir: Path) -> Callable[[StreamRequest, Frequency, Report], Gathered]:
    def count(request: StreamRequest, ordering: Frequency, report: Report) -> Gathered:
        return find_gatherer(Need.COUNTS)(request, report, data_dir=data_dir)

    return count


def _warn(text: str) -> None:
    print(f"concept-orderings: {text}", file=sys.stderr)


def _progress_line(done: int, total: int) -> None:
    print(f"\r{done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)

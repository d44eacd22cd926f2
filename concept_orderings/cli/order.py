"""The command ``order``: order class-list files without a server."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from concept_orderings.cli.embeddings_file import read_embeddings
from concept_orderings.cli.gatherers import find_gatherer
from concept_orderings.cli.options import add_data_dir
from concept_orderings.cli.output import write
from concept_orderings.cli.parameters import add_parameters, given_parameters
from concept_orderings.errors import BadParameter
from concept_orderings.evidence import Gathered, Need
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.exporters import EXPORTERS
from concept_orderings.order_files import Gatherer, order, read_request
from concept_orderings.orderings import ORDERINGS
from concept_orderings.progress import Report, silent
from concept_orderings.request import StreamRequest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: files, the ordering and its parameters, the split, and the output."""
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
        help="use these caption embeddings, (n, d): a row per concept, sorted by dataset and class name",
    )
    parser.add_argument(
        "--format",
        choices=EXPORTERS,
        default="fomo",
        # argparse takes percent signs for placeholders.
        help=" ".join(f"{name}: {exporter.summary}" for name, exporter in EXPORTERS.items()).replace("%", "%%"),
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to this file instead of standard output")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    """Order the files and write the order; return the exit status."""
    ordering = {"kind": options.kind, **given_parameters(options)}
    tasks: dict[str, object] = (
        {"by": options.by} if options.by else {"count": 1 if options.tasks is None else options.tasks}
    )
    body = read_request(options.files, ordering=ordering, tasks=tasks)
    report = _progress_line if sys.stderr.isatty() else silent
    stream = order(body, gatherer=_gatherers(options.embeddings, options.data_dir), report=report)
    for warning in stream.warnings():
        _warn(warning)
    # Exporters render a published version: this order is rendered as version 1 of a stream named like the request.
    write(EXPORTERS[options.format]().render(stream.published(1)), options.output)
    return 0


def _gatherers(embeddings: Path | None, data_dir: Path) -> Callable[[Need], Gatherer]:
    """Return a function from a kind of evidence to its gatherer: the file of embeddings, or an installed program."""

    def gatherer(need: Need) -> Gatherer:
        if need is Need.EMBEDDINGS and embeddings is not None:
            return partial(_from_file, embeddings)
        return partial(find_gatherer(need), data_dir=data_dir)

    return gatherer


def _from_file(path: Path, request: StreamRequest, report: Report) -> Gathered:
    del report
    if parameters_of(request.ordering, NeedsEmbeddings).weights:
        raise BadParameter("bad_parameter", "The weights of given embeddings cannot be checked; leave them out.")
    return Gathered.of(np.asarray(read_embeddings(path, len(request.concepts)), np.float32), "caller")


def _warn(text: str) -> None:
    print(f"concept-orderings: {text}", file=sys.stderr)


def _progress_line(done: int, total: int) -> None:
    print(f"\r{done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)

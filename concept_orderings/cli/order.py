"""The command ``order``: order class-list files without a server."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from concept_orderings.asked_classes import ALL_DATASETS, listed_pairs
from concept_orderings.catalogue import ADAPTATION_DATASETS
from concept_orderings.class_files import ClassFile, OwnFields, located, of_catalogue, request_of
from concept_orderings.cli.export import add_labels, no_labels
from concept_orderings.cli.files import read_files
from concept_orderings.cli.labels_file import read_labels_file
from concept_orderings.cli.options import default_data_dir
from concept_orderings.cli.order_evidence import gatherers, published_evidence
from concept_orderings.cli.order_options import (
    faults_of_column,
    faults_of_format,
    faults_of_options,
    faults_with_files,
    given_split,
    split_options,
)
from concept_orderings.cli.output import check_writable, write
from concept_orderings.cli.parameters import add_parameters, ordering_of
from concept_orderings.cli.print_order import print_order
from concept_orderings.cli.terminal import say
from concept_orderings.cli.usage import refuse
from concept_orderings.errors import BadValue, ConceptOrderingsError
from concept_orderings.evidence import Need
from concept_orderings.exporters import EXPORTERS, Exporter
from concept_orderings.json_text import decode_json
from concept_orderings.labels import Labels, listed_labels
from concept_orderings.order_files import fewest_tasks, order
from concept_orderings.orderings import ORDERINGS
from concept_orderings.progress_line import progress_on
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.split import SAMPLES
from concept_orderings.stream_warnings import sentences

WITHOUT_SPLIT, WITH_SPLIT = "fomo", "tasks"
"""The formats that are written if none is asked for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: files, the ordering and its parameters, the split, and the output."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="a file with class names, as text, CSV, TSV or JSON (docs/label-files.md lists the forms), with "
        "DATASET+++class name of each concept, or with the body of a request. A dataset is named after its file; "
        "NAME=FILE names it",
    )
    parser.add_argument(
        "--dataset",
        action="append",
        metavar="NAME",
        help="take the classes of this dataset from the catalogue, as the benchmark's streams have them; repeat it for "
        f"several; {ALL_DATASETS}: all {ADAPTATION_DATASETS} datasets that the streams are of",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse classes and datasets that the catalogue does not have, instead of warning of them",
    )
    parser.add_argument("--column", help="for CSV, TSV and JSON objects: the column that has the class names")
    parser.add_argument("--kind", choices=ORDERINGS, help="the ordering; needed unless a file has the field ordering")
    add_parameters(parser)
    tasks = parser.add_mutually_exclusive_group()
    tasks.add_argument("--tasks", type=int, metavar="T", help="cut into T tasks (default: 1)")
    tasks.add_argument(
        "--by",
        choices=("dataset", "year", SAMPLES),
        help="cut into one task per contiguous group, or into tasks of about --per-task training samples",
    )
    parser.add_argument(
        "--balance", choices=(SAMPLES,), help="with --tasks: the same number of training samples, and not of concepts"
    )
    parser.add_argument(
        "--per-task", type=int, metavar="P", help="with --by samples: about this many training samples in a task"
    )
    parser.add_argument(
        "--training",
        type=_json,
        metavar="JSON",
        help="the budget and the mixture of training, which the manifest and some formats then have "
        "(docs/budgets.md), such as '{\"batch_size\": 256}'; {} for the benchmark's",
    )
    parser.add_argument(
        "--embeddings",
        type=Path,
        metavar="FILE",
        help="take the caption embeddings from this .npy or .npz file, instead of an encoder: a row per concept; an "
        ".npz file has them as embeddings, and the names of the rows as names",
    )
    parser.add_argument(
        "--names", type=Path, metavar="FILE", help="the names of the rows of --embeddings, one per line, in their order"
    )
    parser.add_argument(
        "--evidence",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="make the order again from the published evidence of a version: its files, or a directory that has them "
        "(docs/evidence.md); no encoder and no source is used. A manifest among them says which digests they must have",
    )
    parser.add_argument(
        "--print-order",
        action="store_true",
        help="print the names of the concepts in canonical order, one per line, and do nothing else",
    )
    parser.add_argument(
        "--format",
        choices=EXPORTERS,
        # argparse takes percent signs for placeholders.
        help=" ".join(f"{name}: {exporter.summary}" for name, exporter in EXPORTERS.items()).replace("%", "%%")
        + f" (default: {WITH_SPLIT} with a split into tasks, {WITHOUT_SPLIT} without)",
    )
    add_labels(parser, "the lists in the files, and the catalogue's for its own datasets")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to this file instead of standard output")
    parser.add_argument(
        "--manifest",
        type=Path,
        metavar="FILE",
        help="write the manifest to this file: the digests, the request with all its defaults, and the warnings",
    )
    parser.add_argument("--name", help="the stream's name, which stands in the manifest")
    parser.add_argument(
        "--data-dir",
        type=Path,
        help=f"the directory with local indexes and uploaded files, for --source (default: {default_data_dir()})",
    )


def run(options: argparse.Namespace) -> int:
    """Order the files and write the order; return the exit status.

    Raises
    ------
    UsageError
        Options contradict each other or a file, or would have no effect.
    ConceptOrderingsError
        A file or the request is refused, or the work fails.
    """
    refuse(faults_of_options(options))
    for path in filter(None, (options.output, options.manifest)):
        check_writable(path)
    files = [*read_files(options.files, column=options.column), *map(of_catalogue, options.dataset or ())]
    for note in (note for each in files for note in each.notes):
        say(note)
    if options.print_order:
        return print_order(files, options.output)
    own = OwnFields(files)
    refuse([*faults_of_column(options, files), *faults_with_files(options, own)])
    body = request_of(files, **_fields(options, own))
    request = _parsed(options, files, body)
    exporter = EXPORTERS[_format(options, own, request)]()
    labels = _labels(options, exporter, listed_pairs(body, request.ordering.own_concepts()))
    published = published_evidence(options, request)
    with progress_on(sys.stderr) as report:
        stream = order(request, gatherer=gatherers(options, request, body), published=published, report=report)
    for sentence in sentences(stream.warnings()):
        say(sentence)
    # Exporters render a published version: this order is rendered as version 1 of a stream named like the request.
    version = replace(stream.published(1), labels=labels)
    manifest = [(version.documents().manifest, options.manifest)] if options.manifest else []
    write([*manifest, (exporter.render(version), options.output)])
    return 0


def _json(text: str) -> object:
    try:
        return decode_json(text.encode())
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"it is not JSON ({error})") from error
    except BadValue as error:
        raise argparse.ArgumentTypeError(error.detail) from error


def _labels(options: argparse.Namespace, exporter: Exporter, listed: Iterable[tuple[str, str]]) -> Labels:
    """Return the labels of ``--labels``, or those of the lists in the files, as a POST of them would have them."""
    if options.labels is None:
        return listed_labels(listed)
    if not exporter.has_labels:
        refuse([no_labels(exporter.name)])
    return read_labels_file(options.labels)


def _parsed(options: argparse.Namespace, files: Sequence[ClassFile], body: dict[str, object]) -> StreamRequest:
    passed = frozenset({Need.EMBEDDINGS}) if options.embeddings else frozenset[Need]()
    try:
        return parse_request(body, passed=passed).as_of(datetime.now(UTC))
    except ConceptOrderingsError as error:
        raise located(error, files) from error


def _fields(options: argparse.Namespace, own: OwnFields) -> dict[str, object]:
    """Return the fields of the request that options or files give."""
    fields = {"name": options.name or "file", "tasks": given_split(options) or {"count": 1}}
    if options.strict:
        fields["strict"] = True
    if options.training is not None:
        fields["training"] = options.training
    if options.kind is not None:
        fields["ordering"] = ordering_of(options)
    # A field that both an option and a file give is refused before.
    return {**fields, **own}


def _format(options: argparse.Namespace, own: OwnFields, request: StreamRequest) -> str:
    """Return the format that is asked for, or the default: the tasks if there is a split."""
    split = " ".join(split_options(options)) or (f"the file {own.path('tasks')}" if "tasks" in own else "")
    if options.format is None:
        return WITH_SPLIT if split else WITHOUT_SPLIT
    if split:
        refuse(faults_of_format(options.format, fewest_tasks(request), split))
    return str(options.format)

"""The command ``export``: write a version that was downloaded in another format, without a server."""

import argparse
from dataclasses import replace
from pathlib import Path

from concept_orderings.cli.labels_file import read_labels_file
from concept_orderings.cli.output import check_writable, write
from concept_orderings.cli.usage import refuse
from concept_orderings.cli.version_files import read_version
from concept_orderings.exporters import EXPORTERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: the files of a version, the format, the labels and the output."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="the manifest of a version, its tasks and, for a bundle, its evidence, as the service serves them, or a "
        "directory that has them, such as an unpacked bundle",
    )
    parser.add_argument("--format", choices=EXPORTERS, required=True, help="the format (docs/exports.md)")
    add_labels(parser, "the catalogue's class lists")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to this file instead of standard output")


def add_labels(parser: argparse.ArgumentParser, default: str) -> None:
    """Declare ``--labels``."""
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="for a format with labels: a JSON object that has for each dataset its classes in the order of their "
        f"labels (default: {default})",
    )


def run(options: argparse.Namespace) -> int:
    """Write the version in the format; return the exit status.

    Raises
    ------
    UsageError
        Labels are given for a format that has none.
    ConceptOrderingsError
        A file is refused, or the format cannot express the version.
    """
    exporter = EXPORTERS[options.format]()
    if options.labels is not None and not exporter.has_labels:
        refuse([no_labels(exporter.name)])
    if options.output is not None:
        check_writable(options.output)
    version = read_version(options.files)
    if options.labels is not None:
        version = replace(version, labels=read_labels_file(options.labels))
    write([(exporter.render(version), options.output)])
    return 0


def no_labels(format_name: str) -> str:
    """Return the sentence for labels that a format does not have."""
    formats = ", ".join(name for name, each in EXPORTERS.items() if each.has_labels)
    return f"--labels has no effect: the format {format_name} has no labels; those that have are {formats}."

"""The command ``export``: write a version in another format, from its files or from a service."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from concept_orderings.cli.labels_file import read_labels_file
from concept_orderings.cli.of_service import add_url, client_of, faults_of_name, fetch, version_name
from concept_orderings.cli.output import check_writable, write
from concept_orderings.cli.usage import refuse
from concept_orderings.cli.version_files import read_version
from concept_orderings.evidence.counted_since import parse_time
from concept_orderings.exporters import EXPORTERS, Exporter
from concept_orderings.published import PUBLIC_URL, PublishedVersion


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: the files of a version, the format, the labels and the output."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="PATH",
        help="the manifest of a version, its tasks and, for a bundle, its evidence, as the service serves them, or a "
        "directory that has them, such as an unpacked bundle; with --url, NAME or NAME@VERSION of the service",
    )
    add_url(parser)
    parser.add_argument("--format", choices=EXPORTERS, required=True, help="the format (docs/exports.md)")
    add_labels(parser, "the catalogue's class lists")
    parser.add_argument(
        "--published-on",
        type=_day,
        metavar="YYYY-MM-DD",
        help="for a format that cites the version: the day in its created_at at the service (default: none)",
    )
    parser.add_argument(
        "--public-url",
        type=_address,
        metavar="URL",
        help="for a format that cites the version: the address of the service for others, as in its setting "
        "CONCEPT_ORDERINGS_PUBLIC_URL (default: none)",
    )
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
        Labels, a day or an address are given for a format that has none.
    ConceptOrderingsError
        A file is refused, or the format cannot express the version.
    """
    exporter = EXPORTERS[options.format]()
    refuse([*faults_of_name(options), *_without_effect(options, exporter)])
    if options.output is not None:
        check_writable(options.output)
    version = _fetched(options) if options.url is not None else read_version([Path(each) for each in options.files])
    version = replace(
        version, published_on=options.published_on or version.published_on, public_url=options.public_url or ""
    )
    if options.labels is not None:
        version = replace(version, labels=read_labels_file(options.labels))
    write([(exporter.render(version), options.output)])
    return 0


def _fetched(options: argparse.Namespace) -> PublishedVersion:
    """Return the version of a service, with the day on which it was published there."""
    with client_of(options) as client:
        stream = fetch(client, version_name(options.files[0]))
        days = {each.version: each.created_at[:10] for each in client.versions(stream.name)}
        # Evidence is fetched only for a format that has it.
        return replace(stream.published(), published_on=days.get(stream.version, ""))


def _without_effect(options: argparse.Namespace, exporter: Exporter) -> Iterator[str]:
    if options.labels is not None and not exporter.has_labels:
        yield no_labels(exporter.name)
    formats = ", ".join(name for name, each in EXPORTERS.items() if each.has_publication)
    for option, value in (("--published-on", options.published_on), ("--public-url", options.public_url)):
        if value is not None and not exporter.has_publication:
            yield f"{option} has no effect: the format {exporter.name} does not have it; those that do are {formats}."


def _day(text: str) -> str:
    if parse_time(f"{text}T00:00:00Z") is None:
        raise argparse.ArgumentTypeError(f"{ascii(text)[:40]} is not a day such as 2026-01-31")
    return text


def _address(text: str) -> str:
    if not PUBLIC_URL.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{ascii(text)[:80]} is not an address such as https://orderings.example.org, without a slash at its end"
        )
    return text


def no_labels(format_name: str) -> str:
    """Return the sentence for labels that a format does not have."""
    formats = ", ".join(name for name, each in EXPORTERS.items() if each.has_labels)
    return f"--labels has no effect: the format {format_name} has no labels; those that have are {formats}."

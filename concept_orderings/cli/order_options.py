"""Find the options of `order` that contradict each other, contradict a file, or would have no effect."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from concept_orderings.class_files import ClassFile, OwnFields
from concept_orderings.cli.parameters import PREFIX, given_parameters, has_option, option_of, ordering_of
from concept_orderings.evidence import Need
from concept_orderings.evidence.counts import AT_HAND
from concept_orderings.exporters import EXPORTERS
from concept_orderings.orderings import ORDERINGS, Ordering, may_have_own_concepts
from concept_orderings.orderings.groups import OrdersGroups
from concept_orderings.parameters import WITHIN
from concept_orderings.split import SAMPLES

_Part: TypeAlias = tuple[type[Ordering], Mapping[str, object]]

_WITH_PRINT_ORDER = ("command", "run", "given", "files", "dataset", "column", "output", "print_order")
_OF_ENCODERS = ("encoder", "weights")
_OF_CACHES = ("counted_since", "refresh")

_SPLIT = {"count": "tasks", "by": "by", "balance": "balance", "per_task": "per_task"}
"""By the field of a split, the name of its option."""


def faults_of_options(options: argparse.Namespace) -> Iterator[str]:
    """Yield a sentence for each fault that the options have by themselves."""
    yield from _dashes(options)
    of_ordering = options.kind is not None and may_have_own_concepts(ordering_of(options))
    if not (options.files or options.dataset or (of_ordering and not options.print_order)):
        yield "No class names are given: name a FILE that has some, or give --dataset NAME for one of the catalogue."
    if options.print_order:
        given = [name for name, value in vars(options).items() if value is not None and value is not False]
        others = [name for name in given if name not in _WITH_PRINT_ORDER]
        if others:
            named = ", ".join(option_of(name.removeprefix(PREFIX)) for name in others)
            yield f"--print-order prints the names of the concepts and orders nothing; leave out {named}."
        return
    if options.names is not None and options.embeddings is None:
        yield "--names has no effect: it names the rows of --embeddings; give that too, or leave --names out."
    if options.evidence is not None:
        for name, value in (("--embeddings", options.embeddings), ("--data-dir", options.data_dir)):
            if value is not None:
                yield f"--evidence has what the order is made from, and nothing else is used; leave {name} out."
    if options.name is not None and options.manifest is None and not _names_stream(options.format):
        named = ", ".join(name for name, each in EXPORTERS.items() if each.names_stream)
        yield (
            "--name has no effect: only the manifest has the stream's name, and some formats; give --manifest, or "
            f"--format with one of {named}, or leave --name out."
        )
    yield from _faults_of_split(options)
    if _same_file(options.output, options.manifest):
        yield f"--output and --manifest are both {options.output}; give two files."


def given_split(options: argparse.Namespace) -> dict[str, object]:
    """Return the field ``tasks`` of a request that the options give; empty if they give none."""
    return {field: value for field, value in _split_values(options).items() if value is not None}


def split_options(options: argparse.Namespace) -> list[str]:
    """Return the options that give a split, each with its value."""
    return [f"{option_of(_SPLIT[field])} {value}" for field, value in given_split(options).items()]


def _split_values(options: argparse.Namespace) -> dict[str, object]:
    return {field: getattr(options, name) for field, name in _SPLIT.items()}


def _faults_of_split(options: argparse.Namespace) -> Iterator[str]:
    if options.balance is not None and options.tasks is None:
        yield f"--balance {options.balance} says how --tasks T cuts; give that too, or leave --balance out."
    if options.per_task is not None and options.by != SAMPLES:
        yield f"--per-task {options.per_task} belongs to --by {SAMPLES}; give that too, or leave --per-task out."
    if options.by == SAMPLES and options.per_task is None:
        yield f"--by {SAMPLES} needs the number of samples in a task: give --per-task P, such as --per-task 50000."


def _names_stream(format_name: str | None) -> bool:
    return format_name is not None and EXPORTERS[format_name].names_stream


def _dashes(options: argparse.Namespace) -> Iterator[str]:
    """Yield a sentence for each - that stands for a standard stream in other programs, and would be a file here."""
    if any(each == "-" or each.endswith("=-") for each in options.files):
        yield "- is not read as standard input; write /dev/stdin, or NAME=/dev/stdin for class names without a dataset."
    for name, path in (("--output", options.output), ("--manifest", options.manifest)):
        if path == Path("-"):
            yield f"{name} - would write a file named -; write {name} /dev/stdout for standard output."


def faults_with_files(options: argparse.Namespace, own: OwnFields) -> Iterator[str]:
    """Yield a sentence for each fault that the options have together with what the files say."""
    yield from _twice_given(options, own)
    if options.manifest is not None and options.name is None and "name" not in own:
        yield "--manifest needs the stream's name, which stands in the manifest: give --name, such as --name my-stream."
    ordering = options.kind or own.get("ordering")
    if ordering is None:
        yield f"No ordering is given: give --kind, one of {', '.join(ORDERINGS)}, or a file with the field ordering."
    parameters = ordering_of(options) if options.kind else own.get("ordering")
    if parts := _parts_of(parameters):
        yield from _faults_of_parameters(options, parts)


def faults_of_column(options: argparse.Namespace, files: Sequence[ClassFile]) -> Iterator[str]:
    """Yield a sentence if a column is named and no file has columns."""
    if options.column is not None and not any(each.labels is not None and each.labels.column for each in files):
        yield "--column has no effect: no file is a table, or has JSON objects or features; leave it out."


def faults_of_format(format_name: str, fewest_tasks: int, split: str) -> Iterator[str]:
    """Yield a sentence if a format cannot show the split.

    Parameters
    ----------
    format_name
        The name of an exporter.
    fewest_tasks
        The fewest tasks that the split can give.
    split
        The option or the field of a file that asks for the split.
    """
    if fewest_tasks > 1 and not EXPORTERS[format_name].shows_tasks:
        yield (
            f"--format {format_name} is one list, which cannot show the tasks of {split}; leave one of the two out, or "
            f"give --format {' or '.join(name for name, each in EXPORTERS.items() if each.shows_tasks)}."
        )


def _twice_given(options: argparse.Namespace, own: OwnFields) -> Iterator[str]:
    parameters = [option_of(name) for name in given_parameters(options)]
    given = {
        "name": ["--name"] if options.name is not None else [],
        "ordering": ["--kind", *parameters] if options.kind else parameters,
        "tasks": [option_of(_SPLIT[field]) for field in given_split(options)],
        "strict": ["--strict"] if options.strict else [],
        "training": ["--training"] if options.training is not None else [],
    }
    for field, names in given.items():
        if names and field in own:
            has_it = f"{own.path(field)} has its own {field}"
            yield f"{', '.join(names)} cannot be given, because {has_it}; leave one of the two out."


def _parts_of(parameters: object) -> list[_Part]:
    """Return an ordering and that inside its groups, as far as their kinds are known."""
    if not isinstance(parameters, Mapping) or (kind := ORDERINGS.get(str(parameters.get("kind")))) is None:
        return []
    return [(kind, parameters), *_parts_of(parameters.get(WITHIN) if issubclass(kind, OrdersGroups) else None)]


def _faults_of_parameters(options: argparse.Namespace, parts: Sequence[_Part]) -> Iterator[str]:
    kind = parts[0][0]
    takes = list(dict.fromkeys(each.name for part, _ in parts for each in part.parameters() if has_option(each)))
    for name in given_parameters(options):
        if name not in takes:
            taken = ", ".join(map(option_of, takes))
            yield f"{option_of(name)} has no effect: the ordering {kind.kind} takes only {taken}; leave it out."
        elif name in _OF_CACHES:
            yield f"{option_of(name)} has no effect: this command counts anew each time; leave it out."
    yield from _faults_of_embeddings(options, parts)
    if options.evidence is not None:
        return
    if options.data_dir is not None and not any(_is_sourced(part, parameters) for part, parameters in parts):
        yield "--data-dir has no effect: only sources of counts and scores are looked for there (--source NAME)."


def _is_sourced(kind: type[Ordering], parameters: Mapping[str, object]) -> bool:
    named = parameters.get("source") not in (None, *AT_HAND) or bool(parameters.get("sources"))
    return named and not kind.needs.isdisjoint((Need.COUNTS, Need.SCORES))


def _faults_of_embeddings(options: argparse.Namespace, parts: Sequence[_Part]) -> Iterator[str]:
    if options.embeddings is None:
        return
    parameters = next((parameters for kind, parameters in parts if Need.EMBEDDINGS in kind.needs), None)
    if parameters is None:
        yield f"--embeddings has no effect: the ordering {parts[-1][0].kind} needs none."
        return
    for name in _OF_ENCODERS:
        if parameters.get(name):
            yield (
                f"{option_of(name)} (or {name} in a file) cannot be checked with --embeddings, since no encoder is "
                "used; leave one of the two out."
            )
    if parameters.get("dtype") == "bfloat16":
        # The other formats are those to which the rows are rounded before they are compared.
        yield "--dtype bfloat16 is a format of encoders, and not of the rows of --embeddings; leave one of the two out."


def _same_file(one: Path | None, other: Path | None) -> bool:
    return one is not None and other is not None and one.resolve() == other.resolve()

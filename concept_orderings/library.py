"""Order concepts without a server: one call from a request to arranged concepts."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import LARGEST_INTEGER, Json
from concept_orderings.errors import MissingEvidence
from concept_orderings.evidence import EVIDENCE, Evidence, Gathered, Need
from concept_orderings.evidence.at_hand import assemble, evidence_at_hand
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.evidence.quantised import OF_CALLER, embeddings_as_evidence
from concept_orderings.evidence.samples import samples_of_each
from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.name_warnings import name_warnings
from concept_orderings.orderings import Arrangement
from concept_orderings.progress import Phase, RepeatableReport, Report, enter, silent
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.rows import rows_by_name
from concept_orderings.split import GroupedTasks
from concept_orderings.stream import MOST_VECTOR_BYTES, ArrangedStream, task_sizes
from concept_orderings.stream_warnings import StreamWarning
from concept_orderings.variants import parse_requests

MOST_FORESEEN = 100_000
"""The most concepts that are arranged to foresee warnings: it takes about half a second."""

_WAYS = defaultdict(lambda: "pass them", {Need.SCORES: "give them with the classes"})
"""How a caller without the service gives evidence of each kind."""


def arrange(
    body: object,
    *,
    embeddings: NDArray[np.floating] | None = None,
    counts: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    report: Report = silent,
) -> list[list[str]]:
    """Arrange the concepts of a request and task_sizes them into tasks.

    Parameters
    ----------
    body
        The body of a ``POST /v1/streams``, as a dict.
    embeddings
        For `similarity` and `typicality`: a row for each concept, (n, d). Without `names` the rows are in the order of
        ``parse_request(body).concepts.ids``: by the catalogue's name of the dataset, then by class name, which is
        hardly ever the order in which the request lists them. A row is the embedding of the concept's caption, or the
        mean of those of several captions; ``concept_orderings.evidence.captions`` makes captions with `captions_of` and
        `caption_rounds`. They are cut to float32 unless the ordering's ``dtype`` is ``float64``, the default.
    counts
        For `frequency`, unless its source is the request: a count for each concept, (n,), in the same order.
    names
        The names of the rows of `embeddings` and of `counts`, (n,), which are then matched by name:
        ``DATASET+++class name``, or a class name alone that only one dataset has.
    report
        Called with (done, total). One that is a `concept_orderings.progress.PhaseReport` gets the phases, too.

    Returns
    -------
    list of list of str
        The tasks; each concept is ``DATASET+++class name``.

    Raises
    ------
    InvalidInput
        With a stable ``code`` and pointers to the fields, and all faults in ``faults``; `MissingEvidence` if embeddings
        or counts are needed; ``bad_rows`` if the names are not those of the concepts.
    """
    return _tasks(parse_request(body, passed=_passed(embeddings)), embeddings, counts, names, report)


def arrange_variants(
    body: object,
    *,
    embeddings: NDArray[np.floating] | None = None,
    counts: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    report: Report = silent,
) -> dict[str, list[list[str]]]:
    """Arrange the concepts of a body with ``variants`` once for each seed.

    Parameters
    ----------
    body, embeddings, counts, names, report
        As of `arrange`.

    Returns
    -------
    dict of str to list of list of str
        By the name of its stream, NAME-1 to NAME-N, the tasks of each variant; without ``variants`` those of the one
        request.

    Raises
    ------
    InvalidInput
        As of `arrange` and of `concept_orderings.variants.parse_requests`.
    """
    requests = parse_requests(body, passed=_passed(embeddings)).requests
    return {each.name: _tasks(each, embeddings, counts, names, report) for each in requests}


def _passed(embeddings: NDArray[np.floating] | None) -> frozenset[Need]:
    return frozenset() if embeddings is None else frozenset({Need.EMBEDDINGS})


def _tasks(
    request: StreamRequest,
    embeddings: NDArray[np.floating] | None,
    counts: Sequence[int] | None,
    names: Sequence[str] | None,
    report: Report,
) -> list[list[str]]:
    if names is not None:
        rows = rows_by_name(names, request.concepts)
        embeddings = None if embeddings is None else _rows_of(embeddings, names)[rows]
        counts = None if counts is None else _rows_of(counts, names)[rows].tolist()
    return arrange_request(request, embeddings=embeddings, counts=counts, report=report).concepts_by_task()


def arrange_request(
    request: StreamRequest,
    *,
    embeddings: NDArray[np.floating] | None = None,
    counts: Sequence[int] | Gathered | None = None,
    report: Report = silent,
) -> ArrangedStream:
    """Arrange a request that is already checked, and return the stream with its provenance; see `arrange`.

    `counts` may be `Gathered` counts, whose provenance then stands in the manifest.
    """
    outside: dict[Need, Gathered] = {}
    if embeddings is not None:
        outside |= _given_embeddings(np.asarray(embeddings), request)
    if counts is not None:
        outside[Need.COUNTS] = counts if isinstance(counts, Gathered) else _given_counts(counts, request)
    return arrange_stream(request, {**outside, **evidence_at_hand(request)}, report=report)


def arrange_stream(
    request: StreamRequest,
    gathered: Mapping[Need, Gathered],
    *,
    machine: Machine = ANY_MACHINE,
    report: Report = silent,
    most_vector_bytes: int = MOST_VECTOR_BYTES,
) -> ArrangedStream:
    """Arrange a request whose evidence is gathered, split it into tasks, and describe the result.

    Vectors of more than `most_vector_bytes` are not published with the version.

    Raises
    ------
    NotEnoughMemory
        ``not_enough_memory``: the ordering needs more memory than `machine` allows.
    MissingEvidence
        ``missing_embeddings`` or ``missing_counts``, if `gathered` lacks them.
    """
    evidence, progress = _needed_evidence(request, gathered), RepeatableReport(report)
    enter(report, Phase.ARRANGING)
    arrangement = request.ordering.arrangement(request.concepts, evidence, machine=machine, report=progress)
    return describe(request, gathered, arrangement, report=progress, most_vector_bytes=most_vector_bytes)


def remake_stream(
    request: StreamRequest,
    gathered: Mapping[Need, Gathered],
    published: Arrangement,
    *,
    search: bool = True,
    machine: Machine = ANY_MACHINE,
    report: Report = silent,
) -> tuple[ArrangedStream, int | None]:
    """Make a published stream again, to verify it; see `Ordering.remake`, whose `Remade.wrong` is returned, too.

    Vectors are published with it, however large they are.

    Raises
    ------
    MissingEvidence
        As raised by `arrange_stream`.
    """
    evidence, progress = _needed_evidence(request, gathered), RepeatableReport(report)
    enter(report, Phase.ARRANGING)
    remade = request.ordering.remake(
        request.concepts, evidence, published, search=search, machine=machine, report=progress
    )
    stream = describe(request, gathered, remade.arrangement, report=progress, most_vector_bytes=sys.maxsize)
    return stream, remade.wrong


def _needed_evidence(request: StreamRequest, gathered: Mapping[Need, Gathered]) -> Evidence:
    needed = _needed(request, gathered)
    for need in request.needs.difference(needed):
        raise MissingEvidence(
            f"missing_{need}", f"The ordering {request.ordering.kind} needs {need}; {_WAYS[need]}, or use the service."
        )
    return assemble(needed)


def _needed(request: StreamRequest, gathered: Mapping[Need, Gathered]) -> dict[Need, Gathered]:
    return {need: gathered[need] for need in sorted(request.needs) if need in gathered}


def describe(
    request: StreamRequest,
    gathered: Mapping[Need, Gathered],
    arrangement: Arrangement,
    *,
    report: RepeatableReport,
    most_vector_bytes: int = MOST_VECTOR_BYTES,
) -> ArrangedStream:
    """Split arranged concepts into tasks, and describe the result; see `arrange_stream`."""
    needed = _needed(request, gathered)
    evidence = assemble(needed)
    for each in needed.values():
        arrangement = replace(arrangement, details={**arrangement.details, **each.details})
    sizes = task_sizes(request.split, request.concepts, evidence, arrangement.order)
    enter(report, Phase.DIAGNOSING)
    diagnostics = request.ordering.diagnose(request.concepts, evidence, arrangement.order, sizes, report=report.repeat)
    columns: dict[str, Sequence[Json]] = {}
    for need, each in needed.items():
        columns |= {**EVIDENCE[need].shown(each), **each.columns}
    columns |= request.ordering.columns(request.concepts, evidence, arrangement.order)
    return ArrangedStream(request, evidence, needed, arrangement, sizes, diagnostics, columns, most_vector_bytes)


def foreseen_warnings(request: StreamRequest) -> list[StreamWarning]:
    """Return the warnings of the finished version that the request alone decides, before a job has begun.

    They are some of the version's warnings, in the same order. Those about evidence from a source or
    an encoder are missing. Above `MOST_FORESEEN` concepts, those are missing too that take as long as parsing the
    request.
    """
    return foreseen_of_variants([request])[0]


def foreseen_of_variants(requests: Sequence[StreamRequest]) -> list[list[StreamWarning]]:
    """Return `foreseen_warnings` of each of several requests that differ in their seeds and names alone.

    Above `MOST_FORESEEN` concepts of all requests together, none of them is arranged.
    """
    first, concepts = requests[0], sum(len(each.concepts) for each in requests)
    # Only whether groups are kept together, and the training samples of tasks, depend on the order.
    if concepts <= MOST_FORESEEN and not first.outside and _has_warnings_of_tasks(first):
        return [arrange_stream(each, evidence_at_hand(each)).warnings() for each in requests]
    return [_foreseen_without_order(first)] * len(requests)


def _has_warnings_of_tasks(request: StreamRequest) -> bool:
    return isinstance(request.split, GroupedTasks) or samples_of_each(request.concepts) is not None


def _foreseen_without_order(request: StreamRequest) -> list[StreamWarning]:
    if request.outside:
        few = len(request.concepts) <= MOST_FORESEEN
        kinds = [EVIDENCE[need] for need in sorted(request.outside)] if few else []
        return [*name_warnings(request), *(each for kind in kinds for each in kind.foreseen_warnings(request.concepts))]
    gathered = evidence_at_hand(request)
    evidence = [warning for each in gathered.values() for warning in each.provenance.warnings]
    arranging = request.ordering.evidence_warnings(request.concepts, assemble(gathered))
    return [*name_warnings(request), *evidence, *arranging]


def _rows_of(values: NDArray[Any] | Sequence[int], names: Sequence[str]) -> NDArray[Any]:
    rows = np.asarray(values)
    if len(rows) != len(names):
        raise ValueError(f"{len(rows)} values were passed for {len(names)} names")
    return rows


def _given_embeddings(embeddings: NDArray[np.floating], request: StreamRequest) -> dict[Need, Gathered]:
    """Return the caller's embeddings as evidence, or nothing for an ordering that needs none."""
    _check_length(embeddings, request)
    if Need.EMBEDDINGS not in request.needs:
        return {}
    parameters = parameters_of(request.ordering, NeedsEmbeddings)
    found = embeddings_as_evidence(embeddings, parameters, request.concepts.ids, source=OF_CALLER)
    return {Need.EMBEDDINGS: found}


def _given_counts(values: Sequence[int], request: StreamRequest) -> Gathered:
    counts = np.asarray(values)
    if counts.ndim != 1 or not np.issubdtype(counts.dtype, np.integer):
        raise ValueError("counts are integers, one per concept")
    if counts.min(initial=0) < 0 or counts.max(initial=0) > LARGEST_INTEGER:
        raise ValueError("counts are from 0 to 2**53 - 1")
    _check_length(counts, request)
    return Gathered.of(counts.astype(np.int64), "caller")


def _check_length(values: NDArray[Any], request: StreamRequest) -> None:
    if len(values) != len(request.concepts):
        raise ValueError(f"{len(values)} values were passed for {len(request.concepts)} concepts")

"""Gathering scores: the score of each concept in the scores files that the ordering names."""

import asyncio
from functools import partial

import numpy as np
from numpy.typing import NDArray

from concept_orderings.concepts import Concepts
from concept_orderings.errors import SourceError, StoreError
from concept_orderings.evidence import Gathered
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.named_scores import NamedScores, gathered_scores, named_scores_of
from concept_orderings.evidence.scores import NeedsScores, names_of
from concept_orderings.evidence.tie_orders import BreaksTies, among
from concept_orderings.faults import Faults
from concept_orderings.parameters import POINTER
from concept_orderings.progress import Phase, Report
from concept_orderings.request import StreamRequest
from store.scores_files import ScoresFile, ScoresFiles, no_such_scores
from worker.evidence.gathering import Gathering


async def gather_scores(gathering: Gathering) -> Gathered:
    """Return the scores that the ordering names; see `scores_from_files`.

    Raises
    ------
    SourceError, MissingEvidence, StoreError, Cancelled
        See `scores_from_files`.
    """
    await gathering.monitor.enter(Phase.WAITING, 0)
    files = ScoresFiles(gathering.stores.objects)
    return await scores_from_files(gathering.request, files, report=gathering.monitor.report)


async def scores_from_files(request: StreamRequest, files: ScoresFiles, *, report: Report) -> Gathered:
    """Return the score of each concept in a scores file, or its mean rank in several.

    Parameters
    ----------
    request
        A request whose ordering names scores files.
    files
        All scores files.
    report
        Called with the files read and all files.

    Raises
    ------
    SourceError
        ``source_not_configured`` if there is no file of a name, ``source_damaged`` if one cannot be read.
    MissingEvidence
        ``missing_scores``, with the concepts that a file lacks, and that each other file lacks among its faults.
    StoreError
        ``store_unavailable``.
    """
    ordering, concepts = parameters_of(request.ordering, NeedsScores), request.concepts
    pointer = f"{POINTER}/{'source' if ordering.source is not None else 'sources'}"
    measured, faults = list[tuple[NamedScores, NDArray[np.float64]]](), Faults()
    names = names_of(ordering)
    for done, name in enumerate(names):
        report(done, len(names))
        record = await _record_of(name, files, pointer)
        # One file is held at a time: it may have two million scores.
        scores = await _read(record, files, concepts, faults, pointer)
        if scores is not None:
            measured.append((record.facts, scores))
    faults.refuse()
    tied = among(parameters_of(request.ordering, BreaksTies))
    if len(request.ordering.parts) > 1:
        tied = f"that of their groups, and inside a group {tied}"
    return await asyncio.to_thread(partial(gathered_scores, measured, concepts, among=tied))


async def _record_of(name: str, files: ScoresFiles, pointer: str) -> ScoresFile:
    try:
        record = await files.record(name)
    except StoreError as error:
        raise _damaged(error, pointer) from error
    if record is None:
        raise SourceError("source_not_configured", no_such_scores(name, await files.names()), [pointer])
    return record


async def _read(
    record: ScoresFile, files: ScoresFiles, concepts: Concepts, faults: Faults, pointer: str
) -> NDArray[np.float64] | None:
    try:
        content = await files.content(record)
    except StoreError as error:
        raise _damaged(error, pointer) from error
    return await asyncio.to_thread(faults.attempt, named_scores_of, record.facts, content, concepts, pointer=pointer)


def _damaged(error: StoreError, pointer: str) -> StoreError | SourceError:
    if error.code != "scores_file_damaged":
        return error
    return SourceError("source_damaged", error.detail, [pointer])

"""The gatherers of the command ``concept-orderings order``: no Redis, no cache."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from concept_orderings.errors import SourceError
from concept_orderings.evidence import Gathered
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.evidence.counts import NeedsCounts
from concept_orderings.progress import Phase, Report, enter
from concept_orderings.request import StreamRequest
from store.objects import open_objects
from store.scores_files import ScoresFiles
from store.settings import read_settings
from worker.evidence.counts import open_source
from worker.evidence.encoders import load_encoder
from worker.evidence.gather_counts import count_concepts
from worker.evidence.gather_embeddings import as_gathered, embed_concepts
from worker.evidence.gather_scores import scores_from_files
from worker.evidence.gather_ties import read_ties
from worker.running import running_elsewhere
from worker.settings import WorkerSettings


def gather_counts(request: StreamRequest, report: Report, *, data_dir: Path) -> Gathered:
    """Count each concept in the source that the ordering names.

    Every query is counted now, so `counted_since` and `refresh` have no effect.

    Parameters
    ----------
    request
        A request whose ordering needs counts.
    report
        Called with the queries counted and all queries.
    data_dir
        Where local indexes and counts files are.

    Raises
    ------
    SourceError, SettingError, StoreError, Cancelled
        See `open_source` and `count_concepts`.
    """
    source = parameters_of(request.ordering, NeedsCounts).source
    settings = read_settings(WorkerSettings, data_dir=data_dir)
    return asyncio.run(_count_in(source, request, settings, report))


def gather_scores(request: StreamRequest, report: Report, *, data_dir: Path) -> Gathered:
    """Return the scores in the scores files that the ordering names.

    Parameters
    ----------
    request
        A request whose ordering names scores files.
    report
        Called with the files read and all files.
    data_dir
        Where uploaded files are.

    Raises
    ------
    SourceError, MissingEvidence, StoreError, Cancelled
        See `scores_from_files`.
    """
    settings = read_settings(WorkerSettings, data_dir=data_dir)
    enter(report, Phase.WAITING)
    files = ScoresFiles(open_objects(settings.streams_location))
    with _saying_where_a_service_runs(settings):
        return asyncio.run(scores_from_files(request, files, report=report))


def gather_embeddings(request: StreamRequest, report: Report, *, data_dir: Path) -> Gathered:
    """Embed the concepts with the encoder that the ordering names.

    Parameters
    ----------
    request
        A request whose ordering needs embeddings.
    report
        Called with the captions embedded and all captions.
    data_dir
        Not used: other settings say where weights are.

    Raises
    ------
    EncoderError, SettingError, Cancelled
        See `load_encoder` and `embed_concepts`.
    """
    parameters = parameters_of(request.ordering, NeedsEmbeddings)
    settings = read_settings(WorkerSettings, data_dir=data_dir)
    enter(report, Phase.LOADING)
    encoder = load_encoder(parameters.encoder, settings, dtype=parameters.dtype, pinned=parameters.weights)
    enter(report, Phase.EMBEDDING)
    return as_gathered(asyncio.run(embed_concepts(request, encoder, None, report=report)), encoder, request)


def gather_ties(request: StreamRequest, report: Report, *, data_dir: Path) -> Gathered:
    """Read the order that breaks ties from the store, which has it under its digest.

    Parameters
    ----------
    request
        A request whose ordering has `ties`.
    report
        Not called: it takes a moment.
    data_dir
        Where the store is, unless it is elsewhere by the settings.

    Raises
    ------
    SettingError, StoreError
        See `read_ties`.
    """
    del report
    settings = read_settings(WorkerSettings, data_dir=data_dir)
    return asyncio.run(read_ties(request, open_objects(settings.streams_location)))


async def _count_in(name: str, request: StreamRequest, settings: WorkerSettings, report: Report) -> Gathered:
    enter(report, Phase.WAITING)
    with _saying_where_a_service_runs(settings):
        source = await open_source(name, settings, open_objects(settings.streams_location))
    try:
        return await count_concepts(request, source, None, report=report)
    finally:
        await source.aclose()


@contextmanager
def _saying_where_a_service_runs(settings: WorkerSettings) -> Iterator[None]:
    """If there is no source of a name, say which data directory the running service uses instead."""
    try:
        yield
    except SourceError as error:
        if error.code == "source_not_configured" and (hint := running_elsewhere(settings.data_dir)):
            raise SourceError(error.code, f"{error.detail} {hint}", error.pointers) from error
        raise

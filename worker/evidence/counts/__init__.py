"""Sources of counts, by the names that orderings give as their `source`.

A name stands for one source: a table of the file of sources, a local index, or a counts file. A name that both of the
operator's places have is refused. A counts file, which any client can upload, gives way to a source of the operator.

What is called what:

- a `Query` (``concept_orderings.queries``) is what a source counts: one spelling, or several of which any counts;
- a `CountSource` (``base``) counts queries; its `SourceFacts` (``store/sources.py``) say what its counts mean;
- a `Count` (``base``) is the answer of a source to one query;
- a `CachedCount` is a count with its time, as the `CountCache` keeps it (``store/count_cache.py``);
- `SourceCounts` are the counts of all queries of one request or look, by ``through_cache.count_through_cache``;
- ``worker/evidence/gather_counts.py`` makes of them the count of each concept: the evidence of an ordering;
- a look (``worker/look_at_counts.py``, ``store/looks.py``) shows counts to a client and orders nothing;
- a counts file (``store/counts_files.py``) is an uploaded file of counts, and a source by its name.

A new kind of source is one file here, with its settings and its source, and one line in `settings.KINDS`.
"""

import asyncio

from concept_orderings.errors import SourceError
from concept_orderings.evidence.counts import AT_HAND, RESERVED
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE
from store.counts_files import CountsFiles
from store.objects import Objects
from store.sources import no_such_source
from worker.evidence.counts.base import CountSource
from worker.evidence.counts.counts_file import CountsFileSource
from worker.evidence.counts.local_index import LocalIndexSource, has_index, index_names
from worker.evidence.counts.settings import read_sources
from worker.settings import WorkerSettings


async def open_source(name: str, settings: WorkerSettings, objects: Objects) -> CountSource:
    """Open the source of counts that has a name; the caller closes it.

    Parameters
    ----------
    name
        Name of a table in the file of sources (CONCEPT_ORDERINGS_SOURCES), of a counts file, or of a local index.
    settings
        Settings of the worker.
    objects
        The object store, which has the counts files.

    Raises
    ------
    SourceError
        ``source_not_configured`` if no source has that name, or two of the operator's; ``source_damaged`` if it cannot
        be opened.
    SettingError
        ``bad_setting`` if the file of sources is wrong.
    StoreError
        ``store_unavailable`` if the counts files cannot be listed.
    """
    check_name(name)
    configured, files = read_sources(settings), CountsFiles(objects)
    is_indexed = await asyncio.to_thread(has_index, settings.index_dir(name))
    if name in configured and is_indexed:
        raise ambiguous(name)
    if name in configured:
        return configured[name].open(name)
    if is_indexed:
        return await LocalIndexSource.open(settings.index_dir(name))
    if (file := await CountsFileSource.open(name, files)) is not None:
        return file
    indexes = await asyncio.to_thread(index_names, settings.indexes_dir)
    names = {*configured, *await files.names(), *indexes}
    raise SourceError("source_not_configured", no_such_source(name, names))


def check_name(name: str) -> None:
    """Refuse a name that no source can have.

    Raises
    ------
    SourceError
        ``source_not_configured``.
    """
    if name in AT_HAND:
        raise SourceError(
            "source_not_configured", f"{name} is not a source that a worker can ask: it means {RESERVED[name]}."
        )
    if not URL_NAME.fullmatch(name):
        raise SourceError("source_not_configured", f"A source's name {URL_NAME_RULE}.")


def ambiguous(name: str) -> SourceError:
    """Return the error for a name that two sources of the operator have."""
    return SourceError(
        "source_not_configured",
        f"{name} is the name of a table in the file of sources and of a local index, but a name must stand for one "
        "source: rename one of the two.",
    )

"""Sources of counts, by the names that orderings give them.

A name stands for what the file of sources has, a counts file, or a local index; never for two of them.
"""

import asyncio
from collections.abc import Mapping, Sequence

from concept_orderings.errors import SourceError
from concept_orderings.evidence.counts import IN_REQUEST
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE
from store.counts_files import CountsFiles
from store.objects import Objects
from worker.evidence.counts.base import CountSource
from worker.evidence.counts.counts_file import CountsFileSource
from worker.evidence.counts.local_index import LocalIndexSource, has_index
from worker.evidence.counts.settings import SETTING, read_sources
from worker.settings import WorkerSettings


async def open_source(name: str, settings: WorkerSettings, objects: Objects) -> CountSource:
    """Open the source of counts of a name; close it after use.

    Parameters
    ----------
    name
        As an ordering's `source` has it: of a source in the file that CONCEPT_ORDERINGS_SOURCES names, of a counts
        file, or of a local index.
    settings
        The worker's.
    objects
        Where counts files are kept.

    Raises
    ------
    SourceError
        ``source_not_configured`` if there is none of that name, or more than one; ``source_damaged`` if it cannot be
        opened.
    SettingError
        ``bad_setting`` if the file of sources is wrong.
    StoreError
        ``store_unavailable`` if it cannot be seen whether there is such a counts file.
    """
    check_name(name)
    configured = read_sources(settings)
    found = await _places(name, configured, settings, CountsFiles(objects))
    if len(found) > 1:
        raise ambiguous(name, found)
    if name in configured:
        return configured[name].open(name)
    if (file := await CountsFileSource.open(name, CountsFiles(objects))) is not None:
        return file
    if has_index(settings.index_dir(name)):
        return await LocalIndexSource.open(settings.index_dir(name))
    raise _not_configured(name, sorted(configured))


async def _places(
    name: str, configured: Mapping[str, object], settings: WorkerSettings, files: CountsFiles
) -> list[str]:
    """Return where a source of that name is to be had."""
    found = [f"a table of {settings.sources or 'the built-in sources'}"] if name in configured else []
    if name in await files.names():
        found.append("a counts file")
    if await asyncio.to_thread(has_index, settings.index_dir(name)):
        found.append(f"the local index {settings.index_dir(name)}")
    return found


def check_name(name: str) -> None:
    """Refuse a name that no source can have.

    Raises
    ------
    SourceError
        ``source_not_configured``.
    """
    if name == IN_REQUEST:
        raise SourceError(
            "source_not_configured", f"{IN_REQUEST} is no source to ask: it means the counts given with the classes."
        )
    if not URL_NAME.fullmatch(name):
        raise SourceError("source_not_configured", f"A source's name {URL_NAME_RULE}.")


def ambiguous(name: str, places: Sequence[str]) -> SourceError:
    """Return the error for a name that stands for several sources."""
    return SourceError(
        "source_not_configured",
        f"{name} is the name of {' and of '.join(places)}, and a name must stand for one source: rename all but one.",
    )


def _not_configured(name: str, configured: Sequence[str]) -> SourceError:
    return SourceError(
        "source_not_configured",
        f"There is no source {name}. Configured are {', '.join(configured) or 'none'} ({SETTING}); a counts file is "
        f"uploaded with PUT /v1/sources/{name}, and a local index is built with "
        f"`concept-orderings index SHARD.json.gz --name {name}`.",
    )

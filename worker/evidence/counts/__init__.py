"""Sources of counts, by the names that orderings give them."""

from store.objects import Objects
from worker.evidence.counts.base import CountSource
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
        ``source_not_configured`` if there is none of that name, or more than one; ``source_damaged`` or
        ``source_unavailable`` if it cannot be opened.
    SettingError
        ``bad_setting`` if the file of sources is wrong.
    """
    raise NotImplementedError

"""The data directory and the store of versions: their format, their room, and whether they take writes."""

import asyncio
from collections.abc import AsyncIterator

from concept_orderings.errors import SettingError, StoreError
from store.disk_space import room_at
from store.format import CURRENT, FILE, check_data_dir
from store.locations import local_directory
from store.objects import open_objects
from worker.doctor.findings import Finding, note, ok, wrong
from worker.settings import WorkerSettings

_MB = 1_000_000
_ANSWER_SECONDS = 5.0


async def examine_data(settings: WorkerSettings) -> AsyncIterator[Finding]:
    """Examine the format of the data directory, the room on its disk, and the store of versions."""
    yield _format(settings)
    for about, directory in (("data directory", settings.data_dir), ("store", settings.streams_location)):
        local = local_directory(str(directory))
        if local is not None:
            yield _room(about, settings, str(local))
    yield await _writable(settings)


def _format(settings: WorkerSettings) -> Finding:
    try:
        check_data_dir(settings.data_dir)
    except SettingError as error:
        return wrong("format", error.detail, "Use the release that it names, or another data directory.")
    if not settings.data_dir.is_dir():
        return note(
            "format", f"There is no data directory {settings.data_dir.absolute()} yet.", "Its first user makes it."
        )
    if not (settings.data_dir / FILE).exists():
        return note(
            "format",
            f"{settings.data_dir.absolute()} has no format: it is new, or release 0.1.0 wrote it.",
            "Programs of this release write it when they start; docs/data.md has the steps of the upgrade.",
        )
    return ok("format", f"{settings.data_dir.absolute()} has the format {CURRENT.number}, that of this release.")


def _room(about: str, settings: WorkerSettings, directory: str) -> Finding:
    local = local_directory(directory)
    assert local is not None
    room = room_at(local)
    found = f"{room.free // _MB:,} of {room.total // _MB:,} MB are free on the disk of {local.absolute()}."
    if room.free < settings.min_free_mb * _MB:
        return wrong(
            f"room of the {about}",
            found,
            f"Free some: new requests are refused below {settings.min_free_mb} MB (CONCEPT_ORDERINGS_MIN_FREE_MB).",
        )
    if room.free < max(10 * settings.min_free_mb * _MB, room.total // 50):
        return note(f"room of the {about}", found, f"New requests are refused below {settings.min_free_mb} MB.")
    return ok(f"room of the {about}", found)


async def _writable(settings: WorkerSettings) -> Finding:
    where = settings.streams_location.split("?", maxsplit=1)[0]
    local = local_directory(where)
    if local is not None and not local.exists():
        return note("store", f"The store of versions {where} does not exist yet.", "The first version makes it.")
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await open_objects(settings.streams_location).check_writable()
    except StoreError as error:
        return wrong("store", f"{where}: {error.detail}", "Versions that are there are served; make it writable.")
    except TimeoutError:
        return wrong(
            "store",
            f"{where} has not finished a small write for {_ANSWER_SECONDS:.0f} s.",
            "Check its disk or network.",
        )
    return ok("store", f"{where} takes writes.")

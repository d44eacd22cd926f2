"""Make again what the records of a store decide: the pointers of requests, and hints; and leave numbers out."""

from collections.abc import Sequence

from concept_orderings.canonical import canonical_json
from store import object_keys
from store.fsck.findings import MADE_AGAIN, Finding
from store.fsck.records import Records
from store.newest import Newest, NewestHints
from store.objects import Objects
from store.tombstones import bury


async def repair(objects: Objects, records: Records, findings: Sequence[Finding]) -> list[Finding]:
    """Write pointers and hints again; return the findings that are gone with that.

    Parameters
    ----------
    objects
        The store.
    records
        What the check read.
    findings
        What it found.

    Raises
    ------
    StoreError
        ``store_full`` or ``store_unavailable``.
    """
    repaired = {each.key: each for each in findings if each.remedy == MADE_AGAIN}
    for record in (each for each in records.versions.values() if each is not None):
        key = object_keys.request_pointer(record.stream, record.request_digest)
        if key in repaired:
            await objects.replace(key, canonical_json({"version": record.version}))
    for stream, (newest, taken) in records.numbers().items():
        await NewestHints(objects).write(stream, Newest(newest, taken))
    # A pointer that is damaged, and whose version has another one or no record, stays what it is.
    written = {
        object_keys.request_pointer(each.stream, each.request_digest)
        for each in records.versions.values()
        if each is not None
    } | {object_keys.newest(stream) for stream in records.numbers()}
    return [each for key, each in repaired.items() if key in written]


async def skip_numbers(objects: Objects, records: Records, number: int) -> dict[str, int]:
    """Leave out the next numbers of each stream; return by stream the number that its next version gets.

    Parameters
    ----------
    objects, records
        As `repair` takes them.
    number
        How many numbers each stream leaves out.

    Raises
    ------
    StoreError
        ``store_full`` or ``store_unavailable``.
    """
    following: dict[str, int] = {}
    for stream, (newest, taken) in sorted(records.numbers().items()):
        last = taken + number
        await bury(objects, stream, first=taken + 1, last=last)
        await NewestHints(objects).write(stream, Newest(newest, last))
        following[stream] = last + 1
    return following

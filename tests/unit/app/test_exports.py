"""Exports of a service: rendered once for all clients, also if one of them disconnects."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from app.exports import Exports, UnknownLabels
from concept_orderings.errors import BadLabels, InvalidInput
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.exporters import EXPORTERS, Exporter
from concept_orderings.labels import Labels
from concept_orderings.library import arrange_stream
from concept_orderings.published import PublishedVersion, VersionDocuments
from concept_orderings.request import parse_request
from store.exports import KeptExport, KeptExports
from store.labels import StoredLabels
from store.objects import LocalObjects
from store.versions import VersionRecord, Versions
from support.requests import random_request

pytestmark = pytest.mark.anyio


class Slow(Exporter):
    """An exporter whose rendering waits until the test sets `go_on`."""

    name = "slow"
    media_type = "text/plain"
    suffix = "txt"
    summary = "Slow."

    begun: ClassVar[threading.Semaphore]
    go_on: ClassVar[threading.Event]
    renderings: ClassVar[int]
    refuses: ClassVar[bool]

    def render(self, version: PublishedVersion) -> bytes:
        Slow.renderings += 1
        Slow.begun.release()
        assert Slow.go_on.wait(60)
        if Slow.refuses:
            raise InvalidInput("cannot_express", "It cannot be said.")
        return version.digest.encode()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    Slow.begun, Slow.go_on = threading.Semaphore(0), threading.Event()
    Slow.renderings, Slow.refuses = 0, False
    yield
    Slow.go_on.set()


async def published(root: Path, *, seeds: int = 1, public_url: str = "") -> tuple[Exports, list[VersionRecord]]:
    objects = LocalObjects(root)
    versions = Versions(objects)
    requests = [parse_request(random_request("s", seed=seed)) for seed in range(seeds)]
    records = [await versions.publish(arrange_stream(each, evidence_at_hand(each))) for each in requests]
    return Exports(versions, KeptExports(objects), StoredLabels(objects), public_url=public_url), records


async def test_a_client_that_disconnects_does_not_stop_a_rendering_for_others(tmp_path: Path) -> None:
    exports, [record] = await published(tmp_path)
    first, second = (asyncio.create_task(exports.get(record, Slow(), 1, None)) for _ in range(2))
    await asyncio.to_thread(Slow.begun.acquire)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    third = asyncio.create_task(exports.get(record, Slow(), 1, None))
    Slow.go_on.set()

    assert await second == await third == await exports.get(record, Slow(), 1, None)
    assert Slow.renderings == 1


async def test_a_rendering_without_waiting_clients_is_kept(tmp_path: Path) -> None:
    exports, [record] = await published(tmp_path)
    alone = asyncio.create_task(exports.get(record, Slow(), 1, None))
    await asyncio.to_thread(Slow.begun.acquire)
    alone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
    Slow.go_on.set()

    assert await exports.get(record, Slow(), 1, None) is not None
    assert Slow.renderings == 1


async def test_a_refusal_reaches_all_waiting_clients_and_is_not_cached(tmp_path: Path) -> None:
    exports, [record] = await published(tmp_path)
    Slow.refuses = True
    waiting = [asyncio.create_task(exports.get(record, Slow(), 1, None)) for _ in range(3)]
    await asyncio.to_thread(Slow.begun.acquire)
    Slow.go_on.set()
    refusals = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in refusals] == [InvalidInput] * 3
    assert Slow.renderings == 1
    Slow.refuses = False

    assert await exports.get(record, Slow(), 1, None) is not None


async def test_another_version_of_the_exporter_is_not_rendered(tmp_path: Path) -> None:
    exports, [record] = await published(tmp_path)

    assert await exports.get(record, Slow(), 2, None) is None
    assert Slow.renderings == 0


async def test_at_most_two_versions_are_loaded_and_rendered_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports, records = await published(tmp_path, seeds=5)
    looked_up, loaded, all_looked_up = 0, 0, asyncio.Event()
    find, documents = KeptExports.find, Versions.documents

    async def counted_find(self: KeptExports, *arguments: Any) -> KeptExport | None:
        nonlocal looked_up
        found = await find(self, *arguments)
        looked_up += 1
        if looked_up == len(records):
            all_looked_up.set()
        return found

    async def counted_documents(self: Versions, record: VersionRecord) -> VersionDocuments:
        nonlocal loaded
        loaded += 1
        return await documents(self, record)

    monkeypatch.setattr(KeptExports, "find", counted_find)
    monkeypatch.setattr(Versions, "documents", counted_documents)
    waiting = [asyncio.create_task(exports.get(each, Slow(), 1, None)) for each in records]
    for _ in range(2):
        await asyncio.to_thread(Slow.begun.acquire)
    await all_looked_up.wait()
    # The next step of the other three would be to load their documents: give them time for it.
    for _ in range(10):
        await asyncio.sleep(0)
    assert (loaded, Slow.renderings) == (2, 2)
    Slow.go_on.set()

    assert len({each.digest for each in await asyncio.gather(*waiting) if each}) == 5
    assert Slow.renderings == 5


async def test_closing_does_not_wait_for_a_rendering(tmp_path: Path) -> None:
    exports, [record] = await published(tmp_path)
    waiting = asyncio.create_task(exports.get(record, Slow(), 1, None))
    await asyncio.to_thread(Slow.begun.acquire)
    await exports.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not Slow.go_on.is_set()


async def test_the_address_and_the_day_are_those_of_the_service(tmp_path: Path) -> None:
    exports, [record] = await published(tmp_path, public_url="https://orderings.example.org")
    kept = await exports.get(record, EXPORTERS["cff"](), 1, None)

    assert kept is not None
    citation = (await Versions(LocalObjects(tmp_path)).document(kept.digest)).decode()
    assert '"https://orderings.example.org/v1/streams/s/versions/1"' in citation
    assert f'date-released: "{record.created_at[:10]}"' in citation


async def test_each_labels_object_has_a_rendering_of_its_own(tmp_path: Path) -> None:
    exports, [record] = await published(tmp_path)
    labels = [Labels({"OWN": tuple(f"class {i:05d}" for i in order)}) for order in (range(4), range(3, -1, -1))]
    stored = StoredLabels(LocalObjects(tmp_path))
    for each in labels:
        assert await stored.keep(each)
    kept = [await exports.get(record, EXPORTERS["hf"](), 1, each.digest) for each in labels]

    assert len({each.digest for each in kept if each}) == 2
    assert [each.labels for each in kept if each] == [each.digest for each in labels]
    with pytest.raises(UnknownLabels):
        await exports.get(record, EXPORTERS["hf"](), 1, "0" * 64)
    with pytest.raises(BadLabels):
        await exports.get(record, EXPORTERS["hf"](), 1, None)

"""The service without HTTP."""

import asyncio
import threading
from pathlib import Path

import pytest

from app import sources
from app.bodies import Body
from app.service import Service
from app.settings import AppSettings
from app.uploaded_tables import CSV
from store.counts_files import CountsMeaning
from store.uploaded_files import Stored

pytestmark = pytest.mark.anyio


async def test_requests_are_parsed_while_counts_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(body: bytes, media_type: str, size: int | None) -> dict[str, int]:
        begun.set()
        assert go_on.wait(60)
        return {"a": 1}

    monkeypatch.setattr(sources, "read_counts", slow)
    service = Service(AppSettings(data_dir=tmp_path))
    meaning = CountsMeaning(unit="documents", corpus="C4")
    uploads = [asyncio.create_task(service.sources.store_file(f"file-{n}", meaning, b"", CSV)) for n in range(4)]
    try:
        assert await asyncio.to_thread(begun.wait, 60)
        with pytest.raises(ValueError, match="Expecting"):
            await asyncio.wait_for(service.parse(Body(b"no JSON")), 60)
    finally:
        go_on.set()

    assert [stored for _, stored in await asyncio.gather(*uploads)] == [Stored.NEW] * 4

"""Test that the store is asked seldom, for all callers at once, and never waited for without end."""

import asyncio
from pathlib import Path

import pytest

import app.store_health
from app.store_health import StoreHealth
from concept_orderings.errors import StoreError
from store.disk_space import DiskSpace, room_at
from store.objects import LocalObjects

pytestmark = pytest.mark.anyio


class Disk(LocalObjects):
    """A store whose small writes end as a test says."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.writes = 0
        self.error: StoreError | None = None
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def check_writable(self) -> None:
        self.writes += 1
        await self.goes_on.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def health(disk: Disk, least_free_mb: int = 0) -> StoreHealth:
    return StoreHealth(disk, DiskSpace([disk._root], least_free_mb))


async def test_a_store_is_asked_once_for_all_callers(disk: Disk) -> None:
    asked = health(disk)
    assert await asyncio.gather(*(asked.trouble() for _ in range(50))) == [None] * 50
    assert await asked.trouble() is None
    assert disk.writes == 1


async def test_an_outcome_holds_for_two_seconds_only(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = health(disk)
    disk.error = StoreError("store_unavailable", "Read-only.")
    assert await asked.trouble() is disk.error
    with pytest.raises(StoreError, match="Read-only"):
        await asked.check()
    disk.error = None
    monkeypatch.setattr(app.store_health, "KEPT_SECONDS", 0.0)
    assert await asked.trouble() is None
    await asked.check()


async def test_a_store_that_does_not_answer_is_unavailable_and_written_to_once(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.store_health, "ANSWER_SECONDS", 0.01)
    disk.goes_on.clear()
    asked = health(disk)
    for _ in range(3):
        trouble = await asked.trouble()
        assert trouble is not None
        assert (trouble.code, disk.writes) == ("store_unavailable", 1)
    disk.goes_on.set()
    monkeypatch.undo()
    assert await asked.trouble() is None


async def test_less_room_than_must_be_free_is_a_full_store(disk: Disk, tmp_path: Path) -> None:
    free_mb = room_at(tmp_path / "not" / "yet" / "there").free // 1_000_000
    assert await health(disk, free_mb // 2).trouble() is None
    trouble = await health(disk, 2 * free_mb + 1).trouble()
    assert trouble is not None
    assert trouble.code == "store_full"
    assert f"{2 * free_mb + 1} MB must be to accept new work" in trouble.detail

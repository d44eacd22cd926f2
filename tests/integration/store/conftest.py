"""The stores under one contract."""

from pathlib import Path

import pytest

from store.objects import LocalObjects, WholeStore, open_objects


@pytest.fixture(params=["local", "remote"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> WholeStore:
    """An empty store: files, or what S3 and the like are reached through."""
    return LocalObjects(tmp_path / "objects") if request.param == "local" else open_objects("memory://")

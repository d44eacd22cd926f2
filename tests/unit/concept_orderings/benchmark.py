"""The FoMo-in-Flux data, if it lies next to the checkout."""

import json
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "fomo_in_flux"

needs_benchmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the FoMo-in-Flux data is not at {DATA}")


def stream(name: str) -> list[str]:
    """Return the concepts of a stream of the benchmark, in order."""
    concepts: list[str] = json.loads((DATA / "streams" / f"{name}.json").read_text(encoding="utf-8"))
    return concepts


def class_list(handle: str) -> list[str]:
    """Return a dataset's class names."""
    names: list[str] = json.loads((DATA / "class_lists" / f"{handle}.json").read_text(encoding="utf-8"))
    return names

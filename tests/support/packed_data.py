"""Write the files of concept_orderings/data from the benchmark's data: ``python -m support.packed_data``.

The same data gives the same bytes, as long as the release of liblzma is the same.
"""

import csv
import json
import lzma
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from concept_orderings.data import CLASS_LISTS

ROOT = Path(__file__).parents[2]
BENCHMARK = ROOT.parent / "shared" / "data" / "fomo_in_flux"
PACKED = ROOT / "concept_orderings" / "data"
LICENCE = "LICENSE.fomo_in_flux"


def class_lists(benchmark: Path) -> dict[str, dict[str, list[str]]]:
    """Return the content of class_lists.json.xz.

    Parameters
    ----------
    benchmark
        The directory with the benchmark's data.
    """
    in_streams = set(_json(benchmark / "streams" / "random_sequence_1.json"))
    lists: dict[str, list[str]] = {}
    outside: dict[str, list[str]] = {}
    with (benchmark / "catalogue.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            path = benchmark / "class_lists" / f"{row['handle']}.json"
            if not path.exists():
                continue
            classes = lists[row["handle"]] = _json(path)
            absent = [each for each in classes if f"{row['fomo_name']}+++{each}" not in in_streams]
            if row["split"] == "adaptation" and absent:
                outside[row["handle"]] = absent
    return {"lists": lists, "outside_streams": outside}


FILES: Mapping[str, Callable[[Path], Any]] = {CLASS_LISTS: class_lists}
"""By the name of a packed file, the function that returns its JSON value."""


def packed(value: Any) -> bytes:
    """Return a JSON value as a packed file has it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return lzma.compress(text.encode(), check=lzma.CHECK_CRC64, preset=9 | lzma.PRESET_EXTREME)


def main() -> None:
    """Write all files."""
    (PACKED / LICENCE).write_bytes((BENCHMARK / "LICENSE").read_bytes())
    for name, content in FILES.items():
        (PACKED / f"{name}.json.xz").write_bytes(packed(content(BENCHMARK)))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

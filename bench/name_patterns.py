"""Print the table of docs/names.md: how many names of public label files have each pattern, and count 0 in a sample.

    python bench/name_patterns.py

The names are those of the 61 class lists of FoMo-in-Flux and of tests/fixtures/label_names.json. Each is counted in a
local index of the 1,000 documents of the C4 sample: as a request without queries asks for it, and as people write it.
The table is the same on every machine; a test compares it with the page.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

from support.label_names import CLASS_LISTS, SAMPLE, pattern_counts  # noqa: E402
from worker.evidence.local_index import LocalIndex, build_index  # noqa: E402


def main() -> None:
    if not SAMPLE.exists() or not CLASS_LISTS.exists():
        raise SystemExit(f"The data that this table needs is not next to the checkout: {SAMPLE}, {CLASS_LISTS}")
    with tempfile.TemporaryDirectory() as directory:
        build_index([SAMPLE], Path(directory, "c4"))
        for each in pattern_counts(LocalIndex.open(Path(directory, "c4"))):
            print(each.row())


if __name__ == "__main__":
    main()

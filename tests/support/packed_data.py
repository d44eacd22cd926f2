"""Write the files of concept_orderings/data from the benchmark's data: ``python -m support.packed_data``.

The same data gives the same bytes, as long as the release of liblzma is the same.
"""

import csv
import json
import lzma
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from concept_orderings.data import CLASS_LISTS, FREQUENCY_RANKS, PERMUTATIONS
from concept_orderings.published_streams import group_names

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


def frequency_base(benchmark: Path) -> list[str]:
    """Return the list of which the published order by frequency is a stable sort: a permutation of chunks.

    Parameters
    ----------
    benchmark
        The directory with the benchmark's data.
    """
    chunks: list[list[str]] = [[] for _ in range(10)]
    for i, concept in enumerate(_stream(benchmark, "performance_sequence_1")):
        chunks[max(0, (i - 1) // 2000)].append(concept)
    return [concept for chunk in (9, 7, 6, 2, 0, 3, 8, 5, 1, 4) for concept in chunks[chunk]]


def frequency_ranks(benchmark: Path) -> list[int]:
    """Return the content of frequency_ranks.u16.xz.

    Parameters
    ----------
    benchmark
        The directory with the benchmark's data.
    """
    place = {concept: i for i, concept in enumerate(frequency_base(benchmark))}
    ranks: dict[str, int] = {}
    rank, before = 1, -1
    for concept in _stream(benchmark, "frequency_sequence_1"):
        # A stable sort keeps equal counts in the order of the list, so a step back is a step to a larger count.
        rank += place[concept] < before
        before = place[concept]
        ranks[concept] = rank
    return [ranks[concept] for concept in sorted(ranks, key=lambda each: each.split("+++"))]


FILES: Mapping[str, Callable[[Path], Any]] = {CLASS_LISTS: class_lists}
"""By the name of a packed file, the function that returns its JSON value."""


def permutation(name: str, benchmark: Path) -> list[int]:
    """Return the content of a packed stream.

    Parameters
    ----------
    name
        The name of the benchmark's file without its suffix.
    benchmark
        The directory with the benchmark's data.
    """
    order = _stream(benchmark, name)
    concepts = sorted(order, key=lambda each: each.split("+++"))
    index = {concept: i for i, concept in enumerate(concepts)}
    groups = group_names(name)
    return [index[each] for each in order] if groups is None else in_groups([index[each] for each in order], groups)


def in_groups(order: list[int], groups: list[str]) -> list[int]:
    """Return an order that keeps groups whole as a packed file has it.

    Parameters
    ----------
    order
        Indices of concepts.
    groups
        The group of each concept.
    """
    names = sorted(set(groups))
    left = {name: [i for i, group in enumerate(groups) if group == name] for name in names}
    sequence = list(dict.fromkeys(groups[i] for i in order))
    places = []
    for i in order:
        places.append(left[groups[i]].index(i))
        left[groups[i]].remove(i)
    return [names.index(name) for name in sequence] + places


NUMBERS: Mapping[str, Callable[[Path], list[int]]] = {
    FREQUENCY_RANKS: frequency_ranks,
    **{name: partial(permutation, name) for name in PERMUTATIONS},
}
"""By the name of a packed file of numbers, the function that returns these, each from 0 to 65,535."""


def packed(value: Any) -> bytes:
    """Return a JSON value as a packed file has it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return lzma.compress(text.encode(), check=lzma.CHECK_CRC64, preset=9 | lzma.PRESET_EXTREME)


def packed_numbers(numbers: list[int]) -> bytes:
    """Return numbers from 0 to 65,535 as a packed file has them: all low bytes, then all high bytes."""
    planes = np.array(numbers, dtype="<u2").view(np.uint8).reshape(-1, 2).T.tobytes()
    # Without literal contexts, which take the bytes for text.
    how = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}]
    return lzma.compress(planes, check=lzma.CHECK_CRC64, filters=how)


def main() -> None:
    """Write all files."""
    (PACKED / LICENCE).write_bytes((BENCHMARK / "LICENSE").read_bytes())
    for name, content in FILES.items():
        (PACKED / f"{name}.json.xz").write_bytes(packed(content(BENCHMARK)))
    for name, numbers in NUMBERS.items():
        (PACKED / f"{name}.u16.xz").write_bytes(packed_numbers(numbers(BENCHMARK)))


def _stream(benchmark: Path, name: str) -> list[str]:
    found: list[str] = _json(benchmark / "streams" / f"{name}.json")
    return found


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

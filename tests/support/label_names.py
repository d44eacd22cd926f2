"""Class names of public datasets as their label files have them, and how often texts have them.

``fixtures/label_names.json`` has the names, which are facts, with the origin and the licence of each list.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from concept_orderings.canonical import Json
from concept_orderings.catalogue import CATALOGUE
from concept_orderings.name_patterns import PATTERNS, WrittenNames, written_names
from concept_orderings.name_patterns.base import Pattern
from concept_orderings.queries import query_for
from worker.evidence.local_index import LocalIndex

LISTS = Path(__file__).parents[1] / "fixtures" / "label_names.json"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SAMPLE = DATA / "c4" / "c4-sample.json.gz"
CLASS_LISTS = DATA / "fomo_in_flux" / "class_lists"

_MOST_DATASETS = 3


@dataclass(frozen=True)
class PatternCounts:
    """How many names have a pattern, and how many of them no document of a sample has.

    Attributes
    ----------
    pattern : Pattern
    datasets : sequence of str
        Those with such names, by falling number of names, then by name.
    names : int
        Number of names in all of them.
    unfound : int
        Names of which no document has the query that a request without queries asks.
    unfound_as_written : int
        Names of which no document has the query that the pattern suggests.
    """

    pattern: Pattern
    datasets: Sequence[str]
    names: int
    unfound: int
    unfound_as_written: int

    def row(self) -> str:
        """Return the row of docs/names.md."""
        pattern = self.pattern
        if not self.names:
            figures = ["", "", "", ""]
        else:
            others = len(self.datasets) - _MOST_DATASETS
            found = ", ".join(self.datasets[:_MOST_DATASETS]) + (f" and {others} more" if others > 0 else "")
            figures = [found, f"{self.names:,}", f"{self.unfound:,}", f"{self.unfound_as_written:,}"]
        return " | ".join([f"| {pattern.name}", pattern.what, f"`{pattern.example}`", *figures]) + " |"


def label_names() -> dict[str, list[str]]:
    """Return the class names of each dataset of the fixture, and of other label files of some of them."""
    lists = {name: cast("list[str]", each["names"]) for name, each in json.loads(LISTS.read_text("utf-8")).items()}
    with_ids = lists["ImageNet with WordNet IDs"]
    return {
        **lists,
        "Places365, lines of the file": [f"{name} {i}" for i, name in enumerate(lists["Places365"])],
        "ImageNet": list(dict.fromkeys(name.partition(" ")[2] for name in with_ids)),
        "ImageNet, folders": [name.partition(" ")[0] for name in with_ids],
        "DBpedia, URLs": [f"http://dbpedia.org/ontology/{name}" for name in lists["DBpedia"]],
    }


def benchmark_names() -> dict[str, list[str]]:
    """Return the class names of each dataset of FoMo-in-Flux that has a list, by the title of the dataset."""
    titles = {each.handle: each.title for each in CATALOGUE}
    return {titles[path.stem]: json.loads(path.read_text("utf-8")) for path in sorted(CLASS_LISTS.glob("*.json"))}


def pattern_counts(index: LocalIndex) -> list[PatternCounts]:
    """Count the names with each pattern, in all lists, in an index of the sample."""
    lists = {**{f"{name} (FoMo)": names for name, names in benchmark_names().items()}, **label_names()}
    written = {dataset: written_names(names) for dataset, names in lists.items()}
    return [_counts(pattern, lists, written, index) for pattern in PATTERNS]


def _counts(
    pattern: Pattern, lists: Mapping[str, Sequence[str]], written: Mapping[str, WrittenNames], index: LocalIndex
) -> PatternCounts:
    places = {dataset: found.places[pattern] for dataset, found in written.items() if pattern in found.places}
    names = [(lists[dataset][i], written[dataset].queries) for dataset, where in places.items() for i in where]
    plain = [query_for(name).spellings for name, _ in names]
    people = [tuple(_spellings(queries.get(name))) for name, queries in names]
    return PatternCounts(
        pattern,
        sorted(places, key=lambda dataset: (-len(places[dataset]), dataset)),
        len(names),
        index.count_any(plain).count(0),
        index.count_any(people).count(0),
    )


def _spellings(query: Json) -> Iterator[str]:
    yield from (str(each) for each in query) if isinstance(query, list) else [str(query)] if query else []

"""Test the figures of docs/names.md: names of public label files, counted in the C4 sample."""

import re
from pathlib import Path

import pytest

from concept_orderings.concepts import CLASS_NAME
from support.label_names import CLASS_LISTS, SAMPLE, label_names, pattern_counts
from worker.evidence.local_index import LocalIndex, build_index

PAGE = Path(__file__).parents[2] / "docs" / "names.md"


@pytest.mark.skipif(
    not (SAMPLE.exists() and CLASS_LISTS.exists()), reason=f"the data is not at {SAMPLE}, {CLASS_LISTS}"
)
def test_the_page_has_the_figures_of_the_sample(tmp_path: Path) -> None:
    build_index([SAMPLE], tmp_path / "c4")

    counted = [each.row() for each in pattern_counts(LocalIndex.open(tmp_path / "c4"))]
    shown = re.findall(r"^\| [^|`]+ \| [^|]+ \| `[^`]+` \|.*$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert shown == counted, "python bench/name_patterns.py prints the table"


def test_the_page_says_how_many_lists_there_are() -> None:
    assert f"{len(label_names())} lists of other public datasets" in " ".join(PAGE.read_text("utf-8").split())


@pytest.mark.parametrize("dataset", label_names())
def test_the_names_of_a_list_are_classes_that_a_request_may_have(dataset: str) -> None:
    names = label_names()[dataset]
    assert len(set(names)) == len(names)
    assert all(map(CLASS_NAME.fits, names))

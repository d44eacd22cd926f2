"""Test the training samples of the benchmark's streams: those that the page shows, and those of its info files."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from concept_orderings.catalogue import find_dataset
from concept_orderings.evidence.samples import average_samples
from support.task_samples import Row, rows

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "class-lists.md"
COUNTED = ROOT.parent / "shared" / "data" / "fomo_in_flux" / "train_samples_per_class.csv"


@pytest.fixture(scope="module")
def streams() -> dict[str, Row]:
    return {row.stream.removeprefix("fomo/"): row for row in rows()}


def test_the_page_has_the_table(streams: dict[str, Row]) -> None:
    table = "\n".join(row.as_markdown() for row in streams.values())

    assert table in PAGE.read_text(encoding="utf-8"), "run bench/balance.py and copy its table"
    assert len(streams) == 22


@pytest.mark.parametrize(
    ("stream", "factor"),
    [
        ("random_sequence_1", "1.1"),
        ("performance_sequence_1", "3.1"),
        ("frequency_sequence_1", "4.0"),
        ("time_incremental_rsagg_1", "10.8"),
        ("similarity_sequence_1", "13.9"),
        ("time_incremental_dschunked_1", "45.2"),
    ],
)
def test_equal_tasks_differ_and_balanced_ones_hardly(streams: dict[str, Row], stream: str, factor: str) -> None:
    row = streams[stream]

    assert f"{float(max(row.equal) / min(row.equal)):.1f}" == factor
    assert max(row.balanced) < min(row.balanced) * 1.03
    assert sum(row.balanced) == sum(row.equal)


@pytest.mark.skipif(not COUNTED.exists(), reason="the benchmark's data is not next to the checkout")
def test_the_catalogue_has_the_totals_of_the_samples_that_were_counted_per_class() -> None:
    totals, classes = Counter[str](), Counter[str]()
    with Path(COUNTED).open(encoding="utf-8", newline="") as lines:
        for each in csv.DictReader(lines):
            totals[each["fomo_name"]] += int(each["train_samples"])
            classes[each["fomo_name"]] += 1

    assert len(totals) == 14
    for name, total in totals.items():
        known = find_dataset(name)
        assert known is not None
        assert known.train_samples == total
        average = average_samples(known)
        assert average is not None
        assert average * classes[name] == total

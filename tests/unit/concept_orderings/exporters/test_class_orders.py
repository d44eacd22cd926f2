"""Test the formats of class-incremental libraries by the arithmetic that the libraries document."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.errors import CannotExpress
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.exporters import EXPORTERS
from concept_orderings.exporters.pycil import increment_of
from concept_orderings.exporters.rows import evidence_columns
from concept_orderings.labels import Labels
from concept_orderings.library import arrange_stream
from concept_orderings.published import PublishedVersion
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import compositions


@st.composite
def versions(draw: st.DrawFn) -> PublishedVersion:
    """Draw a version of a part of two datasets, with labels that number its classes in another order."""
    lists: dict[str, tuple[str, ...]] = {}
    datasets: list[Any] = []
    for name, count in (("pets", draw(st.integers(1, 5))), ("tools", draw(st.integers(0, 4)))):
        classes = draw(st.permutations([f"{name} {i}" for i in range(count)]))
        chosen = draw(st.lists(st.sampled_from(classes), min_size=1, unique=True)) if classes else []
        if chosen:
            lists[name] = tuple(classes)
            datasets.append({"name": name, "classes": chosen})
    n = sum(len(each["classes"]) for each in datasets)
    sizes = draw(compositions(n))
    body = {
        "name": "drawn",
        "datasets": datasets,
        "ordering": {"kind": "random", "seed": draw(st.integers(0, 99))},
        "tasks": {"sizes": sizes},
    }
    request = parse_request(body)
    return replace(arrange_stream(request, evidence_at_hand(request)).published(1), labels=Labels(lists))


def exported(version: PublishedVersion, name: str) -> dict[str, Any]:
    """Return an export, and check what every export with labels has."""
    body: dict[str, Any] = json.loads(EXPORTERS[name]().render(version))
    labels = version.labelled.as_json()
    assert {key: body[key] for key in labels} == json.loads(json.dumps(labels))
    assert body["stream"] == {"name": "drawn", "version": 1, "digest": version.digest}
    return body


def targets_of_tasks(version: PublishedVersion) -> list[set[int]]:
    """Return the global labels of each task, found from the names."""
    numbered = [
        f"{dataset}+++{each}"
        for dataset in dict.fromkeys(concept.split("+++")[0] for concept in version.concepts)
        for each in (version.labels or Labels({})).lists[dataset]
    ]
    return [{numbered.index(concept) for concept in task} for task in version.concepts_by_task]


def original(body: dict[str, Any], found: Sequence[set[int]]) -> list[set[int]]:
    """Return the global labels that reindexed ones stand for."""
    return [{body["original_ids"][each] for each in task} for task in found] if "original_ids" in body else list(found)


@given(versions())
def test_avalanche_takes_consecutive_slices(version: PublishedVersion) -> None:
    body = exported(version, "avalanche")
    ends = np.cumsum(body["num_classes_per_exp"]).tolist()
    starts = [0, *ends[:-1]]
    data = body["reproducibility_data"]

    slices = [set(body["class_order"][start:end]) for start, end in zip(starts, ends, strict=True)]
    assert slices == targets_of_tasks(version)
    assert data["classes_order_original_ids"] == data["classes_order"] == body["class_order"]
    assert data["n_classes_per_exp"] == body["num_classes_per_exp"]
    assert data["n_experiences"] == len(slices)
    # mapped_class_id = class_mapping[original_class_id]: every label stays what it is.
    assert data["class_mapping"] == list(range(len(body["new_of_old"])))


@given(versions())
def test_continuum_sorts_the_class_order(version: PublishedVersion) -> None:
    body = exported(version, "continuum")
    place = np.argsort(body["class_order"])
    task_of = np.repeat(np.arange(len(body["increment"])), body["increment"])

    found: list[set[int]] = [set() for _ in body["increment"]]
    for label in range(len(body["class_order"])):
        found[task_of[place[label]]].add(label)
    assert original(body, found) == targets_of_tasks(version)


@given(versions())
def test_pycil_looks_up_the_place_in_the_class_order(version: PublishedVersion) -> None:
    try:
        body = exported(version, "pycil")
    except CannotExpress:
        with pytest.raises(CannotExpress):
            increment_of(version.sizes)
        return
    assert body["shuffle"] is False
    sizes = pycil_sizes(len(body["class_order"]), body["init_cls"], body["increment"])
    assert sizes == version.sizes
    found: list[set[int]] = [set() for _ in sizes]
    for label in body["class_order"]:
        place = body["class_order"].index(label)
        found[next(task for task, end in enumerate(np.cumsum(sizes)) if place < end)].add(label)
    assert original(body, found) == targets_of_tasks(version)


def pycil_sizes(n: int, init_cls: int, increment: int) -> list[int]:
    """Return the sizes of PyCIL's tasks: increments are added while they leave classes over, then the rest."""
    sizes = [init_cls]
    while sum(sizes) + increment < n:
        sizes.append(increment)
    return sizes if sum(sizes) == n else [*sizes, n - sum(sizes)]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_pycil_s_sizes_are_refused_if_and_only_if_no_increment_makes_them(sizes: list[int]) -> None:
    possible = any(pycil_sizes(sum(sizes), sizes[0], each) == sizes for each in range(1, 8))
    if possible:
        increment_of(sizes)
    else:
        with pytest.raises(CannotExpress, match="take avalanche"):
            increment_of(sizes)


@pytest.mark.parametrize(("n", "tasks"), [(100, 7), (202, 4)])
def test_uneven_splits_of_the_benchmark_are_no_pycil_configuration(n: int, tasks: int) -> None:
    sizes = [n // tasks + (i < n % tasks) for i in range(tasks)]
    with pytest.raises(CannotExpress, match="cannot express this version"):
        increment_of(sizes)


@given(versions())
def test_mammoth_s_class_order_is_the_inverse(version: PublishedVersion) -> None:
    body = exported(version, "mammoth")
    per_task = body["N_CLASSES_PER_TASK"]
    sizes = [per_task] * body["N_TASKS"] if isinstance(per_task, int) else per_task

    assert (sizes, sum(sizes)) == (version.sizes, body["N_CLASSES"])
    found: list[set[int]] = [set() for _ in sizes]
    for label in range(body["N_CLASSES"]):
        new = np.array(body["class_order"])[label]
        found[next(task for task, end in enumerate(np.cumsum(sizes)) if new < end)].add(label)
    assert original(body, found) == targets_of_tasks(version)
    if version.labelled.is_whole:
        assert body["class_order"] == body["new_of_old"]


@given(versions())
def test_mammoth_s_configuration_says_the_same(version: PublishedVersion) -> None:
    body, text = exported(version, "mammoth"), EXPORTERS["mammoth-config"]().render(version).decode("ascii")
    lines = dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith("#"))

    assert json.loads(f"[{json.loads(lines.pop('custom_class_order'))}]") == body["class_order"]
    assert {key: json.loads(value) for key, value in lines.items()} == {
        "permute_classes": 1,
        **{key: body[key] for key in ("N_TASKS", "N_CLASSES_PER_TASK", "N_CLASSES")},
    }
    assert "The flag alone does nothing" in text
    assert version.digest in text


@given(versions())
def test_hugging_face_s_maps_are_inverse_and_cover_all_labels(version: PublishedVersion) -> None:
    body = exported(version, "hf")

    assert {str(i): name for name, i in body["label2id"].items()} == body["id2label"]
    assert sorted(body["label2id"].values()) == list(range(len(body["new_of_old"])))
    assert [{body["label2id"][name] for name in task} for task in body["tasks"]] == targets_of_tasks(version)


@given(versions())
def test_the_rows_of_both_tables_are_the_same(version: PublishedVersion) -> None:
    lines = [json.loads(line) for line in EXPORTERS["jsonl"]().render(version).splitlines()]
    table = list(csv.DictReader(io.StringIO(EXPORTERS["csv"]().render(version).decode("utf-8-sig"), newline="")))

    assert table == [{name: str(value) for name, value in line.items()} for line in lines]
    assert [line["concept"] for line in lines] == version.concepts
    assert [line["position"] for line in lines] == list(range(len(lines)))
    by_task = [{line["global_label"] for line in lines if line["task"] == i} for i in range(len(version.sizes))]
    assert by_task == targets_of_tasks(version)


def test_no_text_is_a_formula_of_a_spreadsheet() -> None:
    classes = ["=1+1", "+z", "-5", "@x", "'=1+1", "''@x", "'s", "a=b", "\uff1d1"]
    body = {"name": "t", "datasets": [{"name": "=d", "classes": classes}], "ordering": {"kind": "random", "seed": 1},
            "tasks": {"count": 1}}  # fmt: skip
    request = parse_request(body)
    published = arrange_stream(request, evidence_at_hand(request)).published(1)
    version = replace(published, labels=Labels({"=d": tuple(classes)}))
    table = list(csv.DictReader(io.StringIO(EXPORTERS["csv"]().render(version).decode("utf-8-sig"), newline="")))

    assert not [cell for row in table for cell in row.values() if cell[0] in "=+-@\uff1d"]
    assert {row["class"] for row in table if not row["class"].startswith("'")} == {"a=b"}
    assert {row["class"] for row in table} >= {"'s", "'=1+1", "''=1+1"}
    assert [without_apostrophe(row["concept"]) for row in table] == version.concepts
    assert {without_apostrophe(row["class"]) for row in table} == set(classes)


def without_apostrophe(cell: str) -> str:
    """Return the text of a cell as the documentation of the format says."""
    return re.sub("^'(?='*[=+@\uff1d\uff0b\uff0d\uff20-])", "", cell)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ([{"query": "a"}, {"query": ["b", "c"]}, {}], [["a"], ["b", "c"], None]),
        ([{"score": 3}, {"score": 0.5}, {}], [3.0, 0.5, None]),
        ([{"new": True}, {"new": False}, {}], [True, False, None]),
        ([{"new": {"a": 1}}, {"new": 1}, {}], ['{"a": 1}', "1", None]),
    ],
)
def test_a_column_of_evidence_has_one_type(evidence: list[dict[str, Any]], expected: list[object]) -> None:
    [column] = evidence_columns(evidence)
    assert column.values == expected
    assert len({type(each) for each in column.values if each is not None}) == 1


def test_evidence_has_columns(requested: PublishedVersion) -> None:
    [first, *_] = [json.loads(line) for line in EXPORTERS["jsonl"]().render(requested).splitlines()]

    assert list(first) == [
        "position", "task", "dataset", "class", "concept", "label", "global_label", "year", "labels_digest",
    ]  # fmt: skip


@pytest.fixture
def requested() -> PublishedVersion:
    body: Any = {
        "name": "years",
        "datasets": [{"name": "cifar100", "classes": ["bear"]}],
        "ordering": {"kind": "time"},
        "tasks": {"count": 1},
    }
    request = parse_request(body)
    return arrange_stream(request, evidence_at_hand(request)).published(1)

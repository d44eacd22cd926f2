"""Test the catalogue against the table from which it was made."""

import csv
from collections import Counter
from dataclasses import astuple

import pytest

from concept_orderings.catalogue import CATALOGUE, KnownDataset, canonical_name, find_dataset
from concept_orderings.evidence.captions import captions_of
from concept_orderings.evidence.scores import scores_of
from concept_orderings.evidence.years import years_of
from concept_orderings.request import parse_request

from .benchmark import DATA, class_list, needs_benchmark, stream


def test_the_catalogue_has_the_63_datasets_of_the_benchmark() -> None:
    assert len(CATALOGUE) == 63
    assert Counter(each.split for each in CATALOGUE) == {"adaptation": 41, "evaluation": 22}


def test_no_name_means_two_datasets() -> None:
    names = Counter(name for each in CATALOGUE for name in {each.handle, each.name})

    assert set(names.values()) == {1}
    assert len({each.title for each in CATALOGUE}) == 63


@pytest.mark.parametrize("dataset", CATALOGUE, ids=lambda each: each.handle)
def test_a_dataset_is_found_by_either_name(dataset: KnownDataset) -> None:
    assert find_dataset(dataset.handle) is find_dataset(dataset.name) is dataset
    assert canonical_name(dataset.handle) == canonical_name(dataset.name) == dataset.name


@pytest.mark.parametrize("name", ["Cifar100", "CIFAR-100", "cifar100 ", "", "imagenet1k"])
def test_another_spelling_is_another_dataset(name: str) -> None:
    assert find_dataset(name) is None
    assert canonical_name(name) == name


@pytest.mark.parametrize("dataset", CATALOGUE, ids=lambda each: each.handle)
@pytest.mark.parametrize("kind", ["time", "performance", "similarity"])
def test_each_dataset_can_be_ordered_with_the_catalogue_s_evidence(dataset: KnownDataset, kind: str) -> None:
    request = parse_request(
        {
            "name": "one",
            "datasets": [{"name": dataset.handle, "classes": ["a class"]}],
            "ordering": {"kind": kind},
            "tasks": {"by": "year"},
        }
    )

    assert request.concepts.ids == (f"{dataset.name}+++a class",)
    assert years_of(request.concepts).tolist() == [dataset.year]
    assert scores_of(request.concepts).tolist() == [dataset.zero_shot_score]
    assert captions_of(request.concepts) == [dataset.template.format("a class")]


@needs_benchmark
def test_the_catalogue_equals_the_table_of_the_benchmark_in_each_field() -> None:
    with (DATA / "catalogue.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))

    assert [astuple(each) for each in CATALOGUE] == [
        (
            row["handle"],
            row["fomo_name"],
            row["name"],
            row["split"],
            int(row["year"]),
            int(row["train_samples"]),
            int(row["test_samples"]),
            int(row["classes"] or 0),
            row["domain"],
            row["license"],
            row["captions"],
            row["template"],
            float(row["zero_shot_vit_b32"]),
        )
        for row in rows
    ]


@needs_benchmark
def test_the_benchmark_s_streams_hold_the_41_adaptation_datasets_by_these_names() -> None:
    names = {concept.partition("+++")[0] for concept in stream("random_sequence_1")}

    assert names == {each.name for each in CATALOGUE if each.split == "adaptation"}


@needs_benchmark
def test_every_class_list_is_named_as_in_the_catalogue() -> None:
    handles = {path.stem for path in (DATA / "class_lists").glob("*.json")}

    # The two retrieval datasets have captions and no classes.
    assert handles == {each.handle for each in CATALOGUE} - {"mscoco", "flickr30k"}
    assert all(class_list(handle) for handle in handles)

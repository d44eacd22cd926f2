"""Test the orderings with the 18,381 concepts of FoMo-in-Flux."""

import json
from collections import Counter
from functools import cache
from itertools import groupby

import numpy as np
import pytest

from concept_orderings import arrange
from concept_orderings.catalogue import CATALOGUE, find_dataset
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.exporters.fomo import fomo_list
from concept_orderings.library import arrange_stream
from concept_orderings.request import StreamRequest, parse_request

from .benchmark import DATA, class_list, needs_benchmark, stream
from .strategies import Body

pytestmark = needs_benchmark

YEARS = [2008, 2009, 2010, 2011, 2013, 2014, 2015, 2016, 2017, 2018, 2019, 2020, 2021, 2022, 2023]


@cache
def concepts() -> tuple[str, ...]:
    return tuple(stream("random_sequence_1"))


@cache
def counts() -> dict[str, int]:
    """Return how often each name occurs among all concepts; the tests need any counts with many ties."""
    return Counter(concept.partition("+++")[2] for concept in concepts())


def body_by(kind: str, **parameters: object) -> Body:
    ordering = {"kind": kind, **parameters}
    return {"name": "fomo", "concepts": list(concepts()), "ordering": ordering, "tasks": {"count": 20}}


@cache
def tasks_by(kind: str, **parameters: object) -> list[list[str]]:
    body = body_by(kind, **parameters)
    if kind != "frequency":
        return arrange(body)
    body["ordering"]["source"] = "names"
    return arrange(body, counts=[counts()[name] for name in parse_request(body).concepts.class_names])


def flat(tasks: list[list[str]]) -> list[str]:
    return [concept for task in tasks for concept in task]


def dataset_of(concept: str) -> str:
    return concept.partition("+++")[0]


def year_of(concept: str) -> int:
    known = find_dataset(dataset_of(concept))
    assert known is not None
    return known.year


@pytest.mark.parametrize("kind", ["performance", "frequency", "time", "dataset", "random"])
def test_20_tasks_hold_exactly_the_concepts_of_the_benchmark(kind: str) -> None:
    tasks = tasks_by(kind)

    assert [len(task) for task in tasks] == [920] + [919] * 19
    assert len(flat(tasks)) == len(set(flat(tasks))) == 18_381
    assert set(flat(tasks)) == set(concepts())


def test_time_has_the_15_groups_of_years_of_the_published_stream() -> None:
    def year_groups(order: list[str]) -> list[tuple[int, set[str]]]:
        return [(year, set(run)) for year, run in groupby(order, year_of)]

    ours = year_groups(flat(tasks_by("time")))
    theirs = year_groups(stream("time_incremental_dschunked_1"))

    assert [year for year, _ in ours] == YEARS
    assert ours == theirs


def test_time_by_dataset_keeps_datasets_together_like_the_published_stream() -> None:
    def chunks(order: list[str]) -> list[tuple[str, int]]:
        return [(name, len(list(run))) for name, run in groupby(order, dataset_of)]

    ours = chunks(flat(tasks_by("time", within_year="dataset")))
    theirs = chunks(stream("time_incremental_dschunked_1"))

    assert len(ours) == len(theirs) == 41
    assert sorted(ours) == sorted(theirs)


def test_tasks_by_year_and_by_dataset() -> None:
    by_year = arrange({**body_by("time"), "tasks": {"by": "year"}})
    by_dataset = arrange({**body_by("dataset"), "tasks": {"by": "dataset"}})

    assert [{year_of(concept) for concept in task} for task in by_year] == [{year} for year in YEARS]
    assert len(by_dataset) == 41
    assert sorted(dataset_of(task[0]) for task in by_dataset) == sorted({dataset_of(each) for each in concepts()})
    assert all(len({dataset_of(concept) for concept in task}) == 1 for task in by_dataset)


def test_scores_never_rise_along_a_performance_order() -> None:
    scores = {each.name: each.zero_shot_score for each in CATALOGUE}
    found = [scores[dataset_of(concept)] for concept in flat(tasks_by("performance"))]

    assert found == sorted(found, reverse=True)


def test_the_published_performance_stream_does_not_follow_the_scores_of_the_catalogue() -> None:
    scores = {each.name: each.zero_shot_score for each in CATALOGUE}
    published = stream("performance_sequence_1")
    _, group, sizes = np.unique(
        [-scores[dataset_of(each)] for each in published], return_inverse=True, return_counts=True
    )
    by_score = (np.cumsum(sizes) - (sizes - 1) / 2)[group]

    # Spearman's rank correlation, as docs/orderings.md states it: Pearson's of positions and mean ranks of ties.
    assert len(published) == 18_381
    assert round(float(np.corrcoef(by_score, np.arange(len(published)))[0, 1]), 2) == 0.07


def test_counts_never_fall_along_a_frequency_order() -> None:
    found = [counts()[concept.partition("+++")[2]] for concept in flat(tasks_by("frequency"))]

    assert found == sorted(found)


def test_a_block_of_equal_counts_mixes_the_datasets() -> None:
    once = [concept for concept in flat(tasks_by("frequency")) if counts()[concept.partition("+++")[2]] == 1]
    runs = [len(list(run)) for _, run in groupby(once, dataset_of)]

    # Sorted by name, there would be one run for each dataset.
    assert len(runs) > len(once) / 2


def test_reverse_is_the_exact_reversal_as_in_the_benchmark() -> None:
    assert stream("random_sequence_reverse_1") == list(reversed(concepts()))
    assert flat(tasks_by("random", reverse=True)) == flat(tasks_by("random"))[::-1]


def test_the_documents_hold_all_concepts_of_the_benchmark() -> None:
    request = parse_request({**body_by("time"), "tasks": {"count": 5}})
    stream_version = arrange_stream(request, evidence_at_hand(request))
    tasks = [json.loads(document.data)["concepts"] for document in stream_version.tasks(1)]
    shown = [concept for task in tasks for concept in task]

    assert [len(task) for task in tasks] == [3677, 3676, 3676, 3676, 3676]
    assert [each["position"] for each in shown] == list(range(18_381))
    assert [each["concept"] for each in shown] == flat(tasks_by("time"))
    assert all(each["evidence"] == {"year": year_of(each["concept"])} for each in shown)


def test_streams_are_written_in_the_format_of_the_benchmark() -> None:
    data = fomo_list(concepts())

    assert tuple(json.loads(data)) == concepts()
    assert data.isascii()


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("streams/*.json")) or ["none"])
def test_each_stream_of_the_benchmark_can_be_posted_unchanged(name: str) -> None:
    posted = stream(name)
    request = parse_request({**body_by("random"), "concepts": posted})

    assert sorted(request.concepts.ids) == sorted(posted)


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("streams/*.json")) or ["none"])
def test_given_reproduces_each_published_stream(name: str) -> None:
    published = (DATA / "streams" / f"{name}.json").read_bytes()
    body = {"name": name.replace("_", "-"), "concepts": json.loads(published), "ordering": {"kind": "given"}}
    request = parse_request({**body, "tasks": {"count": 20}})
    # Parsed from its canonical form, as the worker does.
    again = parse_request(json.loads(request.canonical))
    exported = arrange_stream(again, {}).export().data

    assert again.canonical == request.canonical
    assert json.loads(exported) == json.loads(published)
    # The published files lack the newline at the end.
    assert exported.removesuffix(b"\n") == published.removesuffix(b"\n")


def test_given_takes_the_class_lists_of_the_benchmark_in_their_own_order() -> None:
    lists = [(each.handle, each.name, class_list(each.handle)) for each in CATALOGUE if each.split == "adaptation"]
    datasets = [{"name": handle, "classes": classes} for handle, _, classes in lists]
    tasks = arrange({"name": "lists", "datasets": datasets, "ordering": {"kind": "given"}, "tasks": {"by": "dataset"}})

    assert tasks == [[f"{name}+++{each}" for each in classes] for _, name, classes in lists]


def adaptation_lists() -> StreamRequest:
    datasets = [
        {"name": each.handle, "classes": class_list(each.handle)} for each in CATALOGUE if each.split == "adaptation"
    ]
    return parse_request(
        {"name": "lists", "datasets": datasets, "ordering": {"kind": "random"}, "tasks": {"by": "dataset"}}
    )


def test_the_class_lists_of_the_41_datasets_can_be_posted() -> None:
    request = adaptation_lists()
    extra = Counter(dataset_of(concept) for concept in set(request.concepts.ids) - set(concepts()))

    assert len(request.concepts.datasets) == 41
    assert set(request.concepts.ids) >= set(concepts())
    # The lists of these four hold more than the benchmark's streams do.
    assert set(extra) == {"MITSTATES", "QUILT", "OPENIMAGES", "CLEVR"}
    by_name = {each.name: len(each.classes) for each in request.concepts.datasets}
    assert by_name["CIFAR100"] == 100

"""Test that `order` gathers only the evidence that a request needs."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from concept_orderings import arrange
from concept_orderings.evidence import Gathered, Need, Provenance, evidence_digest
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings, captions_of
from concept_orderings.evidence.counts import NeedsCounts
from concept_orderings.order_files import Gatherer, fewest_tasks, order
from concept_orderings.progress import Report, silent
from concept_orderings.request import StreamRequest, parse_request

from .strategies import Body, embeddings_for, requests

ONE_TASK = {"count": 1}


class RecordedRequests:
    """Replaces the encoder and the index, and records the requests to them."""

    def __init__(self) -> None:
        self.of: list[tuple[str, list[str], str]] = []

    def gatherer(self, need: Need) -> Gatherer:
        return {Need.EMBEDDINGS: self._embed, Need.COUNTS: self._count}[need]

    def _embed(self, request: StreamRequest, report: Report) -> Gathered:
        encoder = parameters_of(request.ordering, NeedsEmbeddings).encoder
        self.of.append(("embed", captions_of(request.concepts), encoder))
        return Gathered.of(np.eye(len(request.concepts), dtype=np.float32), encoder)

    def _count(self, request: StreamRequest, report: Report) -> Gathered:
        source = parameters_of(request.ordering, NeedsCounts).source
        self.of.append(("count", list(request.concepts.class_names), source))
        values = np.arange(len(request.concepts))
        provenance = Provenance(source=source, digest=evidence_digest(values), details={"unit": "documents"})
        return Gathered(values, provenance, {"unit": ["documents"] * len(values)})


@pytest.mark.parametrize(
    ("ordering", "asked"),
    [
        ({"kind": "random"}, []),
        ({"kind": "time"}, []),
        ({"kind": "performance"}, []),
        ({"kind": "dataset"}, []),
        (
            {"kind": "similarity", "encoder": "minilm"},
            [("embed", ["A photo of a a.", "A photo of a b."], "minilm")],
        ),
        (
            {"kind": "typicality", "encoder": "minilm"},
            [("embed", ["A photo of a a.", "A photo of a b."], "minilm")],
        ),
        ({"kind": "given"}, []),
        ({"kind": "frequency", "source": "c4"}, [("count", ["a", "b"], "c4")]),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_only_the_evidence_that_is_needed_is_gathered(ordering: Body, asked: Any) -> None:
    sources = RecordedRequests()
    body = {"name": "x", "concepts": ["cifar100+++b", "cifar100+++a"], "ordering": ordering, "tasks": ONE_TASK}
    tasks = order(parse_request(body), gatherer=sources.gatherer).concepts_by_task()

    assert sources.of == asked
    assert sorted(tasks[0]) == ["CIFAR100+++a", "CIFAR100+++b"]


def test_counts_in_the_file_need_no_index() -> None:
    sources = RecordedRequests()
    datasets = [{"name": "A", "classes": ["a", "b"], "counts": {"a": 2, "b": 1}}]
    body = {"name": "x", "datasets": datasets, "ordering": {"kind": "frequency"}, "tasks": ONE_TASK}

    found = order(parse_request(body), gatherer=sources.gatherer)

    assert found.concepts_by_task() == [["A+++b", "A+++a"]]
    assert sources.of == []


def test_gathered_counts_keep_their_provenance() -> None:
    body = {"name": "x", "concepts": ["A+++a"], "ordering": {"kind": "frequency", "source": "c4"}, "tasks": ONE_TASK}
    stream = order(parse_request(body), gatherer=RecordedRequests().gatherer)

    assert stream.provenance[Need.COUNTS].details == {"unit": "documents"}
    assert stream.columns == {"count": [0], "tie_group": [1], "unit": ["documents"]}


@given(requests())
def test_the_order_of_files_is_that_of_the_library(body: Body) -> None:
    embeddings = embeddings_for(parse_request(body))

    def embed(request: StreamRequest, report: Report) -> Gathered:
        return Gathered.of(embeddings, "test")

    found = order(parse_request(body), gatherer={Need.EMBEDDINGS: embed}.__getitem__, report=silent)

    assert found.concepts_by_task() == arrange(body, embeddings=embeddings)


@pytest.mark.parametrize(
    ("tasks", "fewest"),
    [({"count": 1}, 1), ({"count": 3}, 3), ({"sizes": [1, 2]}, 2), ({"by": "dataset"}, 2), ({"by": "year"}, 1)],
    ids=str,
)
def test_the_fewest_tasks_of_a_split(tasks: Body, fewest: int) -> None:
    # Both datasets are from one year.
    concepts = ["CIFAR100+++a", "CIFAR10+++b", "CIFAR100+++c"]
    body = {"name": "x", "concepts": concepts, "ordering": {"kind": "random"}, "tasks": tasks}

    assert fewest_tasks(parse_request(body)) == fewest

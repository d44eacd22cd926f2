"""Test class-list files: their three forms, and that only needed evidence is gathered."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from concept_orderings import arrange
from concept_orderings.errors import BadValue, EmptyClassList
from concept_orderings.evidence import Gathered, Need, Provenance, evidence_digest
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings, captions_of
from concept_orderings.evidence.counts import NeedsCounts
from concept_orderings.order_files import Gatherer, order, read_files, request_of
from concept_orderings.progress import Report, silent
from concept_orderings.request import StreamRequest, parse_request

from .strategies import Body, embeddings_for, requests

RANDOM = {"kind": "random"}
ONE_TASK = {"count": 1}


def written(folder: Path, **files: object) -> list[Path]:
    """Write each value as JSON to the file of that name; return the files."""
    paths = [folder / f"{name}.json" for name in files]
    for path, value in zip(paths, files.values(), strict=True):
        path.write_text(json.dumps(value), encoding="utf-8")
    return paths


def concepts_in(paths: Sequence[Path]) -> tuple[str, ...]:
    return parse_request(request_of(read_files(paths), ordering=RANDOM, tasks=ONE_TASK)).concepts.ids


def test_a_list_of_class_names_belongs_to_the_dataset_that_names_the_file(tmp_path: Path) -> None:
    assert concepts_in(written(tmp_path, cifar100=["bear", "apple"])) == ("CIFAR100+++apple", "CIFAR100+++bear")


def test_a_list_of_concepts_is_a_stream(tmp_path: Path) -> None:
    assert concepts_in(written(tmp_path, any=["cifar100+++bear", "B+++a"])) == ("B+++a", "CIFAR100+++bear")


@pytest.mark.parametrize("name", ["datasets", "concepts"])
def test_an_object_may_have_the_lists_of_a_request(tmp_path: Path, name: str) -> None:
    request = {"datasets": [{"name": "B", "classes": ["a"], "year": 2001}], "concepts": ["B+++a"]}

    assert concepts_in(written(tmp_path, any={name: request[name], "name": "a-stream"})) == ("B+++a",)


def test_several_files_are_ordered_together(tmp_path: Path) -> None:
    lists = written(tmp_path, mnist=["0", "1"], B={"datasets": [{"name": "C", "classes": ["c"]}]})
    streams = written(tmp_path, one=["A+++a"], two={"concepts": ["A+++b"]})

    assert concepts_in(lists) == ("C+++c", "MNIST+++0", "MNIST+++1")
    assert concepts_in(streams) == ("A+++a", "A+++b")


def test_class_lists_and_streams_are_not_mixed(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="one sort at a time") as refused:
        concepts_in(written(tmp_path, A=["a"], stream=["B+++b"]))

    assert refused.value.code == "bad_file"


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "A.json"
    path.write_bytes(b'\xef\xbb\xbf["a"]')

    assert concepts_in([path]) == ("A+++a",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"names",
        b'["a"',
        b"\xff\xfe\xff",
        b'["\xe9"]',
        b"[" * 100_000,
        b"1" * 5_000,
        b"3",
        b"null",
        b'"a"',
        b"[1]",
        b'["a", null]',
        b'[["a"]]',
        b"{}",
        b'{"dataset": []}',
        b'{"datasets": {"A": ["a"]}}',
        b'{"concepts": "A+++a"}',
    ],
    ids=lambda content: ascii(content[:20]),
)
def test_a_file_with_other_content_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "strange file.json"
    path.write_bytes(content)

    with pytest.raises(BadValue, match=r"strange file\.json") as refused:
        read_files([path])
    assert refused.value.code == "bad_file"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(BadValue, match=path.name) as refused:
            read_files([path])
        assert refused.value.code == "bad_file"


@pytest.mark.parametrize("content", [[], {"datasets": []}, {"concepts": []}])
def test_an_empty_file_has_nothing_to_order(tmp_path: Path, content: object) -> None:
    with pytest.raises(EmptyClassList):
        concepts_in(written(tmp_path, A=content))


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

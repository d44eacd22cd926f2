"""Test the documents of a stream: their contents, and that one request always gives the same bytes."""

import json
from itertools import accumulate
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.evidence import Gathered, Need, Provenance, evidence_digest
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.counts import counts_of
from concept_orderings.evidence.scores import scores_of
from concept_orderings.evidence.years import years_of
from concept_orderings.library import arrange_stream
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.stream import ArrangedStream, Document, task_sizes
from concept_orderings.stream_warnings import StreamWarning
from concept_orderings.version import __version__
from support.additions import without_additions

from .strategies import Body, embeddings_for, evidence_for, requests, respelled

DOUBT = StreamWarning(code="doubt", detail="Nothing is true.", count=None)


def arranged(request: StreamRequest) -> ArrangedStream:
    values = embeddings_for(request)
    provenance = Provenance(
        source="made up", digest=evidence_digest(values), details={"weights": "0f"}, warnings=(DOUBT,)
    )
    return arrange_stream(request, {Need.EMBEDDINGS: Gathered(values, provenance), **evidence_at_hand(request)})


def documents(request: StreamRequest, version: int = 3) -> tuple[Document, list[Document], Document]:
    stream = arranged(request)
    tasks, export = stream.tasks(version), stream.export()
    return stream.manifest(version, tasks, export), tasks, export


@given(requests(), st.integers(0, 2**32))
def test_two_forms_of_a_request_give_the_same_bytes(body: Body, seed: int) -> None:
    first = documents(parse_request(body))
    second = documents(parse_request(respelled(body, Random(seed))))

    assert first == second


@given(requests())
def test_every_document_is_canonical_and_has_its_digest(body: Body) -> None:
    manifest, tasks, export = documents(parse_request(body))

    for document in (manifest, *tasks):
        assert canonical_json(json.loads(document.data)) == document.data
    for document in (manifest, *tasks, export):
        assert sha256_hex(document.data) == document.digest


@given(requests())
def test_the_manifest_names_the_tasks_and_the_order_by_digest(body: Body) -> None:
    manifest, tasks, export = documents(parse_request(body))
    found = json.loads(manifest.data)

    assert [each["digest"] for each in found["tasks"]] == [task.digest for task in tasks]
    assert [each["task"] for each in found["tasks"]] == list(range(len(tasks)))
    assert [each["concepts"] for each in found["tasks"]] == [len(json.loads(task.data)["concepts"]) for task in tasks]
    assert found["order_digest"] == export.digest
    assert found["concepts"] == sum(each["concepts"] for each in found["tasks"])


@given(requests())
def test_the_tasks_in_order_are_the_export(body: Body) -> None:
    _, tasks, export = documents(parse_request(body))
    concepts = [concept for task in tasks for concept in json.loads(task.data)["concepts"]]

    assert [each["position"] for each in concepts] == list(range(len(concepts)))
    assert [each["concept"] for each in concepts] == json.loads(export.data)
    assert all(each["concept"] == f"{each['dataset']}+++{each['class']}" for each in concepts)


@given(requests())
def test_the_manifest_s_request_gives_the_same_stream_again(body: Body) -> None:
    request = parse_request(body)
    manifest, tasks, export = documents(request)
    found = json.loads(manifest.data)
    again = parse_request(found["request"])

    assert again.digest == found["request_digest"] == request.digest
    assert documents(again) == (manifest, tasks, export)


@given(requests())
def test_a_task_names_its_stream_version_and_number(body: Body) -> None:
    _, tasks, _ = documents(parse_request(body), version=17)

    for number, task in enumerate(tasks):
        found = json.loads(task.data)
        assert {name: found[name] for name in found if name != "concepts"} == {
            "name": body["name"],
            "version": 17,
            "task": number,
            "tasks": len(tasks),
        }


@given(requests())
def test_each_concept_is_shown_with_its_own_evidence(body: Body) -> None:
    request = parse_request(body)
    index = {concept: i for i, concept in enumerate(request.concepts.ids)}
    values = {
        "year": years_of(request.concepts),
        "score": scores_of(request.concepts),
        "count": counts_of(request.concepts),
    }
    shown = {
        name
        for name, need in [("year", Need.YEARS), ("score", Need.SCORES), ("count", Need.COUNTS)]
        if need in request.needs
    }

    # What orderings by embeddings show is tested in test_equal_vectors.py and test_similarity.py.
    of_embeddings = {"caption", "captions", "shares_vector_with", "step_to_next"}
    # What balanced tasks show is tested in test_uneven_tasks.py.
    elsewhere = {*of_embeddings, "samples", "samples_exact"}
    for task in documents(request)[1]:
        for each in json.loads(task.data)["concepts"]:
            place = index[each["concept"]]
            expected = {name: values[name][place] for name in shown}
            for name in shown & {"count", "score"}:
                expected["tie_group"] = (values[name] == values[name][place]).sum()
            assert {k: v for k, v in each["evidence"].items() if k not in elsewhere} == expected
            assert (Need.EMBEDDINGS in request.needs) or not of_embeddings & each["evidence"].keys()


def test_further_columns_of_the_evidence_are_shown_in_tasks() -> None:
    body = {
        "name": "a",
        "datasets": [{"name": "A", "classes": ["x", "y", "z"]}],
        "ordering": {"kind": "frequency", "source": "c4"},
        "tasks": {"count": 1},
    }
    values = np.array([7, 0, 7])
    provenance = Provenance(source="c4", digest=evidence_digest(values), details={})
    columns: Any = {"query": ["x", ["y", "ys"], ""], "unit": ["documents"] * 3, "approximate": [None, True, None]}
    stream = arrange_stream(parse_request(body), {Need.COUNTS: Gathered(values, provenance, columns)})
    shown = {each["class"]: each["evidence"] for each in json.loads(stream.tasks(1)[0].data)["concepts"]}

    assert shown == {
        "x": {"count": 7, "query": "x", "unit": "documents", "tie_group": 2},
        "y": {"count": 0, "query": ["y", "ys"], "unit": "documents", "approximate": True, "tie_group": 1},
        "z": {"count": 7, "query": "", "unit": "documents", "tie_group": 2},
    }


@given(requests())
def test_the_manifest_has_the_provenance_of_its_evidence(body: Body) -> None:
    request = parse_request(body)
    found = json.loads(documents(request)[0].data)

    assert set(found["evidence"]) == {str(need) for need in request.needs}
    for need, entry in found["evidence"].items():
        values = evidence_for(request).of(Need(need))
        assert entry["digest"] == evidence_digest(values)
    warnings = arranged(request).warnings()
    assert found["warnings"] == [each.detail for each in warnings]
    assert found["warning_details"] == [each.as_json() for each in warnings]
    assert ("Nothing is true." in found["warnings"]) == (Need.EMBEDDINGS in request.needs)
    assert found["software"] == {"name": "concept-orderings", "version": __version__}
    assert found["format"] == 1
    said = {"details", "diagnostics"} if request.ordering.kind == "similarity" else {"details"}
    assert found["ordering"] == {**found["request"]["ordering"], **{name: found["ordering"][name] for name in said}}


@pytest.mark.parametrize(
    ("kind", "by", "warns"),
    [("dataset", "dataset", False), ("time", "year", False), ("random", "dataset", True), ("random", "year", True)],
)
def test_a_group_in_several_tasks_gives_a_warning(kind: str, by: str, warns: bool) -> None:
    datasets = [
        {"name": name, "classes": [str(i) for i in range(50)], "year": 2001 + i} for i, name in enumerate("ABC")
    ]
    body = {"name": "a", "datasets": datasets, "ordering": {"kind": kind}, "tasks": {"by": by}}
    stream = arranged(parse_request(body))

    if warns:
        [warning] = stream.warnings()
        assert f"{len(stream.sizes)} tasks" in warning.detail
    else:
        assert stream.warnings() == []


def test_another_version_or_name_is_another_document() -> None:
    body: Any = {
        "name": "a",
        "datasets": [{"name": "cifar100", "classes": ["x", "y"]}],
        "ordering": {"kind": "random"},
        "tasks": {"count": 1},
    }
    first, second, other = (
        documents(parse_request(each), version) for each, version in [(body, 1), (body, 2), ({**body, "name": "b"}, 1)]
    )

    assert len({each[0].digest for each in (first, second, other)}) == 3
    assert len({each[1][0].digest for each in (first, second, other)}) == 3
    # The order is the same, so the export has the same digest.
    assert first[2] == second[2] == other[2]


def test_the_documents_of_an_example() -> None:
    """If the change is no addition, raise MANIFEST_FORMAT: published versions must not change."""
    body: Any = {
        "name": "golden",
        "datasets": [
            {"name": "cifar100", "classes": ["café", "bear", "\U0001f600"]},
            {"name": "MNIST", "classes": ["1", "0"]},
        ],
        "ordering": {"kind": "performance", "seed": 3},
        "tasks": {"count": 2},
    }
    manifest, tasks, export = documents(parse_request(body), version=1)
    bare_manifest, bare_tasks = without_additions(manifest.data, [each.data for each in tasks])
    found = json.loads(bare_manifest)

    assert json.loads(bare_tasks[0]) == {
        "name": "golden",
        "version": 1,
        "task": 0,
        "tasks": 2,
        "concepts": [
            {
                "position": position,
                "concept": f"CIFAR100+++{name}",
                "dataset": "CIFAR100",
                "class": name,
                "evidence": {"score": 75.8},
            }
            for position, name in enumerate(FIRST_TASK)
        ],
    }
    assert [sha256_hex(task) for task in bare_tasks] == TASK_DIGESTS
    assert export.digest == EXPORT_DIGEST
    # Without the version of the software, which changes with every release.
    del found["software"]
    assert sha256_hex(canonical_json(found)) == MANIFEST_DIGEST


FIRST_TASK = ["bear", "caf\xe9", "\U0001f600"]
TASK_DIGESTS = [
    "2ee7bbe625d7a28141b779e57e202cb9f5fdcebf5de2fe51956401e20793821c",
    "bec84e8e0fd23e29a77bdc7e8f31c292ae2e1b5188480dfb4ac507d0baa34580",
]
EXPORT_DIGEST = "26c34b63c6d8ddc918340ab7909f6d2b0a5c1c763bbed7b4e6b1b9e4bcd86300"
MANIFEST_DIGEST = "34b548778ae9e9d0233b0b465574149ce165cb944aaf15059fbc5d8d7b145841"


@given(requests())
def test_grouped_tasks_follow_the_order_of_the_concepts(body: Body) -> None:
    request = parse_request(body)
    evidence = evidence_for(request)
    order = request.ordering.arrangement(request.concepts, evidence).order
    sizes = task_sizes(request.split, request.concepts, evidence, order)

    assert sum(sizes) == len(request.concepts)
    assert min(sizes) >= 1
    if (by := body["tasks"].get("by")) in ("dataset", "year"):
        groups = np.asarray({"year": years_of(request.concepts), "dataset": request.concepts.dataset_index}[by])[order]
        changes = np.flatnonzero(groups[1:] != groups[:-1]) + 1
        assert list(accumulate(sizes)) == [*changes.tolist(), len(order)]


@pytest.mark.parametrize("dtype", [np.int64, np.float64, np.float32])
def test_an_evidence_digest_depends_only_on_the_values(dtype: type[np.number]) -> None:
    values: NDArray[Any] = np.arange(12, dtype=dtype).reshape(3, 4)
    digest = evidence_digest(values)

    assert digest == sha256_hex(values.tobytes())
    assert evidence_digest(values.astype(values.dtype.newbyteorder(">"))) == digest
    assert evidence_digest(np.asfortranarray(values)) == digest
    assert evidence_digest(np.repeat(values, 2, axis=0)[::2]) == digest
    assert evidence_digest(values[::-1]) != digest

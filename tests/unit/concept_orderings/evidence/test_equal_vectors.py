"""Test which concepts share a vector, what is warned of, and what tasks show, against brute force."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from concept_orderings.concepts import Concepts
from concept_orderings.evidence import equal_vectors
from concept_orderings.evidence.equal_vectors import first_equal_rows, vector_columns, vector_warnings
from concept_orderings.request import parse_request

few_numbers = st.sampled_from([-(2**14), -1, 0, 1, 2**14])
matrices = hnp.arrays(
    np.int16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=30), elements=few_numbers | st.integers(-2, 2)
)
TEMPLATES = ["A {}.", "The {}.", ["A {}.", "The {}."]]


def by_brute_force(vectors: NDArray[np.int16]) -> list[int]:
    rows = vectors.tolist()
    return [rows.index(row) for row in rows]


@given(matrices)
def test_the_first_equal_rows_are_those_of_brute_force(vectors: NDArray[np.int16]) -> None:
    assert first_equal_rows(vectors).tolist() == by_brute_force(vectors)


@given(matrices, st.integers(1, 3))
def test_rows_with_equal_hashes_are_compared(vectors: NDArray[np.int16], hashes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(equal_vectors, "_hashes", lambda rows: np.abs(rows.sum(axis=1)).astype(np.uint64) % hashes)

        assert first_equal_rows(vectors).tolist() == by_brute_force(vectors)


def test_many_rows_are_compared_in_blocks() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.integers(-3, 3, (3000, 3), dtype=np.int16)

    assert first_equal_rows(vectors).tolist() == by_brute_force(vectors)


@st.composite
def concepts_with_vectors(draw: st.DrawFn) -> tuple[Concepts, NDArray[np.int16]]:
    """Draw datasets that share class names and templates, and vectors of which many are equal; or no templates."""
    with_templates = draw(st.booleans())
    datasets = [
        {
            "name": f"D{i}",
            "classes": draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True)),
            **({"template": draw(st.sampled_from(TEMPLATES))} if with_templates else {}),
        }
        for i in range(draw(st.integers(1, 4)))
    ]
    body = {"name": "s", "datasets": datasets, "ordering": {"kind": "random"}, "tasks": {"count": 1}}
    if with_templates:
        body["ordering"] = {"kind": "typicality"}
    concepts = parse_request(body).concepts
    n = len(concepts)
    return concepts, draw(hnp.arrays(np.int16, (n, 2), elements=st.integers(0, 1)))


def captions(concepts: Concepts, i: int) -> frozenset[str]:
    dataset = concepts.datasets[int(concepts.dataset_index[i])]
    templates: tuple[str, ...] = dataset.given.get("template", ())
    return frozenset(each.replace("{}", concepts.class_names[i]) for each in templates)


@given(concepts_with_vectors())
def test_warnings_are_those_of_all_pairs(drawn: tuple[Concepts, NDArray[np.int16]]) -> None:
    concepts, vectors = drawn
    n = len(concepts)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j and vectors[i].tolist() == vectors[j].tolist()]
    own = [captions(concepts, i) for i in range(n)]
    same = {i for i, j in pairs if own[i] and own[i] == own[j]}
    different = {i for i, j in pairs if not own[i] or own[i] != own[j]}
    found = {each.code: each for each in vector_warnings(concepts, vectors)}

    expected = {"equal_captions": same, "equal_vectors": different}
    assert {code: each.count for code, each in found.items()} == {
        code: len(each) for code, each in expected.items() if each
    }
    for code, warning in found.items():
        assert warning.concepts == tuple(concepts.ids[i] for i in sorted(expected[code]))[:50]
        assert warning.detail.startswith(f"{warning.count} of {n} concepts have the same ")


@given(concepts_with_vectors())
def test_tasks_show_with_how_many_others_a_concept_shares_its_vector(drawn: tuple[Concepts, NDArray[np.int16]]) -> None:
    concepts, vectors = drawn
    times = Counter(tuple(each) for each in vectors.tolist())
    columns = vector_columns(concepts, vectors)

    assert columns["shares_vector_with"] == [times[tuple(each)] - 1 or None for each in vectors.tolist()]
    for i in range(len(concepts)):
        own = captions(concepts, i)
        assert columns["caption"][i] == (next(iter(own)) if len(own) == 1 else None)
        assert columns["captions"][i] == (len(own) if len(own) > 1 else None)


def of_one_dataset(names: list[str]) -> Concepts:
    dataset = {"name": "X", "classes": names, "template": "{}"}
    body = {"name": "s", "datasets": [dataset], "ordering": {"kind": "typicality"}, "tasks": {"count": 1}}
    return parse_request(body).concepts


def test_the_largest_groups_are_named() -> None:
    concepts = of_one_dataset([f"{size}{k:02}" for size in "abcdefg" for k in range("abcdefg".index(size) + 2)])
    vectors = np.array([["abcdefg".index(name[0])] for name in concepts.class_names], dtype=np.int16)
    [warning] = vector_warnings(concepts, vectors)

    assert warning.detail == (
        "35 of 35 concepts have the same embedding as another concept with other captions, in 7 groups (the largest "
        "have 8: 'X+++g00', 'X+++g01', 'X+++g02', 'X+++g03', 'X+++g04' and 3 more; "
        "7: 'X+++f00', 'X+++f01', 'X+++f02', 'X+++f03', 'X+++f04' and 2 more; "
        "6: 'X+++e00', 'X+++e01', 'X+++e02', 'X+++e03', 'X+++e04' and 1 more; "
        "5: 'X+++d00', 'X+++d01', 'X+++d02', 'X+++d03', 'X+++d04'; "
        "4: 'X+++c00', 'X+++c01', 'X+++c02', 'X+++c03'): the embeddings do not tell them apart, and their order among "
        "themselves is random. Use another encoder, or give names in a language and a spelling that the encoder tells "
        "apart."
    )


def test_vectors_that_differ_give_no_warning() -> None:
    concepts = of_one_dataset(["a", "b"])

    assert vector_warnings(concepts, np.array([[0, 1], [1, 0]], dtype=np.int16)) == ()

"""Test the diagnostics of a path against sums over all pairs in Python's integers."""

import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, combinations, pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from concept_orderings import diagnostics
from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.diagnostics import MOST_JUMPS, diagnose_path
from concept_orderings.errors import Cancelled
from concept_orderings.evidence import Evidence, Gathered, Need, Provenance, evidence_digest
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.library import arrange_stream
from concept_orderings.orderings import ORDERINGS
from concept_orderings.path import quantise
from concept_orderings.path.distances import SCALE
from concept_orderings.request import parse_request
from concept_orderings.stream import ArrangedStream

from .strategies import Body, compositions, embeddings_for, requests, respelled

Vectors = NDArray[np.int16]

REQUEST: Body = {
    "name": "golden",
    "datasets": [
        {"name": name, "classes": [f"class {i}" for i in range(9)], "template": "A {}."}
        for name in ("A", "B", "C", "D")
    ],
    "ordering": {"kind": "similarity"},
    "tasks": {"count": 5},
}


@st.composite
def paths(draw: st.DrawFn) -> tuple[Vectors, NDArray[np.int64], list[int]]:
    """Draw vectors, a path through them and the sizes of its tasks; ties and vectors of full length are frequent."""
    dimensions = draw(st.integers(1, 4))
    component = st.integers(-2, 2) | st.sampled_from([-SCALE // 2, SCALE // 2]) | st.integers(-SCALE // 2, SCALE // 2)
    n = draw(st.integers(1, 40))
    vectors = draw(hnp.arrays(np.int16, (n, dimensions), elements=component))
    return vectors, np.array(draw(st.permutations(range(n)))), draw(compositions(n))


def names_of(vectors: Vectors) -> list[str]:
    return [f"D+++{i}" for i in range(len(vectors))]


def diagnosed(vectors: Vectors, order: Sequence[int] | NDArray[np.int64], sizes: list[int]) -> dict[str, Any]:
    return diagnose_path(vectors, np.asarray(order, dtype=np.int64), sizes, names_of(vectors))


def cosine_distance(vectors: Vectors, i: int, j: int) -> Fraction:
    squared = sum((a - b) ** 2 for a, b in zip(vectors[i].tolist(), vectors[j].tolist(), strict=True))
    return Fraction(squared, 2 * SCALE * SCALE)


def mean(values: Sequence[Fraction]) -> Fraction | None:
    return sum(values, Fraction()) / len(values) if values else None


def rounded(value: Fraction | None) -> float | None:
    """Return the nearest double."""
    return None if value is None else float(value)


def expected(vectors: Vectors, order: list[int], sizes: list[int]) -> dict[str, Any]:
    """Compute the diagnostics as docs/diagnostics.md defines them."""
    n, names = len(order), names_of(vectors)
    task_of = {concept: task for task, (end, size) in _ends(sizes) for concept in order[end - size : end]}
    steps = [(cosine_distance(vectors, a, b), position, a, b) for position, (a, b) in enumerate(pairwise(order), 1)]
    pairs = [(cosine_distance(vectors, a, b), task_of[a], task_of[b]) for a, b in combinations(order, 2)]
    total = sum((distance for distance, *_ in steps), Fraction())
    random_total = (n - 1) * (mean([distance for distance, *_ in pairs]) or Fraction())

    def similarity(distances: list[Fraction]) -> float | None:
        return rounded(mean([1 - distance for distance in distances]))

    return {
        "total_distance": rounded(total),
        "mean_step": rounded(mean([distance for distance, *_ in steps])),
        "largest_step": rounded(max((distance for distance, *_ in steps), default=None)),
        "zero_steps": sum(distance == 0 for distance, *_ in steps),
        "share_of_zero_steps": rounded(mean([Fraction(distance == 0) for distance, *_ in steps])),
        "largest_jumps": [
            {
                "position": position,
                "from": names[a],
                "to": names[b],
                "distance": rounded(distance),
                "task": task_of[b],
                "new_task": task_of[a] != task_of[b],
            }
            for distance, position, a, b in sorted(steps, key=lambda step: (-step[0], step[1]))[:20]
        ],
        "expected_random_total": rounded(random_total),
        "share_of_random_total": rounded(total / random_total) if random_total else None,
        "similarity_inside_tasks": similarity([distance for distance, s, t in pairs if s == t]),
        "similarity_across_tasks": similarity([distance for distance, s, t in pairs if s != t]),
        "similarity_of_each_task": [
            similarity([distance for distance, s, t in pairs if s == t == task]) for task in range(len(sizes))
        ],
    }


def _ends(sizes: list[int]) -> list[tuple[int, tuple[int, int]]]:
    return list(enumerate(zip(accumulate(sizes), sizes, strict=True)))


@given(paths())
def test_every_figure_is_the_double_nearest_to_the_true_one(path: tuple[Vectors, NDArray[np.int64], list[int]]) -> None:
    vectors, order, sizes = path

    assert diagnosed(vectors, order, sizes) == expected(vectors, order.tolist(), sizes)


@given(path=paths(), block=st.integers(1, 50))
def test_the_size_of_blocks_changes_no_figure(path: tuple[Vectors, NDArray[np.int64], list[int]], block: int) -> None:
    whole = diagnosed(*path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnostics, "_BLOCK", block)
        assert diagnosed(*path) == whole


@given(paths())
def test_a_reversed_path_is_its_mirror_image(path: tuple[Vectors, NDArray[np.int64], list[int]]) -> None:
    vectors, order, sizes = path
    there, back = diagnosed(vectors, order, sizes), diagnosed(vectors, order[::-1].copy(), sizes[::-1])

    def turned(jump: dict[str, Any]) -> tuple[int, str, str, float, bool]:
        return len(order) - jump["position"], jump["to"], jump["from"], jump["distance"], jump["new_task"]

    # Among equal jumps, the twenty that are listed may differ.
    least = min((each["distance"] for each in there["largest_jumps"]), default=0)
    assert {tuple(turned(each)) for each in there["largest_jumps"] if each["distance"] > least} == {
        (each["position"], each["from"], each["to"], each["distance"], each["new_task"])
        for each in back["largest_jumps"]
        if each["distance"] > least
    }
    assert back["similarity_of_each_task"] == there["similarity_of_each_task"][::-1]
    listed = ("largest_jumps", "similarity_of_each_task")
    assert {key: back[key] for key in back if key not in listed} == {
        key: there[key] for key in there if key not in listed
    }


def opposite(n: int) -> Vectors:
    """Return n vectors; the second half of them points in the direction opposite to the first."""
    return np.repeat(np.array([[SCALE, 0], [-SCALE, 0]], dtype=np.int16), n // 2, axis=0)


def test_sums_beyond_64_bits_are_exact() -> None:
    n = 400_000
    assert n // 2 * n // 2 * SCALE**2 > 2**63, "the square of one task's sum should not fit"
    found = diagnosed(opposite(n), np.arange(n), [n // 2, n // 2])

    [jump] = [each for each in found.pop("largest_jumps") if each["distance"]]
    middle = n // 2
    assert jump == {
        "position": middle,
        "from": f"D+++{middle - 1}",
        "to": f"D+++{middle}",
        "distance": 2.0,
        "task": 1,
        "new_task": True,
    }
    assert found == {
        "total_distance": 2.0,
        "mean_step": 2 / (n - 1),
        "largest_step": 2.0,
        "zero_steps": n - 2,
        "share_of_zero_steps": (n - 2) / (n - 1),
        # A pair is opposite with probability n / (2 (n - 1)), and its distance is then 2.
        "expected_random_total": float(n),
        "share_of_random_total": 2 / n,
        "similarity_inside_tasks": 1.0,
        "similarity_across_tasks": -1.0,
        "similarity_of_each_task": [1.0, 1.0],
    }


def test_the_longest_possible_path() -> None:
    n = 100_000
    order = np.arange(n).reshape(2, -1).T.ravel()  # alternating between the two halves
    found = diagnosed(opposite(n), order, [n])

    assert found["total_distance"] == 2 * (n - 1)
    assert found["share_of_random_total"] == 2 * (n - 1) / n
    assert found["similarity_of_each_task"] == [found["similarity_inside_tasks"]] == [-1 / (n - 1)]
    assert found["similarity_across_tasks"] is None
    assert [each["position"] for each in found["largest_jumps"]] == list(range(1, MOST_JUMPS + 1))


def test_one_concept_has_no_steps_and_no_pairs() -> None:
    assert diagnosed(np.array([[SCALE]], dtype=np.int16), [0], [1]) == {
        "total_distance": 0,
        "mean_step": None,
        "largest_step": None,
        "zero_steps": 0,
        "share_of_zero_steps": None,
        "largest_jumps": [],
        "expected_random_total": 0,
        "share_of_random_total": None,
        "similarity_inside_tasks": None,
        "similarity_across_tasks": None,
        "similarity_of_each_task": [None],
    }


def test_the_figures_of_two_concepts_do_not_depend_on_their_order() -> None:
    found = diagnosed(np.array([[SCALE, 0], [0, SCALE]], dtype=np.int16), [1, 0], [1, 1])

    assert found["total_distance"] == found["expected_random_total"] == found["share_of_random_total"] == 1
    assert found["similarity_inside_tasks"] is None
    assert found["similarity_across_tasks"] == 0
    assert found["largest_jumps"] == [
        {"position": 1, "from": "D+++1", "to": "D+++0", "distance": 1.0, "task": 1, "new_task": True}
    ]


def test_equal_concepts_have_no_ratio() -> None:
    found = diagnosed(np.full((50, 3), 9459, dtype=np.int16), range(50), [20, 30])

    assert found["total_distance"] == found["mean_step"] == found["expected_random_total"] == 0
    assert found["share_of_random_total"] is None
    assert found["similarity_inside_tasks"] == found["similarity_across_tasks"] == 1
    assert [each["position"] for each in found["largest_jumps"]] == list(range(1, 21))


def test_a_random_order_is_about_as_long_as_expected() -> None:
    rng = np.random.default_rng(5)
    vectors = quantise(rng.normal(size=(2_000, 16)) + 0.5)
    found = diagnosed(vectors, rng.permutation(2_000), [500] * 4)

    assert found["share_of_random_total"] == pytest.approx(1, abs=0.02)
    assert found["similarity_inside_tasks"] == pytest.approx(found["similarity_across_tasks"], abs=0.01)


def test_similarities_are_cosines() -> None:
    rng = np.random.default_rng(6)
    unit = rng.normal(size=(30, 8))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    found = diagnosed(quantise(unit), range(30), [10, 20])
    cosines = unit @ unit.T
    inside = [cosines[part, part][np.triu_indices(size, 1)] for part, size in ((np.s_[:10], 10), (np.s_[10:], 20))]

    # Rounding to integers changes a cosine by about 0.00003.
    assert found["similarity_of_each_task"] == pytest.approx([each.mean() for each in inside], abs=1e-4)
    assert found["similarity_inside_tasks"] == pytest.approx(np.concatenate(inside).mean(), abs=1e-4)
    assert found["similarity_across_tasks"] == pytest.approx(cosines[:10, 10:].mean(), abs=1e-4)
    assert found["mean_step"] == pytest.approx(1 - np.diag(cosines, 1).mean(), abs=1e-4)


def test_the_work_can_be_cancelled_between_blocks() -> None:
    calls = []

    def stop(done: int, total: int) -> None:
        calls.append((done, total))
        if len(calls) == 3:
            raise Cancelled

    vectors = np.ones((100, 2), dtype=np.int16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnostics, "_BLOCK", 50)
        with pytest.raises(Cancelled):
            diagnose_path(vectors, np.arange(100), [100], names_of(vectors), report=stop)
    assert calls == [(100, 100)] * 3


def test_progress_never_decreases_and_can_be_cancelled_to_the_end() -> None:
    request = parse_request(REQUEST)
    values = embeddings_for(request)
    gathered = {Need.EMBEDDINGS: Gathered(values, Provenance(source="x", digest=evidence_digest(values), details={}))}
    seen: list[tuple[int, int]] = []
    arrange_stream(request, gathered, report=lambda *numbers: seen.append(numbers))
    path = len(seen)
    while seen[path - 1] == seen[-1]:
        path -= 1

    assert seen == sorted(seen)
    assert len(seen) - path > 3, "diagnosing should report too"


def arranged(body: Body) -> ArrangedStream:
    request = parse_request(body)
    values = embeddings_for(request)
    provenance = Provenance(source="made up", digest=evidence_digest(values), details={})
    return arrange_stream(request, {Need.EMBEDDINGS: Gathered(values, provenance), **evidence_at_hand(request)})


def manifest_of(stream: ArrangedStream) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stream.documents(1)[-1].data)
    return found


@given(requests(["similarity"]))
def test_a_similarity_manifest_has_the_diagnostics_of_its_stream(body: Body) -> None:
    stream = arranged(body)
    ids = stream.request.concepts.ids
    vectors = quantise(embeddings_for(stream.request))
    names = dict(zip(names_of(vectors), ids, strict=True))
    figures = expected(vectors, stream.arrangement.order.tolist(), list(stream.sizes))
    for jump in figures["largest_jumps"]:
        jump.update({end: names[jump[end]] for end in ("from", "to")})

    assert manifest_of(stream)["ordering"]["diagnostics"] == figures


@given(body=requests(["similarity"]), seed=st.integers(0, 2**32))
def test_the_form_of_a_request_changes_no_figure(body: Body, seed: int) -> None:
    assert arranged(respelled(body, Random(seed))).diagnostics == arranged(body).diagnostics


def test_the_jumps_of_a_reversed_stream_are_reversed() -> None:
    there, back = (
        arranged({**REQUEST, "ordering": {**REQUEST["ordering"], "reverse": reverse}}).diagnostics
        for reverse in (False, True)
    )
    jumps: Any = there["largest_jumps"], back["largest_jumps"]

    assert len(jumps[0]) == len(jumps[1]) == MOST_JUMPS
    assert [(each["from"], each["to"], 36 - each["position"], each["distance"]) for each in jumps[0]] == [
        (each["to"], each["from"], each["position"], each["distance"]) for each in jumps[1]
    ]
    assert there["total_distance"] == back["total_distance"]


@pytest.mark.parametrize("kind", [kind for kind in ORDERINGS if kind != "similarity"])
@given(data=st.data())
def test_other_orderings_have_no_diagnostics(kind: str, data: st.DataObject) -> None:
    stream = arranged(data.draw(requests([kind])))

    assert stream.diagnostics == {}
    assert "diagnostics" not in manifest_of(stream)["ordering"]


def test_no_figure_changes_by_accident() -> None:
    request = parse_request(REQUEST)
    evidence = Evidence(embeddings=embeddings_for(request))
    order = np.arange(36) * 7 % 36
    found = request.ordering.diagnose(request.concepts, evidence, order, [8, 7, 7, 7, 7])

    # Added since the digest was written.
    assert (found.pop("zero_steps"), found.pop("share_of_zero_steps")) == (0, 0)
    assert sha256_hex(canonical_json(found)) == GOLDEN_DIGEST


GOLDEN_DIGEST = "ce8e6048796978e753fb1886423d7491f516c644e29fa9239d532e5e3c8e599f"

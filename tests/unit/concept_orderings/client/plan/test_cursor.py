import json
import pickle
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_orderings.client import BadArgument, WrongState
from concept_orderings.client.plan import Arrays, Cursor, Item, Plan, make_cursor
from unit.concept_orderings.client.plan.oracle import OraclePlan
from unit.concept_orderings.client.plan.streams import cursor_of, stream_of

SIZES = ((3, 5, 1), (4, 2), (1, 1, 1, 20))
OPTIONS: dict[str, Any] = {"batch_size": 8, "samples_per_task": 100, "pretraining": 11, "seed": 5}


def triples(cursor: Cursor, task: int, index: int) -> list[tuple[int, int, int]]:
    return list(zip(*(each.tolist() for each in cursor.at(task, index).arrays), strict=True))


@st.composite
def plans(draw: st.DrawFn) -> tuple[tuple[tuple[int, ...], ...], dict[str, Any]]:
    number = st.integers(0, 6) | st.integers(0, 60)
    sizes = draw(st.lists(st.lists(number, min_size=1, max_size=5).filter(any).map(tuple), min_size=1, max_size=4))
    weights = draw(st.tuples(*[st.integers(0, 5)] * 3).filter(any))
    shares = dict(zip(("pretraining", "update", "buffer"), (Fraction(w, sum(weights)) for w in weights), strict=True))
    batch = draw(st.integers(1, 12))
    share = st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(1, 10), Fraction(1)])
    return tuple(sizes), {
        "batch_size": batch,
        "samples_per_task": batch * draw(st.integers(1, 9)),
        "mixture": shares,
        "pretraining": draw(st.integers(0, 20)),
        "uniform_over": draw(st.sampled_from(["images", "concepts"])),
        "blurry": draw(share),
        "repetition": draw(share),
        "seed": draw(st.integers(0, 9)),
    }


@given(plans())
@settings(max_examples=150)
def test_batches_are_those_of_the_oracle(plan: tuple[tuple[tuple[int, ...], ...], dict[str, Any]]) -> None:
    sizes, options = plan
    cursor = cursor_of(sizes, **options)
    shares = [tuple(cursor.plan.shares(task).values()) for task in range(len(sizes))]
    oracle = OraclePlan(
        cursor.plan.digest,
        options["seed"],
        sizes,
        shares,  # type: ignore[arg-type]
        cursor.plan.steps,
        options["pretraining"],
        over=options["uniform_over"],
        blurry=options["blurry"],
        repetition=options["repetition"],
    )

    for step in cursor:
        found = list(zip(*(each.tolist() for each in step.arrays), strict=True))
        assert found == oracle.batch(step.task, step.index)
        assert len(found) == options["batch_size"]


@given(plans(), st.data())
def test_any_number_of_ranks_sees_the_same_batches(plan: tuple[Any, dict[str, Any]], data: st.DataObject) -> None:
    sizes, options = plan
    whole = cursor_of(sizes, **options)
    ranks = data.draw(st.integers(1, options["batch_size"]))
    parts = [cursor_of(sizes, rank=rank, world_size=ranks, **options) for rank in range(ranks)]
    first = data.draw(st.integers(0, whole.steps - 1))
    for each in (whole, *parts):
        each.seek(*divmod(first, whole.plan.steps))

    for step, *slices in zip(whole, *parts, strict=True):
        for rank, part in enumerate(slices):
            assert part.items == step.items[rank::ranks]
            assert len(part) == len(part.items)
        means = sum(part.weight * sum(item.index for item in part.items) / len(part) for part in slices) / ranks
        assert means == pytest.approx(sum(item.index for item in step.items) / len(step))


def test_items_name_pool_concept_and_sample() -> None:
    step = cursor_of(SIZES, **OPTIONS).at(2, 3)

    assert step.items == [
        Item("pretraining", None, None, step.items[0].index),
        *step.items[1:],
    ]
    assert [item.pool for item in step.items] == ["pretraining"] * 3 + ["update"] * 3 + ["buffer"] * 2
    assert all(item.class_name in ("class 2 0", "class 2 1", "class 2 2", "class 2 3") for item in step.items[3:6])
    assert all(str(item.class_name)[:7] in ("class 0", "class 1") for item in step.items[6:])
    assert (step.task, step.index, step.number) == (2, 3, 2 * 12 + 3)


def test_golden_batch() -> None:
    """It decides the batches of training jobs that go on with a later release: it is never changed."""
    assert triples(cursor_of(SIZES, **OPTIONS), 1, 4) == GOLDEN["images"]
    assert triples(cursor_of(SIZES, uniform_over="concepts", **OPTIONS), 1, 4) == GOLDEN["concepts"]
    assert triples(cursor_of(SIZES, blurry=0.5, repetition="1/3", **OPTIONS), 1, 4) == GOLDEN["options"]


GOLDEN: dict[str, list[tuple[int, int, int]]] = {
    "images": [(0, -1, 4), (0, -1, 8), (0, -1, 2), (1, 4, 0), (1, 4, 1), (1, 3, 1), (2, 0, 2), (2, 0, 0)],
    "concepts": [(0, -1, 4), (0, -1, 8), (0, -1, 2), (1, 4, 0), (1, 3, 2), (1, 3, 0), (2, 0, 0), (2, 0, 0)],
    "options": [(0, -1, 4), (0, -1, 8), (0, -1, 2), (1, 3, 0), (1, 3, 1), (1, 1, 1), (2, 0, 2), (2, 0, 0)],
}


@pytest.mark.parametrize("over", ["images", "concepts"])
def test_every_sample_of_an_epoch_comes_once(over: str) -> None:
    cursor = cursor_of([[7] * 3, [7] * 5], batch_size=10, samples_per_task=70, uniform_over=over, **_only(update=1))
    drawn = [triple[1:] for index in range(cursor.plan.steps) for triple in triples(cursor, 1, index)]

    assert sorted(drawn[:35]) == sorted(drawn[35:]) == [(concept, i) for concept in range(3, 8) for i in range(7)]
    assert drawn[:35] != drawn[35:]


def test_epochs_of_the_pretraining_pool_go_on_over_tasks() -> None:
    cursor = cursor_of(SIZES, batch_size=4, samples_per_task=20, pretraining=30, **_only(pretraining=1))
    drawn = [item.index for step in cursor for item in step.items]

    assert sorted(drawn[:30]) == sorted(drawn[30:60]) == list(range(30))


def test_concepts_with_few_samples_are_drawn_as_often_as_others_if_concepts_are_uniform() -> None:
    options: dict[str, Any] = {"batch_size": 10, "samples_per_task": 1000, **_only(update=1)}
    over = {
        kind: Counter(triple[1] for i in range(100) for triple in triples(cursor, 0, i))
        for kind in ("images", "concepts")
        for cursor in [cursor_of([[1, 9, 90]], uniform_over=kind, **options)]
    }

    assert over["images"] == {0: 10, 1: 90, 2: 900}
    assert sorted(over["concepts"].values()) == [333, 333, 334]


def test_the_benchmark_s_numbers_are_the_default() -> None:
    cursor = cursor_of(SIZES, pretraining=1_251_473)

    assert cursor.plan.steps == 1420
    assert dict(cursor.plan.shares(0)) == {"pretraining": 253, "update": 259, "buffer": 0}
    assert dict(cursor.plan.shares(1)) == {"pretraining": 169, "update": 175, "buffer": 168}


def test_the_version_s_numbers_hold_unless_others_are_given() -> None:
    training = {"batch_size": 10, "samples_per_task": 55, "mixture": {"update": "3/5", "buffer": "2/5"}}
    cursor, other = cursor_of(SIZES, training), cursor_of(SIZES, training, batch_size=5)

    assert (cursor.plan.steps, other.plan.steps) == (5, 11)
    assert dict(cursor.plan.shares(0)) == {"pretraining": 0, "update": 10, "buffer": 0}
    assert dict(cursor.plan.shares(1)) == {"pretraining": 0, "update": 6, "buffer": 4}


def test_the_samples_of_an_empty_pool_are_halved() -> None:
    empty_pretraining = cursor_of(SIZES, batch_size=512, pretraining=0)
    empty_buffer = cursor_of([[0, 4], [3]], batch_size=512, pretraining=9)

    assert dict(empty_pretraining.plan.shares(0)) == {"pretraining": 0, "update": 512, "buffer": 0}
    assert dict(empty_pretraining.plan.shares(1)) == {"pretraining": 0, "update": 260, "buffer": 252}
    assert dict(empty_buffer.plan.shares(1)) == {"pretraining": 169, "update": 175, "buffer": 168}


def test_blurry_boundaries_are_exact_shares() -> None:
    cursor = cursor_of([[50], [50], [50]], batch_size=7, samples_per_task=700, blurry=0.2, **_only(update=1))
    drawn = [Counter(t for i in range(100) for _, t, _ in triples(cursor, task, i)) for task in range(3)]

    assert drawn == [{0: 560, 1: 140}, {1: 560, 0: 70, 2: 70}, {2: 560, 1: 140}]
    assert all(len(triples(cursor, 1, i)) == 7 for i in range(100))


def test_repetition_weighs_samples_of_earlier_tasks() -> None:
    """At a weight of 1/4, the 40 earlier samples weigh as much as the 10 of the task."""
    cursor = cursor_of([[40], [10]], batch_size=7, samples_per_task=700, repetition=0.25, **_only(update=1))

    assert Counter(t for i in range(100) for _, t, _ in triples(cursor, 1, i)) == {0: 350, 1: 350}
    assert {t for i in range(100) for _, t, _ in triples(cursor, 0, i)} == {0}


def test_a_billion_samples_in_a_pool_are_fine() -> None:
    cursor = cursor_of([[10**9, 1], [5 * 10**9]], pretraining=10**12)
    found = cursor.at(1, 1419).arrays

    assert len(np.unique(found.sample[:169])) == 169
    assert int(found.sample.max()) > 10**9


def test_memory_does_not_grow_with_steps() -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    before = len(pickle.dumps(cursor))
    for _ in cursor:
        pass

    assert len(pickle.dumps(cursor)) <= before + 2000


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_readers_of_every_few_steps_compute_blocks(stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As each of several workers does, also over the ends of tasks (here of 50 steps)."""
    cursor = cursor_of(SIZES, **{**OPTIONS, "samples_per_task": 400})
    expected = [cursor.at(*divmod(number, 50)).items for number in range(3, 150, stride)]
    computed, arrays = Counter[int](), Plan.arrays

    def counted(plan: Plan, task: int, steps: range, *ranks: int) -> Arrays:
        computed[task] += 1
        return arrays(plan, task, steps, *ranks)

    monkeypatch.setattr(Plan, "arrays", counted)
    blocks = cursor.blocks(stride)

    assert [blocks.step(number).items for number in range(3, 150, stride)] == expected
    # Each has twice as many steps as the one before, up to the end of the task: with a stride of 5, those of task 0
    # have 1, 2, 4 and 3.
    assert computed.total() == {1: 10, 2: 9, 5: 8}[stride]


def test_a_state_goes_on_with_any_number_of_ranks() -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    for _ in range(20):
        next(cursor)
    state = json.loads(json.dumps(cursor.state_dict()))
    other = cursor_of(SIZES, rank=1, world_size=3, **OPTIONS)
    other.load_state_dict(state)

    assert (state["task"], state["step"]) == (1, 8)
    assert next(other).items == next(cursor).items[1::3]
    assert "rank" not in json.dumps(state)


def test_a_state_is_small_and_the_end_is_one() -> None:
    cursor = cursor_of([[3] * 1000] * 20, **OPTIONS)
    for _ in cursor:
        pass
    state = cursor.state_dict()

    assert len(json.dumps(state)) < 4096
    assert (state["task"], state["step"]) == (20, 0)
    cursor.load_state_dict(state)
    assert list(cursor) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 6}, "its seed is 6, and 5 was expected"),
        ({"batch_size": 9}, "its batch_size is 9, and 8 was expected"),
        ({"mixture": {"update": 1}}, "its mixture is"),
        ({"uniform_over": "concepts"}, "its uniform_over is 'concepts', and 'images' was expected"),
        ({"pretraining": 12}, "its pretraining is 12"),
        ({"blurry": 0.25}, "its blurry is '1/4', and '0' was expected"),
    ],
)
def test_a_state_of_other_parameters_is_refused(change: dict[str, Any], named: str) -> None:
    state = cursor_of(SIZES, **{**OPTIONS, **change}).state_dict()
    cursor = cursor_of(SIZES, **OPTIONS)

    with pytest.raises(WrongState, match=named):
        cursor.load_state_dict(state)
    assert cursor.number == 0


def test_a_state_of_other_samples_or_of_another_version_is_refused() -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    stream, samples = stream_of(SIZES, digest="cd" * 32, version=2)

    with pytest.raises(WrongState, match="its samples is"):
        cursor.load_state_dict(cursor_of([(9,), *SIZES[1:]], **OPTIONS).state_dict())
    with pytest.raises(WrongState, match=r"its version is 2, and 1 was expected; its digest is 'cdcd"):
        cursor.load_state_dict(make_cursor(stream, samples=samples, **OPTIONS).state_dict())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"format": 2}, "install a later one"),
        ({"task": 3, "step": 1}, "at step 1 of task 3"),
        ({"task": -1}, "task -1"),
        ({"step": True}, "step True"),
        ({"step": None}, "step None"),
        ({"parameters": None}, "its parameters are None"),
        ({"parameters": {"later": 1}}, "its later is 1, and None was expected"),
    ],
)
def test_what_is_no_state_of_the_plan_is_refused(change: dict[str, Any], named: str) -> None:
    cursor = cursor_of(SIZES, **OPTIONS)

    with pytest.raises(WrongState, match=named):
        cursor.load_state_dict({**cursor.state_dict(), **change})
    with pytest.raises(WrongState, match="no state of a cursor"):
        cursor.load_state_dict({})


def test_all_faults_of_arguments_are_named() -> None:
    with pytest.raises(BadArgument) as refused:
        cursor_of(
            SIZES,
            batch_size=0,
            mixture={"update": 0.5},
            uniform_over="classes",
            blurry=2,
            seed=-1,
            rule="x",
            pretraining=1.5,
        )
    for part in ("batch_size", "add up to 1/2", "uniform_over", "blurry is 2", "seed", "rule", "pretraining"):
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"pretraining": None}, "its size is not given"),
        ({"mixture": {"updates": 1}}, "mixture has shares of"),
        ({"mixture": {"update": "x"}}, "share of update in mixture is 'x'"),
        ({"samples_per_task": 7}, "it has no step"),
        ({"samples": None}, "give samples="),
        ({"samples": 5}, "samples has numbers by dataset"),
        ({"samples": [5]}, "samples has numbers by dataset"),
        ({"rank": 0}, "both rank and world_size"),
        ({"rank": 2, "world_size": 2}, "2 is no rank of 2"),
        ({"rank": 0, "world_size": 9}, "9 ranks, and a batch has 8 samples"),
        ({"classes": 1}, "A plan has no option 'classes'"),
        ({"rank": 0.5, "world_size": 1}, "whole numbers"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], named: str) -> None:
    stream, samples = stream_of(SIZES)

    with pytest.raises(BadArgument, match=named):
        make_cursor(stream, **{"samples": samples, **OPTIONS, **options})


def test_a_task_without_samples_is_named() -> None:
    with pytest.raises(BadArgument, match=r"1 of 2 tasks have no samples \(task 1\)"):
        cursor_of([[1], [0, 0]], **OPTIONS)


def test_samples_are_taken_by_either_name_of_a_dataset() -> None:
    stream, samples = stream_of([[2, 3]])
    named = {"d0": {"class 0 0": 2}, "d1": {"class 0 1": 3}}
    options: dict[str, Any] = {"batch_size": 2, "pretraining": 3}

    assert (
        make_cursor(stream, samples=named, **options).at(0).items
        == make_cursor(stream, samples=samples, **options).at(0).items
    )


def test_ranks_are_those_of_the_environment_that_torchrun_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")

    assert (cursor_of(SIZES, **OPTIONS).rank, cursor_of(SIZES, rank=0, world_size=1, **OPTIONS).rank) == (2, 0)


def test_steps_outside_the_plan_are_named() -> None:
    cursor = cursor_of(SIZES, **OPTIONS)

    for task, index in ((3, 0), (0, 12), (-1, 0)):
        with pytest.raises(BadArgument, match="the plan has 3 tasks of 12 steps"):
            cursor.at(task, index)
    no_numbers: list[Any] = [0.5, "1", None]
    for wrong in no_numbers:
        for call in (cursor.at, cursor.seek, cursor.done):
            with pytest.raises(BadArgument, match="whole numbers"):
                call(wrong)
    assert cursor.at(np.int64(1), np.int8(2)).items == cursor.at(1, 2).items
    cursor.seek(2, 11)
    assert [step.number for step in cursor] == [35]


def _only(**mixture: float) -> dict[str, Any]:
    return {"mixture": mixture}

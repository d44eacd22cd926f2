import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from concept_orderings.client import BadArgument, WrongState
from concept_orderings.client.plan import Cursor, Item
from unit.concept_orderings.client.plan.streams import cursor_of

SIZES = ((3, 5, 1), (4, 2), (1, 1, 1, 20))
OPTIONS: dict[str, Any] = {"batch_size": 8, "samples_per_task": 40, "pretraining": 11, "seed": 5}
FIRST_OF_PRETRAINING = 1000


def index_of(cursor: Cursor) -> dict[tuple[str, str], list[int]]:
    ends = iter(range(100))
    samples = cursor.plan.parameters.samples
    return {pair: [next(ends) for _ in range(n)] for pair, n in zip(cursor.plan.pairs, samples, strict=True)}


def indices(cursor: Cursor, items: list[Item]) -> list[int]:
    index = index_of(cursor)
    return [
        FIRST_OF_PRETRAINING + item.index
        if item.dataset is None or item.class_name is None
        else index[item.dataset, item.class_name][item.index]
        for item in items
    ]


def prefetched(sampler: Any, ahead: int) -> Iterator[list[int]]:
    """Draw batches ahead, as the workers of a loader do."""
    drawn = iter(sampler)
    waiting = [next(drawn) for _ in range(ahead)]
    for each in drawn:
        waiting.append(each)
        yield waiting.pop(0)
    yield from waiting


def test_a_batch_sampler_yields_the_indices_of_the_rank_s_items() -> None:
    cursor, same = (cursor_of(SIZES, rank=1, world_size=3, **OPTIONS) for _ in range(2))
    sampler = cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING)

    assert list(sampler) == [indices(same, step.items) for step in same]
    assert len(sampler) == 15


def test_a_batch_sampler_begins_at_the_cursor() -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    cursor.seek(2, 4)

    assert list(cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING)) == [
        indices(cursor, cursor.at(2, 4).items)
    ]


def test_what_the_index_lacks_is_named() -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    index = index_of(cursor)
    del index["d0", "class 0 0"]
    index["d1", "class 0 1"] = [1, 2]

    with pytest.raises(BadArgument) as refused:
        cursor.as_batch_sampler(index)
    assert "lacks 1 concepts of the stream (d0+++class 0 0)" in str(refused.value)
    assert "fewer entries than samples for 1 concepts (d1+++class 0 1)" in str(refused.value)
    assert "The pretraining pool has 11 samples, and 0 indices of it are given" in str(refused.value)


@pytest.mark.parametrize("index", [None, [1], {"a": [1]}, {3: [1]}])
def test_what_is_no_index_is_named(index: Any) -> None:
    with pytest.raises(BadArgument, match=r"by \(dataset, class name\)"):
        cursor_of(SIZES, **OPTIONS).as_batch_sampler(index, 0)


def test_the_pretraining_pool_begins_at_an_index() -> None:
    cursor = cursor_of(SIZES, **OPTIONS)

    assert list(cursor.as_batch_sampler(index_of(cursor), np.int64(1000))) == list(
        cursor.as_batch_sampler(index_of(cursor), 1000)
    )
    with pytest.raises(BadArgument, match="from 0, and not at -11"):
        cursor.as_batch_sampler(index_of(cursor), -11)


@pytest.mark.parametrize("ahead", [0, 1, 8])
def test_the_state_counts_steps_that_the_loop_got_and_not_those_drawn_ahead(ahead: int) -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    sampler = cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING)

    for step, batch in cursor.follow(prefetched(sampler, ahead)):
        assert batch == indices(cursor, step.items)
        state = cursor.state_dict()
        assert (state["task"], state["step"]) == divmod(step.number + 1, 5)


@pytest.mark.parametrize("ahead", [0, 1, 8])
def test_a_loop_confirms_its_steps(ahead: int) -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    sampler = cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING)

    for number, _ in enumerate(prefetched(sampler, ahead)):
        cursor.done(number)
        assert cursor.state_dict() == cursor.state_at(number + 1)
    assert cursor.number == 15


@pytest.mark.parametrize("ahead", [0, 1, 8])
def test_a_loop_that_confirms_no_step_is_refused_a_state(ahead: int) -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    assert cursor.state_dict() == cursor.state_at(0)
    loader = prefetched(cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING), ahead)
    next(loader)

    with pytest.raises(WrongState, match=r"Call cursor\.done\(step\) after each step, or loop over cursor\.follow"):
        cursor.state_dict()


@pytest.mark.parametrize("ahead", [0, 1, 5])
def test_a_loop_that_stops_confirming_is_refused_a_state(ahead: int) -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    loader = prefetched(cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING), ahead)
    for number in range(4):
        next(loader)
        cursor.done(number)
    next(loader)
    assert cursor.state_dict() == cursor.state_at(4), "in the middle of a step, before it is confirmed"
    next(loader)

    with pytest.raises(WrongState, match="drew steps from 4 on"):
        cursor.state_dict()


def test_a_loader_that_fails_before_its_first_batch_leaves_a_state() -> None:
    """As with a worker that is killed, or a file that cannot be read: the loop has got nothing."""
    cursor = cursor_of(SIZES, **OPTIONS)
    sampler = cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING)

    def failing() -> Iterator[list[int]]:
        for number, batch in enumerate(sampler):
            if number == 3:
                raise OSError("killed")
            del batch
        yield []

    with pytest.raises(OSError, match="killed"):
        next(cursor.follow(failing()))
    assert cursor.state_dict() == cursor.state_at(0)
    next(iter(sampler))
    with pytest.raises(WrongState):
        cursor.state_dict()


def test_steps_that_are_not_there_are_not_confirmed() -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    drawn = iter(cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING))
    next(drawn)
    cursor.done(0)
    with pytest.raises(BadArgument, match="Step 1 was confirmed, and the loader has drawn only the steps before 1"):
        cursor.done(1)
    cursor.seek(2, 4)
    with pytest.raises(BadArgument, match="more batches than the plan has steps, 15"):
        list(cursor.follow([[1], [2]]))
    with pytest.raises(BadArgument, match="Step 15 was confirmed, and the plan has 15 steps"):
        cursor.done(15)
    assert cursor.state_dict() == cursor.state_at(15)


def test_loaders_of_other_batches_are_refused() -> None:
    utils = pytest.importorskip("torch.utils.data", exc_type=ImportError)
    cursor, other = (cursor_of(SIZES, **OPTIONS) for _ in range(2))
    items = cursor.as_iterable_dataset(load=_index_of_item)
    sampler = cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING)
    right = utils.DataLoader(items, batch_size=8)

    for cursor_that_follows, loader, named in (
        (cursor, utils.DataLoader(items, batch_size=4), "A step has 8 items, and the loader makes batches of 4"),
        (cursor, utils.DataLoader(items, batch_size=None), "batches of None"),
        (cursor, utils.DataLoader(items, batch_size=8, num_workers=1, in_order=False), "in_order=False"),
        (other, right, "another cursor"),
        (other, utils.DataLoader([], batch_sampler=sampler), "another cursor"),
    ):
        with pytest.raises(BadArgument, match=named):
            next(cursor_that_follows.follow(loader))
    assert next(cursor.follow(right))[0].number == 0


def test_more_workers_than_steps_have_nothing_to_do() -> None:
    utils = pytest.importorskip("torch.utils.data", exc_type=ImportError)
    cursor = cursor_of(SIZES, **OPTIONS)
    cursor.seek(2, 4)
    items = cursor.as_iterable_dataset(load=_index_of_item)

    assert len(list(cursor.follow(utils.DataLoader(items, batch_size=8, num_workers=2)))) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_killed_loses_no_step(workers: int) -> None:
    utils = pytest.importorskip("torch.utils.data", exc_type=ImportError)
    cursor, whole = (cursor_of(SIZES, **OPTIONS) for _ in range(2))
    expected = list(whole.as_batch_sampler(index_of(whole), FIRST_OF_PRETRAINING))
    found: list[list[int]] = []
    for deadly in (expected[9][0], None):
        sampler = cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING)
        loader = utils.DataLoader(Deadly(deadly), batch_sampler=sampler, num_workers=workers)
        try:
            for _, batch in cursor.follow(loader):
                found.append(batch.tolist())
        except (RuntimeError, OSError, EOFError):
            assert deadly is not None
            state = json.loads(json.dumps(cursor.state_dict()))
            del found[state["task"] * 5 + state["step"] :]
            cursor = cursor_of(SIZES, **OPTIONS)
            cursor.load_state_dict(state)

    assert found == expected


class Deadly:
    """A dataset whose sample is its index, and of which one kills the process that reads it."""

    def __init__(self, index: int | None) -> None:
        self.index = index

    def __getitem__(self, index: int) -> int:
        if index == self.index:
            os.kill(os.getpid(), signal.SIGKILL)
        return index


def test_steps_are_confirmed_in_order_and_once() -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    cursor.done(cursor.at(0, 0))

    with pytest.raises(BadArgument, match="Step 2 was confirmed, and step 1 comes next: the steps between were not"):
        cursor.done(2)
    with pytest.raises(BadArgument, match="Step 0 was confirmed, and step 1 comes next: it was confirmed before"):
        cursor.done(0)


def test_a_loader_of_a_cursor_that_is_moved_is_stale() -> None:
    cursor = cursor_of(SIZES, **OPTIONS)
    sampler = cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING)
    drawn = iter(sampler)
    next(drawn)
    cursor.seek(1)

    with pytest.raises(BadArgument, match="begin a new loop"):
        next(drawn)
    assert len(list(sampler)) == 10
    cursor.seek(1)
    assert cursor.state_dict() == cursor.state_at(5)


def test_the_state_of_an_iterator_is_that_before_the_step_drawn_next() -> None:
    """As `StatefulDataLoader` saves it with each batch, and loads it into a new iterator."""
    cursor, other = (cursor_of(SIZES, rank=0, world_size=world_size, **OPTIONS) for world_size in (1, 2))
    drawn = iter(cursor.as_batch_sampler(index_of(cursor), FIRST_OF_PRETRAINING))
    for _ in range(7):
        next(drawn)
    resumed = iter(other.as_batch_sampler(index_of(other), FIRST_OF_PRETRAINING))
    resumed.load_state_dict(drawn.state_dict())

    assert next(resumed) == next(drawn)[::2]
    assert other.number == 7


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_workers_of_an_iterable_dataset_share_the_steps(workers: int) -> None:
    utils = pytest.importorskip("torch.utils.data", exc_type=ImportError)
    cursor, same = (cursor_of(SIZES, rank=0, world_size=3, **OPTIONS) for _ in range(2))
    for each in (cursor, same):
        each.seek(0, 2)
    dataset = cursor.as_iterable_dataset(load=_index_of_item)
    loader = utils.DataLoader(dataset, batch_size=dataset.batch_size, num_workers=workers)

    loop = cursor.follow(loader)
    for step, (followed, batch) in zip(same, loop, strict=True):
        assert batch.tolist() == [item.index for item in step.items]
        assert cursor.state_dict() == same.state_dict()
        assert followed.number == step.number


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loop_over_an_iterable_dataset_confirms_its_steps(workers: int) -> None:
    utils = pytest.importorskip("torch.utils.data", exc_type=ImportError)
    cursor = cursor_of(SIZES, **OPTIONS)
    dataset = cursor.as_iterable_dataset(load=_index_of_item)
    loader = iter(utils.DataLoader(dataset, batch_size=dataset.batch_size, num_workers=workers))
    next(loader)

    with pytest.raises(WrongState, match=r"Call cursor\.done"):
        cursor.state_dict()
    cursor.done(0)
    assert cursor.state_dict() == cursor.state_at(1)


def test_persistent_workers_do_not_begin_again() -> None:
    utils = pytest.importorskip("torch.utils.data", exc_type=ImportError)
    dataset = cursor_of(SIZES, **OPTIONS).as_iterable_dataset(load=_index_of_item)
    loader = utils.DataLoader(dataset, batch_size=dataset.batch_size, num_workers=1, persistent_workers=True)
    assert len(list(loader)) == 15

    with pytest.raises(RuntimeError, match="make a new DataLoader"):
        list(loader)


def test_ranks_are_those_of_an_initialised_process_group(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("torch.distributed", exc_type=ImportError)
    given = cursor_of(SIZES, rank=1, world_size=2, **OPTIONS)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    early = cursor_of(SIZES, **OPTIONS)
    sampler = early.as_batch_sampler(index_of(early), FIRST_OF_PRETRAINING)
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        assert cursor_of(SIZES, **OPTIONS).world_size == 1
        next(given)
        for draw in (next, lambda cursor: cursor.done(0), lambda cursor: iter(sampler)):
            with pytest.raises(BadArgument, match=r"for rank 1 of 2, before .* this process is rank 0 of 1"):
                draw(early)
        assert early.number == 0
    finally:
        distributed.destroy_process_group()


def test_a_number_of_ranks_without_a_rank_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lightning sets them in the processes that it starts."""
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(BadArgument, match="WORLD_SIZE is 2, and RANK is not set"):
        cursor_of(SIZES, **OPTIONS)
    assert cursor_of(SIZES, rank=1, world_size=2, **OPTIONS).rank == 1
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert cursor_of(SIZES, **OPTIONS).world_size == 1


def _index_of_item(item: Item) -> int:
    return item.index

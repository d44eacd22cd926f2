"""Warnings about shards: those without documents, and sets of numbered shards of which some are not in the index."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.evidence.local_index.layout import Shard
from worker.evidence.local_index.shard_warnings import shard_warnings


def warnings_of(*names: str, documents: int = 1) -> tuple[str, ...]:
    return shard_warnings([Shard(name, f"digest of {name}", documents) for name in names])


def c4(*numbers: int) -> list[str]:
    return [f"c4-train.{number:05d}-of-01024.json.gz" for number in numbers]


def test_1023_of_1024_shards_of_c4() -> None:
    assert warnings_of(*c4(*range(1024))) == ()
    assert warnings_of(*c4(*(number for number in range(1024) if number != 7))) == (
        "1023 of 1024 shards named 'c4-train.*-of-01024.json.gz' are in the index; not in it: 00007.",
    )


def test_a_sample_names_the_first_that_are_missing() -> None:
    [warning] = warnings_of(*c4(0, 1, 5))
    assert warning == (
        "3 of 1024 shards named 'c4-train.*-of-01024.json.gz' are in the index; not in it: 00002, 00003, 00004, 00006, "
        "00007, 00008, 00009, 00010, 00011, 00012 and 1011 more."
    )


def test_sets_are_told_apart() -> None:
    names = ["a.0-of-2.json.gz", "a.1-of-2.json.gz", "b.0-of-2.json.gz", "a.0-of-3.json.gz", "a.1-of-2.jsonl.gz"]
    assert [each.split(" are")[0] for each in warnings_of(*names)] == [
        "1 of 2 shards named 'a.*-of-2.jsonl.gz'",
        "1 of 3 shards named 'a.*-of-3.json.gz'",
        "1 of 2 shards named 'b.*-of-2.json.gz'",
    ]


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["s-1-of-2", "s-2-of-2"], None),
        (["s-2-of-2"], "1"),
        (["s-0-of-2", "s-1-of-2", "s-2-of-2"], None),
        (["s-1-of-2"], "0"),
        (["s-00001-of-1"], None),
        (["s-7-of-0"], None),
        (["s-of-2", "1-of", "part.json.gz", "one-of-many"], None),
        (["1-of-2"], "0"),
    ],
)
def test_numbers_from_0_or_from_1(names: list[str], missing: str | None) -> None:
    found = warnings_of(*names)
    assert [each.rpartition(": ")[2] for each in found] == ([f"{missing}."] if missing else [])


def test_a_name_that_speaks_of_a_billion_shards_takes_no_memory() -> None:
    [warning] = warnings_of("s.0-of-999999999")
    assert warning.endswith("and 999999988 more.")
    assert len(warning) < 300


def test_many_sets() -> None:
    found = warnings_of(*(f"{number}.0-of-2" for number in range(30)))
    assert len(found) == 11
    assert found[-1] == "20 more sets of numbered shards are not complete."


def test_shards_without_documents() -> None:
    assert warnings_of("b", "a", documents=0) == ("2 of 2 shards have no documents: 'a', 'b'.",)
    [warning] = warnings_of(*(f"{number:02d}" for number in range(12)), documents=0)
    assert warning.endswith("'09' and 2 more.")


@given(st.lists(st.integers(0, 12), unique=True), st.integers(1, 12), st.randoms())
def test_what_is_not_named_as_missing_is_there(numbers: list[int], total: int, random: object) -> None:
    names = [f"s.{number}-of-{total}" for number in numbers]
    found = warnings_of(*names)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert warnings_of(*names) == found, "the order does not matter"
    wanted = range(1, total + 1) if 0 not in numbers and total in numbers else range(total)
    missing = [number for number in wanted if number not in numbers]
    assert bool(found) == bool(numbers and missing)
    if found:
        assert found[0].startswith(f"{total - len(missing)} of {total} ")

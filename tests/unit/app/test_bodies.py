"""Bodies in flight: where they are kept, what they may weigh, and how much of the budget each has."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import bodies
from app.bodies import LARGE_BYTES, Arriving, Bodies, Body, NoRoom, TooHeavy
from app.settings import AppSettings
from store.memory import Memory

MB = 1_000_000


@pytest.fixture
def in_flight(tmp_path: Path) -> Iterator[Bodies]:
    """Bodies of at most 20 MB, 40 MB together, of which 10 are for small ones."""
    settings = AppSettings(bodies_mb=40, max_body_bytes=20 * MB, parsing_mb=100)
    found = Bodies(settings, tmp_path)
    yield found
    found.close()


@given(st.lists(st.integers(0, LARGE_BYTES), max_size=4))
def test_a_body_is_read_as_it_was_added(sizes: list[int]) -> None:
    body, added = Body(), b""
    for number, size in enumerate(sizes):
        piece = bytes([number]) * size
        body.add(piece)
        added += piece
    assert body.size == len(added)
    assert body.is_large == (len(added) > LARGE_BYTES)
    assert body.read() == body.read() == added
    body.close()
    assert body.read() == b""


def test_small_bodies_find_room_beside_large_ones(in_flight: Bodies) -> None:
    with ExitStack() as stack:
        stack.enter_context(in_flight.reading(20 * MB, is_json=True))
        with pytest.raises(NoRoom), in_flight.reading(20 * MB, is_json=True):
            pass
        for _ in range(10):
            stack.enter_context(in_flight.reading(LARGE_BYTES, is_json=True)).add(b"a")
    with in_flight.reading(20 * MB, is_json=True):
        """Everything was freed."""


def test_a_body_without_a_known_size_takes_room_as_it_arrives(in_flight: Bodies) -> None:
    with in_flight.reading(20 * MB, is_json=True), in_flight.reading(0, is_json=True) as arriving:
        for _ in range(9):
            arriving.add(bytes(MB))
        with pytest.raises(NoRoom):
            arriving.add(bytes(2 * MB))


def test_the_largest_body_always_finds_room_alone(tmp_path: Path) -> None:
    found = Bodies(AppSettings(bodies_mb=8, max_body_bytes=50 * MB), tmp_path)
    with found.reading(50 * MB, is_json=True):
        """It is larger than the budget."""
    found.close()


def test_bodies_are_smaller_where_there_is_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "memory", lambda: Memory(400 * MB, 100 * MB))

    assert Bodies(AppSettings(), tmp_path).most_bytes == 50 * MB
    assert Bodies(AppSettings(max_body_bytes=MB), tmp_path).most_bytes == MB


def heaviest(in_flight: Bodies, text: bytes, *, is_json: bool = True) -> int:
    """Return how much of a text arrives before it is refused."""
    with in_flight.reading(0, is_json=is_json) as arriving:
        for start in range(0, len(text), 65536):
            try:
                arriving.add(text[start : start + 65536])
            except TooHeavy:
                break
        return arriving.body.size


def test_values_that_take_too_much_memory_are_refused_while_they_arrive(in_flight: Bodies) -> None:
    arrays = b"[" + b"[]," * 5 * MB + b"[]]"
    assert 2 * MB < heaviest(in_flight, arrays) < 2.2 * MB, "each takes 72 bytes"
    assert heaviest(in_flight, arrays, is_json=False) == len(arrays)
    names = json.dumps([f"a class {i}, [one] of {{many}}" for i in range(100_000)]).encode()
    assert heaviest(in_flight, names) == len(names)


def test_an_arriving_body_gives_back_what_it_took(in_flight: Bodies) -> None:
    with in_flight.reading(0, is_json=True) as arriving:
        assert isinstance(arriving, Arriving)
        arriving.add(bytes(5 * MB))
        assert in_flight._budget.used == 5 * MB
    assert in_flight._budget.used == 0

"""Test the collection of faults: what is kept, in which order, and what is only counted."""

import tracemalloc
from functools import partial

import pytest

from concept_orderings.errors import MOST_POINTERS, BadConcept, BadValue, DuplicateConcept, Fault, InvalidInput
from concept_orderings.faults import MOST_FAULTS, Faults, repeats


def refusal_of(faults: Faults) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        faults.refuse()
    return refused.value


def test_without_faults_nothing_is_refused() -> None:
    faults = Faults()
    faults.refuse()

    assert faults.first() is None
    assert faults.found == 0


def test_the_first_error_carries_the_others_in_their_order() -> None:
    faults = Faults()
    first, second = BadConcept("bad_name", "First.", ["/a"]), BadValue("bad_year", "Second.", ["/b"])
    second.others = (Fault("bad_count", "Third.", ("/c",)),)
    second.left_out = {"bad_count": 5}
    faults.add(first)
    faults.add(second)

    assert refusal_of(faults) is first
    assert [each.detail for each in first.faults] == ["First.", "Second.", "Third."]
    assert first.left_out == {"bad_count": 5}
    assert faults.found == 3


def test_an_attempt_returns_a_result_or_keeps_the_error() -> None:
    def parse(text: str, base: int = 10) -> int:
        if not text:
            raise BadValue("bad_year", "There is no text.", ["/a"])
        return int(text, base)

    faults = Faults()

    assert faults.attempt(parse, "11", base=2) == 3
    assert faults.attempt(parse, "") is None
    assert refusal_of(faults).faults == (Fault("bad_year", "There is no text.", ("/a",)),)


def test_other_exceptions_are_not_kept() -> None:
    with pytest.raises(ZeroDivisionError):
        Faults().attempt(lambda: 1 / 0)


def test_at_most_100_faults_of_each_code_are_kept_and_the_others_counted() -> None:
    faults = Faults()
    made: list[int] = []

    def error(i: int) -> BadValue:
        made.append(i)
        return BadValue("bad_year", f"Year {i}.", [f"/{i}"])

    for i in range(250):
        faults.add_made("bad_year", partial(error, i))
    faults.add(BadConcept("bad_name", "A name.", ["/name"]))
    refused = refusal_of(faults)

    assert [each.pointers for each in refused.faults] == [*((f"/{i}",) for i in range(MOST_FAULTS)), ("/name",)]
    assert refused.left_out == {"bad_year": 150}
    assert made == list(range(MOST_FAULTS))
    assert faults.found == 251


def test_places_of_a_fault_beyond_100_are_counted() -> None:
    faults = Faults()
    faults.add(BadValue("bad_year", "Years.", (f"/{i}" for i in range(MOST_POINTERS + 7))))

    assert refusal_of(faults).left_out == {"bad_year": 7}


def repeated(places: list[int], *, after: int = 0) -> list[tuple[str, ...]]:
    """Return the pointers of the faults of a repeated value, after some other faults."""
    faults = Faults()
    for _ in range(after):
        faults.add(BadValue("bad_year", "A year.", ["/year"]))
    faults.add_repeated(
        "duplicate_concept",
        places,
        lambda some: DuplicateConcept("duplicate_concept", "Twice.", (f"/{i}" for i in some)),
    )
    return [each.pointers for each in refusal_of(faults).faults][after:]


def test_a_repeated_value_is_a_fault_with_all_its_places() -> None:
    assert repeated([1, 4]) == [("/1", "/4")]
    assert repeated([1, 4, 9], after=1) == [("/1", "/4", "/9")]


def test_the_first_fault_of_all_has_the_first_two_places_and_the_next_the_others() -> None:
    assert repeated([1, 4, 9, 12]) == [("/1", "/4"), ("/1", "/9", "/12")]


def test_repeats_are_in_the_order_of_their_second_places() -> None:
    found = repeats(["a", "b", None, "c", "b", 7, "a", None, 7, "b"])

    assert list(found.items()) == [("b", [1, 4, 9]), ("a", [0, 6])]


def test_a_million_faults_take_little_memory() -> None:
    faults = Faults()
    make = partial(BadValue, "bad_year", "A year.", ["/year"])
    tracemalloc.start()
    for _ in range(1_000_000):
        faults.add_made("bad_year", make)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert refusal_of(faults).left_out == {"bad_year": 1_000_000 - MOST_FAULTS}
    assert most < 1_000_000

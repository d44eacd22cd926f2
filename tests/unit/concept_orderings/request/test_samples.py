"""Test the training samples of class lists."""

import json
import math
from fractions import Fraction

import pytest

from concept_orderings.catalogue import CATALOGUE, find_dataset
from concept_orderings.errors import BadValue
from concept_orderings.evidence.samples import (
    MOST_SAMPLES,
    Number,
    average_samples,
    known_samples,
    samples_as_json,
    samples_of_each,
)
from concept_orderings.request import StreamRequest, parse_request

from .bodies import FIRST, changed
from .refusals import Refusal, each_of

SAMPLES = f"{FIRST}/samples"


def bad(value: object, pointer: str = "", at: str = "") -> Refusal:
    return Refusal(
        f"samples {at}{value!r:.20}", {f"{SAMPLES}{at}": value}, "bad_samples", [f"{SAMPLES}{pointer}"], "integer"
    )


EACH = {"a": 1, "b": 2, "c": 3}

REFUSALS = [
    *(bad(value) for value in [0, -1, 1e30, 10**30, MOST_SAMPLES + 1, 0.5, 2.0, math.nan, math.inf, True, [1]]),
    *(
        bad(value)
        for value in ["", "500", "1.5", "0/1", "1/0", "-1/2", "1/2\n", " 1/2", "1/2/3", "٣/٤", "1" * 16 + "/1"]
    ),
    *(
        Refusal(f"samples of b {value!r}", {SAMPLES: {**EACH, "b": value}}, "bad_samples", [f"{SAMPLES}/b"], "integer")
        for value in [0, 1e30, True, 0.5, math.nan, "1/2", None]
    ),
    Refusal("samples of no class", {SAMPLES: {**EACH, "d/e": 1}}, "bad_samples", [f"{SAMPLES}/d~1e"], "'d/e'"),
    Refusal("samples without a class", {SAMPLES: {"a": 1, "c": 1}}, "missing_samples", [SAMPLES], "none for 'b'"),
    Refusal(
        "too many samples in all",
        {SAMPLES: MOST_SAMPLES, "/datasets/1/samples": 1},
        "bad_samples",
        [SAMPLES, "/datasets/1/samples"],
        "add up to about 3.0e+15",
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def test_a_wrong_class_is_named_beside_those_that_are_missing() -> None:
    with pytest.raises(BadValue) as refused:
        parse_request(changed({SAMPLES: {"a": 1, "b": 2, "C": 3}}))

    assert [(each.code, each.pointers) for each in refused.value.faults] == [
        ("bad_samples", (f"{SAMPLES}/C",)),
        ("missing_samples", (SAMPLES,)),
    ]


def primes(number: int) -> list[int]:
    return [n for n in range(2, 2_000) if all(n % k for k in range(2, math.isqrt(n) + 1))][:number]


def test_fractions_whose_sum_would_take_all_memory_are_refused() -> None:
    datasets = [{"name": f"D{n}", "classes": ["a"], "samples": f"1/{n}"} for n in primes(200)]
    with pytest.raises(BadValue, match="common one is over 2\\^256") as refused:
        parse_request(changed({"/datasets": datasets}))

    assert refused.value.code == "bad_samples"
    assert parse_request(changed({"/datasets": datasets[:30]})).canonical


def with_samples(samples: object, **changes: object) -> StreamRequest:
    return parse_request(changed({SAMPLES: samples, **changes}))


@pytest.mark.parametrize("kind", ["random", "dataset", "time"])
def test_samples_that_are_given_stand_in_the_canonical_request(kind: str) -> None:
    first, second = json.loads(with_samples(7, **{"/ordering/kind": kind}).canonical)["datasets"]

    assert first["samples"] == 7
    assert "samples" not in second


def test_samples_of_the_catalogue_do_not_stand_in_the_canonical_request() -> None:
    body = changed({"/datasets": [{"name": "cifar100"}], "/tasks/count": 2})

    assert b"samples" not in parse_request(body).canonical


@pytest.mark.parametrize(
    ("samples", "written"),
    [
        (500, 500),
        ("500/1", 500),
        ("1500/3", 500),
        ("10/4", "5/2"),
        (dict.fromkeys("abc", 500), 500),
        (EACH, EACH),
    ],
)
def test_equal_samples_have_one_form(samples: object, written: object) -> None:
    assert json.loads(with_samples(samples).canonical)["datasets"][0]["samples"] == written


def test_an_average_of_the_catalogue_is_exact() -> None:
    assert averages("CLEVR") == Fraction(55_931, 217)
    assert averages("cifar100") == 500
    # No stream has it: its own list counts.
    assert averages("cifar10") == 5_000


def averages(name: str) -> Number | None:
    known = find_dataset(name)
    assert known is not None
    return average_samples(known)


def test_adaptation_datasets_have_samples_and_seven_evaluation_datasets_with_classes_have_none() -> None:
    without = [each.handle for each in CATALOGUE if average_samples(each) is None]

    assert without == [
        *("imagenet", "imagenet_a", "imagenet_d", "imagenet_r", "imagenet_s", "imagenet_v2"),
        *("mscoco", "flickr30k"),
    ]


def test_the_samples_of_each_concept_are_those_of_the_request_or_of_the_catalogue() -> None:
    datasets = [
        {"name": "cifar100", "classes": ["bear", "otter"]},
        {"name": "ONE", "classes": ["b", "a"], "samples": {"a": 1, "b": 2}},
        {"name": "TWO", "classes": ["a"], "samples": "5/3"},
    ]
    concepts = parse_request(changed({"/datasets": datasets})).concepts

    assert samples_of_each(concepts) == [500, 500, 1, 2, Fraction(5, 3)]


def test_a_private_dataset_has_no_samples_unless_they_are_given() -> None:
    concepts = parse_request(changed({})).concepts

    assert known_samples(concepts.datasets[0]) is None
    assert samples_of_each(concepts) is None


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (7, {"samples": 7}),
        (Fraction(14, 2), {"samples": 7}),
        (Fraction(5, 2), {"samples": 2.5, "samples_exact": "5/2"}),
        (Fraction(47_531, 1_870), {"samples": 47_531 / 1_870, "samples_exact": "4321/170"}),
    ],
)
def test_a_fraction_stands_beside_the_nearest_double(number: Number, written: object) -> None:
    assert samples_as_json(number) == written

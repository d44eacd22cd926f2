"""Test the field `training` of a request, and what the manifest says of it."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given

from concept_orderings.canonical import canonical_json
from concept_orderings.canonical_request import read_canonical
from concept_orderings.errors import UnreadableRequest
from concept_orderings.faults import Faults
from concept_orderings.library import arrange_request
from concept_orderings.request import parse_request
from concept_orderings.training_request import Training, parse_training, read_training
from unit.concept_orderings.strategies import Body, trainings

from .bodies import changed, right
from .refusals import Refusal, each_of

MIXTURE = "/training/mixture"

NO_SHARES = [
    1.5,
    -0.01,
    2,
    True,
    [1],
    {},
    math.nan,
    math.inf,
    10**4000,
    "0.5",
    "",
    "1/0",
    "-1/2",
    "1/2\n",
    " 1/2",
    "٣/٤",
]
NO_NUMBERS = [0, -1, 512.0, True, "512", [1], math.nan, math.inf, 2**53, 10**4000]

DEFAULTS = {
    "samples_per_task": 727_040,
    "batch_size": 512,
    "mixture": {"pretraining": "33/100", "update": "17/50", "buffer": "33/100"},
    "rule": "benchmark",
}


def mixture(**shares: object) -> Body:
    return {"/training": {"mixture": shares}}


REFUSALS = [
    Refusal("a number", {"/training": 20}, "wrong_type", ["/training"], "an object"),
    Refusal(
        "a misspelt field", {"/training": {"batchsize": 8}}, "unknown_field", ["/training/batchsize"], "batch_size?"
    ),
    *(
        Refusal(f"{name} {value!r:.20}", {"/training": {name: value}}, f"bad_{name}", [f"/training/{name}"], "integer")
        for name in ("samples_per_task", "batch_size")
        for value in NO_NUMBERS
    ),
    Refusal(
        "a rule that is none", {"/training": {"rule": "nearest"}}, "bad_batch_rule", ["/training/rule"], "largest-"
    ),
    Refusal("a rule of numbers", {"/training": {"rule": 1}}, "wrong_type", ["/training/rule"], "a string"),
    Refusal("a mixture of names", {"/training": {"mixture": ["update"]}}, "wrong_type", [MIXTURE], "an object"),
    Refusal("another pool", mixture(update=1, replay=0), "unknown_field", [f"{MIXTURE}/replay"], "buffer"),
    *(
        Refusal(
            f"a share {value!r:.20}",
            mixture(update=value, buffer=0.5),
            "bad_share",
            [f"{MIXTURE}/update"],
            "from 0 to 1",
        )
        for value in NO_SHARES
    ),
    Refusal("a share of 3/2", mixture(update="3/2"), "bad_share", [f"{MIXTURE}/update"], "from 0 to 1"),
    Refusal("a tiny share", mixture(update=1e-300), "bad_share", [f"{MIXTURE}/update"], "18 digits"),
    Refusal(
        "a mixture of 0.99",
        mixture(pretraining=0.33, update=0.33, buffer=0.33),
        "bad_mixture",
        [MIXTURE],
        "99/100 (0.99)",
    ),
    Refusal("a mixture of 1.01", mixture(update="1", buffer=0.01), "bad_mixture", [MIXTURE], "101/100 (1.01)"),
    Refusal("a mixture of nothing", mixture(), "bad_mixture", [MIXTURE], "add up to 0 (0)"),
    Refusal(
        "thirds as decimals", mixture(pretraining=1 / 3, update=1 / 3, buffer=1 / 3), "bad_mixture", [MIXTURE], '"1/3"'
    ),
    Refusal(
        "a task below a batch",
        {"/training": {"samples_per_task": 511, "batch_size": 512}},
        "no_steps",
        ["/training/samples_per_task", "/training/batch_size"],
        "a task 511",
    ),
    Refusal(
        "a batch above the default",
        {"/training": {"batch_size": 727_041}},
        "no_steps",
        ["/training/batch_size"],
        "727,040",
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def test_all_faults_are_named_at_once() -> None:
    faults = Faults()
    value = {"samples_per_task": 0, "batch_size": 0, "rule": "", "x": 1, "mixture": {"update": 2, "buffer": -1}}
    assert parse_training(value, faults) is None
    error = faults.first()

    assert error is not None
    assert [(each.code, *each.pointers) for each in error.faults] == [
        ("unknown_field", "/training/x"),
        ("bad_samples_per_task", "/training/samples_per_task"),
        ("bad_batch_size", "/training/batch_size"),
        ("bad_batch_rule", "/training/rule"),
        ("bad_share", f"{MIXTURE}/update"),
        ("bad_share", f"{MIXTURE}/buffer"),
    ]


def canonical_training(value: object) -> Any:
    return json.loads(parse_request(changed({"/training": value})).canonical).get("training")


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        ({}, {}),
        (DEFAULTS, {}),
        ({"mixture": {"pretraining": 0.33, "update": 0.340, "buffer": "33/100"}, "rule": None}, {}),
        ({"batch_size": 64}, {"batch_size": 64}),
        ({"rule": "largest-remainder"}, {"rule": "largest-remainder"}),
        ({"mixture": {"update": 1}}, {"mixture": {"pretraining": "0", "update": "1", "buffer": "0"}}),
        (
            {"mixture": {"pretraining": "2/6", "update": "1/3", "buffer": "1/3"}},
            {"mixture": {"pretraining": "1/3", "update": "1/3", "buffer": "1/3"}},
        ),
    ],
)
def test_what_is_left_out_is_written_out(value: object, changes: Mapping[str, object]) -> None:
    assert canonical_training(value) == {**DEFAULTS, **changes}
    assert canonical_training(canonical_training(value)) == {**DEFAULTS, **changes}


def test_without_the_field_the_canonical_request_is_what_it_was() -> None:
    assert canonical_training(None) is None
    assert parse_request(changed({"/training": None})).digest == parse_request(right()).digest
    assert parse_request(changed({"/training": {}})).digest != parse_request(right()).digest


@given(trainings())
def test_a_training_is_read_as_it_was_written(value: Body) -> None:
    request = parse_request(changed({"/training": value}))
    read = read_canonical(request.canonical)

    assert (read.training, read.digest) == (request.training, request.digest)


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": "later"},
        {"steps": 3},
        {"batch_size": "512"},
        {"batch_size": 0},
        {"mixture": {"pretraining": "33/100", "update": "34/100", "buffer": "33/100"}},
        {"mixture": {"pretraining": "a", "update": "1", "buffer": "0"}},
        {"mixture": {"pretraining": "1/0", "update": "1", "buffer": "0"}},
        {"mixture": {"pretraining": "0", "update": "1", "buffer": "0", "later": "0"}},
        {"mixture": {"update": "1"}},
    ],
)
def test_the_training_of_a_later_release_is_not_read(changes: Mapping[str, object]) -> None:
    canonical = json.loads(parse_request(changed({"/training": {}})).canonical)
    canonical["training"] |= changes
    with pytest.raises(UnreadableRequest):
        read_canonical(canonical_json(canonical))


def manifest_of(body: Body) -> Any:
    _, _, manifest = arrange_request(parse_request(body)).documents(1)
    return json.loads(manifest.data)


def test_the_manifest_says_steps_and_batch_of_each_task() -> None:
    tasks = manifest_of(changed({"/training": {}}))["tasks"]

    assert [each["training"] for each in tasks] == [
        {"steps": 1_420, "batch": {"pretraining": 253, "update": 259, "buffer": 0}},
        {"steps": 1_420, "batch": {"pretraining": 169, "update": 175, "buffer": 168}},
    ]


def test_an_only_task_is_a_first_one() -> None:
    [task] = manifest_of(changed({"/training": {"rule": "largest-remainder"}, "/tasks/count": 1}))["tasks"]

    assert task["training"] == {"steps": 1_420, "batch": {"pretraining": 253, "update": 259, "buffer": 0}}


def test_without_the_field_the_manifest_says_nothing() -> None:
    assert all("training" not in each for each in manifest_of(right())["tasks"])


def test_a_training_has_the_fields_that_clients_read() -> None:
    training = read_training(DEFAULTS)

    assert training == Training(727_040, 512, training.mixture, "benchmark")
    assert training.as_json() == DEFAULTS


def test_a_task_without_steps_is_named_beside_other_faults() -> None:
    faults = Faults()
    assert parse_training({"samples_per_task": 3, "batch_size": 4, "rule": "best"}, faults) is None
    error = faults.first()
    assert error is not None
    assert {each.code for each in error.faults} == {"bad_batch_rule", "no_steps"}

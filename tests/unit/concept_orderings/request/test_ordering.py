"""Test the ordering of a request and its parameters."""

import math
from collections.abc import Callable, Sequence

import pytest

from concept_orderings.evidence import Need
from concept_orderings.orderings import ORDERINGS
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body

from .bodies import changed, right
from .refusals import Refusal, each_of

KIND = "/ordering/kind"


def cifar100() -> Body:
    """A request for three classes of a dataset that the catalogue knows."""
    datasets = [{"name": "cifar100", "classes": ["apple", "bear", "clock"]}]
    return {"name": "x", "datasets": datasets, "ordering": {"kind": "random"}, "tasks": {"count": 1}}


def bad_values(
    kind: str, name: str, values: Sequence[object], *, detail: str = "", base: Callable[[], Body] = right
) -> list[Refusal]:
    """Return the refusals of values of a parameter; by default their detail is the name of the parameter."""
    pointer = f"/ordering/{name}"
    return [
        Refusal(
            f"{name} {value!r}",
            {"/ordering": {"kind": kind, name: value}},
            "bad_parameter",
            [pointer],
            detail or name,
            base=base,
        )
        for value in values
    ]


REFUSALS = [
    Refusal("no ordering", {"/ordering": ...}, "missing_field", ["/ordering"], "kind"),
    Refusal("ordering a string", {"/ordering": "random"}, "wrong_type", ["/ordering"], "a string"),
    Refusal("no kind", {"/ordering": {}}, "unknown_ordering", [KIND], "frequency"),
    Refusal("unknown kind", {KIND: "rnd"}, "unknown_ordering", [KIND], "'rnd'"),
    Refusal("kind an array", {KIND: []}, "unknown_ordering", [KIND], "kinds"),
    Refusal("kind no text", {KIND: "\ud800"}, "unknown_ordering", [KIND], r"\u"),
    Refusal("unknown parameter", {"/ordering/sede": 1}, "unknown_parameter", ["/ordering/sede"], "takes seed, reverse"),
    Refusal(
        "parameter of another kind",
        {"/ordering/encoder": "x"},
        "unknown_parameter",
        ["/ordering/encoder"],
        "'encoder'",
    ),
    Refusal("another version", {"/ordering/version": 0}, "unknown_ordering", ["/ordering/version"], "version"),
    Refusal("version a boolean", {"/ordering/version": True}, "unknown_ordering", ["/ordering/version"], "True"),
    *bad_values("random", "seed", [None, "1", 1.0, True, math.nan, [], 2**53, -(2**53)]),
    *bad_values("random", "reverse", [None, 0, 1, "true", {}]),
    *bad_values("time", "within_year", [None, "", "month", 1, True]),
    *bad_values("similarity", "starts", [0, -1, True, 1.5, "ALL", "bear"], base=cifar100),
    *bad_values("similarity", "starts", ["cifar100+++whale"], detail="'CIFAR100+++whale'", base=cifar100),
    *bad_values("similarity", "max_seconds", [-1, 10**6, 0.5], base=cifar100),
    *bad_values("similarity", "refine", [-1, 1001, True], base=cifar100),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


@pytest.mark.parametrize(
    ("given", "canonical"),
    [("all", "all"), (1, 1), (2, 2), (3, "all"), (1000, "all"), ("cifar100+++bear", "CIFAR100+++bear")],
)
def test_starts_have_one_form(given: object, canonical: object) -> None:
    request = parse_request(changed({"/ordering": {"kind": "similarity", "starts": given}}, cifar100))

    assert request.ordering.as_json()["starts"] == canonical


@pytest.mark.parametrize("kind", [kind for kind, ordering in ORDERINGS.items() if Need.EMBEDDINGS in ordering.needs])
def test_defaults_of_a_service_replace_parameters_that_are_left_out(kind: str) -> None:
    body = {**right(), "ordering": {"kind": kind}}
    defaults = {"encoder": "minilm"}
    explicit = {**body, "ordering": {"kind": kind, "encoder": "minilm"}}
    other = {**body, "ordering": {"kind": kind, "encoder": "fake"}}

    assert parse_request(body, defaults=defaults).digest == parse_request(explicit).digest
    assert parse_request(other, defaults=defaults).digest == parse_request(other).digest
    assert parse_request(right(), defaults=defaults).digest == parse_request(right()).digest

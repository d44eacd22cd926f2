"""Test orders that break ties."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.canonical import sha256_hex
from concept_orderings.canonical_request import read_canonical
from concept_orderings.errors import ConceptOrderingsError
from concept_orderings.evidence import Need
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.tie_orders import read_order
from concept_orderings.exporters.fomo import fomo_list
from concept_orderings.library import arrange, arrange_stream, foreseen_warnings
from concept_orderings.published_streams import published_order, stream_concepts
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body

NAMES = ["a", "b", "c", "d", "e", "f"]
LISTED = [f"zoo+++{name}" for name in NAMES]


def body_of(ties: object, values: dict[str, int] | None = None, *, kind: str = "frequency", **ordering: object) -> Body:
    field = "counts" if kind == "frequency" else "scores"
    given = dict.fromkeys(NAMES, 1) if values is None else values
    return {
        "name": "tied",
        "datasets": [{"name": "zoo", "classes": NAMES, field: given}],
        "ordering": {"kind": kind, "ties": ties, **ordering},
        "tasks": {"count": 1},
    }


def flat(body: Body) -> list[str]:
    return [concept for task in arrange(body) for concept in task]


def refusals(body: Body, **orders: Any) -> list[tuple[str, list[str], str]]:
    with pytest.raises(ConceptOrderingsError) as caught:
        parse_request(body, orders=orders)
    return [(each.code, list(each.pointers), each.detail) for each in caught.value.faults]


@given(
    values=st.fixed_dictionaries({name: st.integers(0, 2) for name in NAMES}),
    order=st.permutations(LISTED),
    kind=st.sampled_from(["frequency", "performance"]),
    reverse=st.booleans(),
)
def test_equal_values_come_in_the_order_of_ties(
    values: dict[str, int], order: list[str], kind: str, reverse: bool
) -> None:
    sign = 1 if kind == "frequency" else -1
    expected = sorted(LISTED, key=lambda each: (sign * values[each[-1]], order.index(each)))

    assert flat(body_of({"order": order}, values, kind=kind, reverse=reverse)) == expected[:: -1 if reverse else 1]


def test_the_ranks_with_ties_by_the_list_that_was_sorted_give_the_published_stream() -> None:
    body = {
        "name": "fomo",
        "concepts": list(stream_concepts()),
        "ordering": {"kind": "frequency", "source": "fomo-c4-ranks", "ties": {"stream": "fomo/frequency_base"}},
        "tasks": {"count": 20},
    }

    assert flat(body) == list(published_order("fomo/frequency_sequence_1"))


def test_all_ways_of_asking_are_one_request() -> None:
    order = [*LISTED[3:], *LISTED[:3]]
    document = fomo_list(order)
    more = ["x+++y", *order, "z+++a"]
    digest = sha256_hex(fomo_list(more))
    ways = [
        parse_request(body_of({"order": order})),
        parse_request(body_of({"order": order}, seed=7)),
        parse_request(body_of({"stream": "mine@3"}), orders={"mine@3": more}),
        parse_request(body_of({"digest": digest}), orders={digest: more}),
    ]

    assert len({each.digest for each in ways}) == 1
    request = ways[0]
    assert request.ordering.as_json()["ties"] == {"digest": sha256_hex(document)}
    assert b"zoo+++" not in request.canonical
    assert parse_request(json.loads(request.canonical), orders={sha256_hex(document): order}).digest == request.digest


def test_a_stored_request_has_the_digest_alone_and_needs_the_order() -> None:
    request = parse_request(body_of({"order": LISTED}))
    again = read_canonical(request.canonical)

    assert request.outside == set()
    assert again.needs == {Need.COUNTS, Need.TIES}
    assert again.outside == {Need.TIES}
    with pytest.raises(ConceptOrderingsError) as caught:
        arrange_stream(again, evidence_at_hand(again))
    assert caught.value.code == "missing_ties"


@pytest.mark.parametrize("kind", ["frequency", "performance"])
def test_without_ties_nothing_changes(kind: str) -> None:
    with_null, without = body_of(None, kind=kind), body_of(None, kind=kind)
    del without["ordering"]["ties"]
    request = parse_request(without)

    assert parse_request(with_null).canonical == request.canonical
    assert b"ties" not in request.canonical
    assert Need.TIES not in request.needs


def test_a_concept_has_either_name_of_its_dataset() -> None:
    body = {
        **body_of({"order": ["cifar100+++b", "CIFAR100+++a"]}),
        "datasets": [{"name": "cifar100", "classes": ["a", "b"]}],
    }
    body["ordering"]["kind"] = "performance"

    assert flat(body) == ["CIFAR100+++b", "CIFAR100+++a"]


def test_the_manifest_names_the_order() -> None:
    request = parse_request(body_of({"order": LISTED}))
    manifest = json.loads(arrange_stream(request, evidence_at_hand(request)).published(1).documents().manifest)

    assert manifest["evidence"]["ties"]["order"] == sha256_hex(fomo_list(LISTED))
    assert "order" not in manifest["request"]["ordering"]["ties"]


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ({"order": [*LISTED, "zoo+++a"]}, [("/ordering/ties/order/0", "'zoo+++a' twice")]),
        ({"order": [*LISTED, "zoo+++g"]}, [("/ordering/ties/order/6", "'zoo+++g', which is not among the concepts")]),
        ({"order": LISTED[1:]}, [("/ordering/ties/order", "lacks 1 of 6 concepts, the first is 'zoo+++a'")]),
        (
            {"order": [*LISTED[2:], "zoo+++f", "zoo+++g"]},
            [
                ("/ordering/ties/order/3", "twice"),
                ("/ordering/ties/order/5", "not among"),
                ("/ordering/ties/order", "2 of 6"),
            ],
        ),
        ({"stream": "mine@1"}, [("/ordering/ties/stream", "'mine@1', lacks 1 of 6 concepts")]),
        ({"stream": "icarl/cifar100"}, [("/ordering/ties/stream", "lacks 6 of 6 concepts")]),
    ],
)
def test_what_is_wrong_in_an_order_is_named(ties: object, expected: list[tuple[str, str]]) -> None:
    found = refusals(body_of(ties), **{"mine@1": [*LISTED[1:], "other+++x"]})

    assert [code for code, _, _ in found] == ["bad_parameter"] * len(expected)
    for (_, pointers, detail), (pointer, text) in zip(found, expected, strict=True):
        assert pointers[0] == pointer
        assert text in detail


@pytest.mark.parametrize(
    ("ties", "text"),
    [
        ({"stream": "fomo/frequency_bas"}, "did you mean fomo/frequency_base?"),
        ({"stream": "mine@2"}, "There is no version mine@2"),
        ({"stream": "mine"}, "NAME@VERSION"),
        ({"digest": "0f" * 32}, "There is no order with the SHA-256 0f0f"),
    ],
)
def test_an_order_that_is_not_found_is_refused(ties: dict[str, str], text: str) -> None:
    [(code, [pointer], detail)] = refusals(body_of(ties), **{"mine@2": None, "0f" * 32: None})

    assert (code, pointer) == ("ties_not_found", f"/ordering/ties/{next(iter(ties))}")
    assert text in detail


@pytest.mark.parametrize(
    "ties",
    [
        3,
        [],
        {},
        {"order": []},
        {"order": ["a"]},
        {"order": [1]},
        {"order": LISTED, "stream": "a"},
        {"stream": ""},
        {"digest": "0F" * 32},
        {"stream": 3},
        {"names": LISTED},
        LISTED,
    ],
)
def test_another_form_is_refused(ties: object) -> None:
    [(code, pointers, detail)] = refusals(body_of(ties))

    assert (code, pointers) == ("bad_parameter", ["/ordering/ties"])
    assert '{"order": [all concepts]}' in detail


def test_warnings_do_not_call_an_order_of_ties_random() -> None:
    names = [f"c{i}" for i in range(12)]
    for kind, field in (("frequency", "counts"), ("performance", "scores")):
        body = {
            "name": "tied",
            "datasets": [{"name": "zoo", "classes": names, field: dict.fromkeys(names, 0)}],
            "ordering": {"kind": kind, "ties": {"order": Random(0).sample([f"zoo+++{each}" for each in names], 12)}},
            "tasks": {"count": 1},
        }
        found = foreseen_warnings(parse_request(body))
        assert found
        assert all("that of the parameter ties" in each.detail for each in found)
        assert not any("random" in each.detail for each in found)


@pytest.mark.parametrize("document", [b"{", b"{}", b"[1]", b'["a"]', b"[]"])
def test_a_document_that_is_no_order_is_none(document: bytes) -> None:
    assert read_order(document) in (None, ())

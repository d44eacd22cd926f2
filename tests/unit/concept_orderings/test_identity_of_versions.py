"""Test what names a version: the canonical request decides every byte of it, and its order belongs to no release."""

import copy
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from concept_orderings.errors import InvalidInput
from concept_orderings.evidence import Gathered, Need, Provenance, evidence_digest
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.count_warnings import shared_names
from concept_orderings.evidence.counts import queries_of
from concept_orderings.library import arrange_stream, foreseen_warnings
from concept_orderings.name_warnings import RULES, name_warnings
from concept_orderings.orderings import ORDERINGS
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.stream import ArrangedStream
from concept_orderings.stream_warnings import StreamWarning, WarningCode

from .strategies import (
    OF_ANY_CONCEPTS,
    Body,
    class_names,
    embeddings_for,
    ensembles,
    orderings,
    requests,
    respelled,
    scores,
    years,
)

FORMS_OF_ONE_NAME = st.sampled_from(["a b", "a_b", "a/b"])


def gathered_for(request: StreamRequest) -> dict[Need, Gathered]:
    """Return evidence that only depends on the request: stand-ins for an encoder and for a source of counts."""
    found = evidence_at_hand(request)
    if Need.EMBEDDINGS in request.outside:
        found[Need.EMBEDDINGS] = Gathered.of(embeddings_for(request), "stand-in")
    if Need.COUNTS in request.outside:
        queries = queries_of(request.concepts)
        counts = np.array([sum(map(len, each.spellings)) for each in queries], np.int64)
        provenance = Provenance(
            source="stand-in",
            digest=evidence_digest(counts),
            details={"unit": "letters"},
            warnings=shared_names(request.concepts, queries),
        )
        found[Need.COUNTS] = Gathered(counts, provenance, {"query": [each.as_json() for each in queries]})
    return found


def arranged(request: StreamRequest) -> ArrangedStream:
    return arrange_stream(request, gathered_for(request))


def documents_of(request: StreamRequest) -> list[bytes]:
    tasks, export, manifest = arranged(request).documents(1)
    return [manifest.data, export.data, *(each.data for each in tasks)]


@st.composite
def bodies(draw: st.DrawFn, kinds: Sequence[str] = tuple(ORDERINGS)) -> Body:
    """Draw a valid request; of those by frequency, half have counts from a source, for names that may share a query."""
    body = draw(requests(kinds))
    if body["ordering"]["kind"] == "frequency" and draw(st.booleans()):
        body["ordering"] |= {"source": "c4", "counted_since": draw(st.sampled_from(["", "2026-01-31T12:00:00Z"]))}
        for each in body["datasets"]:
            del each["counts"]
            if draw(st.booleans()):
                each["queries"] = {each["classes"][0]: draw(FORMS_OF_ONE_NAME | class_names)}
    return body


def other_year(draw: st.DrawFn, body: Body) -> None:
    draw(st.sampled_from(body["datasets"]))["year"] = draw(years | st.none())


def other_template(draw: st.DrawFn, body: Body) -> None:
    draw(st.sampled_from(body["datasets"]))["template"] = draw(ensembles | st.none())


def other_scores(draw: st.DrawFn, body: Body) -> None:
    each = draw(st.sampled_from(body["datasets"]))
    score = draw(scores)
    each["scores"] = draw(st.sampled_from([score, dict.fromkeys(each["classes"], score), None]))


def other_counts(draw: st.DrawFn, body: Body) -> None:
    each = draw(st.sampled_from(body["datasets"]))
    if "counts" in each:
        each["counts"][each["classes"][0]] = draw(st.integers(0, 3))


def other_queries(draw: st.DrawFn, body: Body) -> None:
    each = draw(st.sampled_from(body["datasets"]))
    if "source" in body["ordering"]:
        each["queries"] = {each["classes"][0]: draw(FORMS_OF_ONE_NAME | st.just(each["classes"][0]))}


def other_parameters(draw: st.DrawFn, body: Body) -> None:
    body["ordering"] |= draw(orderings([body["ordering"]["kind"]]))


def other_order(draw: st.DrawFn, body: Body) -> None:
    draw(st.randoms()).shuffle(body["datasets"])


CHANGES: list[Callable[[st.DrawFn, Body], None]] = [
    other_year,
    other_template,
    other_scores,
    other_counts,
    other_queries,
    other_parameters,
    other_order,
]


@st.composite
def pairs(draw: st.DrawFn, kind: str) -> tuple[StreamRequest, StreamRequest]:
    """Draw two requests that differ in at most two changes, and perhaps in form."""
    one = draw(bodies([kind]))
    other = copy.deepcopy(one)
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=2)):
        change(draw, other)
    try:
        if draw(st.booleans()):
            other = respelled(other, Random(draw(st.integers(0, 2**32))))
        return parse_request(one), parse_request(other)
    except InvalidInput:
        assume(False)
        raise


@pytest.mark.parametrize("kind", ORDERINGS)
@given(data=st.data())
def test_canonical_requests_are_equal_exactly_if_all_documents_are(data: st.DataObject, kind: str) -> None:
    one, other = data.draw(pairs(kind))

    assert (one.canonical == other.canonical) == (documents_of(one) == documents_of(other))


SPLITS = [{"count": 3}, {"sizes": [1, 4, 1]}, {"by": "dataset"}, {"by": "year"}]


def with_all_evidence(kind: str, split: Body) -> StreamRequest:
    evidence = {"template": "A {}.", "scores": 7, "counts": {"a": 1, "b": 2, "c": 1}}
    datasets = [{"name": name, "classes": ["a", "b", "c"], "year": 1998 + i} | evidence for i, name in enumerate("XY")]
    return parse_request({"name": "s", "datasets": datasets, "ordering": {"kind": kind}, "tasks": split})


@pytest.mark.parametrize("kind", OF_ANY_CONCEPTS)
@pytest.mark.parametrize("split", SPLITS, ids=str)
def test_a_release_changes_the_digest_and_neither_order_nor_tasks(
    kind: str, split: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = with_all_evidence(kind, split)
    tasks, _, manifest = arranged(request).documents(1)
    monkeypatch.setattr("concept_orderings.stream.__version__", "99.0.0")
    later_tasks, _, later_manifest = arranged(request).documents(1)
    order_digest, later_order_digest = (json.loads(each.data)["order_digest"] for each in (manifest, later_manifest))

    assert later_manifest.digest != manifest.digest
    assert later_order_digest == order_digest
    assert [each.digest for each in later_tasks] == [each.digest for each in tasks]


# --- Warnings that the request alone decides.


def is_part_in_order(some: list[StreamWarning], all_of_them: list[StreamWarning]) -> bool:
    left = iter(all_of_them)
    return all(each in left for each in some)


@given(bodies())
def test_foreseen_warnings_are_some_of_the_version_s(body: Body) -> None:
    request = parse_request(body)

    assert is_part_in_order(foreseen_warnings(request), arranged(request).warnings())


@given(bodies())
def test_all_warnings_of_a_request_with_all_evidence_are_foreseen(body: Body) -> None:
    request = parse_request(body)
    assume(not request.outside)

    assert foreseen_warnings(request) == arranged(request).warnings()


@given(bodies())
def test_of_more_concepts_fewer_warnings_are_foreseen(body: Body) -> None:
    request = parse_request(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("concept_orderings.library.MOST_FORESEEN", 0)
        foreseen = foreseen_warnings(request)

    assert is_part_in_order(foreseen, foreseen_warnings(request))
    counted = request.ordering.kind == "frequency" and not request.outside
    codes = (WarningCode.ZERO_COUNTS, WarningCode.EQUAL_COUNTS)
    # Scores and names are always at hand, so nothing of them takes longer to foresee.
    assert is_part_in_order(name_warnings(request), foreseen)
    foreseen = [each for each in foreseen if "scores" not in each.code and each not in name_warnings(request)]
    assert [each for each in foreseen_warnings(request) if each.code in codes] == (foreseen if counted else [])


def frequency(classes: list[str], **more: Any) -> StreamRequest:
    source = "request" if "counts" in more else "c4"
    body = {"name": "s", "datasets": [{"name": "X", "classes": classes, **more}], "tasks": {"count": 1}}
    return parse_request({**body, "ordering": {"kind": "frequency", "source": source}})


def test_names_that_share_a_query_are_foreseen() -> None:
    alike, warning = foreseen_warnings(frequency(["grey_wolf", "grey wolf", "bear"]))

    assert alike.code == WarningCode.LOOK_ALIKES
    assert warning.detail.startswith("1 name is asked by several concepts ('grey wolf' by 2)")


@pytest.mark.parametrize("altered", ["x" * 401, "cats AND dogs"])
def test_no_shared_names_are_foreseen_where_a_source_may_alter_one(altered: str) -> None:
    [alike] = foreseen_warnings(frequency(["grey_wolf", "grey wolf", altered]))

    assert alike.code == WarningCode.LOOK_ALIKES


def test_counts_of_0_are_foreseen() -> None:
    [warning] = foreseen_warnings(frequency(["a", "b"], counts={"a": 0, "b": 1}))

    assert warning.detail.startswith("1 of 2 concepts have a count of 0 ('X+++a')")


@pytest.mark.parametrize("kind", OF_ANY_CONCEPTS)
def test_a_rule_on_names_warns_in_the_manifest_and_before(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    doubt = StreamWarning(code="misspelt", detail="6 names look misspelt.", count=6)

    def misspelt(request: StreamRequest) -> list[StreamWarning]:
        return [doubt]

    request = with_all_evidence(kind, {"count": 2})
    before = arranged(request)
    order, warnings = before.export().digest, before.warnings()
    monkeypatch.setattr("concept_orderings.name_warnings.RULES", (*RULES, misspelt))

    assert arranged(request).export().digest == order
    assert arranged(request).warnings() == [doubt, *warnings]
    assert foreseen_warnings(request)[0] == doubt

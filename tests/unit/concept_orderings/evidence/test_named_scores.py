"""Test scores that have a name: of one model, and of several combined by mean rank."""

import json
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.errors import BadEvidence, BadParameter, MissingEvidence
from concept_orderings.evidence import Gathered, Need
from concept_orderings.evidence.fitting import evidence_of_request
from concept_orderings.evidence.named_scores import (
    DIRECTIONS,
    Direction,
    NamedScores,
    ScoresByDataset,
    gathered_scores,
    named_scores_of,
    number_of_scores,
)
from concept_orderings.evidence.tables import read_table
from concept_orderings.exporters.rows import Kind, evidence_columns
from concept_orderings.library import arrange_stream
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.stream import ArrangedStream
from unit.concept_orderings.evidence.test_mean_ranks import mid_ranks
from unit.concept_orderings.request.bodies import changed, scored

HIGHER, LOWER = DIRECTIONS
ONE: ScoresByDataset = {"ONE": {"a": 3.0, "b": 0.0, "c": 5.0, "not asked": 9.0}, "TWO": 4.0, "THREE": 1.0}
CLASSES = ["ONE+++a", "ONE+++b", "ONE+++c", "TWO+++a"]

Models = Mapping[str, tuple[Direction, ScoresByDataset]]


def request_for(names: Sequence[str], **parameters: object) -> StreamRequest:
    source = {"source": names[0]} if len(names) == 1 else {"sources": list(names)}
    return parse_request(changed({"/ordering": {"kind": "performance", **source, **parameters}}, scored))


def facts(name: str, direction: Direction, scores: ScoresByDataset) -> NamedScores:
    return NamedScores(
        name=name,
        model=f"model {name}",
        metric="accuracy",
        direction=direction,
        number=number_of_scores(scores),
        digest="0f" * 32,
    )


def evidence_of(models: Models, request: StreamRequest) -> Gathered:
    measured = []
    for name, (direction, scores) in sorted(models.items()):
        named = facts(name, direction, scores)
        measured.append((named, named_scores_of(named, scores, request.concepts, pointer="/ordering/source")))
    return gathered_scores(measured, request.concepts)


def stream_of(models: Models, **parameters: object) -> ArrangedStream:
    request = request_for(list(models), **parameters)
    return arrange_stream(request, {Need.SCORES: evidence_of(models, request)})


def order_of(stream: ArrangedStream) -> list[str]:
    return [concept for task in stream.concepts_by_task() for concept in task]


def shown(stream: ArrangedStream) -> dict[str, dict[str, Any]]:
    """Return what tasks show of each concept."""
    return {
        concept: {name: values[i] for name, values in stream.columns.items() if values[i] is not None}
        for i, concept in enumerate(stream.request.concepts.ids)
    }


# --- One model


def test_the_highest_score_comes_first_where_higher_is_easier() -> None:
    stream = stream_of({"mine": (HIGHER, ONE)})

    assert order_of(stream) == ["ONE+++c", "TWO+++a", "ONE+++a", "ONE+++b"]
    assert shown(stream)["ONE+++c"] == {"score": 5.0, "tie_group": 1}
    assert stream.provenance[Need.SCORES].as_json() == {
        "source": "mine",
        "digest": stream.provenance[Need.SCORES].digest,
        "model": "model mine",
        "metric": "accuracy",
        "direction": HIGHER,
        "number": 6,
        "source_digest": "0f" * 32,
        "warnings": [],
    }


def test_the_lowest_score_comes_first_where_lower_is_easier_and_is_shown_as_given() -> None:
    stream = stream_of({"mine": (LOWER, ONE)})

    assert order_of(stream) == ["ONE+++b", "ONE+++a", "TWO+++a", "ONE+++c"]
    assert shown(stream)["ONE+++c"] == {"score": 5.0, "tie_group": 1}
    assert repr(shown(stream)["ONE+++b"]["score"]) == "0.0"
    assert stream.provenance[Need.SCORES].details["direction"] == LOWER


def test_the_digest_of_the_evidence_has_no_negative_zero() -> None:
    scores: ScoresByDataset = {"ONE": 0.0, "TWO": 0.0}
    digests = {stream_of({"mine": (each, scores)}).provenance[Need.SCORES].digest for each in DIRECTIONS}

    assert len(digests) == 1


def test_a_dataset_s_score_is_that_of_its_classes_and_readers_are_warned() -> None:
    stream = stream_of({"mine": (LOWER, {"ONE": 300.0, "TWO": 4.0})})

    assert {concept: each["score"] for concept, each in shown(stream).items()} == dict(
        zip(CLASSES, (300, 300, 300, 4), strict=True)
    )
    # No warning of a score above 100: what it means stands beside it.
    assert [each.code for each in stream.warnings()] == ["dataset_scores"]


def test_shares_beside_percent_in_one_file_are_warned_of_only_where_higher_is_easier() -> None:
    scores: ScoresByDataset = {"ONE": {"a": 0.3, "b": 0.5, "c": 0.7}, "TWO": 75.0}

    assert [each.code for each in stream_of({"mine": (HIGHER, scores)}).warnings()] == ["scores_like_shares"]
    assert stream_of({"mine": (LOWER, scores)}).warnings() == []


def test_equal_scores_are_warned_of_as_they_were_given() -> None:
    body = {
        "name": "many",
        "datasets": [{"name": "A", "classes": [f"class {i}" for i in range(12)]}],
        "ordering": {"kind": "performance", "source": "mine"},
        "tasks": {"count": 1},
    }
    request = parse_request(body)
    scores: ScoresByDataset = {"A": {f"class {i}": 7.5 if i else 0.0 for i in range(12)}}
    (warning,) = evidence_of({"mine": (LOWER, scores)}, request).provenance.warnings

    assert (warning.code, warning.count) == ("equal_scores", 11)
    assert "the largest has 11 concepts, with a score of 7.5." in warning.detail


def test_missing_scores_are_refused_with_the_concepts() -> None:
    scores: ScoresByDataset = {"ONE": {"a": 1.0}}
    with pytest.raises(MissingEvidence) as caught:
        stream_of({"mine": (HIGHER, scores)})

    assert caught.value.code == "missing_scores"
    assert caught.value.pointers == ("/ordering/source",)
    assert (
        "The scores file mine has no score for 3 of 4 concepts: 'ONE+++b', 'ONE+++c', 'TWO+++a'." in caught.value.detail
    )


def test_a_concept_that_only_looks_like_one_with_a_score_is_named_with_code_points() -> None:
    scores: ScoresByDataset = {"ONE": {"b": 1.0, "c": 1.0, "\u0430": 1.0}, "TWO": 1.0}
    with pytest.raises(MissingEvidence, match=re.escape("'ONE+++a' (a; it only looks like 'ONE+++\u0430', U+0430).")):
        stream_of({"mine": (HIGHER, scores)})


# --- Several models

_SCORE = st.sampled_from([-3.0, -0.5, 0.0, 0.25, 1.0, 50.0, 1e9])


@st.composite
def models(draw: st.DrawFn) -> dict[str, tuple[Direction, ScoresByDataset]]:
    names = draw(st.lists(st.sampled_from("pqrst"), min_size=2, max_size=4, unique=True))
    scores = st.fixed_dictionaries(
        {
            "ONE": _SCORE | st.fixed_dictionaries(dict.fromkeys("abc", _SCORE)),
            "TWO": _SCORE | st.fixed_dictionaries({"a": _SCORE}),
        }
    )
    return {name: (draw(st.sampled_from(DIRECTIONS)), draw(scores)) for name in names}


def easiness(direction: Direction, scores: ScoresByDataset) -> list[float]:
    """Return the score of each concept, or its negative where lower is easier."""
    found = []
    for dataset, name in (each.split("+++") for each in CLASSES):
        whole = scores[dataset]
        found.append(whole[name] if isinstance(whole, Mapping) else whole)
    return found if direction == HIGHER else [-each for each in found]


@given(models(), st.integers(0, 5), st.booleans())
def test_the_order_is_that_of_the_mean_of_ranks(models: Models, seed: int, reverse: bool) -> None:
    stream = stream_of(models, seed=seed, reverse=reverse)
    ranks = {name: mid_ranks(easiness(*each)) for name, each in models.items()}
    means = [sum(each, Fraction(0)) / len(ranks) for each in zip(*ranks.values(), strict=True)]
    keys = [stream.request.ordering.key(each) for each in CLASSES]  # type: ignore[attr-defined]
    expected = [each for *_, each in sorted(zip(means, keys, CLASSES, strict=True))]

    assert order_of(stream) == (expected[::-1] if reverse else expected)
    for i, concept in enumerate(CLASSES):
        own = {name: float(each[i]) for name, each in ranks.items()}
        assert shown(stream)[concept] == {
            "mean_rank": float(means[i]),
            "ranks": own,
            "rank_spread": max(own.values()) - min(own.values()),
            "tie_group": means.count(means[i]),
        }


@given(models(), st.randoms())
def test_the_order_of_the_sources_has_no_meaning(models: Models, random: Any) -> None:
    names = list(models)
    random.shuffle(names)
    one, other = stream_of(models), stream_of({name: models[name] for name in names})

    assert other.request.canonical == one.request.canonical
    assert [each.data for each in other.documents(1)[0]] == [each.data for each in one.documents(1)[0]]
    assert other.documents(1)[2].data == one.documents(1)[2].data


def test_the_manifest_names_each_source() -> None:
    shares: ScoresByDataset = {"ONE": {"a": 0.3, "b": 0.5, "c": 0.7}, "TWO": 75.0}
    stream = stream_of({"q": (LOWER, ONE), "p": (HIGHER, shares)})

    assert stream.provenance[Need.SCORES].as_json() == {
        "source": "p, q",
        "digest": stream.provenance[Need.SCORES].digest,
        "combined_by": "mean rank",
        "sources": [
            {
                "name": "p",
                "model": "model p",
                "metric": "accuracy",
                "direction": HIGHER,
                "number": 4,
                "source_digest": "0f" * 32,
            },
            {
                "name": "q",
                "model": "model q",
                "metric": "accuracy",
                "direction": LOWER,
                "number": 6,
                "source_digest": "0f" * 32,
            },
        ],
        "warnings": [stream.warnings()[0].detail],
    }
    assert stream.warnings()[0].detail.startswith("p: The scores of 3 of 4 concepts (ONE) lie between 0 and 1")


def test_columns_of_exports_have_one_type_whatever_the_ranks() -> None:
    stream = stream_of({"q": (HIGHER, {"ONE": 1.0, "TWO": 2.0}), "p": (HIGHER, {"ONE": 1.0, "TWO": 2.0})})
    tasks = [json.loads(each.data) for each in stream.documents(1)[0]]
    columns = evidence_columns([each["evidence"] for task in tasks for each in task["concepts"]])

    assert {each.name: each.kind for each in columns} == {
        "mean_rank": Kind.NUMBER,
        "ranks": Kind.JSON,
        "rank_spread": Kind.NUMBER,
        "tie_group": Kind.INTEGER,
    }


# --- Published evidence


@given(models(), st.booleans())
def test_published_evidence_gives_the_same_documents(models: Models, one: bool) -> None:
    stream = stream_of(dict([min(models.items())]) if one else models)
    (file,) = stream.evidence_files
    found = evidence_of_request(stream.request, {"scores.json": read_table(file.data)})
    again = arrange_stream(stream.request, found)

    assert [each.data for each in again.documents(1)[0]] == [each.data for each in stream.documents(1)[0]]
    assert again.documents(1)[2].data == stream.documents(1)[2].data


@pytest.mark.parametrize("names", [["p"], ["p", "q"]])
def test_published_evidence_of_other_sources_is_refused(names: list[str]) -> None:
    (file,) = stream_of({"q": (HIGHER, ONE), "r": (LOWER, ONE)}).evidence_files
    with pytest.raises(BadEvidence, match="but the evidence is of 'q, r'") as caught:
        evidence_of_request(request_for(names), {"scores.json": read_table(file.data)})

    assert caught.value.code == "evidence_of_other_source"


# --- Requests


def refused(changes: Mapping[str, object]) -> BadParameter:
    with pytest.raises(BadParameter) as caught:
        parse_request(changed(changes, scored))
    return caught.value


@pytest.mark.parametrize(
    "sources", [[], ["a"], ["a", "a"], ["a", "B"], ["a", 1], "a", [f"s{i}" for i in range(101)]], ids=str
)
def test_sources_are_2_to_100_different_names(sources: object) -> None:
    error = refused({"/ordering": {"kind": "performance", "sources": sources}})

    assert (error.code, error.pointers, error.others) == ("bad_parameter", ("/ordering/sources",), ())


def test_one_source_and_several_contradict_each_other() -> None:
    error = refused({"/ordering": {"kind": "performance", "source": "a", "sources": ["a", "b"]}})

    assert error.pointers == ("/ordering/source", "/ordering/sources")
    assert error.others == ()


@pytest.mark.parametrize("names", [["a"], ["a", "b"]])
def test_scores_in_the_request_and_a_source_contradict_each_other(names: list[str]) -> None:
    source: dict[str, object] = {"sources": names} if len(names) > 1 else {"source": "a"}
    error = refused({"/ordering": {"kind": "performance", **source}, "/datasets/1/scores": 4})

    assert error.pointers == (f"/ordering/{next(iter(source))}", "/datasets/1/scores")
    assert "Scores are given for TWO, and the ordering has source" in error.detail
    assert error.others == ()


def test_scores_of_the_catalogue_mean_nothing_beside_a_source() -> None:
    ordering = {"kind": "performance", "source": "mine"}
    body = {"name": "x", "concepts": ["CIFAR100+++bear"], "ordering": ordering, "tasks": {"count": 1}}
    request = parse_request(body)

    assert request.outside == {Need.SCORES}
    assert request.as_json()["datasets"] == [{"name": "CIFAR100", "classes": ("bear",)}]

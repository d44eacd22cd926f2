"""The rows of tables of requests that are refused: what is wrong, and the error."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from concept_orderings.errors import (
    BadConcept,
    BadParameter,
    BadSplit,
    BadTraining,
    BadValue,
    DuplicateConcept,
    EmptyClassList,
    InvalidInput,
    MissingEvidence,
    NotInCatalogue,
    UnknownOrdering,
)
from concept_orderings.request import parse_request
from unit.concept_orderings.strategies import Body

from .bodies import changed, right

ERRORS: dict[str, type[InvalidInput]] = {
    "bad_batch_rule": BadTraining,
    "bad_batch_size": BadTraining,
    "bad_class_name": BadConcept,
    "bad_concept": BadConcept,
    "bad_count": BadValue,
    "bad_description": BadValue,
    "bad_mixture": BadTraining,
    "bad_name": BadConcept,
    "bad_parameter": BadParameter,
    "bad_query": BadValue,
    "bad_samples": BadValue,
    "bad_samples_per_task": BadTraining,
    "bad_score": BadValue,
    "bad_share": BadTraining,
    "bad_stream_name": BadValue,
    "bad_synonyms": BadValue,
    "bad_task_count": BadSplit,
    "bad_task_rule": BadSplit,
    "bad_task_samples": BadSplit,
    "bad_task_sizes": BadSplit,
    "bad_template": BadConcept,
    "bad_year": BadValue,
    "conflicting_fields": BadValue,
    "datasets_against_years": BadParameter,
    "duplicate_concept": DuplicateConcept,
    "empty_class_list": EmptyClassList,
    "missing_classes": BadValue,
    "missing_concepts": BadValue,
    "missing_counts": MissingEvidence,
    "missing_field": BadValue,
    "missing_samples": MissingEvidence,
    "missing_scores": MissingEvidence,
    "missing_templates": MissingEvidence,
    "missing_years": MissingEvidence,
    "too_many_tasks": BadSplit,
    "no_class_list": NotInCatalogue,
    "not_in_published_stream": BadParameter,
    "no_steps": BadTraining,
    "unknown_class": NotInCatalogue,
    "unknown_dataset": NotInCatalogue,
    "unknown_field": BadValue,
    "unknown_ordering": UnknownOrdering,
    "unknown_parameter": BadParameter,
    "unknown_published_stream": BadParameter,
    "within_too_deep": BadParameter,
    "wrong_type": BadValue,
}
"""Every code with which a request is refused, and the class of its error."""


@dataclass(frozen=True)
class Refusal:
    """A request that is refused.

    Parameters
    ----------
    name
        What is wrong with it.
    changes
        What makes `base` wrong: values by their JSON pointers, as `changed` takes them.
    code, pointers
        Of the error.
    detail
        A part of the error's detail.
    base
        Makes the request that is changed.
    """

    name: str
    changes: Mapping[str, object]
    code: str
    pointers: Sequence[str]
    detail: str
    base: Callable[[], Body] = right

    @property
    def body(self) -> Any:
        return changed(self.changes, self.base)

    def check(self) -> None:
        with pytest.raises(InvalidInput) as refused:
            parse_request(self.body)

        assert type(refused.value) is ERRORS[self.code]
        assert refused.value.code == self.code
        assert list(refused.value.pointers) == list(self.pointers)
        assert self.detail in refused.value.detail
        # The detail can be sent: it is Unicode text, and short even if the request is long.
        assert "".join([refused.value.detail, *refused.value.pointers]).encode()
        assert len(refused.value.detail) < 400


def each_of(refusals: Sequence[Refusal]) -> pytest.MarkDecorator:
    """Run a test with each refusal, under the refusal's name."""
    names = [each.name for each in refusals]
    assert len(set(names)) == len(names), "two rows have one name"
    return pytest.mark.parametrize("refusal", refusals, ids=names)

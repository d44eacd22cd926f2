"""Warnings that a request alone decides: about datasets, classes and parameters.

Add a rule here: a function that takes a request and returns warnings, and a line in `RULES`. They then stand in the
manifest, in the answer to a POST of the request, and in the job that makes its version. Warnings about the evidence of
one kind belong to `concept_orderings.evidence` (`Kind.foreseen_warnings`), those of one ordering to the ordering
(`Ordering.evidence_warnings`).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from concept_orderings.catalogue_warnings import alike_datasets, evaluation_data, unknown_classes, unknown_datasets
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.look_alike_warnings import look_alikes, not_composed, unusual_characters
from concept_orderings.name_pattern_warnings import not_running_text
from concept_orderings.request import StreamRequest
from concept_orderings.stream_warnings import StreamWarning, WarningCode
from concept_orderings.synonym_warnings import shared_synonyms
from concept_orderings.template_warnings import literal_placeholders

Rule: TypeAlias = Callable[[StreamRequest], Iterable[StreamWarning]]
"""Returns zero or more warnings. A rule must not change an order."""


def machine_embeddings(request: StreamRequest) -> Iterable[StreamWarning]:
    """Warn of embeddings in a dtype whose last digits depend on the machine. It is published: never change its text."""
    dtypes = [each.dtype for each in request.ordering.parts if isinstance(each, NeedsEmbeddings)]
    for dtype in (each for each in dtypes if each != "float64"):
        sentence = (
            f"The encoder computes in {dtype}, whose last digits depend on the machine, so the order "
            "holds for the embeddings of this version alone; with the dtype float64 other machines find the same order."
        )
        yield StreamWarning.of(WarningCode.MACHINE_EMBEDDINGS, sentence, count=None)


RULES: Sequence[Rule] = (
    machine_embeddings,
    look_alikes,
    not_composed,
    unusual_characters,
    not_running_text,
    shared_synonyms,
    literal_placeholders,
    unknown_classes,
    unknown_datasets,
    alike_datasets,
    evaluation_data,
)


def name_warnings(request: StreamRequest) -> list[StreamWarning]:
    """Return the warnings of all rules, in the order of `RULES`."""
    return [warning for rule in RULES for warning in rule(request)]

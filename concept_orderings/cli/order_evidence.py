"""Gather the evidence for `order`: from a file of embeddings, or by an installed program."""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from concept_orderings.asked_classes import listed_concepts
from concept_orderings.cli.embeddings_file import read_embeddings
from concept_orderings.cli.evidence_files import read_evidence
from concept_orderings.cli.gatherers import find_gatherer
from concept_orderings.cli.options import default_data_dir
from concept_orderings.errors import MissingEvidence
from concept_orderings.evidence import EVIDENCE, Gathered, Need
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.evidence.fitting import evidence_of_request
from concept_orderings.evidence.quantised import OF_CALLER, embeddings_as_evidence
from concept_orderings.order_files import Gatherer
from concept_orderings.request import StreamRequest


def published_evidence(options: argparse.Namespace, request: StreamRequest) -> dict[Need, Gathered]:
    """Return the evidence in the files of ``--evidence``, by kind; none without that option.

    Raises
    ------
    BadEvidence
        See `read_evidence` and `evidence_of_request`.
    MissingEvidence
        ``missing_embeddings`` or ``missing_counts``: the files lack a kind that the request needs from outside.
    """
    if not options.evidence:
        return {}
    found = evidence_of_request(request, read_evidence(options.evidence))
    for need in sorted(request.outside.difference(found)):
        kind = EVIDENCE[need].published_as
        raise MissingEvidence(
            f"missing_{need}",
            f"The evidence has no {kind}, which the order by {request.ordering.kind} depends on: download "
            f"…/evidence/{kind} of the version, too.",
        )
    return found


def gatherers(
    options: argparse.Namespace, request: StreamRequest, body: Mapping[str, Any]
) -> Callable[[Need], Gatherer]:
    """Return a function from a kind of evidence to its gatherer.

    Embeddings from a file are read at once, so that nothing else is gathered if they are refused.

    Raises
    ------
    BadValue, SourceError
        See `read_embeddings`.
    """
    given: dict[Need, Gathered] = {}
    if options.embeddings is not None:
        rows = read_embeddings(options.embeddings, options.names, request.concepts, listed_concepts(body))
        parameters = parameters_of(request.ordering, NeedsEmbeddings)
        given[Need.EMBEDDINGS] = embeddings_as_evidence(rows, parameters, request.concepts.ids, source=OF_CALLER)

    def gatherer(need: Need) -> Gatherer:
        if need in given:
            return lambda _request, _report: given[need]
        return partial(find_gatherer(need), data_dir=options.data_dir or default_data_dir())

    return gatherer

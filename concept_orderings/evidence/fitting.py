"""Take published evidence for a request, after checking that it is that of the request."""

from collections.abc import Mapping, Sequence

import numpy as np

from concept_orderings.concepts import Concepts
from concept_orderings.errors import BadEvidence
from concept_orderings.evidence import EVIDENCE, Gathered, Need
from concept_orderings.evidence.captions import TEMPLATE
from concept_orderings.evidence.class_synonyms import SYNONYMS
from concept_orderings.evidence.quantised import OF_CALLER
from concept_orderings.evidence.tables import EvidenceTable, gathered_of
from concept_orderings.faults import Faults
from concept_orderings.request import StreamRequest
from concept_orderings.text import first_of, in_sentence, shown

_MOST_NAMED = 5


def evidence_of_request(
    request: StreamRequest, tables: Mapping[str, EvidenceTable], *, of_caller: bool = False
) -> dict[Need, Gathered]:
    """Return the evidence of tables, by kind.

    Parameters
    ----------
    request
        The request whose order is to be made again.
    tables
        By the name of the file, for errors.
    of_caller
        Whether embeddings may be a caller's own, whatever encoder the request names.

    Raises
    ------
    BadEvidence
        With the faults of all files. ``evidence_not_needed``: the order does not depend on it.
        ``evidence_of_other_concepts``: it has concepts that the request lacks; ``evidence_incomplete``: it lacks some.
        ``evidence_of_other_captions``: templates or synonyms differ. ``evidence_of_other_source``: the encoder, the
        source or the values of the request differ. ``evidence_damaged`` and ``bad_evidence_file``: see `gathered_of`.
    """
    faults, found = Faults(), dict[Need, Gathered]()
    for file, table in tables.items():
        pair = faults.attempt(_checked, request, file, table, of_caller)
        if pair is None:
            continue
        need, gathered = pair
        if need in found:
            faults.add(BadEvidence("bad_evidence_file", f"{file}: another file has {table.kind}, too; give one."))
        found[need] = gathered
    faults.refuse()
    return found


def _checked(request: StreamRequest, file: str, table: EvidenceTable, of_caller: bool) -> tuple[Need, Gathered]:
    try:
        need, gathered = gathered_of(table)
        if need not in request.needs:
            raise BadEvidence(
                "evidence_not_needed",
                f"The order by {request.ordering.kind} does not depend on {table.kind}; leave the file out.",
            )
        _check_concepts(table.concepts, request.concepts)
        _check_captions(table, request.concepts, need)
        if not (of_caller and need is Need.EMBEDDINGS and gathered.provenance.source == OF_CALLER):
            _check_origin(request, need, gathered)
    except BadEvidence as error:
        raise BadEvidence(error.code, f"{file}: {error.detail}") from error
    return need, gathered


def _check_concepts(found: Sequence[str], concepts: Concepts) -> None:
    if list(found) == list(concepts.ids):
        return
    others, there = sorted(set(found).difference(concepts.ids)), set(found)
    missing = [each for each in concepts.ids if each not in there]
    if others:
        raise BadEvidence(
            "evidence_of_other_concepts",
            f"The evidence is of other concepts: {len(others)} of its {len(found)} are not in the request "
            f"({first_of([shown(each) for each in others], _MOST_NAMED)}). Give the request that its version was made "
            "for.",
        )
    if missing:
        raise BadEvidence(
            "evidence_incomplete",
            f"The evidence lacks {len(missing)} of the {len(concepts)} concepts of the request "
            f"({first_of([shown(each) for each in missing], _MOST_NAMED)}). Give the request that its version was made "
            "for.",
        )
    raise BadEvidence(
        "bad_evidence_file", "The rows are not in canonical order, or a concept has two: download it again."
    )


def _check_captions(table: EvidenceTable, concepts: Concepts, need: Need) -> None:
    if need is not Need.EMBEDDINGS:
        return
    for each in concepts.datasets:
        asked, embedded = TEMPLATE.of(each) or (), table.templates.get(each.name, ())
        if sorted(asked) != sorted(embedded):
            raise BadEvidence(
                "evidence_of_other_captions",
                f"The captions of {in_sentence(each.name)} differ: the request has {_named(asked)}, and the vectors "
                f"are those of {_named(embedded)}. Give the request that their version was made for.",
            )
        if _sets(SYNONYMS.of(each)) != _sets(table.synonyms.get(each.name)):
            raise BadEvidence(
                "evidence_of_other_captions",
                f"The synonyms of {in_sentence(each.name)} differ from those whose captions the vectors are the means "
                "of. Give the request that their version was made for.",
            )


def _sets(synonyms: Mapping[str, Sequence[str]] | None) -> dict[str, set[str]]:
    return {name: set(others) for name, others in (synonyms or {}).items() if others}


def _named(templates: Sequence[str]) -> str:
    if not templates:
        return "no template"
    named = first_of([shown(each, 60) for each in sorted(templates)], 3)
    return f"the template{'s' if len(templates) > 1 else ''} {named}"


def _check_origin(request: StreamRequest, need: Need, gathered: Gathered) -> None:
    kind, parameters = EVIDENCE[need], request.ordering.part_for(need)
    if need in request.outside:
        kind.check_origin(parameters, gathered.provenance.source, gathered.provenance.details)
        return
    own = kind.at_hand(request.concepts, parameters).values
    differs = np.flatnonzero(own != gathered.values)
    if differs.size:
        i = int(differs[0])
        raise BadEvidence(
            "evidence_of_other_source",
            f"The request itself has other {kind.published_as} for {differs.size} concepts: {own[i]} for "
            f"{shown(request.concepts.ids[i])}, where the evidence has {gathered.values[i]}. Leave the file out, or "
            "give the request that its version was made for.",
        )

"""Orders that a request lists: which concepts they repeat, lack, or have beside those of the request."""

from collections.abc import Sequence
from functools import partial

from concept_orderings.catalogue import canonical_name
from concept_orderings.concepts import Concepts, join_concept, split_concept
from concept_orderings.errors import BadParameter, InvalidInput
from concept_orderings.faults import Faults, repeats, times
from concept_orderings.look_alikes import first_beside, shown_beside
from concept_orderings.text import shown

_MOST_NAMED = 10


def canonical_order(order: Sequence[str]) -> tuple[str, ...]:
    """Return an order with the canonical name of each dataset."""
    pairs = map(split_concept, order)
    return tuple(join_concept(canonical_name(dataset), class_name) for dataset, class_name in pairs)


def differences(
    order: Sequence[str], concepts: Concepts, pointer: str, what: str, *, instead: str, others: bool = False
) -> InvalidInput | None:
    """Return the error for an order that lists a concept several times, lists an unknown concept, or lacks one.

    Parameters
    ----------
    order
        Concepts with canonical names.
    concepts
        Those of the request.
    pointer
        JSON pointer to the order.
    what
        What the order is called in sentences, such as "The order".
    instead
        What to do about missing concepts, as the end of a sentence.
    others
        Whether the order may have concepts that the request lacks; then it is no list of the request's own.
    """
    faults = Faults()
    for concept, places in repeats(order).items():
        faults.add_repeated("bad_parameter", places, partial(_repeated, what, concept, pointer))
    known = frozenset(concepts.ids)
    unknown = [] if others else [i for i, each in enumerate(order) if each not in known]
    if unknown:
        first_unknown = shown_beside(order[unknown[0]], concepts.ids)
        faults.add(
            BadParameter(
                "bad_parameter",
                f"{what} has {first_unknown}, which is not among the concepts; leave it out or add it.",
                (f"{pointer}/{i}" for i in unknown),
            )
        )
    listed = frozenset(order)
    missing = [each for each in concepts.ids if each not in listed]
    if missing:
        first_missing = shown_beside(missing[0], order)
        detail = f"{what} lacks {len(missing)} of {len(concepts)} concepts, the first is {first_missing}; {instead}."
        faults.add(BadParameter("bad_parameter", detail, [pointer]))
    return faults.first()


def dataset_differences(order: Sequence[str], concepts: Concepts, pointer: str) -> InvalidInput | None:
    """Return the error for an order of datasets that lists one several times, lists an unknown one, or lacks one.

    Parameters
    ----------
    order
        Datasets with canonical names.
    concepts
        Those of the request.
    pointer
        JSON pointer to the order.
    """
    faults = Faults()
    for name, places in repeats(order).items():
        faults.add_repeated("bad_parameter", places, partial(_repeated, "The order of datasets", name, pointer))
    names = [each.name for each in concepts.datasets]
    known, listed = frozenset(names), frozenset(order)
    unknown = [i for i, each in enumerate(order) if each not in known]
    if unknown:
        named = first_beside([order[i] for i in unknown], names, _MOST_NAMED)
        detail = (
            f"{len(unknown)} of the {len(order)} datasets in order {'is' if len(unknown) == 1 else 'are'} not among "
            f"those of the request; leave out or add: {named}."
        )
        faults.add(BadParameter("bad_parameter", detail, (f"{pointer}/{i}" for i in unknown)))
    missing = [each for each in names if each not in listed]
    if missing:
        named = first_beside(missing, order, _MOST_NAMED)
        detail = f"The order of datasets lacks {len(missing)} of {len(names)} datasets; add: {named}."
        faults.add(BadParameter("bad_parameter", detail, [pointer]))
    return faults.first()


def _repeated(what: str, concept: str, pointer: str, places: Sequence[int]) -> BadParameter:
    return BadParameter(
        "bad_parameter",
        f"{what} has {shown(concept)} {times(len(places))}; keep one.",
        (f"{pointer}/{i}" for i in places),
    )

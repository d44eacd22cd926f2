"""Match rows of evidence that carry names, such as embeddings from a file, with the concepts of a request."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from concept_orderings.catalogue import canonical_name
from concept_orderings.concepts import SEPARATOR, Concepts, join_concept, split_concept
from concept_orderings.errors import BadValue
from concept_orderings.look_alikes import first_beside
from concept_orderings.text import shown

_MOST_SHOWN = 10


def rows_by_name(names: Sequence[str], concepts: Concepts) -> NDArray[np.int64]:
    """Return the row of each concept, by the names of the rows.

    Parameters
    ----------
    names
        The name of each row, (m,): ``DATASET+++class name`` with either of the dataset's names, or a class name alone
        that only one dataset has.
    concepts
        n concepts in canonical order.

    Returns
    -------
    ndarray of int64, shape (n,)
        Of each concept, the index in `names`.

    Raises
    ------
    BadValue
        ``bad_rows``: concepts have no row or several, or names are no concept or several; the sentence names them.
    """
    alone = Counter(concepts.class_names)
    by_class = dict(zip(concepts.class_names, concepts.ids, strict=True))
    known = frozenset(concepts.ids)
    rows: dict[str, list[int]] = {}
    unknown, ambiguous = [], []
    for row, name in enumerate(names):
        concept = _canonical(name) if SEPARATOR in name else by_class.get(name, "")
        if concept not in known:
            unknown.append(name)
        elif SEPARATOR not in name and alone[name] > 1:
            ambiguous.append(name)
        else:
            rows.setdefault(concept, []).append(row)
    several = [concept for concept, its_rows in rows.items() if len(its_rows) > 1]
    # A concept with an ambiguous name is not missing: the name is the fault.
    unclear = frozenset(ambiguous)
    missing = [
        concept
        for concept, name in zip(concepts.ids, concepts.class_names, strict=True)
        if concept not in rows and name not in unclear
    ]
    either_name = [*concepts.ids, *concepts.class_names]
    faults = [
        *_fault(missing, "concept has no row", "concepts have no row", beside=unknown),
        *_fault(
            unknown, "row has a name that is no concept", "rows have names that are no concepts", beside=either_name
        ),
        *_fault(several, "concept has several rows", "concepts have several rows"),
        *_fault(ambiguous, f"name needs its DATASET{SEPARATOR}", f"names need their DATASET{SEPARATOR}"),
    ]
    if faults:
        raise BadValue("bad_rows", f"{'; '.join(faults)}.")
    return np.array([rows[concept][0] for concept in concepts.ids], dtype=np.int64)


def check_listing(listed: Sequence[str], concepts: Concepts) -> None:
    """Refuse rows without names if a request lists its concepts in another order than the canonical one.

    The rows are in canonical order then, or in the order of the lists, and nothing tells which.

    Parameters
    ----------
    listed
        ``DATASET+++class name`` of the n concepts, in the order in which the request lists them.
    concepts
        The same concepts in canonical order.

    Raises
    ------
    BadValue
        ``bad_rows``, with the first concept that differs.
    """
    for row, (one, other) in enumerate(zip(listed, concepts.ids, strict=True)):
        if one != other:
            raise BadValue(
                "bad_rows",
                f"The rows have no names, and their order is not clear: row {row} would be {shown(other)} by the names "
                f"of datasets and classes, but {shown(one)} as the concepts are listed.",
            )


def _canonical(name: str) -> str:
    dataset, class_name = split_concept(name)
    return join_concept(canonical_name(dataset), class_name)


def _fault(items: Sequence[str], one: str, several: str, *, beside: Sequence[str] = ()) -> list[str]:
    """Return the fault of some names, or none without them; one that looks like a name in `beside` is told from it."""
    if not items:
        return []
    items = list(dict.fromkeys(items))
    return [f"{len(items)} {one if len(items) == 1 else several}: {first_beside(items, beside, _MOST_SHOWN)}"]

"""The ranks of the benchmark's concepts by frequency in C4: the source of counts that needs no worker.

The authors of FoMo-in-Flux (arXiv 2408.14471) counted the class names in C4 and published the order by these counts,
``frequency_sequence_1``, but not the counts. That order is a stable sort, and the list that was sorted is known
(``fomo/frequency_base``). So wherever, along the published order, the position in that list falls, a larger count
begins. The concepts between two such places have one rank, from 1 for the rarest. Concepts of different ranks have
different counts; concepts of one rank may have different ones, so the number of ranks is a lower bound of the number of
distinct counts.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.concepts import ClassList, Concepts, join_concept, split_concept
from concept_orderings.data import FREQUENCY_RANKS, read_numbers
from concept_orderings.errors import MissingEvidence
from concept_orderings.evidence.base import Gathered, Provenance, evidence_digest
from concept_orderings.look_alikes import appearance, shown_beside
from concept_orderings.published_streams import stream_concepts
from concept_orderings.text import first_of

RANKS = "fomo-c4-ranks"
"""The name of the source."""

RANKS_KIND = "ranks"
"""Its kind, as manifests and lists of sources name it."""

UNIT = "rank"
"""The unit of its values, which is neither that of documents nor that of occurrences."""

CORPUS = (
    "C4, as the authors of FoMo-in-Flux (arXiv 2408.14471) counted it; their counts are not published, and the ranks "
    "are read off their order frequency_sequence_1"
)
"""What the ranks are of, as shown to readers. It is published in manifests: never change it."""

MEANING = (
    "from 1, the rarest. Concepts of different ranks have different counts, and concepts of one rank may have "
    "different ones too: the number of ranks is a lower bound of the number of distinct counts"
)
"""What a rank means, as shown to readers. It is published in manifests: never change it."""

QUERY_FORM = "the class name with its underscores, upper and lower case alike"
"""How the names were counted, as shown to readers. It is published in manifests: never change it."""

PUBLISHED_AT = "2024-08-26T00:00:00Z"
"""When the paper appeared; the names were counted before."""

_MOST_NAMED = 10


@cache
def benchmark_ranks() -> Mapping[str, int]:
    """Return the rank of each of the 18,381 concepts of the benchmark's streams, in canonical order of the concepts."""
    return dict(zip(stream_concepts(), read_numbers(FREQUENCY_RANKS).tolist(), strict=True))


@cache
def ranks_by_name() -> Mapping[str, Mapping[int, tuple[str, ...]]]:
    """Return for each class name in lower case its ranks, ascending, with the concepts that have each.

    The names were counted with upper and lower case alike. Still 14 names have two ranks: MVTECAD_Eval has a lower one
    than the other datasets, so its names were presumably counted in another form.
    """
    found: defaultdict[str, defaultdict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for concept, rank in benchmark_ranks().items():
        _, name = split_concept(concept)
        found[name.lower()][rank].append(concept)
    return {name: {rank: tuple(concepts) for rank, concepts in sorted(ranks.items())} for name, ranks in found.items()}


def shown_unranked(text: str) -> str:
    """Quote a concept or a class name that has no rank; if one that has looks the same, say how it differs."""
    return shown_beside(text, _ranked_by_appearance().get(appearance(text), ()))


def fingerprint() -> str:
    """Return the SHA-256 of everything that decides a rank: all concepts and their ranks."""
    return sha256_hex(canonical_json({"kind": RANKS_KIND, "ranks": dict(benchmark_ranks()), "unit": UNIT}))


def facts() -> dict[str, Json]:
    """Return what manifests and lists of sources say of the ranks."""
    return {
        "kind": RANKS_KIND,
        "unit": UNIT,
        "corpus": CORPUS,
        "query_form": QUERY_FORM,
        "fingerprint": fingerprint(),
    }


def details() -> dict[str, Json]:
    """Return what a manifest says of the ranks besides source and digest."""
    return {**facts(), "meaning": MEANING, "ranks": len(set(benchmark_ranks().values()))}


def ranks_of(concepts: Concepts) -> NDArray[np.int64]:
    """Return the rank of each concept, (n,) int64.

    Raises
    ------
    MissingEvidence
        ``missing_counts``, see `check_ranked`.
    """
    check_ranked(concepts)
    ranks = benchmark_ranks()
    return np.array([ranks[each] for each in concepts.ids], dtype=np.int64)


def ranks_as_evidence(concepts: Concepts) -> Gathered:
    """Return the ranks as the evidence of an ordering by counts; raises as `ranks_of`."""
    ranks = ranks_of(concepts)
    provenance = Provenance(source=RANKS, digest=evidence_digest(ranks), details=details())
    return Gathered(ranks, provenance, {"unit": [UNIT] * len(ranks)}, shown_as="rank")


def check_ranked(concepts: Concepts) -> None:
    """Refuse concepts that the benchmark's streams do not have.

    Raises
    ------
    MissingEvidence
        ``missing_counts``, with the first of them by name and pointers to the classes of their datasets.
    """
    lacking = [
        (each, missing)
        for each in concepts.datasets
        if not each.doubtful & {"name", "classes"} and (missing := _missing(each))
    ]
    if not lacking:
        return
    names = [name for _, missing in lacking for name in missing]
    pointers = (each.pointer if each.pointer == "/concepts" else f"{each.pointer}/classes" for each, _ in lacking)
    named = first_of([shown_unranked(each) for each in names[:_MOST_NAMED]], _MOST_NAMED)
    such_as = "such as " if len(names) > _MOST_NAMED else ""
    raise MissingEvidence(
        "missing_counts",
        f"The source {RANKS} has no rank for {len(names)} of {len(concepts)} concepts ({such_as}{named}): it has "
        f"those of the {len(benchmark_ranks())} concepts of the FoMo-in-Flux streams, as these spell them. Leave the "
        "others out, or count all concepts in another source.",
        dict.fromkeys(pointers),
    )


@cache
def _ranked_by_appearance() -> Mapping[str, tuple[str]]:
    """Return all concepts and class names that have a rank, by what they look like; of several, one."""
    ranked = (*benchmark_ranks(), *(split_concept(each)[1] for each in benchmark_ranks()))
    return {appearance(each): (each,) for each in ranked}


def _missing(each: ClassList) -> list[str]:
    concepts = (join_concept(each.name, name) for name in each.classes)
    return [concept for concept in concepts if concept not in benchmark_ranks()]

"""The streams that the authors of FoMo-in-Flux published, from facts that ship with the library."""

from functools import cache

from concept_orderings.catalogue import CATALOGUE
from concept_orderings.class_lists import stream_classes
from concept_orderings.concepts import join_concept


@cache
def stream_concepts() -> tuple[str, ...]:
    """Return the 18,381 concepts of the benchmark's streams in canonical order: by dataset, then by class name."""
    adaptation = sorted((each for each in CATALOGUE if each.split == "adaptation"), key=lambda each: each.name)
    return tuple(join_concept(each.name, name) for each in adaptation for name in sorted(stream_classes(each) or ()))

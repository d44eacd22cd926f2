"""Reading the words of texts from the term vectors of Elasticsearch, and how a field is analysed from its mapping."""

from collections.abc import Mapping, Sequence
from typing import Any

from worker.evidence.counts.elasticsearch.answers import NotCounted, by_status, may_pass

_REFUSED = 400


def words_of_each(vectors: Sequence[Any], field: str) -> list[dict[int, str]] | NotCounted:
    """Return the words of each text by their positions; the reason if one text has none that can be read.

    Words at one position, as an analyser makes of synonyms, are one.
    """
    words: list[dict[int, str]] = []
    for vector in vectors:
        match vector:
            case {"error": error}:
                # Such as an alias of several indices, of which only a search can be asked.
                return by_status(_REFUSED, error)
            case {"found": True, "term_vectors": Mapping() as found}:
                words.append(_by_position(found.get(field, {}).get("terms", {})))
            case _:
                return may_pass("it answers a text with something other than its words")
    return words


def has_search_analyser(mapping: Mapping[str, Any], field: str) -> bool:
    """Tell whether a field has an analyser for searches alone in one of the indices that a mapping is of."""
    return any(_has_search_analyser(index, field) for index in mapping.values())


def _has_search_analyser(index: object, field: str) -> bool:
    match index:
        case {"mappings": Mapping() as fields}:
            for declared in fields.get(field, {}).get("mapping", {}).values():
                if declared.get("search_analyzer", declared.get("analyzer")) != declared.get("analyzer"):
                    return True
    return False


def _by_position(terms: Mapping[str, Any]) -> dict[int, str]:
    at_position: dict[int, list[str]] = {}
    for term, found in terms.items():
        for token in found.get("tokens", ()):
            at_position.setdefault(int(token["position"]), []).append(term)
    return {position: "|".join(sorted(found)) for position, found in at_position.items()}

"""Answer looks at the benchmark's own ranks. They need no worker, because the library has the ranks."""

import json
from collections.abc import Sequence
from typing import Any

from app.source_schemas import source_resource
from concept_orderings.counts_request import CountsRequest
from concept_orderings.errors import BadParameter, SourceError
from concept_orderings.evidence.ranks import PUBLISHED_AT, RANKS, UNIT, ranks_by_name, shown_unranked
from concept_orderings.text import first_of, shown
from store.sources import ranks_report

_MOST_NAMED = 20


def ranks_answer(request: CountsRequest) -> bytes:
    """Return all ranks of each name as JSON, in the form of a look at counts.

    A name is read as it is written, upper and lower case alike: that is how the ranks were made. It may have 100,000
    names, so call this off the event loop.

    Raises
    ------
    BadParameter
        ``bad_parameter`` if the request asks to count again.
    SourceError
        ``source_incomplete`` for names that no concept of the benchmark has; ``source_refused`` for several spellings
        of one query.
    """
    if request.counted_since:
        detail = f"The source {RANKS} counts nothing again; leave refresh and counted_since out."
        raise BadParameter("bad_parameter", detail, ["/counted_since"])
    names = [_name_of(name, query.spellings) for name, query in zip(request.names, request.queries, strict=True)]
    _check_known(names)
    counts = [_ranked(name, asked) for name, asked in zip(request.names, names, strict=True)]
    source = source_resource(ranks_report()).model_dump()
    return json.dumps({"source": source, "counted_since": "", "counts": counts}).encode()


def _name_of(name: str | None, spellings: Sequence[str]) -> str:
    if name is not None:
        return name
    if len(spellings) != 1:
        named = ", ".join(map(shown, spellings))
        raise SourceError(
            "source_refused",
            f"The source {RANKS} has the ranks of names, and none of several spellings together ({named}): ask for "
            "each by itself.",
        )
    return spellings[0]


def _check_known(names: Sequence[str]) -> None:
    missing = list(dict.fromkeys(name for name in names if name.lower() not in ranks_by_name()))
    if missing:
        named = first_of([*map(shown_unranked, missing[:_MOST_NAMED]), *missing[_MOST_NAMED:]], _MOST_NAMED)
        raise SourceError(
            "source_incomplete",
            f"The source {RANKS} has no rank for {len(missing)} of the requested names: {named}. It has those of the "
            "concepts of the FoMo-in-Flux streams, as these spell them, with their underscores.",
        )


def _ranked(name: str | None, asked: str) -> dict[str, Any]:
    ranks = ranks_by_name()[asked.lower()]
    return {
        "name": name,
        "query": asked,
        "count": min(ranks),
        "unit": UNIT,
        "approximate": False,
        "counted_at": PUBLISHED_AT,
        "asked": True,
        "ranks": [{"rank": rank, "concepts": list(concepts)} for rank, concepts in ranks.items()],
    }

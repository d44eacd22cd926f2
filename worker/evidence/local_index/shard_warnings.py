"""Warnings about the shards of an index, one sentence each: shards without documents, and parts of a numbered set.

They are written when an index is built, and stand in the manifests of the versions that are based on it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice

from concept_orderings.text import first_of, shown
from worker.evidence.local_index.layout import Shard

_MOST_NAMED = 10

_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>[0-9]{1,9})-of-(?P<total>[0-9]{1,9})(?P<after>.*)", re.DOTALL)
"""The name of a shard of a numbered set, such as ``c4-train.00000-of-01024.json.gz``."""


def shard_warnings(shards: Sequence[Shard]) -> tuple[str, ...]:
    """Return the warnings about the shards of an index; they do not depend on the order of the shards."""
    return (*_without_documents(shards), *_parts_of_sets(shards))


def _without_documents(shards: Sequence[Shard]) -> tuple[str, ...]:
    names = sorted(shown(shard.name) for shard in shards if not shard.documents)
    if not names:
        return ()
    have = "has" if len(names) == 1 else "have"
    return (f"{len(names)} of {len(shards)} shards {have} no documents: {first_of(names, _MOST_NAMED)}.",)


def _parts_of_sets(shards: Sequence[Shard]) -> tuple[str, ...]:
    sets: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)
    for shard in shards:
        if name := _NUMBERED.fullmatch(shard.name):
            sets[name["before"], name["total"], name["after"]].add(int(name["number"]))
    found = [_part(*name, sets[name]) for name in sorted(sets)]
    warnings = [each for each in found if each is not None]
    more = len(warnings) - _MOST_NAMED
    rest = [f"{more} more sets of numbered shards are not complete."] if more > 0 else []
    return (*warnings[:_MOST_NAMED], *rest)


def _part(before: str, total: str, after: str, numbers: set[int]) -> str | None:
    """Return the warning about a set of which some shards are not in the index; None if all are."""
    size = int(total)
    # C4 counts from 0; other corpora count from 1.
    first = 1 if 0 not in numbers and size in numbers else 0
    inside = {each for each in numbers if first <= each < first + size}
    if len(inside) == size:
        return None
    # The first few alone: a name may speak of a billion shards.
    missing = (each for each in range(first, first + size) if each not in inside)
    named = [f"{each:0{len(total)}d}" for each in islice(missing, _MOST_NAMED)]
    more = size - len(inside) - len(named)
    return (
        f"{len(inside)} of {size} shards named {shown(f'{before}*-of-{total}{after}')} are in the index; not in it: "
        f"{_listed(named, more)}."
    )


def _listed(named: Iterable[str], more: int) -> str:
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")

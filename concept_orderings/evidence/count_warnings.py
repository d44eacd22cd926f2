"""What a reader should know of the counts that a frequency ordering stands on, one sentence each.

Each function returns a tuple of no or one sentence, and depends on nothing but its arguments.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from concept_orderings.concepts import Concepts
from concept_orderings.queries import Query
from concept_orderings.text import shown

ZEROS_NAMED = 50
EXAMPLES = 10
LARGE_TIE = 10

COMMON_SHARE_OF_DOCUMENTS = 1 / 100
"""A word that is in one document of a hundred is a common one."""

COMMON_SHARE_OF_TOKENS = 1 / 20_000
"""By Zipf's law with about 10 for the harmonic sum, the word of rank r is 1/(10 r) of a text: rank 2,000."""


def tie_groups(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each concept how many have its count, itself included, (n,) int64."""
    _, group, sizes = np.unique(counts, return_inverse=True, return_counts=True)
    return np.asarray(sizes[group], dtype=np.int64)


def zero_counts(counts: NDArray[np.int64], concepts: Concepts) -> tuple[str, ...]:
    """Warn of concepts that the corpus does not have: they are at the rare end, whatever they are."""
    zero = np.flatnonzero(counts == 0)
    if not len(zero):
        return ()
    named = _examples([shown(concepts.ids[i]) for i in zero[:ZEROS_NAMED]], len(zero))
    return (
        f"{len(zero)} of {len(counts)} concepts have a count of 0 {named}: their order among themselves is random.",
    )


def equal_counts(counts: NDArray[np.int64]) -> tuple[str, ...]:
    """Warn of concepts whose places are given by the tie rule and not by how often they occur."""
    values, sizes = np.unique(counts, return_counts=True)
    large = sizes >= LARGE_TIE
    if not large.any():
        return ()
    largest, groups = int(sizes.argmax()), _many(int(large.sum()), "group", "groups")
    return (
        f"{sizes[large].sum()} of {len(counts)} concepts are in {groups} of {LARGE_TIE} or more with equal counts, "
        f"inside which their order is random; the largest has {sizes[largest]} concepts, with a count of "
        f"{values[largest]}.",
    )


def shared_names(concepts: Concepts, queries: Sequence[Query]) -> tuple[str, ...]:
    """Warn of names that several concepts ask, written alike or not, and that are counted once.

    Parameters
    ----------
    concepts
        n concepts.
    queries
        What is asked for each, (n,). Concepts that ask differently share nothing, and nor do those that ask nothing.
    """
    asked: defaultdict[Query, list[str]] = defaultdict(list)
    for name, query in zip(concepts.class_names, queries, strict=True):
        if any(query.spellings):
            asked[query].append(name)
    # The most shared first, and of those the first by name.
    shared = sorted((-len(names), min(names), names) for names in asked.values() if len(names) > 1)
    if not shared:
        return ()
    named = _examples([f"{shown(name)} by {-n}" for n, name, _ in shared[:EXAMPLES]], len(shared))
    forms = [sorted(set(names)) for _, _, names in shared if len(set(names)) > 1]
    unlike = _examples([" and ".join(map(shown, names)) for names in forms[:EXAMPLES]], len(forms))
    written = f", {len(forms)} of them written in several ways {unlike}" if forms else ""
    return (
        f"{_many(len(shared), 'name is asked', 'names are asked')} by several concepts {named}{written}: "
        "counted once, and ranked by the tie rule.",
    )


def common_words(
    counts: Mapping[Query, int], *, documents: int | None = None, tokens: int | None = None
) -> tuple[str, ...]:
    """Warn of queries of one word that is common in the corpus: it mostly means something else there.

    Parameters
    ----------
    counts
        Of each query.
    documents
        How many the corpus has, if they are what is counted.
    tokens
        How many it has, if occurrences are counted. Where neither is known there is no warning.
    """
    if documents:
        least, where = documents * COMMON_SHARE_OF_DOCUMENTS, "in 1 % of the documents or more"
    elif tokens:
        least, where = tokens * COMMON_SHARE_OF_TOKENS, "1 in 20,000 of the tokens or more"
    else:
        return ()
    # The most frequent first, and of those the first by name.
    common = sorted(
        (-count, query.spellings[0]) for query, count in counts.items() if count >= least and _is_one_word(query)
    )
    if not common:
        return ()
    named = _examples([shown(word) for _, word in common[:EXAMPLES]], len(common))
    return (
        f"{_many(len(common), 'name is a single common word', 'names are single common words')}, {where} {named}: "
        "all meanings are counted; queries in the request can name the one that is meant.",
    )


def altered_names(sent: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """Warn of names, or of spellings that the request gives, that were not sent as they are.

    Parameters
    ----------
    sent
        Each with what was sent for it, an empty string if nothing was. What is altered as a name may be sent as it is
        where it is given as a spelling.
    """
    altered = sorted((name, asked) for name, asked in set(sent) if name != asked)
    if not altered:
        return ()
    named = _examples([f"{shown(name)} as {shown(asked)}" for name, asked in altered[:EXAMPLES]], len(altered))
    return (f"{_many(len(altered), 'name was', 'names were')} cut or altered before asking {named}.",)


def approximate_counts(approximate: int, queries: int) -> tuple[str, ...]:
    """Warn of counts that the source itself calls approximate."""
    if not approximate:
        return ()
    return (f"{approximate} of {queries} counts are approximate: the source says so of them.",)


def _is_one_word(query: Query) -> bool:
    return len(query.spellings) == 1 and len(query.spellings[0].split()) == 1


def _many(n: int, one: str, several: str) -> str:
    return f"{n} {one if n == 1 else several}"


def _examples(first: Sequence[str], n: int) -> str:
    """Return the first of n in brackets, and whether there are more."""
    return f"({'such as ' if n > len(first) else ''}{', '.join(first)})"

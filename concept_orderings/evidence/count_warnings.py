"""Warnings about the counts that a frequency ordering uses.

Each function returns a tuple of zero or one warnings, which depends only on its arguments. The sentences stand in
published manifests, so their texts must not change.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np
from numpy.typing import NDArray

from concept_orderings.concepts import Concepts
from concept_orderings.evidence.ties import RANDOM, equal_values
from concept_orderings.look_alikes import told_from
from concept_orderings.queries import Query
from concept_orderings.readings import Reading, Readings, is_unread, words_read
from concept_orderings.stream_warnings import StreamWarning, WarningCode, chosen
from concept_orderings.text import shown

ZEROS_NAMED = 50
"""The most concepts with a count of 0 that a warning names."""

EXAMPLES = 10
"""The most examples in any other warning."""

COMMON_SHARE_OF_DOCUMENTS = 1 / 100
"""A word is common if at least this share of the documents contains it."""

COMMON_SHARE_OF_TOKENS = 1 / 20_000
"""A word is common if it makes up at least this share of the tokens.

By Zipf's law, with a harmonic sum of about 10, the word of rank r makes up 1/(10 r) of a text; this is rank 2,000.
"""


def zero_counts(counts: NDArray[np.int64], concepts: Concepts, *, among: str = RANDOM) -> tuple[StreamWarning, ...]:
    """Warn of concepts that do not occur in the corpus: they come first, however rare they really are."""
    zero = np.flatnonzero(counts == 0)
    if not len(zero):
        return ()
    named = _examples([shown(concepts.ids[i]) for i in zero[:ZEROS_NAMED]], len(zero))
    sentence = (
        f"{len(zero)} of {len(counts)} concepts have a count of 0 {named}: their order among themselves is {among}."
    )
    concerned = chosen(concepts.ids, zero.tolist())
    return (StreamWarning.of(WarningCode.ZERO_COUNTS, sentence, count=len(zero), concepts=concerned),)


def equal_counts(counts: NDArray[np.int64], concepts: Concepts, *, among: str = RANDOM) -> tuple[StreamWarning, ...]:
    """Warn of large groups of equal counts, whose order is random and not by frequency."""
    return equal_values(counts, concepts, WarningCode.EQUAL_COUNTS, one="count", several="counts", among=among)


def equal_ranks(ranks: NDArray[np.int64], concepts: Concepts, *, among: str = RANDOM) -> tuple[StreamWarning, ...]:
    """Warn of large groups of equal ranks, whose order is random and not by frequency."""
    return equal_values(ranks, concepts, WarningCode.EQUAL_RANKS, one="rank", several="ranks", among=among)


def shared_names(concepts: Concepts, queries: Sequence[Query]) -> tuple[StreamWarning, ...]:
    """Warn of queries that several concepts share, so that they have one count.

    Parameters
    ----------
    concepts
        n concepts.
    queries
        The query of each concept, (n,). Concepts with different queries, or with empty ones, share nothing.
    """
    names_by_query: defaultdict[Query, list[str]] = defaultdict(list)
    for name, query in zip(concepts.class_names, queries, strict=True):
        if any(query.spellings):
            names_by_query[query].append(name)
    # By falling number of concepts, then by name.
    shared = sorted((-len(names), min(names), names) for names in names_by_query.values() if len(names) > 1)
    if not shared:
        return ()
    named = _examples([f"{shown(name)} by {-n}" for n, name, _ in shared[:EXAMPLES]], len(shared))
    forms = [sorted(set(names)) for _, _, names in shared if len(set(names)) > 1]
    unlike = _examples([" and ".join(map(shown, names)) for names in forms[:EXAMPLES]], len(forms))
    written = f", {len(forms)} of them written in several ways {unlike}" if forms else ""
    sentence = (
        f"{_many(len(shared), 'name is asked', 'names are asked')} by several concepts {named}{written}: "
        "counted once, and ranked by the tie rule."
    )
    sharing = (name for name, query in zip(concepts.ids, queries, strict=True) if len(names_by_query[query]) > 1)
    return (StreamWarning.of(WarningCode.SHARED_NAMES, sentence, count=len(shared), concepts=sharing),)


def not_asked(concepts: Concepts, queries: Sequence[Query], readings: Readings) -> tuple[StreamWarning, ...]:
    """Warn of concepts in whose query the source reads no word: their count of 0 says nothing.

    Parameters
    ----------
    concepts
        n concepts.
    queries
        The query of each concept, (n,).
    readings
        What the source reads in their spellings, as far as it is known.
    """
    unread = [i for i, query in enumerate(queries) if is_unread(query, readings)]
    if not unread:
        return ()
    named = _examples([shown(concepts.ids[i]) for i in unread[:ZEROS_NAMED]], len(unread))
    sentence = (
        f"The source reads no word of {_many(len(unread), 'concept', 'concepts')} {named}, so it was not asked: a "
        "count of 0 says nothing there; give queries for such names."
    )
    concerned = chosen(concepts.ids, unread)
    return (StreamWarning.of(WarningCode.NOT_ASKED, sentence, count=len(unread), concepts=concerned),)


def shared_words(concepts: Concepts, queries: Sequence[Query], readings: Readings) -> tuple[StreamWarning, ...]:
    """Warn of different queries in which the source reads the same words, so that they have one count.

    Parameters
    ----------
    concepts, queries, readings
        See `not_asked`. Queries without words share nothing.
    """
    members: defaultdict[Query | frozenset[Reading], list[int]] = defaultdict(list)
    for i, query in enumerate(queries):
        if not is_unread(query, readings):
            members[words_read(query, readings)].append(i)
    shared = [group for group in members.values() if len(group) > 1]
    unlike = [group for group in shared if len({queries[i] for i in group}) > 1]
    if not unlike:
        return ()
    # By falling number of ways of writing, then by name.
    forms = sorted((sorted({" or ".join(queries[i].spellings) for i in group}) for group in unlike), key=_most_first)
    named = _examples([" and ".join(_told_from_each_other(each)) for each in forms[:EXAMPLES]], len(forms))
    sentence = (
        f"{sum(map(len, shared))} concepts share the words that the source reads with another one, in "
        f"{_many(len(shared), 'group', 'groups')}, {len(unlike)} of them written in several ways {named}: each "
        "group is counted once, and ranked by the tie rule."
    )
    concerned = chosen(concepts.ids, sorted(i for group in unlike for i in group))
    return (StreamWarning.of(WarningCode.SHARED_WORDS, sentence, count=len(shared), concepts=concerned),)


def common_words(
    counts: Mapping[Query, int],
    concepts: Concepts,
    queries: Sequence[Query],
    *,
    documents: int | None = None,
    tokens: int | None = None,
) -> tuple[StreamWarning, ...]:
    """Warn of queries of one word that is common in the corpus, because most of its uses mean something else.

    Parameters
    ----------
    counts
        The count of each query.
    concepts
        n concepts.
    queries
        The query of each concept, (n,).
    documents
        Number of documents in the corpus, if documents are counted.
    tokens
        Number of tokens in the corpus, if occurrences are counted. Without either number there is no warning.
    """
    if documents:
        least, where = documents * COMMON_SHARE_OF_DOCUMENTS, "in 1 % of the documents or more"
    elif tokens:
        least, where = tokens * COMMON_SHARE_OF_TOKENS, "1 in 20,000 of the tokens or more"
    else:
        return ()
    # By falling count, then by name.
    common = sorted(
        (-count, query.spellings[0]) for query, count in counts.items() if count >= least and _is_one_word(query)
    )
    if not common:
        return ()
    named = _examples([shown(word) for _, word in common[:EXAMPLES]], len(common))
    sentence = (
        f"{_many(len(common), 'name is a single common word', 'names are single common words')}, {where} {named}: "
        "all meanings are counted; queries in the request can name the one that is meant."
    )
    words = {(word,) for _, word in common}
    concerned = (name for name, query in zip(concepts.ids, queries, strict=True) if query.spellings in words)
    return (StreamWarning.of(WarningCode.COMMON_WORDS, sentence, count=len(common), concepts=concerned),)


def altered_names(sent: Iterable[tuple[str, str, str]]) -> tuple[StreamWarning, ...]:
    """Warn of names and spellings that were altered before they were sent to the source.

    Parameters
    ----------
    sent
        A concept, its name or a spelling, and the text that was sent for it, which is empty if nothing was sent; the
        concepts in canonical order. One text may be altered as a name and sent unchanged as a spelling.
    """
    concerned = dict[str, None]()
    pairs = set[tuple[str, str]]()
    for concept, name, text in sent:
        if name != text:
            concerned[concept] = None
            pairs.add((name, text))
    if not pairs:
        return ()
    altered = sorted(pairs)
    named = _examples([f"{shown(name)} as {shown(text)}" for name, text in altered[:EXAMPLES]], len(altered))
    sentence = f"{_many(len(altered), 'name was', 'names were')} cut or altered before asking {named}."
    return (StreamWarning.of(WarningCode.ALTERED_NAMES, sentence, count=len(altered), concepts=concerned),)


def approximate_counts(
    approximate: Set[Query], counted: int, concepts: Concepts, queries: Sequence[Query]
) -> tuple[StreamWarning, ...]:
    """Warn of counts that the source reports as approximate.

    Parameters
    ----------
    approximate
        The queries with such a count.
    counted
        The number of all distinct queries.
    concepts
        n concepts.
    queries
        The query of each concept, (n,).
    """
    if not approximate:
        return ()
    sentence = f"{len(approximate)} of {counted} counts are approximate: the source says so of them."
    concerned = (name for name, query in zip(concepts.ids, queries, strict=True) if query in approximate)
    return (StreamWarning.of(WarningCode.APPROXIMATE_COUNTS, sentence, count=len(approximate), concepts=concerned),)


def _is_one_word(query: Query) -> bool:
    return len(query.spellings) == 1 and len(query.spellings[0].split()) == 1


def _many(n: int, one: str, several: str) -> str:
    return f"{n} {one if n == 1 else several}"


def _told_from_each_other(forms: Sequence[str]) -> list[str]:
    first = forms[:EXAMPLES]
    return [told_from(each, first) for each in first]


def _most_first(forms: Sequence[str]) -> tuple[int, Sequence[str]]:
    return -len(forms), forms


def _examples(first: Sequence[str], n: int) -> str:
    """Return examples in brackets, after "such as" if they are fewer than all n."""
    return f"({'such as ' if n > len(first) else ''}{', '.join(first)})"

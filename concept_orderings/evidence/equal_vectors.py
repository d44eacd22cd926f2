"""Concepts that the embeddings do not tell apart, because their quantised vectors are equal.

Orderings rank them by their keys, so their order among themselves is random, whatever the concepts are. There are two
reasons. Two datasets may have the same class name and the same template, so that the captions are equal. Or the encoder
gives different captions one vector: one without capitals and accents, or without the letters of a language.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from unicodedata import combining, normalize

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.concepts import Concepts
from concept_orderings.evidence.captions import captions_of_concept
from concept_orderings.stream_warnings import StreamWarning, WarningCode, chosen
from concept_orderings.text import first_of, shown

GROUPS_NAMED, CONCEPTS_NAMED = 5, 5
"""The most groups that a warning names, and the most concepts of each."""

_TOKENS_READ = 75  # of a caption, by CLIP's encoders
_ROWS = 1024  # hashed or compared at a time
_Groups = Sequence[Sequence[int]]


def may_have_equal_vectors(concepts: Concepts) -> bool:
    """Tell whether an encoder may give two concepts the same vector, as far as their captions show.

    Encoders without capitals, accents or some letters, and with a limit of 75 tokens, are allowed for.
    """
    seen = set[tuple[str, ...]]()
    for i in range(len(concepts)):
        read = tuple(sorted(map(_as_read, captions_of_concept(concepts, i))))
        if read in seen:
            return True
        seen.add(read)
    return False


def _as_read(caption: str) -> str:
    """Return what any encoder reads of a caption: a token has at least one character, and another letter may be ?."""
    plain = "".join(each for each in normalize("NFKD", caption.casefold()) if not combining(each))
    return " ".join(plain.encode("ascii", "replace").decode().split())[:_TOKENS_READ]


def first_equal_rows(vectors: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return for each vector the position of the first one that is equal to it, (n,) int64.

    Rows are sorted by a hash of 64 bits, and those with equal hashes are compared with each other. Time and memory grow
    with n and not with n²; the memory is 24 bytes a vector.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
        From `concept_orderings.path.quantise`.
    """
    hashes = _hashes(vectors)
    # Stable, so that the first of a run of equal hashes is the one with the smallest position.
    by_hash = np.argsort(hashes, kind="stable")
    sorted_hashes = hashes[by_hash]
    starts = np.flatnonzero(np.concatenate(([True], sorted_hashes[1:] != sorted_hashes[:-1])))
    ends = np.append(starts[1:], len(by_hash))
    first = np.empty(len(by_hash), dtype=np.int64)
    first[by_hash] = by_hash[np.repeat(starts, ends - starts)]
    for start in set(np.searchsorted(starts, _collided(vectors, first, by_hash), side="right").tolist()):
        run = by_hash[starts[start - 1] : ends[start - 1]]
        first[run] = _first_by_bytes(vectors, run)
    return first


def _hashes(vectors: NDArray[np.int16]) -> NDArray[np.uint64]:
    """Return a hash of each row: the sum of its numbers times odd random factors, modulo 2^64."""
    factors = np.random.default_rng(0).integers(0, 2**64, vectors.shape[1], dtype=np.uint64) | np.uint64(1)
    hashes = np.empty(len(vectors), dtype=np.uint64)
    for start in range(0, len(vectors), _ROWS):
        hashes[start : start + _ROWS] = vectors[start : start + _ROWS].astype(np.int64).view(np.uint64) @ factors
    return hashes


def _collided(vectors: NDArray[np.int16], first: NDArray[np.int64], by_hash: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places in `by_hash` of rows that differ from the first one with their hash: hardly ever any."""
    doubtful = np.flatnonzero(first[by_hash] != by_hash)
    collided = np.empty(len(doubtful), dtype=np.bool_)
    for start in range(0, len(doubtful), _ROWS):
        rows = by_hash[doubtful[start : start + _ROWS]]
        collided[start : start + _ROWS] = (vectors[rows] != vectors[first[rows]]).any(axis=1)
    return np.asarray(doubtful[collided], dtype=np.int64)


def _first_by_bytes(vectors: NDArray[np.int16], run: NDArray[np.int64]) -> list[int]:
    firsts: dict[bytes, int] = {}
    return [firsts.setdefault(vectors[i].tobytes(), i) for i in run.tolist()]


def vector_warnings(concepts: Concepts, vectors: NDArray[np.int16]) -> tuple[StreamWarning, ...]:
    """Warn of concepts with equal captions, and of concepts with equal vectors though their captions differ.

    The sentences stand in published manifests: never change their texts.

    Parameters
    ----------
    concepts
        n concepts.
    vectors : ndarray of int16, shape (n, d)
        From `concept_orderings.path.quantise`.
    """
    equal_captions: list[Sequence[int]] = []
    equal_vectors: list[Sequence[int]] = []
    for group in _groups(first_equal_rows(vectors)):
        by_captions = defaultdict[object, list[int]](list)
        for i in group:
            # Embeddings may be passed without templates: then it is not known which captions are equal.
            by_captions[captions_of_concept(concepts, i) or i].append(i)
        equal_captions += [each for each in by_captions.values() if len(each) > 1]
        if len(by_captions) > 1:
            equal_vectors.append(group)
    return (*_equal_captions(concepts, equal_captions), *_equal_vectors(concepts, equal_vectors))


def vector_columns(concepts: Concepts, vectors: NDArray[np.int16]) -> dict[str, Sequence[Json]]:
    """Return what tasks show of the embedding of each concept, by name, each (n,).

    ``caption`` is the only caption, or ``captions`` the number of several. ``shares_vector_with`` is the number of
    other concepts with an equal vector, where there are any.
    """
    first = first_equal_rows(vectors)
    others = (np.bincount(first)[first] - 1).tolist()
    own = [captions_of_concept(concepts, i) for i in range(len(concepts))]
    return {
        "caption": [each[0] if len(each) == 1 else None for each in own],
        "captions": [len(each) if len(each) > 1 else None for each in own],
        "shares_vector_with": [n or None for n in others],
    }


def _groups(first: NDArray[np.int64]) -> Iterator[list[int]]:
    """Yield the positions with equal vectors, for each vector that is there more than once."""
    members = np.flatnonzero(np.bincount(first)[first] > 1)
    by_group = members[np.argsort(first[members], kind="stable")]
    ends = np.flatnonzero(np.diff(first[by_group])) + 1
    yield from (group.tolist() for group in np.split(by_group, ends) if len(group))


def _equal_captions(concepts: Concepts, groups: _Groups) -> tuple[StreamWarning, ...]:
    if not groups:
        return ()
    members = sorted(i for group in groups for i in group)
    sentence = (
        f"{len(members)} of {len(concepts)} concepts have the same captions as another concept, and so the same "
        f"embedding, in {_many(len(groups), 'group')} ({_named(concepts, groups)}): their order among themselves is "
        "random. Give their datasets different templates to tell them apart."
    )
    return (_warning(WarningCode.EQUAL_CAPTIONS, sentence, concepts, members),)


def _equal_vectors(concepts: Concepts, groups: _Groups) -> tuple[StreamWarning, ...]:
    if not groups:
        return ()
    members = sorted(i for group in groups for i in group)
    sentence = (
        f"{len(members)} of {len(concepts)} concepts have the same embedding as another concept with other captions, "
        f"in {_many(len(groups), 'group')} ({_named(concepts, groups)}): the embeddings do not tell them apart, and "
        "their order among themselves is random. Use another encoder, or give names in a language and a spelling that "
        "the encoder tells apart."
    )
    return (_warning(WarningCode.EQUAL_VECTORS, sentence, concepts, members),)


def _warning(code: WarningCode, sentence: str, concepts: Concepts, members: Sequence[int]) -> StreamWarning:
    return StreamWarning.of(code, sentence, count=len(members), concepts=chosen(concepts.ids, members))


def _named(concepts: Concepts, groups: _Groups) -> str:
    """Return the largest groups, of equal ones that with the first concept, each with its first concepts."""
    largest = sorted(groups, key=lambda group: (-len(group), group[0]))[:GROUPS_NAMED]
    named = [f"{len(group)}: {first_of([shown(concepts.ids[i]) for i in group], CONCEPTS_NAMED)}" for group in largest]
    return ("the largest have " if len(groups) > GROUPS_NAMED else "") + "; ".join(named)


def _many(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"

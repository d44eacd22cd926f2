"""Find the dataset of the catalogue, or the class of its list, that a name was probably meant to be."""

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from functools import cache

import numpy as np

from concept_orderings.catalogue import CATALOGUE, KnownDataset, find_dataset
from concept_orderings.class_lists import class_list
from concept_orderings.look_alikes import shown_beside
from concept_orderings.plain_names import plain as in_plain_letters
from concept_orderings.text import shown

_LEAST_RATIO = 0.7  # crane and crane bird; at 0.6, the default of difflib, apple is like airplane
_MOST_COMPARED = 10  # of the names that share most pairs of characters
_LONGEST = 80
_FEWEST_LETTERS = 5
"""A word of fewer letters is most often another word if one of them is another: cars and clrs."""

_OTHER_NAMES = {
    "imagenet": ("imagenet1k", "ilsvrc2012", "imagenet2012"),
    "imagenet_s": ("imagenetsketch",),
    "cub200": ("caltechucsdbirds200", "caltechucsdbirds2002011"),
    "cars196": ("stanfordcars",),
    "dtd": ("describabletextures",),
    "flowers102": ("oxfordflowers102",),
    "inaturalist2021": ("inat2021",),
    "oxford_pets": ("oxfordiiitpet", "oxfordiiitpets"),
    "resisc45": ("nwpuresisc45",),
}
"""By handle, further names that a dataset has in public, as `plain` gives them."""

_OTHER_DATASETS = frozenset({"emnist", "kmnist", "qmnist", "imagenetc", "imageneto", "imagenetp"})
"""Public datasets that are not in the catalogue, and have names that are one letter from one that is."""


def plain(name: str) -> str:
    """Return what is left of a name without case, spaces and punctuation; the name itself if that is nothing.

    Its letters are those of running text, so that ``dоg`` with a Cyrillic о, and full-width letters, are plain too.
    """
    return "".join(filter(str.isalnum, in_plain_letters(name).casefold())) or name


class NearestNames:
    """Finds the nearest of some names fast, however many there are: only a few are compared letter by letter.

    Parameters
    ----------
    names
        Of equally near ones, the first counts.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._plain = [plain(each) for each in self._names]
        self._lengths = np.array([len(each) for each in self._plain], np.float64)
        self._alike = dict(zip(reversed(self._plain), reversed(self._names), strict=True))
        with_pair: dict[str, list[int]] = {}
        for i, each in enumerate(self._plain):
            for pair in _pairs(each):
                with_pair.setdefault(pair, []).append(i)
        self._with_pair = {pair: np.array(places, np.intp) for pair, places in with_pair.items()}

    def nearest(self, name: str) -> str | None:
        """Return the name that differs in case, spaces and punctuation alone, or else the one most like it.

        None if nothing is like it. Only the first 80 characters are compared.
        """
        wanted = plain(name[:_LONGEST])
        if (alike := self._alike.get(wanted)) is not None:
            return alike
        matcher = SequenceMatcher(b=wanted, autojunk=False)
        ratios: dict[int, float] = {}
        for i in self._candidates(wanted):
            matcher.set_seq1(self._plain[i])
            ratios[i] = matcher.ratio()
        best = min(ratios, key=lambda i: (-ratios[i], i), default=None)
        return self._names[best] if best is not None and ratios[best] >= _LEAST_RATIO else None

    def _candidates(self, wanted: str) -> list[int]:
        """Return the places of the names that share most pairs of characters with a text."""
        found = [self._with_pair[pair] for pair in _pairs(wanted) if pair in self._with_pair]
        if not found:
            return []
        shared = np.bincount(np.concatenate(found), minlength=len(self._names))
        likeness = shared / (len(wanted) + self._lengths)
        best: list[int] = np.argsort(-likeness, kind="stable")[:_MOST_COMPARED].tolist()
        return [i for i in best if shared[i]]


def nearest_class(dataset: KnownDataset, name: str) -> str | None:
    """Return the class of a dataset's list that is most like a name; None if none is, or there is no list."""
    return _classes(dataset).nearest(name)


def nearest_dataset(name: str) -> str | None:
    """Return the handle of the dataset that a name was meant to be, or is most like; None if none is like it."""
    if (meant := meant_dataset(name)) is not None:
        return meant.handle
    return _without_numbers().get(plain(name)) or _datasets().nearest(name)


def shown_beside_dataset(name: str, handle: str | None) -> str:
    """Quote a name that the catalogue does not have; if it looks the same as one of a dataset's, say how it differs.

    Parameters
    ----------
    name
        The name.
    handle
        The dataset that it was probably meant to be, if there is one.
    """
    known = None if handle is None else find_dataset(handle)
    # Spaces at the ends of a name show in its quotation marks.
    return shown(name) if known is None or name.isascii() else shown_beside(name, (known.handle, known.name))


def meant_dataset(name: str) -> KnownDataset | None:
    """Return the dataset of which a name is another spelling, or a name with one slip of the pen; None for any other.

    A private dataset may have a name that is like one of the catalogue. So, unlike `nearest_dataset`, this tells words
    and numbers apart: ``flower102`` is meant to be ``flowers102``, and neither ``imagenet_c`` nor ``imagenet100`` is
    meant to be ``imagenet``.
    """
    if (spelt := _spellings().get(plain(name))) is not None:
        return spelt
    words = _words(name)
    if len(words) > _LONGEST or plain(name) in _OTHER_DATASETS:
        return None
    near = (each for form in _one_less(words) for each in _slips().get(form, ()))
    return next((known for right, known in near if _is_slip(words, right)), None)


def _is_slip(words: str, right: str) -> bool:
    """Tell whether words differ by one letter that is added, left out, replaced, or swapped with the next one."""
    one, other = words.split(), right.split()
    if len(one) != len(other) or re.sub(r"\D", " ", words).split() != re.sub(r"\D", " ", right).split():
        return False
    different = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    if len(different) != 1 or min(len(re.sub(r"\d", "", each)) for each in different[0]) < _FEWEST_LETTERS:
        return False
    a, b = different[0]
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest_a, rest_b = a[start:], b[start:]
    return (
        rest_a[1:] == rest_b[1:]
        or rest_a[1:] == rest_b
        or rest_a == rest_b[1:]
        or (rest_a[:2] == rest_b[1::-1] and rest_a[2:] == rest_b[2:])
    )


def _words(name: str) -> str:
    """Return the words of a name in lower case, with one space between them."""
    return " ".join(re.findall(r"[^\W_]+", in_plain_letters(name).casefold()))


def _names_of(known: KnownDataset) -> Iterator[str]:
    yield from (known.handle, known.name, known.title, *_OTHER_NAMES.get(known.handle, ()))


def _pairs(text: str) -> set[str]:
    """Return the pairs of neighbouring characters of a text, with marks for its ends."""
    marked = f" {text} "
    return {marked[i : i + 2] for i in range(len(marked) - 1)}


def _one_less(words: str) -> Iterator[str]:
    """Yield a text, and the text without each of its characters: two texts with one slip between them share one."""
    yield words
    for i in range(len(words)):
        yield words[:i] + words[i + 1 :]


@cache
def _classes(dataset: KnownDataset) -> NearestNames:
    return NearestNames(class_list(dataset) or ())


@cache
def _datasets() -> NearestNames:
    return NearestNames(each.handle for each in CATALOGUE)


@cache
def _without_numbers() -> dict[str, str]:
    """Return the handles of datasets by what is left without their digits: people say "flowers"."""
    return {re.sub(r"\d", "", plain(each.handle)): each.handle for each in reversed(CATALOGUE)}


@cache
def _spellings() -> dict[str, KnownDataset]:
    return {plain(name): each for each in CATALOGUE for name in _names_of(each)}


@cache
def _slips() -> dict[str, list[tuple[str, KnownDataset]]]:
    found: dict[str, list[tuple[str, KnownDataset]]] = {}
    for each in CATALOGUE:
        for words in {_words(name): None for name in _names_of(each)}:
            for form in _one_less(words):
                found.setdefault(form, []).append((words, each))
    return found

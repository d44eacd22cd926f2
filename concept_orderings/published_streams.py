"""Streams that others have published, by name: those of FoMo-in-Flux, and the class orders of iCaRL.

Most are permutations that ship with the library (`concept_orderings.data`); some follow from another by a recipe.

FoMo-in-Flux (arXiv 2408.14471): ``fomo/`` and the name of the benchmark's file. Published reversals are the exact
reverse of a file, so they are no streams of their own. ``fomo/frequency_base`` is not among the files: it is the list
of which ``fomo/frequency_sequence_1`` is a stable sort.

iCaRL (arXiv 1611.07725): ``icarl/`` and a dataset. The order of classes that much work on class-incremental learning
uses: the permutation that NumPy's legacy generator makes of the labels with the seed 1993.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial

from concept_orderings.canonical import sha256_hex
from concept_orderings.catalogue import CATALOGUE, find_dataset
from concept_orderings.class_lists import class_list, stream_classes
from concept_orderings.concepts import join_concept, split_concept
from concept_orderings.data import PERFORMANCE, PERMUTATIONS, read_numbers
from concept_orderings.look_alikes import shown_beside
from concept_orderings.text import nearest
from concept_orderings.twister import numpy_permutation, python_shuffled

FREQUENCY_BASE = "fomo/frequency_base"

_FOMO = "FoMo-in-Flux, arXiv 2408.14471"
_ICARL = "iCaRL, arXiv 1611.07725"
_CHUNK = 2_000
_CHUNKS = (9, 7, 6, 2, 0, 3, 8, 5, 1, 4)
_ICARL_SEED = 1993
_LONGEST_COMPARED = 80


@dataclass(frozen=True)
class PublishedStream:
    """A stream that others have published.

    Attributes
    ----------
    name : str
        Its name in requests.
    summary : str
        What it is, in one sentence.
    recipe : str
        How its order was made, as far as it is known; empty if the order itself ships with the library.
    origin : str
        Who published it.
    concepts : int
        Number of concepts.
    make : callable without arguments
        Returns the concepts in order, each ``DATASET+++class name``.
    """

    name: str
    summary: str
    recipe: str
    origin: str
    concepts: int
    make: Callable[[], Sequence[str]]


@cache
def stream_concepts() -> tuple[str, ...]:
    """Return the 18,381 concepts of the benchmark's streams in canonical order: by dataset, then by class name."""
    adaptation = sorted((each for each in CATALOGUE if each.split == "adaptation"), key=lambda each: each.name)
    return tuple(join_concept(each.name, name) for each in adaptation for name in sorted(stream_classes(each) or ()))


@lru_cache(maxsize=8)
def published_order(name: str) -> tuple[str, ...]:
    """Return the concepts of a stream in its order, each ``DATASET+++class name``.

    Raises
    ------
    KeyError
        If there is no such stream; see `PUBLISHED_STREAMS` and `no_such_stream`.
    """
    return tuple(PUBLISHED_STREAMS[name].make())


@cache
def published_digest(name: str) -> str:
    """Return the SHA-256 of a stream's order as the FoMo-in-Flux code reads it; raises as `published_order`."""
    # Late, because exporters read requests, which may name the streams here.
    from concept_orderings.exporters.fomo import fomo_list  # noqa: PLC0415

    return sha256_hex(fomo_list(published_order(name)))


def no_such_stream(name: str) -> str:
    """Return the sentences for a name that no published stream has, with the nearest of the names."""
    close = nearest(name[:_LONGEST_COMPARED], list(PUBLISHED_STREAMS))
    hint = f"; did you mean {close}?" if close else "."
    reversal = " A published reversal is its stream with `reverse`." if "reverse" in name else ""
    everything = f"GET /v1/published lists all {len(PUBLISHED_STREAMS)}."
    return f"There is no published stream {shown_beside(name, PUBLISHED_STREAMS)}{hint}{reversal} {everything}"


def group_names(name: str) -> list[str] | None:
    """Return the year or the dataset of each concept of `stream_concepts`, if a packed stream keeps those whole.

    Parameters
    ----------
    name
        One of `concept_orderings.data.PERMUTATIONS`.
    """
    datasets = [split_concept(concept)[0] for concept in stream_concepts()]
    if name.startswith("time_incremental_dschunked"):
        return datasets
    if name.startswith("time_incremental_rsagg"):
        years = {each.name: str(each.year) for each in CATALOGUE}
        return [years[each] for each in datasets]
    return None


def _packed(name: str) -> list[str]:
    concepts, groups, numbers = stream_concepts(), group_names(name), read_numbers(name).tolist()
    if groups is None:
        return [concepts[i] for i in numbers]
    left: dict[str, list[str]] = {each: [] for each in sorted(set(groups))}
    for concept, group in zip(concepts, groups, strict=True):
        left[group].append(concept)
    in_order = [list(left.values())[i] for i in numbers[: len(left)]]
    places = iter(numbers[len(left) :])
    return [group.pop(next(places)) for group in in_order for _ in range(len(group))]


def _frequency_base() -> list[str]:
    easy_to_hard = published_order(f"fomo/{PERFORMANCE}")
    # The first chunk has one concept more than the others.
    cuts = [0, *range(_CHUNK + 1, len(easy_to_hard), _CHUNK), len(easy_to_hard)]
    return [concept for i in _CHUNKS for concept in easy_to_hard[cuts[i] : cuts[i + 1]]]


def _frequency_sequence() -> list[str]:
    # Late, because that module reads the concepts here.
    from concept_orderings.evidence.ranks import benchmark_ranks  # noqa: PLC0415

    return sorted(published_order(FREQUENCY_BASE), key=benchmark_ranks().__getitem__)


def _random_sequence(k: int) -> list[str]:
    order: Sequence[str] = published_order(f"fomo/{PERFORMANCE}")
    for i in range(k):
        order = python_shuffled(order, 5 * i)
    return list(order)


def _class_order(handle: str, of: int, first: int) -> list[str]:
    dataset = find_dataset(handle)
    classes = class_list(dataset) if dataset is not None else None
    if dataset is None or classes is None or len(classes) != of:
        raise ValueError(f"the class list of {handle} has not {of} classes")
    return [join_concept(dataset.name, classes[i]) for i in numpy_permutation(of, _ICARL_SEED)[:first]]


def _fomo(
    file: str, summary: str, recipe: str = "", make: Callable[[], Sequence[str]] | None = None
) -> PublishedStream:
    return PublishedStream(f"fomo/{file}", summary, recipe, _FOMO, 18_381, make or partial(_packed, file))


def _icarl(name: str, handle: str, of: int, first: int, summary: str) -> PublishedStream:
    part = "" if first == of else f"the first {first} of "
    recipe = f"{part}numpy.random.RandomState({_ICARL_SEED}).permutation({of}) of the labels"
    return PublishedStream(f"icarl/{name}", summary, recipe, _ICARL, first, partial(_class_order, handle, of, first))


def _all_streams() -> list[PublishedStream]:
    summaries = {
        "similarity": "Each concept followed by a similar one.",
        "time_incremental_rsagg": "By the year of the dataset, the concepts of a year mixed.",
        "time_incremental_dschunked": "By the year of the dataset, each dataset kept whole.",
    }
    packed = [name for name in PERMUTATIONS if name != PERFORMANCE]
    return [
        _fomo(PERFORMANCE, "Easy to hard, by scores that were not published."),
        _fomo(
            "frequency_base",
            "The list that was sorted by frequency.",
            f"fomo/{PERFORMANCE} cut after its first {_CHUNK + 1} concepts and then after each {_CHUNK}, the pieces in "
            f"the order {', '.join(map(str, _CHUNKS))}",
            _frequency_base,
        ),
        _fomo(
            "frequency_sequence_1",
            "Rare to frequent, by counts that were not published.",
            "fomo/frequency_base, sorted by the ranks of the source fomo-c4-ranks, equal ones as they stand",
            _frequency_sequence,
        ),
        *(
            _fomo(
                f"random_sequence_{k}",
                "Shuffled.",
                f"random.Random({5 * (k - 1)}).shuffle of fomo/{PERFORMANCE if k == 1 else f'random_sequence_{k - 1}'}",
                partial(_random_sequence, k),
            )
            for k in range(1, 6)
        ),
        *(_fomo(name, next(text for kind, text in summaries.items() if name.startswith(kind))) for name in packed),
        _icarl("cifar100", "cifar100", 100, 100, "The classes of CIFAR-100 in iCaRL's order."),
        _icarl("imagenet100", "imagenet", 1_000, 100, "100 classes of ImageNet in iCaRL's order."),
        _icarl("imagenet1000", "imagenet", 1_000, 1_000, "The classes of ImageNet in iCaRL's order."),
    ]


PUBLISHED_STREAMS: Mapping[str, PublishedStream] = {each.name: each for each in _all_streams()}
"""All published streams by name."""

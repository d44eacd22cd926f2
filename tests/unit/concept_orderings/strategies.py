"""Hypothesis strategies for requests, and helpers for them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from concept_orderings.catalogue import CATALOGUE, canonical_name, find_dataset
from concept_orderings.concepts import ClassList, Concepts, class_lists_of, gather_concepts
from concept_orderings.evidence import Evidence, Need
from concept_orderings.evidence.base import Values
from concept_orderings.evidence.counts import counts_of
from concept_orderings.evidence.samples import Samples, average_samples
from concept_orderings.evidence.scores import scores_of
from concept_orderings.evidence.years import years_of
from concept_orderings.faults import Faults
from concept_orderings.orderings import ORDERINGS, Parameter, parse_ordering
from concept_orderings.orderings.groups import OrdersGroups
from concept_orderings.parameters import SEED, WITHIN
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.text import shows_something
from concept_orderings.training import POOLS, RULES

Body = dict[str, Any]

GROUPS = [kind for kind, each in ORDERINGS.items() if issubclass(each, OrdersGroups)]
"""The orderings inside whose groups another one may stand."""

PLAIN_CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"])
# Plus signs, slashes and tildes matter to the notation of concepts and of JSON pointers: make them frequent.
NAME_CHARACTERS = PLAIN_CHARACTERS | st.sampled_from("ab+/~{} ")

class_names = st.text(NAME_CHARACTERS, min_size=1, max_size=6).filter(
    lambda name: shows_something(name) and "+++" not in name
)
unknown_dataset_names = class_names.filter(lambda name: not name.endswith("+") and find_dataset(name) is None)
known_dataset_names = st.sampled_from([name for each in CATALOGUE for name in (each.handle, each.name)])
dataset_names = unknown_dataset_names | known_dataset_names
years = st.integers(1990, 2005)
scores = st.floats(-1e6, 1e6) | st.integers(0, 3)
counts = st.integers(0, 3) | st.integers(0, 2**53 - 1)
samples = st.integers(1, 9) | st.integers(1, 10**12)
seeds = st.integers(-3, 3) | st.integers(-(2**53) + 1, 2**53 - 1)
templates = st.text(PLAIN_CHARACTERS, max_size=6).map(lambda text: f"{text}{{}}.")
ensembles = templates | st.lists(templates, min_size=1, max_size=4, unique=True)


OF_ANY_CONCEPTS = tuple(kind for kind, each in ORDERINGS.items() if not each.has_own_concepts)
"""The orderings that order concepts of any names."""


@st.composite
def class_lists(draw: st.DrawFn) -> Body:
    """Draw a dataset with every kind of evidence."""
    classes = draw(st.lists(class_names, min_size=1, max_size=5, unique=True))
    return draw(with_evidence(draw(dataset_names), classes))


@st.composite
def with_evidence(draw: st.DrawFn, name: str, classes: Sequence[str]) -> Body:
    """Draw the evidence of a dataset with these classes."""
    return {
        "name": name,
        "classes": list(classes),
        "year": draw(years),
        "template": draw(ensembles),
        "scores": draw(scores | st.fixed_dictionaries(dict.fromkeys(classes, scores))),
        "counts": {name: draw(counts) for name in classes},
        **draw(st.fixed_dictionaries({}, optional={"samples": samples_of(classes)})),
    }


def samples_of(classes: Sequence[str]) -> st.SearchStrategy[int | str | dict[str, int]]:
    """Draw samples of classes: one number, an average, or a number for each."""
    averages = st.tuples(samples, st.integers(1, 9)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return samples | averages | st.fixed_dictionaries(dict.fromkeys(classes, samples))


def datasets(max_size: int = 4) -> st.SearchStrategy[list[Body]]:
    """Draw several distinct datasets."""
    return st.lists(class_lists(), min_size=1, max_size=max_size, unique_by=lambda each: canonical_name(each["name"]))


@st.composite
def own_datasets(draw: st.DrawFn, ordering: Body) -> list[Body]:
    """Draw some of the concepts that an ordering has of its own."""
    parsed, _ = parse_ordering(ordering, Faults())
    assert parsed is not None
    concepts = draw(st.lists(st.sampled_from(parsed.own_concepts()), min_size=1, max_size=8, unique=True))
    return [draw(with_evidence(each.name, each.classes)) for each in grouped(concepts)]


def example_of(kind: str) -> Body:
    """Return an ordering of a kind that has the parameters that it must have."""
    return {"kind": kind, **{each.name: each.choices[0] for each in ORDERINGS[kind].parameters() if each.required}}


def _strings(each: Parameter) -> st.SearchStrategy[str]:
    if each.name == "stream":
        return st.sampled_from(_STREAMS)
    if each.choices:
        return st.sampled_from(each.choices)
    return st.from_regex(re.compile(each.pattern, re.ASCII), fullmatch=True) if each.pattern else class_names


# Parameters of sources; the requests made here contain their counts and scores.
_OF_A_SOURCE = ("source", "sources", "counted_since", "refresh", "query_form")


_LISTS = ("order", "ties", "datasets_in_order")

# Streams whose orders are made in milliseconds.
_STREAMS = ("fomo/performance_sequence_1", "fomo/time_incremental_rsagg_1", "icarl/cifar100")

# Rounds of refining: 1,000 of them take seconds where nothing is compiled, and show no more than a few do.
_MOST = {"refine": 5}


def _between(least: int, most: int, value: int) -> int:
    return min(max(value, least), most)


@st.composite
def orderings(draw: st.DrawFn, kinds: Sequence[str] = tuple(ORDERINGS)) -> Body:
    """Draw an ordering with some of its parameters."""
    kind = draw(st.sampled_from(kinds))
    body: Body = {"kind": kind}
    for each in ORDERINGS[kind].parameters():
        # The parameters that list concepts or datasets cannot be drawn here, where these are not known.
        if each.name in (*_OF_A_SOURCE, *_LISTS, WITHIN) or not (each.required or draw(st.booleans())):
            continue
        body[each.name] = draw(
            {
                "boolean": st.booleans(),
                "integer": seeds.map(partial(_between, each.minimum, _MOST.get(each.name, each.maximum))),
                "integer or string": st.just(each.default) | st.integers(each.minimum, 5),
                "string": _strings(each),
            }[each.type]
        )
    return body


@st.composite
def requests(draw: st.DrawFn, kinds: Sequence[str] = tuple(ORDERINGS)) -> Body:
    """Draw a valid request that needs no evidence from outside except embeddings."""
    ordering = draw(orderings(kinds))
    lists = draw(own_datasets(ordering) if ORDERINGS[ordering["kind"]].has_own_concepts else datasets())
    n = sum(len(each["classes"]) for each in lists)
    tasks = draw(
        st.integers(1, n).map(lambda count: {"count": count})
        | st.sampled_from([{"by": "dataset"}, {"by": "year"}])
        | balanced_tasks(lists, n)
        | compositions(n).map(lambda sizes: {"sizes": sizes})
    )
    name = draw(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,10}", fullmatch=True))
    training = draw(st.fixed_dictionaries({}, optional={"training": trainings()}))
    return {"name": name, "datasets": lists, "ordering": ordering, "tasks": tasks, **training}


@st.composite
def trainings(draw: st.DrawFn) -> Body:
    """Draw a budget and a mixture of training."""
    batch_size = draw(st.integers(1, 600))
    parts = draw(st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any))
    shares = [str(Fraction(part, sum(parts))) for part in parts]
    optional = {
        "samples_per_task": st.integers(600, 10**6),
        "batch_size": st.just(batch_size),
        "mixture": st.just(dict(zip(POOLS, shares, strict=True))),
        "rule": st.sampled_from(RULES),
    }
    return draw(st.fixed_dictionaries({}, optional=optional))


def balanced_tasks(lists: Sequence[Body], n: int) -> st.SearchStrategy[Body]:
    """Draw tasks that are balanced by samples, unless a dataset has none."""
    known = (find_dataset(each["name"]) for each in lists)
    if any(
        "samples" not in each and (of is None or average_samples(of) is None)
        for each, of in zip(lists, known, strict=True)
    ):
        return st.nothing()
    counts = st.integers(1, n).map(lambda count: {"count": count, "balance": "samples"})
    # No class has more, so that there is at most one task for each class.
    return counts | st.integers(10**12, 10**15).map(lambda number: {"by": "samples", "per_task": number})


@st.composite
def grouped_requests(draw: st.DrawFn, kinds: Sequence[str] = GROUPS, inside: Sequence[str] = tuple(ORDERINGS)) -> Body:
    """Draw a valid request with an ordering inside groups that needs no evidence from outside except embeddings."""
    around, inner = draw(orderings(kinds)), draw(st.sampled_from(inside))
    # The ordering inside comes first where it knows the concepts.
    body: Body = draw(requests([inner]))
    body["ordering"].pop("max_seconds", None)
    around.pop("within_year", None)
    return {**body, "ordering": {**around, "within": body["ordering"]}}


@st.composite
def compositions(draw: st.DrawFn, n: int) -> list[int]:
    """Draw sizes of at least 1 that add up to n."""
    cuts = sorted(draw(st.sets(st.integers(1, n - 1)))) if n > 1 else []
    return [end - start for start, end in zip([0, *cuts], [*cuts, n], strict=True)]


def respelled(body: Body, random: Random) -> Body:
    """Write the same request in another form: other orders, the datasets' other names, defaults written out."""
    lists = [{**each, "name": _other_name(each["name"])} for each in body["datasets"]]
    for each in lists:
        each["classes"] = random.sample(each["classes"], len(each["classes"]))
        each["counts"] = _shuffled(each["counts"], random) if "counts" in each else None
        each["template"] = _respelled_template(each.get("template"), random)
    random.shuffle(lists)
    ordering = ORDERINGS[body["ordering"]["kind"]]
    written: Any = parse_request(body).ordering.as_json()
    parameters = {each.name: each.default for each in ordering.parameters()}
    explicit = {**parameters, **body["ordering"], "version": ordering.version}
    if explicit.get(WITHIN) is not None:
        inner = ORDERINGS[explicit[WITHIN]["kind"]]
        # Not the seed, which is that of the ordering around it.
        others = {each.name: each.default for each in inner.parameters() if each.name not in (SEED, WITHIN)}
        explicit[WITHIN] = {**others, **explicit[WITHIN]}
    # For `given` the order of the lists matters: write it out here, and shuffle the lists.
    for given, canonical in ((explicit, written), (explicit.get(WITHIN), written.get(WITHIN))):
        if given is not None and "order" in given:
            given["order"] = canonical["order"]
    return _shuffled({**body, "datasets": lists, "ordering": _shuffled(explicit, random)}, random)


def _respelled_template(template: str | list[str] | None, random: Random) -> str | Sequence[str] | None:
    """Return the templates in another order, or a single one as a string or as an array."""
    if template is None:
        return None
    if isinstance(template, str):
        return random.choice([template, [template]])
    return template[0] if len(template) == 1 else random.sample(template, len(template))


def _other_name(name: str) -> str:
    known = find_dataset(name)
    if known is None:
        return name
    return known.handle if name == known.name else known.name


def _shuffled(body: Mapping[str, Any], random: Random) -> Body:
    return dict(random.sample(list(body.items()), len(body)))


def embeddings_for(request: StreamRequest) -> NDArray[np.float32]:
    """Return embeddings that depend only on the names of the concepts."""
    digests = [sha256(concept.encode()).digest() for concept in request.concepts.ids]
    return np.array([np.frombuffer(digest, dtype=np.uint8) for digest in digests], dtype=np.float32) - 127.5


def evidence_for(request: StreamRequest) -> Evidence:
    """Return the evidence that a request's ordering and split need; counts are those of the request."""
    made: dict[Need, Callable[[], Values]] = {
        Need.YEARS: lambda: years_of(request.concepts),
        Need.SCORES: lambda: scores_of(request.concepts),
        Need.COUNTS: lambda: counts_of(request.concepts),
        Need.EMBEDDINGS: lambda: embeddings_for(request),
        Need.SAMPLES: lambda: Samples().at_hand(request.concepts, request.ordering).values,
    }
    return Evidence(**{str(need): made[need]() for need in request.needs})


def gathered(class_lists: Iterable[ClassList]) -> Concepts:
    """Return the concepts of class lists; refuse lists with faults."""
    faults = Faults()
    concepts = gather_concepts(class_lists, faults)
    faults.refuse()
    return concepts


def grouped(concepts: Sequence[str]) -> list[ClassList]:
    """Return the class lists of ``DATASET+++class name`` strings; refuse lists with faults."""
    faults = Faults()
    class_lists = class_lists_of(concepts, faults)
    faults.refuse()
    return class_lists

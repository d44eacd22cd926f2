"""Requests for a stream: class lists, an ordering and a split, checked and in canonical form.

The service, the worker and ``concept-orderings order FILE`` all read requests with this module, so they agree on every
rule. The fields are declared here and in `concept_orderings.evidence`; the API's schema uses the same declarations.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any

from concept_orderings.asked_classes import (
    ALL_DATASETS,
    WHOLE_LIST,
    asked_classes,
    asked_datasets,
    listed_concepts,
)
from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.catalogue import CATALOGUE, KnownDataset, find_dataset
from concept_orderings.checks import (
    check_fields,
    check_mapping,
    check_sequence,
    check_string,
    check_strings,
    meant_fields,
    wrong_type,
)
from concept_orderings.concepts import (
    CONCEPTS,
    DATASET_NAME,
    ClassList,
    Concepts,
    class_lists_of,
    find_class_name_faults,
    gather_concepts,
)
from concept_orderings.errors import BadValue, EmptyClassList
from concept_orderings.evidence import EVIDENCE, Kind, Need, evidence_fields
from concept_orderings.evidence.samples import total_samples
from concept_orderings.faults import Faults
from concept_orderings.foreign_concepts import find_foreign_concepts
from concept_orderings.orderings import Ordering, may_have_own_concepts, parse_ordering
from concept_orderings.parameters import Parameters, pointing_within
from concept_orderings.shapes import Boolean, Choice, Either, Integer, Refusal, RequestField, Text
from concept_orderings.split import (
    BalancedCount,
    EqualTasks,
    SampledTasks,
    SizedTasks,
    Split,
    needs_of_rule,
    parse_split,
)
from concept_orderings.strict_names import find_unknown_names
from concept_orderings.synonyms import CLASSES, with_first_names
from concept_orderings.text import FORBIDDEN
from concept_orderings.training_request import NAME as TRAINING
from concept_orderings.training_request import Training, parse_training
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE

_BAD_NAME = Refusal(BadValue, "bad_stream_name", f"A stream's name {URL_NAME_RULE}.")

STREAM_NAME = RequestField(
    "name",
    Text(_BAD_NAME, (f"^{URL_NAME.pattern}$",), without=(r"\n",), type_refusal=_BAD_NAME),
    "The stream to add a version to.",
    ("first-steps",),
)

CONCEPT_LIST = RequestField(
    "concepts",
    CONCEPTS,
    "Concepts, each written DATASET+++class name: a FoMo-in-Flux stream as it is.",
    (["CIFAR100+++bear", "FLOWERS102+++daffodil"],),
)

_A_LIST = f'an array or "{WHOLE_LIST}"'
_OTHER_WORD = Refusal(BadValue, "wrong_type", f"The classes must be {_A_LIST}.")

DATASET_FIELDS = (
    RequestField("name", DATASET_NAME, "The dataset; for one in the catalogue, either of its names.", ("cifar100",)),
    RequestField(
        "classes",
        Either((CLASSES, Choice(_OTHER_WORD, (WHOLE_LIST,))), type_refusal=_A_LIST),
        "Class names, each once; their order has no meaning, except for the ordering given. A class may be an array: "
        "its name, then its synonyms. Left out: those of the dataset in the catalogue, as the benchmark's streams "
        "have them; `list`: all of the dataset's list, which is longer for clevr, mitstates, openimages and quilt. The "
        "request is then the same as with the names.",
        (["bear", "otter"], [["happy", "smiling"], "sad"]),
    ),
    *evidence_fields(),
)
"""The fields of a class list."""

STRICT = RequestField(
    "strict",
    Boolean(),
    "Refuses classes that a dataset of the catalogue does not have, and datasets that the catalogue does not have, "
    "unless they are private: given with a year or a template, and no misspelling of the catalogue's. Without it, they "
    "are warned of.",
    (True,),
)

MOST_DESCRIPTION = 500
"""The most characters of a description."""

DESCRIPTION = RequestField(
    "description",
    Text(
        Refusal(
            BadValue,
            "bad_description",
            f"A description is text of at most {MOST_DESCRIPTION} characters, none of them a control character or the "
            "end of a line.",
        ),
        (rf"^[\s\S]{{0,{MOST_DESCRIPTION}}}$",),
        without=(FORBIDDEN,),
    ),
    "A text for people that lists of streams show, in no version and no digest. The newest one holds, also if the "
    "version exists already; left out, it stays, and an empty one takes it away.",
    ("The pilot study of spring",),
)

CHECK_FIELDS: tuple[RequestField, ...] = (STRICT, DESCRIPTION)
"""Optional fields of a body that change no byte of a version: what they hold is checked, or kept beside the stream.

They never stand in the canonical request, so bodies with and without them are the same request. A parameter of an
ordering that only checks is declared with ``check_only=True``.
"""

MOST_VARIANTS = 100
"""The most versions that one body asks for."""

VARIANTS = RequestField(
    "variants",
    Integer(
        Refusal(
            BadValue,
            "bad_variants",
            f"The number of variants is an integer from 2 to {MOST_VARIANTS}; for one version, leave it out.",
        ),
        minimum=2,
        maximum=MOST_VARIANTS,
    ),
    "N: makes N versions with the seeds seed to seed + N - 1, in streams named NAME-1 to NAME-N; all are accepted, or "
    "none. Each is the version of a request of its own, with that name and that seed.",
    (5,),
)
"""The field that makes a body stand for several requests; no request has it (`concept_orderings.variants`)."""

DATASETS = "datasets"

_FIELDS = ("name", DATASETS, "concepts", "ordering", "tasks", TRAINING)
_LISTS = ("/datasets", "/concepts")


@dataclass(frozen=True)
class StreamRequest:
    """A checked request.

    Attributes
    ----------
    name : str
        The name of the stream.
    concepts : Concepts
        In canonical order, with evidence from the request or, where the request has none, from the catalogue.
    ordering : Ordering
    split : Split
    training : Training or None
        The budget and the mixture of training, if the request gives them.
    """

    name: str
    concepts: Concepts
    ordering: Ordering
    split: Split
    training: Training | None = None

    @property
    def needs(self) -> frozenset[Need]:
        """The evidence that the ordering, with that inside its groups, and the split need."""
        return _needs_of(self.ordering) | self.split.needs

    @property
    def outside(self) -> frozenset[Need]:
        """The part of `needs` that must be gathered from a source or an encoder."""
        return frozenset(need for need in self.needs if EVIDENCE[need].is_outside(self.ordering.part_for(need)))

    def as_json(self) -> dict[str, Json]:
        """Return the canonical request: everything that can change the stream, and nothing else.

        Requests that differ only in form have the same canonical request: in the order of their lists, in which of its
        two names a dataset has, or in values that equal those of the catalogue or a default.
        """
        return {
            "name": self.name,
            "datasets": [self._dataset_as_json(each) for each in self.concepts.datasets],
            "ordering": self.ordering.as_json(),
            "tasks": self.split.as_json(),
            # Requests without it keep the canonical form that they had before there was such a field.
            **({} if self.training is None else {TRAINING: self.training.as_json()}),
        }

    @cached_property
    def canonical(self) -> bytes:
        """The canonical request as canonical JSON."""
        return canonical_json(self.as_json())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical request in hexadecimal: the identity of the request."""
        return sha256_hex(self.canonical)

    def as_of(self, now: datetime) -> "StreamRequest":
        """Return the equivalent that no longer depends on the time of the request: `refresh` becomes `counted_since`.

        Raises
        ------
        BadParameter
            If a time in the request lies in the future.
        """
        return replace(self, ordering=self.ordering.as_of(now))

    def _dataset_as_json(self, each: ClassList) -> dict[str, Json]:
        body: dict[str, Json] = {"name": each.name, "classes": each.classes}
        for kind in _kinds(self.needs):
            body.update(kind.as_json(each, self.ordering.part_for(kind.need)))
        return body


def parse_request(
    body: object,
    *,
    defaults: Mapping[str, object] | None = None,
    passed: frozenset[Need] = frozenset(),
    orders: Mapping[str, Sequence[str] | None] = MappingProxyType({}),
    now: datetime | None = None,
) -> StreamRequest:
    """Check a request and complete it from the catalogue.

    Parameters
    ----------
    body
        The JSON value of a ``POST /v1/streams`` body, or of a class-list file.
    defaults
        Parameters by name that replace the orderings' own defaults, such as the encoder of a service.
    passed
        Evidence that the caller has already, so that the request may lack what it would be made from.
    orders
        The orders that the request refers to, by name or digest; see `Parameters.with_orders`.
    now
        The time of the request, to get the result of `StreamRequest.as_of`. Without it, times are not checked.

    Raises
    ------
    InvalidInput
        With a stable code and pointers to the fields; it carries all other faults (`ConceptOrderingsError.others`).
    """
    fields = check_mapping(body, "")
    faults = Faults()
    faults.attempt(check_fields, fields, [*_FIELDS, *(each.name for each in CHECK_FIELDS), VARIANTS.name], "")
    if fields.get(VARIANTS.name) is not None:
        detail = "This makes one version, and variants asks for several; leave it out."
        faults.add(BadValue("bad_variants", detail, [f"/{VARIANTS.name}"]))
    _find_bad_checks(fields, faults)
    _find_missing(fields, faults)
    name = None if fields.get("name") is None else faults.attempt(_parse_name, fields["name"])
    ordering, doubtful = _parse_ordering(fields, faults, defaults)
    ordering = None if ordering is None else ordering.with_orders(orders, faults)
    split = None if fields.get("tasks") is None else faults.attempt(parse_split, fields["tasks"])
    training = None if fields.get(TRAINING) is None else parse_training(fields[TRAINING], faults)
    given, known = _parse_concepts(fields, ordering, faults)
    split_needs = needs_of_rule(fields.get("tasks")) if split is None else split.needs
    completed = Concepts(tuple(map(_completed, given.datasets)))
    draft = _Draft(ordering, doubtful, split, split_needs, given, completed, known)
    _find_contradictions(draft, passed, now, faults)
    if draft.known and ordering is not None and ordering.own_concepts():
        find_foreign_concepts(fields, ordering, faults)
    if fields.get(STRICT.name) is True:
        find_unknown_names(fields, faults)
    faults.refuse()
    assert name is not None  # otherwise there were faults, as for the two that follow
    assert ordering is not None
    assert split is not None
    concepts = draft.concepts
    for kind in draft.kinds:
        concepts = kind.written_out(concepts, ordering.part_for(kind.need))
    own = ordering.own_concepts()
    canonical = ordering.canonical_for(concepts, lambda: listed_concepts(fields, own)).without_checks()
    request = StreamRequest(name, concepts, canonical, split, training)
    return request if now is None else request.as_of(now)


@dataclass(frozen=True)
class _Draft:
    """What could be read of a request that may have faults.

    Attributes
    ----------
    ordering : Ordering or None
        None if it cannot be read.
    doubtful : frozenset of str
        The parameters of the ordering that are at fault; it has their defaults.
    split : Split or None
        None if it cannot be read.
    split_needs : frozenset of Need
        The evidence that the split needs, also if only a number in it is wrong.
    given, concepts : Concepts
        The class lists with the evidence of the request alone, and completed from the catalogue.
    known : bool
        Whether the names of all concepts were read and are right.
    """

    ordering: Ordering | None
    doubtful: frozenset[str]
    split: Split | None
    split_needs: frozenset[Need]
    given: Concepts
    concepts: Concepts
    known: bool

    @property
    def kinds(self) -> list[Kind[Any]]:
        """The kinds of evidence that are known to be needed, and whose checks read no doubtful parameter."""
        return [each for each in self.kinds_to_check if each.need in self._needs]

    @property
    def kinds_to_check(self) -> list[Kind[Any]]:
        """These kinds, and those whose values stand in the canonical request although nothing needs them."""
        return [each for each in _kinds(self._needs) if self._is_certain(each)]

    @property
    def _needs(self) -> frozenset[Need]:
        needs = frozenset[Need]() if self.ordering is None else _needs_of(self.ordering)
        return needs | self.split_needs

    def part_for(self, need: Need) -> Parameters:
        """Return the parameters that concern a kind of evidence."""
        # Without an ordering, only a split needs evidence, and its checks read no parameters.
        return Parameters() if self.ordering is None else self.ordering.part_for(need)

    def check(self, kind: Kind[Any], check: Callable[[Concepts, Any], None], concepts: Concepts) -> None:
        """Run a check of a kind of evidence, whose errors then point to where its parameters stand."""
        with pointing_within(self._path_to(kind.need)):
            check(concepts, self.part_for(kind.need))

    def _is_certain(self, kind: Kind[Any]) -> bool:
        return self.doubtful.isdisjoint(f"{self._path_to(kind.need)}{name}" for name in kind.reads)

    def _path_to(self, need: Need) -> str:
        return "" if self.ordering is None else self.ordering.path_to(need)


def _needs_of(ordering: Ordering) -> frozenset[Need]:
    parts = ordering.parts
    always = frozenset(need for each in parts for need in each.needs)
    return always.union(need for each in parts for need in each.may_need if EVIDENCE[need].is_needed(each))


def _kinds(needs: frozenset[Need]) -> list[Kind[Any]]:
    """Return the kinds of evidence of which a class list's values stand in the canonical request."""
    return [EVIDENCE[need] for need in sorted(EVIDENCE) if need in needs or EVIDENCE[need].stands_if_given]


def _find_contradictions(draft: _Draft, passed: frozenset[Need], now: datetime | None, faults: Faults) -> None:
    """Find the faults that lie between fields: a split that does not fit, parameters that contradict, missing evidence.

    Nothing is checked that depends on a field that is at fault itself.
    """
    parameters = draft.ordering or Parameters()
    for kind in draft.kinds_to_check:
        faults.attempt(draft.check, kind, kind.check_given, draft.given)
    if draft.known and draft.split is not None:
        faults.attempt(_check_split, draft.split, draft.concepts)
    for each in parameters.contradictions(draft.concepts if draft.known else None):
        if draft.doubtful.isdisjoint(each.reads):
            faults.add(each.error)
    for kind in draft.kinds:
        if kind.need not in passed:
            faults.attempt(draft.check, kind, kind.check_complete, draft.concepts)
    if now is not None and draft.doubtful.isdisjoint(parameters.read_as_of):
        faults.attempt(parameters.as_of, now)


def _find_missing(fields: Mapping[str, object], faults: Faults) -> None:
    meant = meant_fields(fields, _FIELDS)
    for name, example in (("name", '"my-stream"'), ("ordering", '{"kind": "random"}'), ("tasks", '{"count": 20}')):
        if fields.get(name) is None and name not in meant:
            detail = f"The request has no {name}; give one, such as {example}."
            faults.add(BadValue("missing_field", detail, [f"/{name}"]))


def _find_bad_checks(fields: Mapping[str, object], faults: Faults) -> None:
    for each in CHECK_FIELDS:
        if fields.get(each.name) is not None:
            each.shape.find_faults(fields[each.name], f"/{each.name}", faults)


def _parse_name(value: object) -> str:
    STREAM_NAME.shape.check(value, "/name")
    return check_string(value, "/name")


def _parse_ordering(
    fields: Mapping[str, object], faults: Faults, defaults: Mapping[str, object] | None
) -> tuple[Ordering | None, frozenset[str]]:
    if fields.get("ordering") is None:
        return None, frozenset()
    return parse_ordering(fields["ordering"], faults, defaults=defaults)


def _parse_concepts(fields: Mapping[str, object], ordering: Ordering | None, faults: Faults) -> tuple[Concepts, bool]:
    """Return the class lists that can be read, and whether all names were read and are right."""
    # null means that the field is left out, as it does for a dataset's year or template.
    given = [name for name in _PARSERS if fields.get(name) is not None]
    if len(given) == 1:
        return _parse_list(given[0], fields, faults)
    if not given:
        own = () if ordering is None else ordering.own_concepts()
        if own:
            return _parse_concept_list(own, faults)
        if meant_fields(fields, _FIELDS).isdisjoint(_PARSERS) and not may_have_own_concepts(fields.get("ordering")):
            detail = "The request has no concepts; give datasets with their classes, or concepts."
            faults.add(BadValue("missing_concepts", detail, _LISTS))
        return Concepts(()), False
    faults.add(BadValue("conflicting_fields", "Give either datasets, with their classes, or concepts.", _LISTS))
    # One of the two will stay, so its faults are worth knowing. An empty one will not.
    for name in given:
        if fields[name]:
            _parse_list(name, fields, faults)
    return Concepts(()), False


def _parse_list(name: str, fields: Mapping[str, object], faults: Faults) -> tuple[Concepts, bool]:
    items = faults.attempt(_check_list, name, fields[name])
    return (Concepts(()), False) if items is None else _PARSERS[name](items, faults)


def _check_list(name: str, value: object) -> Sequence[object]:
    if name != DATASETS:
        return check_sequence(value, f"/{name}")
    if isinstance(value, str) and value != ALL_DATASETS:
        raise wrong_type(f'an array or "{ALL_DATASETS}"', value, f"/{name}")
    return check_sequence(asked_datasets(value), f"/{name}")


def _parse_concept_list(items: Sequence[object], faults: Faults) -> tuple[Concepts, bool]:
    before = faults.found
    concepts = gather_concepts(class_lists_of(items, faults), faults)
    return concepts, faults.found == before


def _parse_datasets(items: Sequence[object], faults: Faults) -> tuple[Concepts, bool]:
    lists = [_parse_class_list(each, f"/datasets/{i}", faults) for i, each in enumerate(items)]
    readable = not any(each.doubtful & {"name", "classes"} for each in lists)
    before = faults.found
    if not lists:
        detail = "There is no dataset; give at least one with its classes."
        faults.add(EmptyClassList("empty_class_list", detail, ["/datasets"]))
    concepts = gather_concepts(lists, faults)
    return concepts, readable and faults.found == before


_PARSERS = {DATASETS: _parse_datasets, CONCEPT_LIST.name: _parse_concept_list}


def _parse_class_list(value: object, pointer: str, faults: Faults) -> ClassList:
    """Return a class list as far as it can be read; its other fields are doubtful."""
    body = faults.attempt(check_mapping, value, pointer)
    if body is None:
        return ClassList(name="", classes=(), pointer=pointer, doubtful=frozenset({"name", "classes"}))
    names = [each.name for each in DATASET_FIELDS]
    faults.attempt(check_fields, body, names, pointer)
    misspelt = meant_fields(body, names)
    name = None if "name" in misspelt else faults.attempt(check_string, body.get("name"), f"{pointer}/name")
    body = plain if (plain := with_first_names(body, pointer, faults)) is not None else body
    unreadable = plain is None or _are_meant(body, misspelt)
    classes = None if unreadable else _parse_classes(body, name or "", pointer, faults)
    given: dict[str, object] = {}
    doubtful = {field for field, read in (("name", name), ("classes", classes)) if read is None}
    for field in evidence_fields():
        if (evidence := body.get(field.name)) is None:
            continue
        parsed = field.parse_given(evidence, classes, f"{pointer}/{field.name}", faults)
        if parsed is None:
            doubtful.add(field.name)
        else:
            given[field.name] = parsed
    return ClassList(
        name=name or "",
        classes=classes or (),
        given=given,
        pointer=pointer,
        doubtful=frozenset(doubtful),
        misspelt=misspelt,
    )


def _are_meant(body: Mapping[str, object], misspelt: Set[str]) -> bool:
    """Tell whether misspelt fields of a class list may hold its classes, or the name of a dataset that has some."""
    asked = body.get("classes") in (None, WHOLE_LIST)
    return "classes" in misspelt or ("name" in misspelt and asked)


def _parse_classes(body: Mapping[str, object], dataset: str, pointer: str, faults: Faults) -> tuple[str, ...] | None:
    """Return the classes of a class list, or None if they are not all strings."""
    value = faults.attempt(asked_classes, body, pointer)
    if value is None:
        return None
    if isinstance(value, str):
        faults.add(wrong_type(_A_LIST, value, f"{pointer}/classes"))
        return None
    classes = faults.attempt(check_strings, value, f"{pointer}/classes")
    if classes is None and isinstance(value, list | tuple):
        find_class_name_faults(dataset, value, f"{pointer}/classes", faults)
    return classes


def _check_split(split: Split, concepts: Concepts) -> None:
    """Refuse a split that does not fit the concepts before a job is created; grouped tasks always fit."""
    match split:
        case EqualTasks() | SizedTasks():
            split.sizes(range(len(concepts)))
        case BalancedCount():
            split.check(len(concepts))
        case SampledTasks() if (total := total_samples(concepts)) is not None:
            split.number_of_tasks(len(concepts), total)


def _completed(each: ClassList) -> ClassList:
    """Return a class list with the catalogue's evidence for the fields that the request left out."""
    doubtful = each.doubtful | each.misspelt
    if "name" in doubtful:
        # The right name may be one of the catalogue.
        return replace(each, doubtful=doubtful | (_catalogue_fields() - each.given.keys()))
    known = find_dataset(each.name)
    kinds = [kind for kind in EVIDENCE.values() if not kind.stands_if_given]
    given = each.given if known is None else {**_from_catalogue(known, kinds), **each.given}
    return replace(each, given=given, doubtful=doubtful)


def _from_catalogue(known: KnownDataset, kinds: Iterable[Kind[Any]]) -> dict[str, object]:
    return {name: value for kind in kinds for name, value in kind.from_catalogue(known).items()}


@cache
def _catalogue_fields() -> frozenset[str]:
    """Return the fields of a class list that the catalogue may complete; not at import, since it reads class lists."""
    return frozenset(_from_catalogue(CATALOGUE[0], EVIDENCE.values()))

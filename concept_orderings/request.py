"""Requests for a stream: class lists, an ordering and a split, checked and in canonical form.

The service, the worker and ``concept-orderings order FILE`` all read requests with this module, so they agree on every
rule. The fields are declared here and in `concept_orderings.evidence`; the API's schema uses the same declarations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.catalogue import canonical_name, find_dataset
from concept_orderings.checks import check_fields, check_mapping, check_sequence, check_string, check_strings
from concept_orderings.concepts import (
    CLASS_NAMES,
    CONCEPTS,
    DATASET_NAME,
    ClassList,
    Concepts,
    class_lists_of,
    gather_concepts,
    join_concept,
    split_concept,
)
from concept_orderings.errors import BadValue
from concept_orderings.evidence import EVIDENCE, Need, evidence_fields
from concept_orderings.orderings import Ordering, parse_ordering
from concept_orderings.shapes import Refusal, RequestField, Text
from concept_orderings.split import EqualTasks, SizedTasks, Split, parse_split
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

DATASET_FIELDS = (
    RequestField("name", DATASET_NAME, "The dataset; for one in the catalogue, either of its names.", ("cifar100",)),
    RequestField(
        "classes",
        CLASS_NAMES,
        "Class names, each once; their order has no meaning, except for the ordering given.",
        (["bear", "otter"],),
    ),
    *evidence_fields(),
)
"""The fields of a class list."""

CHECK_FIELDS: tuple[RequestField, ...] = ()
"""Optional fields of a body that only decide whether it is refused, and change no byte of a version.

They never stand in the canonical request, so bodies with and without them are the same request. A parameter of an
ordering that only checks is declared with ``check_only=True``.
"""

_FIELDS = ("name", "datasets", "concepts", "ordering", "tasks")


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
    """

    name: str
    concepts: Concepts
    ordering: Ordering
    split: Split

    @property
    def needs(self) -> frozenset[Need]:
        """The evidence that the ordering and the split need."""
        return self.ordering.needs | self.split.needs

    @property
    def outside(self) -> frozenset[Need]:
        """The part of `needs` that must be gathered from a source or an encoder."""
        return frozenset(need for need in self.needs if EVIDENCE[need].is_outside(self.ordering))

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
        for need in self.needs:
            body.update(EVIDENCE[need].as_json(each))
        return body


def parse_request(
    body: object, *, defaults: Mapping[str, object] | None = None, passed: frozenset[Need] = frozenset()
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

    Raises
    ------
    InvalidInput
        With a stable code and pointers to the fields.
    """
    fields = check_mapping(body, "")
    check_fields(fields, [*_FIELDS, *(each.name for each in CHECK_FIELDS)], "")
    _check_checks(fields)
    _check_complete(fields)
    name = _parse_name(fields["name"])
    ordering = parse_ordering(fields.get("ordering"), defaults=defaults)
    split = parse_split(fields.get("tasks"))
    given = gather_concepts(_parse_class_lists(fields))
    needs = sorted(ordering.needs | split.needs)
    for need in needs:
        EVIDENCE[need].check_given(given, ordering)
    _check_split(split, len(given))
    concepts = Concepts(tuple(_completed(each) for each in given.datasets))
    canonical = ordering.canonical_for(concepts, lambda: _listed(fields)).without_checks()
    for need in needs:
        if need not in passed:
            EVIDENCE[need].check_complete(concepts, ordering)
    return StreamRequest(name, concepts, canonical, split)


def _check_complete(fields: Mapping[str, object]) -> None:
    for name, example in (("name", '"my-stream"'), ("ordering", '{"kind": "random"}'), ("tasks", '{"count": 20}')):
        if fields.get(name) is None:
            raise BadValue("missing_field", f"The request has no {name}; give one, such as {example}.", [f"/{name}"])


def _check_checks(fields: Mapping[str, object]) -> None:
    for each in CHECK_FIELDS:
        if fields.get(each.name) is not None:
            each.shape.check(fields[each.name], f"/{each.name}")


def _parse_name(value: object) -> str:
    STREAM_NAME.shape.check(value, "/name")
    return check_string(value, "/name")


def _parse_class_lists(fields: Mapping[str, object]) -> Sequence[ClassList]:
    # null means that the field is left out, as it does for a dataset's year or template.
    if (fields.get("datasets") is None) == (fields.get("concepts") is None):
        raise BadValue(
            "wrong_type", "Give either datasets, with their classes, or concepts.", ["/datasets", "/concepts"]
        )
    if fields.get("concepts") is not None:
        return class_lists_of(check_strings(fields["concepts"], "/concepts"))
    datasets = check_sequence(fields["datasets"], "/datasets")
    return [_parse_class_list(each, f"/datasets/{i}") for i, each in enumerate(datasets)]


def _parse_class_list(value: object, pointer: str) -> ClassList:
    body = check_mapping(value, pointer)
    check_fields(body, [each.name for each in DATASET_FIELDS], pointer)
    name = check_string(body.get("name"), f"{pointer}/name")
    classes = check_strings(body.get("classes"), f"{pointer}/classes")
    given: dict[str, object] = {}
    for field in evidence_fields():
        if (evidence := body.get(field.name)) is not None:
            field.shape.check(evidence, f"{pointer}/{field.name}")
            given[field.name] = field.parse(evidence, classes, f"{pointer}/{field.name}")
    return ClassList(name=name, classes=classes, given=given, pointer=pointer)


def _listed(fields: Mapping[str, object]) -> list[str]:
    """Return the concepts of a checked body in the order in which the body lists them, (n,)."""
    if fields.get("concepts") is not None:
        pairs = [split_concept(each) for each in check_strings(fields["concepts"], "/concepts")]
    else:
        lists = [check_mapping(each, "") for each in check_sequence(fields["datasets"], "/datasets")]
        pairs = [
            (check_string(each["name"], ""), name) for each in lists for name in check_strings(each["classes"], "")
        ]
    return [join_concept(canonical_name(dataset), class_name) for dataset, class_name in pairs]


def _check_split(split: Split, n: int) -> None:
    """Refuse a split that does not fit n concepts before a job is created; grouped tasks always fit."""
    if isinstance(split, EqualTasks | SizedTasks):
        split.sizes(range(n))


def _completed(each: ClassList) -> ClassList:
    """Return a class list with the catalogue's evidence for the fields that the request left out."""
    known = find_dataset(each.name)
    if known is None:
        return each
    from_catalogue = {name: value for kind in EVIDENCE.values() for name, value in kind.from_catalogue(known).items()}
    return replace(each, given={**from_catalogue, **each.given})

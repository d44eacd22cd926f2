"""What a client asks for: class lists, an ordering and a split, checked and in canonical form.

The service, the worker and ``concept-orderings order FILE`` all read requests here, so they agree on every rule. The
fields are declared here and in `concept_orderings.evidence`, and the API's schema is made of the same declarations.
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
from concept_orderings.names import NAME, NAME_RULE
from concept_orderings.orderings import Ordering, parse_ordering
from concept_orderings.shapes import Declared, Refusal, Text
from concept_orderings.split import EqualTasks, SizedTasks, Split, parse_split

_BAD_NAME = Refusal(BadValue, "bad_stream_name", f"A stream's name {NAME_RULE}.")

STREAM_NAME = Declared(
    "name",
    Text(_BAD_NAME, (f"^{NAME.pattern}$",), without=(r"\n",), type_refusal=_BAD_NAME),
    "The stream to add a version to.",
    ("first-steps",),
)

CONCEPT_LIST = Declared("concepts", CONCEPTS, "Concepts, DATASET+++class name each: a FoMo-in-Flux stream as it is.")

DATASET_FIELDS = (
    Declared("name", DATASET_NAME, "The dataset; one of the catalogue by either of its names.", ("cifar100",)),
    Declared(
        "classes",
        CLASS_NAMES,
        "Class names, each once; their order has no meaning, except for the ordering given.",
        (["bear", "otter"],),
    ),
    *evidence_fields(),
)
"""The fields of a class list."""

_FIELDS = ("name", "datasets", "concepts", "ordering", "tasks")


@dataclass(frozen=True)
class StreamRequest:
    """A checked request.

    Attributes
    ----------
    name : str
        The stream.
    concepts : Concepts
        In canonical order; evidence that was not given is the catalogue's, where it has it.
    ordering : Ordering
    split : Split
    """

    name: str
    concepts: Concepts
    ordering: Ordering
    split: Split

    @property
    def needs(self) -> frozenset[Need]:
        """All evidence that the ordering and the split need."""
        return self.ordering.needs | self.split.needs

    @property
    def outside(self) -> frozenset[Need]:
        """The evidence among it that must be gathered from a source or an encoder."""
        return frozenset(need for need in self.needs if EVIDENCE[need].is_outside(self.ordering))

    def as_json(self) -> dict[str, Json]:
        """Return the canonical request: everything that can change the stream, and nothing else.

        Requests that differ only in how they are written (in the order of their lists, in a dataset's two names, in
        what is left to the catalogue or to a default) have the same canonical form.
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
        """SHA-256 of the canonical request: its identity."""
        return sha256_hex(self.canonical)

    def settled(self, now: datetime) -> "StreamRequest":
        """Return the equivalent that does not depend on when it is read: `refresh` becomes a `counted_since`.

        Raises
        ------
        BadParameter
            If a time that is given is still to come.
        """
        return replace(self, ordering=self.ordering.settled(now))

    def _dataset_as_json(self, each: ClassList) -> dict[str, Json]:
        body: dict[str, Json] = {"name": each.name, "classes": each.classes}
        for need in self.needs:
            body.update(EVIDENCE[need].as_json(each))
        return body


def parse_request(body: object, *, defaults: Mapping[str, object] | None = None) -> StreamRequest:
    """Check a request and complete it from the catalogue.

    Parameters
    ----------
    body
        The JSON value of a ``POST /v1/streams`` body, or of a class-list file.
    defaults
        Parameters by name that stand in for the orderings' own defaults, such as the encoder of a service.

    Raises
    ------
    InvalidInput
        With a stable code and pointers to the fields.
    """
    fields = check_mapping(body, "")
    check_fields(fields, _FIELDS, "")
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
    canonical = ordering.canonical_for(concepts, lambda: _listed(fields))
    for need in needs:
        EVIDENCE[need].check_complete(concepts, ordering)
    return StreamRequest(name, concepts, canonical, split)


def _check_complete(fields: Mapping[str, object]) -> None:
    for name, example in (("name", '"my-stream"'), ("ordering", '{"kind": "random"}'), ("tasks", '{"count": 20}')):
        if fields.get(name) is None:
            raise BadValue("missing_field", f"The request has no {name}; give one, such as {example}.", [f"/{name}"])


def _parse_name(value: object) -> str:
    STREAM_NAME.shape.check(value, "/name")
    return check_string(value, "/name")


def _parse_class_lists(fields: Mapping[str, object]) -> Sequence[ClassList]:
    # null is the same as nothing here, as it is for a dataset's year or template.
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
    """Return the concepts of a checked body in the order in which it lists them, (n,)."""
    if fields.get("concepts") is not None:
        pairs = [split_concept(each) for each in check_strings(fields["concepts"], "/concepts")]
    else:
        lists = [check_mapping(each, "") for each in check_sequence(fields["datasets"], "/datasets")]
        pairs = [
            (check_string(each["name"], ""), name) for each in lists for name in check_strings(each["classes"], "")
        ]
    return [join_concept(canonical_name(dataset), class_name) for dataset, class_name in pairs]


def _check_split(split: Split, n: int) -> None:
    """Refuse tasks that do not fit n concepts before a job is made; grouped tasks always fit."""
    if isinstance(split, EqualTasks | SizedTasks):
        split.sizes(range(n))


def _completed(each: ClassList) -> ClassList:
    """Return a class list with the catalogue's evidence where none was given."""
    known = find_dataset(each.name)
    if known is None:
        return each
    from_catalogue = {name: value for kind in EVIDENCE.values() for name, value in kind.from_catalogue(known).items()}
    return replace(each, given={**from_catalogue, **each.given})

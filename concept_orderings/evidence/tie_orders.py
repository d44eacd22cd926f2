"""Orders that break ties: which of two concepts with equal evidence comes first, instead of their random keys.

A request gives the order itself, or names a stream that has it. Its canonical request has the SHA-256 of the order
alone, as the FoMo-in-Flux code reads it, cut to the concepts of the request. So the two ways of asking are one request,
and a stream's order has the digest that its manifest states as ``order_digest``.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json, sha256_hex
from concept_orderings.concepts import CONCEPT, Concepts
from concept_orderings.errors import BadParameter
from concept_orderings.evidence.base import Gathered, Kind, Need, NeedsEvidence, Provenance, check_same, evidence_digest
from concept_orderings.evidence.ties import RANDOM
from concept_orderings.faults import Faults
from concept_orderings.listed_orders import canonical_order, differences
from concept_orderings.parameters import POINTER, Contradiction, ObjectForm, parameter
from concept_orderings.published_streams import PUBLISHED_STREAMS, no_such_stream, published_order
from concept_orderings.text import is_plain_text, shown

ORDER, STREAM, DIGEST = "order", "stream", "digest"

TIES_POINTER = f"{POINTER}/ties"

VERSION_OF_STREAM = re.compile(r"([a-z0-9][a-z0-9._-]{0,127})@([1-9][0-9]{0,9})")
"""How a version of a stream is named: NAME@VERSION."""

_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class TieOrder:
    """An order that breaks ties.

    Attributes
    ----------
    digest : str
        SHA-256 of `order` as `concept_orderings.exporters.fomo.fomo_list` writes it; empty as long as it is not known.
    stream : str
        The name of the stream that has it, until it is replaced by the digest.
    order : tuple of str or None
        The concepts in order; None if it is to be found by `stream` or `digest`.
    """

    digest: str = ""
    stream: str = ""
    order: tuple[str, ...] | None = field(default=None, compare=False)

    @property
    def reference(self) -> str:
        """The name or the digest by which the order is to be found; empty if it is known."""
        return "" if self.order is not None else self.stream or self.digest

    @property
    def document(self) -> bytes:
        """The order as it is stored under its digest."""
        return tie_document(self.order or ())

    def found(self, order: Sequence[str]) -> "TieOrder":
        """Return it with the order that was found by its reference."""
        return replace(self, order=canonical_order(order))

    def cut_to(self, concepts: Concepts) -> "TieOrder":
        """Return the canonical equivalent for some concepts; one whose order is unknown stays as it is."""
        if self.order is None:
            return self
        wanted = frozenset(concepts.ids)
        order = tuple(each for each in canonical_order(self.order) if each in wanted)
        return TieOrder(sha256_hex(tie_document(order)), "", order)


def tie_document(order: Sequence[str]) -> bytes:
    """Return an order as it is stored under its digest."""
    # Late, because exporters read requests.
    from concept_orderings.exporters.fomo import fomo_list  # noqa: PLC0415

    return fomo_list(order)


def read_order(document: bytes) -> tuple[str, ...] | None:
    """Return the order in a document, or None for a document that is none, such as a task."""
    try:
        order = json.loads(document)
    except ValueError:
        return None
    return tuple(order) if isinstance(order, list) and all(map(is_concept, order)) else None


def _read(value: object) -> TieOrder:
    """Return the order of a JSON value; raise ValueError for another form."""
    match value:
        case {"order": [_, *_] as order, **others} if not others and all(map(is_concept, order)):
            return TieOrder(order=tuple(order))
        case {"stream": str(stream), **others} if not others and stream and is_plain_text(stream):
            return TieOrder(stream=stream)
        case {"digest": str(digest), **others} if not others and _DIGEST.fullmatch(digest):
            return TieOrder(digest=digest)
        case _:
            raise ValueError("not the form of ties")


def is_concept(value: object) -> bool:
    """Tell whether a value is a concept, ``DATASET+++class name``."""
    return isinstance(value, str) and CONCEPT.fits(value)


def _write(ties: TieOrder) -> Json:
    if ties.digest:
        return {DIGEST: ties.digest}
    return {STREAM: ties.stream} if ties.stream else {ORDER: list(ties.order or ())}


TIES_FORM = ObjectForm(
    {
        "type": "object",
        "properties": {
            ORDER: {"type": "array", "items": CONCEPT.json_schema(), "minItems": 1},
            STREAM: {"type": "string", "minLength": 1},
            DIGEST: {"type": "string", "pattern": f"^{_DIGEST.pattern}$"},
        },
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    },
    _read,
    _write,
)
"""The JSON form of the parameter `ties`."""


@dataclass(frozen=True, kw_only=True)
class BreaksTies(NeedsEvidence):
    """Base class of orderings whose ties a request may order."""

    need: ClassVar[Need] = Need.TIES
    optional: ClassVar[bool] = True

    ties: TieOrder | None = parameter(  # noqa: RUF009 - it returns a field of dataclasses
        None,
        'The order of concepts with equal evidence, instead of a random one: {"order": [all concepts]}, or '
        '{"stream": NAME}, a published stream such as fomo/frequency_base or NAME@VERSION of this service, which may '
        'have other concepts too. The canonical request has {"digest": SHA-256} of the order instead.',
        type="object",
        form=TIES_FORM,
        absent=None,
    )

    def with_orders(self, orders: Mapping[str, Sequence[str] | None], faults: Faults) -> Self:
        """See `Parameters.with_orders`."""
        ties = self.ties
        if ties is None or not ties.reference:
            return self
        if ties.stream in PUBLISHED_STREAMS:
            return replace(self, ties=ties.found(published_order(ties.stream)))
        found = orders.get(ties.reference)
        if found is not None:
            return replace(self, ties=ties.found(found))
        if ties.stream or ties.digest in orders:
            faults.add(_not_found(ties))
            return replace(self, ties=None)
        return self

    def contradictions(self, concepts: Concepts | None) -> Iterator[Contradiction]:
        """See `Parameters.contradictions`: the order has all concepts, each once."""
        ties = self.ties
        if ties is not None and ties.order is not None and concepts is not None:
            referred = ties.stream or ties.digest
            error = differences(
                canonical_order(ties.order),
                concepts,
                f"{TIES_POINTER}/{STREAM if ties.stream else DIGEST if ties.digest else ORDER}",
                f"The order of ties, {shown(referred)}," if referred else "The order of ties",
                instead="give an order that has them all",
                others=bool(referred),
            )
            if error is not None:
                yield Contradiction(("ties",), error)
        yield from super().contradictions(concepts)

    def canonical_for(self, concepts: Concepts, listed: Callable[[], Sequence[str]]) -> Self:
        """See `Parameters.canonical_for`: the digest of the order of ties; the seed then decides nothing."""
        others = super().canonical_for(concepts, listed)
        if others.ties is None:
            return others
        changes: dict[str, object] = {"ties": others.ties.cut_to(concepts)}
        if any(each.name == "seed" for each in self.parameters()):
            changes["seed"] = 0
        return replace(others, **changes)  # type: ignore[arg-type]


class TieOrders(Kind[BreaksTies]):
    """The place of each concept in the order that breaks ties."""

    need = Need.TIES
    published_as, value_name, value_type = "ties", "place", "int64"
    fields = ()
    reads = frozenset({"ties"})

    def is_needed(self, parameters: BreaksTies) -> bool:
        """See `Kind.is_needed`."""
        return parameters.ties is not None

    def is_outside(self, parameters: BreaksTies) -> bool:
        """See `Kind.is_outside`: an order of which only the digest is known lies in the store."""
        return parameters.ties is not None and not isinstance(parameters.ties.order, tuple)

    def check_origin(self, parameters: BreaksTies, source: str, facts: Mapping[str, Json]) -> None:
        """See `Kind.check_origin`: the order is that of which the request has the digest."""
        del source
        assert parameters.ties is not None
        check_same("order of ties", parameters.ties.digest, facts.get("order"))

    def at_hand(self, concepts: Concepts, parameters: BreaksTies) -> Gathered:
        """See `Kind.at_hand`."""
        assert parameters.ties is not None
        return ties_as_evidence(parameters.ties.order or (), parameters.ties.digest, concepts)


def among(ordering: BreaksTies) -> str:
    """Return what the order of concepts with equal evidence is, as the end of a sentence of a warning."""
    return RANDOM if ordering.ties is None else "that of the parameter ties"


def ties_as_evidence(order: Sequence[str], digest: str, concepts: Concepts) -> Gathered:
    """Return an order of ties as evidence.

    Parameters
    ----------
    order
        The concepts in order, (n,).
    digest
        SHA-256 of the order as it is stored.
    concepts
        The same n concepts.

    Returns
    -------
    Gathered
        The place of each concept from 0, (n,) int64.
    """
    place = {concept: i for i, concept in enumerate(order)}
    places: NDArray[np.int64] = np.array([place[each] for each in concepts.ids], dtype=np.int64)
    return Gathered(places, Provenance(source="request", digest=evidence_digest(places), details={"order": digest}))


def reference_in(body: object) -> str:
    """Return the name or the digest of the order that the body of a request refers to, and that the library lacks.

    Returns
    -------
    str
        Empty if there is none, or the body cannot be read.
    """
    match body:
        case {"ordering": {"within": {"ties": ties}} | {"ties": ties}}:
            return _reference_of(ties)
        case _:
            return ""


def _reference_of(ties: object) -> str:
    match ties:
        case {"stream": str(stream)} if VERSION_OF_STREAM.fullmatch(stream):
            return stream
        case {"digest": str(digest)} if _DIGEST.fullmatch(digest):
            return digest
        case _:
            return ""


def _not_found(ties: TieOrder) -> BadParameter:
    if ties.digest:
        return BadParameter(
            "ties_not_found",
            f"There is no order with the SHA-256 {ties.digest} here; give the order itself.",
            [f"{TIES_POINTER}/{DIGEST}"],
        )
    if VERSION_OF_STREAM.fullmatch(ties.stream):
        detail = (
            f"There is no version {ties.stream} here: GET /v1/streams lists the streams of the service, and files are "
            "ordered without one. Name a version that exists, or give the order itself."
        )
    else:
        detail = f"{no_such_stream(ties.stream)} A version of a stream of this service is named NAME@VERSION."
    return BadParameter("ties_not_found", detail, [f"{TIES_POINTER}/{STREAM}"])

"""What every ordering is: a frozen set of parameters, and a rule that arranges concepts."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import LARGEST_INTEGER, Json
from concept_orderings.checks import escape_pointer, is_integer
from concept_orderings.concepts import Concepts, is_plain_text
from concept_orderings.errors import BadParameter
from concept_orderings.evidence import Evidence, Need
from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.progress import Report, silent

POINTER = "/ordering"


@dataclass(frozen=True)
class Parameter:
    """One parameter of an ordering, as validation, the API's schema and its documentation see it.

    Attributes
    ----------
    name, description : str
    type : {"boolean", "integer", "string", "integer or string"}
        JSON type.
    default : bool, int or str
        What it is when it is not given.
    choices : tuple of str
        All values allowed; empty if any value of the type is.
    pattern : str
        A regular expression for the whole of a string; empty if any string will do.
    minimum, maximum : int
        Of an integer.
    """

    name: str
    type: str
    default: bool | int | str
    description: str
    choices: tuple[str, ...] = ()
    pattern: str = ""
    minimum: int = -LARGEST_INTEGER
    maximum: int = LARGEST_INTEGER


@dataclass(frozen=True)
class Arrangement:
    """What an ordering found.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        A permutation of range(n): ``order[k]`` is the concept at position k.
    details : dict
        What the manifest should say of how it was found.
    warnings : tuple of str
        What a reader of the stream should know, one sentence each.
    """

    order: NDArray[np.int64]
    details: dict[str, Json]
    warnings: tuple[str, ...] = ()


def parameter(default: bool | int | str, description: str, **rules: Any) -> Any:
    """Declare a parameter of an ordering (a dataclass field; typed as Any as `dataclasses.field` is).

    The type is the default's unless `rules`, attributes of `Parameter`, name another.
    """
    return field(default=default, metadata={"description": description, **rules})


@dataclass(frozen=True, kw_only=True)
class Ordering(ABC):
    """A rule that arranges concepts.

    A new ordering is one file with a subclass, and one line in the registry in ``orderings/__init__.py``.

    Attributes
    ----------
    kind : str
        Its name in requests.
    version : int
        Raised when any output would change; part of a stream's identity, so old streams stay what they were.
    summary : str
        One sentence for the documentation.
    needs : frozenset of Need
        The evidence to gather first.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    summary: ClassVar[str]
    needs: ClassVar[frozenset[Need]] = frozenset()

    seed: int = parameter(0, "Seeds the random order and the order of ties; the same seed gives the same stream.")
    reverse: bool = parameter(False, "Exactly the reverse of the order found.")

    def order(
        self, concepts: Concepts, evidence: Evidence, *, machine: Machine = ANY_MACHINE, report: Report = silent
    ) -> Arrangement:
        """Arrange the concepts, reversed if that is asked for.

        Parameters
        ----------
        concepts
            n concepts in canonical order.
        evidence
            What `needs` names, for these concepts.
        machine
            What may be used of the machine; changes no result.
        report
            Called with how much of the work is done.

        Returns
        -------
        Arrangement
            A permutation of range(n); the same for the same arguments on any machine.

        Raises
        ------
        NotEnoughMemory
            ``not_enough_memory``; nothing was computed.
        """
        found = self.arrange(concepts, evidence, machine=machine, report=report)
        return replace(found, order=found.order[::-1].copy()) if self.reverse else found

    @abstractmethod
    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """Arrange the concepts by the rule, not reversed. Parameters and result as in `order`."""

    def fitted(self, concepts: Concepts) -> "Ordering":
        """Return this ordering as it is written for these concepts: the one form of what means the same.

        Raises
        ------
        BadParameter
            If a parameter does not fit the concepts.
        """
        del concepts
        return self

    def diagnose(
        self,
        concepts: Concepts,
        evidence: Evidence,
        order: NDArray[np.int64],
        sizes: Sequence[int],
        *,
        report: Report = silent,
    ) -> dict[str, Json]:
        """Describe a stream of this ordering, for its manifest; most orderings have nothing to say.

        Parameters
        ----------
        concepts, evidence
            As in `order`.
        order : ndarray of int64, shape (n,)
            The concepts arranged, reversed if that was asked for.
        sizes : sequence of int
            Concepts in each task, adding up to n.
        report
            Called between steps of the work, so that it can be stopped; its numbers mean nothing.

        Returns
        -------
        dict
            Figures that are the same for the same arguments on any machine; empty if there are none.
        """
        del concepts, evidence, order, sizes, report
        return {}

    def key(self, identifier: str) -> bytes:
        """Return the 32-byte sort key that makes the random order and breaks ties.

        SHA-256 of kind, version, seed and identifier: no random generator, so independent of library versions, of
        the order in which a request lists things, and of what else is in it.
        """
        return hashlib.sha256(f"{self.kind}/{self.version}/{self.seed}/{identifier}".encode()).digest()

    def keys(self, concepts: Concepts) -> list[bytes]:
        """Return each concept's sort key, (n,)."""
        return [self.key(each) for each in concepts.ids]

    def as_json(self) -> dict[str, Json]:
        """Return kind, version and every parameter, as the canonical request has them."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"kind": self.kind, "version": self.version, **values}

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """Return the parameters: the dataclass fields, the ordering's own before those that all have."""
        declared = sorted(fields(cls), key=lambda each: each.name in ("reverse", "seed"))
        return tuple(_as_parameter(each) for each in declared)

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> "Ordering":
        """Make an ordering from JSON values of its parameters.

        Raises
        ------
        BadParameter
            ``unknown_parameter`` or ``bad_parameter``.
        """
        known = {each.name: each for each in cls.parameters()}
        unknown = [name for name in values if name not in known]
        if unknown:
            raise BadParameter(
                "unknown_parameter",
                f"The ordering {cls.kind} has no parameter {ascii(unknown[0])[:80]}; it takes {', '.join(known)}.",
                (f"{POINTER}/{escape_pointer(name)}" for name in unknown),
            )
        for name, value in values.items():
            _check(known[name], value)
        return cls(**values)  # type: ignore[arg-type]  # checked just above, one by one


def order_of(sort_keys: list[Any]) -> NDArray[np.int64]:
    """Return the permutation that sorts comparable keys ascending, (n,) int64."""
    return np.array(sorted(range(len(sort_keys)), key=sort_keys.__getitem__), dtype=np.int64)


def _as_parameter(each: "Field[Any]") -> Parameter:
    default: Any = each.default
    json_type = {bool: "boolean", int: "integer", str: "string"}[type(default)]
    return Parameter(**{"name": each.name, "type": json_type, "default": default, **each.metadata})


def _check(declared: Parameter, value: object) -> None:
    fits = {
        "boolean": isinstance(value, bool),
        # At most what JSON numbers hold exactly, so that the canonical request can be written.
        "integer": is_integer(value) and declared.minimum <= value <= declared.maximum,
        "string": isinstance(value, str) and _is_allowed(declared, value),
    }
    if not any(fits[one] for one in declared.type.split(" or ")):
        raise BadParameter("bad_parameter", _refusal(declared), [f"{POINTER}/{declared.name}"])


def _is_allowed(declared: Parameter, value: str) -> bool:
    if declared.choices:
        return value in declared.choices
    return is_plain_text(value) and (not declared.pattern or re.fullmatch(declared.pattern, value) is not None)


def _refusal(declared: Parameter) -> str:
    if declared.choices:
        return f"The parameter {declared.name} is one of {', '.join(declared.choices)}."
    if declared.pattern:
        return f"The parameter {declared.name} cannot be that. {declared.description}"
    if declared.type == "integer":
        return f"The parameter {declared.name} is an integer from {declared.minimum} to {declared.maximum}."
    return f"The parameter {declared.name} is a JSON {declared.type}."

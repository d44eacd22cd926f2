"""Parameters of orderings: fields of a frozen dataclass, read from JSON and written to it.

Validation, the API's schema and its documentation read the declarations. `Parameters` is the common base of orderings
and of the classes that declare the parameters for a kind of evidence, such as the source of counts.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import Field, dataclass, field, fields, replace
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Self, TypeVar

from concept_orderings.canonical import LARGEST_INTEGER, Json
from concept_orderings.checks import choice, escape_pointer, is_integer, meant_fields
from concept_orderings.concepts import Concepts
from concept_orderings.errors import (
    BadParameter,
    BadValue,
    ConceptOrderingsError,
    InvalidInput,
    UnreadableRequest,
)
from concept_orderings.faults import Faults
from concept_orderings.text import is_plain_text

_Error = TypeVar("_Error", bound=ConceptOrderingsError)

POINTER = "/ordering"
"""JSON pointer to the object that holds the parameters in a request."""

WITHIN = "within"
"""The parameter of an ordering of groups that holds the ordering of the concepts inside a group."""

SEED = "seed"
"""The parameter that decides everything random."""

ALL_HAVE = (SEED, "reverse")
"""The parameters that are common to orderings; they are listed after an ordering's own."""


class Absent(Enum):
    """What a canonical request without a parameter means, where that is no value of the parameter."""

    NEVER = "never"
    """Canonical requests always have the parameter."""


@dataclass(frozen=True)
class ObjectForm:
    """How a parameter that is a JSON object is read and written.

    Attributes
    ----------
    schema : mapping
        The JSON Schema of its values.
    read : callable
        Returns the value of the field for a JSON value; raises ValueError for one of another form.
    write : callable
        Returns the JSON value for that of the field.
    """

    schema: Mapping[str, Any]
    read: Callable[[object], Any]
    write: Callable[[Any], Json]


@dataclass(frozen=True)
class Parameter:
    """One parameter of an ordering, as validation, the API's schema and its documentation see it.

    Attributes
    ----------
    name, description : str
    type : {"boolean", "integer", "string", "integer or string", "array of strings", "object"}
        JSON type.
    default : bool, int, str or None
        Its value if a client's body does not set it.
    choices : tuple of str
        All allowed values; empty if every value of the type is allowed.
    pattern : str
        A regular expression that a string, or each string of an array, must match as a whole; empty if every string is
        allowed.
    minimum, maximum : int
        Bounds of an integer, inclusive.
    fewest, most : int
        Bounds of the number of strings in an array, inclusive.
    distinct : bool
        Whether the strings of an array must differ.
    absent : bool, int, str, None or Absent
        The value that a canonical request without the parameter means, and with which the canonical request omits it.
        A parameter that is added after the ordering's first release must have such a value: the one that gives the
        order as it was before, so that older canonical requests keep their digests and their meaning. It may differ
        from `default`, which may change for clients' bodies; `absent` never changes.
    form : ObjectForm or None
        How a JSON object is read; None for the other types.
    check_only : bool
        Whether the parameter only decides if a body is refused, and changes no byte of a version. Such a parameter
        never stands in the canonical request: bodies with and without it are the same request.
    required : bool
        Whether bodies must have it. Its default is then None, which is none of its values.
    refusal : tuple of str and callable, or None
        For a string that is none of `choices`: the code of the error, and a function that returns its sentences for the
        string. None for ``bad_parameter`` with all choices.
    inside_groups : mapping
        The attributes that differ where the ordering is one inside groups, whose `Ordering.only_whole` refuses the
        other values.
    """

    name: str
    type: str
    default: bool | int | str | None
    description: str
    choices: tuple[str, ...] = ()
    pattern: str = ""
    minimum: int = -LARGEST_INTEGER
    maximum: int = LARGEST_INTEGER
    fewest: int = 0
    most: int = LARGEST_INTEGER
    distinct: bool = False
    absent: bool | int | str | Absent | None = Absent.NEVER
    form: ObjectForm | None = None
    check_only: bool = False
    required: bool = False
    refusal: tuple[str, Callable[[str], str]] | None = None
    inside_groups: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, value: object) -> bool:
        """Tell whether a JSON value is one of the parameter."""
        return _fits(self, value)

    def is_written(self, value: object) -> bool:
        """Tell whether the canonical request has the parameter if it has this value."""
        return not self.check_only and value != self.absent

    def as_json(self, value: Any) -> Json:
        """Return a value of the field as JSON."""
        return value if self.form is None or value is None else self.form.write(value)

    def as_field(self, value: Any) -> Any:
        """Return a JSON value that fits as the frozen dataclass holds it."""
        if self.form is not None and value is not None:
            return self.form.read(value)
        return tuple(value) if isinstance(value, list) else value


def parameter(default: bool | int | str | None, description: str, **rules: Any) -> Any:
    """Declare a parameter as a dataclass field; the return type is Any, as that of `dataclasses.field`.

    Parameters
    ----------
    default, description
        See `Parameter`.
    **rules
        Other attributes of `Parameter`. Without ``type``, the type is that of the default.
    """
    return field(default=default, metadata={"description": description, **rules})


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """A frozen set of parameters. A subclass declares each as a dataclass field with `parameter`.

    Attributes
    ----------
    kind : str
        The ordering's kind.
    times : frozenset of str
        The names of the own parameters that `as_of` reads.
    """

    kind: ClassVar[str]
    times: ClassVar[frozenset[str]] = frozenset()

    @property
    def parts(self) -> "tuple[Parameters, ...]":
        """The parameters themselves, and those of an ordering inside groups."""
        return (self,)

    @property
    def read_as_of(self) -> frozenset[str]:
        """The names of the parameters that `as_of` reads, as `Contradiction.reads` names them."""
        return self.times

    def with_orders(self, orders: Mapping[str, Sequence[str] | None], faults: Faults) -> Self:
        """Return the parameters with the orders that they name.

        Parameters
        ----------
        orders
            Orders that the library does not know, by name or digest; None for one that was looked for and not found.
        faults
            Gets ``ties_not_found``.
        """
        del orders, faults
        return self

    def contradictions(self, concepts: Concepts | None) -> Iterator["Contradiction"]:
        """Yield where parameters contradict each other or the concepts.

        Parameters
        ----------
        concepts
            n concepts in canonical order; None if the request's are not known, because they have faults.
        """
        del concepts
        yield from ()

    def canonical_for(self, concepts: Concepts, listed: Callable[[], Sequence[str]]) -> Self:
        """Return the canonical equivalent for these concepts, so that two ways to request one order become one request.

        Parameters
        ----------
        concepts
            n concepts in canonical order.
        listed
            Callable without arguments that returns the concepts in the order in which the request lists them, (n,).
        """
        del concepts, listed
        return self

    def as_of(self, now: datetime) -> Self:
        """Return the equivalent that no longer depends on the time of the request, which is `now`.

        Raises
        ------
        BadParameter
            If a time in the request lies in the future.
        """
        del now
        return self

    def values(self) -> dict[str, Json]:
        """Return the parameters as the canonical request has them."""
        declared = ((each, getattr(self, each.name)) for each in self.parameters())
        return {each.name: each.as_json(value) for each, value in declared if each.is_written(value)}

    def without_checks(self) -> Self:
        """Return the same parameters, with the default of those that only check."""
        checks = {each.name: each.default for each in self.parameters() if each.check_only}
        return replace(self, **checks) if checks else self

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """Return the declared parameters: the ordering's own, then those of `ALL_HAVE`."""
        own = [each for each in fields(cls) if each.name not in ALL_HAVE]
        shared = sorted(
            (each for each in fields(cls) if each.name in ALL_HAVE), key=lambda each: ALL_HAVE.index(each.name)
        )
        declared = (*own, *shared)
        return tuple(_as_parameter(each) for each in declared)

    @classmethod
    def parse(cls, values: Mapping[str, object], faults: Faults) -> tuple[Self, frozenset[str]]:
        """Check JSON values and return the parameters that they give.

        Parameters
        ----------
        values
            Parameters by name.
        faults
            Gets ``unknown_parameter``, ``bad_parameter`` or the code of `Parameter.refusal`, and ``missing_field``.

        Returns
        -------
        parameters
            With the default of each parameter that is not given, or is at fault.
        doubtful : frozenset of str
            The names of the parameters at fault, and of those that unknown names probably stand for.
        """
        known = {each.name: each for each in cls.parameters()}
        unknown = [name for name in values if name not in known]
        if unknown:
            faults.add(
                BadParameter(
                    "unknown_parameter",
                    f"The ordering {cls.kind} has no parameter {ascii(unknown[0])[:80]}; "
                    f"{choice(unknown[0], 'it takes', list(known))}",
                    (f"{POINTER}/{escape_pointer(name)}" for name in unknown),
                )
            )
        wrong = [name for name, value in values.items() if name in known and not _fits(known[name], value)]
        for name in wrong:
            faults.add(_refusal(known[name], values[name]))
        right = {name: value for name, value in values.items() if name in known and name not in wrong}
        meant = meant_fields(values, list(known))
        missing = [each for each in known.values() if each.required and values.get(each.name) is None]
        for each in missing:
            # The name of the parameter may be misspelt, which is a fault already.
            if each.name not in meant:
                faults.add(_missing(cls.kind, each))
        doubtful = meant.union(wrong, (each.name for each in missing))
        return cls(**_as_fields(right, known)), doubtful

    @classmethod
    def read(cls, written: Mapping[str, object]) -> Self:
        """Return the parameters that `values` wrote, in this release or an earlier one.

        A parameter that is not written has its `Parameter.absent`, whatever clients' bodies mean by leaving it out.

        Raises
        ------
        UnreadableRequest
            For a parameter or a value that this release does not know.
        """
        known = {each.name: each for each in cls.parameters()}
        for name, value in written.items():
            if name not in known:
                raise UnreadableRequest.with_unknown(f"the parameter {ascii(name)[:80]} of the ordering {cls.kind}")
            if not _fits(known[name], value) or (value is None and known[name].required):
                raise UnreadableRequest.with_unknown(f"a value of the parameter {name} of the ordering {cls.kind}")
        absent = {name: each.absent for name, each in known.items() if each.absent is not Absent.NEVER}
        return cls(**{**absent, **_as_fields(written, known)})


@dataclass(frozen=True)
class Contradiction:
    """A contradiction between parameters, or between parameters and the rest of the request.

    Attributes
    ----------
    reads : sequence of str
        The parameters that it depends on; those of an ordering inside groups as ``within/NAME``.
    error : InvalidInput
    """

    reads: Sequence[str]
    error: InvalidInput

    @classmethod
    def between(cls, detail: str, *names: str) -> "Contradiction":
        """Return a contradiction that depends on the parameters to which its error points."""
        return cls(names, refused(detail, *names))


def pointed_within(error: _Error) -> _Error:
    """Return an error about an ordering that stands inside another one, with pointers to where it stands."""
    error.move(POINTER, f"{POINTER}/{WITHIN}")
    return error


@contextmanager
def pointing_within(path: str) -> Iterator[None]:
    """Let errors about an ordering point to where it stands in the request.

    Parameters
    ----------
    path
        ``within/`` for an ordering that stands inside another one, else empty; see `Ordering.path_to`.
    """
    try:
        yield
    except ConceptOrderingsError as error:
        if path:
            pointed_within(error)
        raise


def refused(detail: str, *names: str) -> BadParameter:
    """Return the error for parameters that contradict each other or the request."""
    return BadParameter("bad_parameter", detail, [f"{POINTER}/{name}" for name in names])


def _as_parameter(each: "Field[Any]") -> Parameter:
    default: Any = each.default
    json_type = {bool: "boolean", int: "integer", str: "string"}.get(type(default))
    return Parameter(**{"name": each.name, "type": json_type, "default": default, **each.metadata})


def _as_fields(values: Mapping[str, object], known: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return JSON values as the fields of the frozen dataclass hold them."""
    return {name: known[name].as_field(value) for name, value in values.items()}


def _fits(declared: Parameter, value: object) -> bool:
    fits = {
        "boolean": isinstance(value, bool),
        # Integers that JSON numbers hold exactly, so that the canonical request can be written.
        "integer": is_integer(value) and declared.minimum <= value <= declared.maximum,
        "string": isinstance(value, str) and _is_allowed(declared, value),
        "array of strings": isinstance(value, list | tuple)
        and all(isinstance(each, str) and _is_allowed(declared, each) for each in value)
        and declared.fewest <= len(value) <= declared.most
        and not (declared.distinct and len(set(value)) < len(value)),
    }
    fits["object"] = declared.form is not None and _is_readable(declared.form, value)
    is_default = value is None and declared.default is None
    return is_default or any(fits[one] for one in declared.type.split(" or "))


def _is_readable(form: ObjectForm, value: object) -> bool:
    try:
        form.read(value)
    except ValueError:
        return False
    return True


def _is_allowed(declared: Parameter, value: str) -> bool:
    if declared.choices:
        return value in declared.choices
    return is_plain_text(value) and (not declared.pattern or re.fullmatch(declared.pattern, value) is not None)


def _refusal(declared: Parameter, value: object) -> BadParameter:
    if declared.refusal is not None and isinstance(value, str):
        code, sentences = declared.refusal
        return BadParameter(code, sentences(value), [f"{POINTER}/{declared.name}"])
    return refused(_rule(declared), declared.name)


def _rule(declared: Parameter) -> str:
    if declared.choices and declared.refusal is None:
        return f"The parameter {declared.name} is one of {', '.join(declared.choices)}."
    if declared.pattern or declared.form:
        return f"The parameter {declared.name} does not have an allowed value. {declared.description}"
    if declared.type == "integer":
        return f"The parameter {declared.name} is an integer from {declared.minimum} to {declared.maximum}."
    return f"The parameter {declared.name} is a JSON {declared.type}."


def _missing(kind: str, declared: Parameter) -> BadValue:
    example = f', such as "{declared.choices[0]}"' if declared.choices else ""
    detail = f"The ordering {kind} has no {declared.name}; give one{example}."
    return BadValue("missing_field", detail, [f"{POINTER}/{declared.name}"])

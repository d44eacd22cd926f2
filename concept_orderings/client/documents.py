"""The documents of a version as typed objects."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from concept_orderings.client.errors import BadAnswer
from concept_orderings.concepts import join_concept

MANIFEST_FORMAT = 1
"""The format of manifests and tasks that this release reads."""

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class TaskSummary:
    """A task in a manifest.

    Attributes
    ----------
    task : int
        Its number, from 0.
    concepts : int
        The number of its concepts.
    digest : str
        SHA-256 of its document.
    """

    task: int
    concepts: int
    digest: str


@dataclass(frozen=True)
class EvidenceOrigin:
    """Where the evidence of one kind came from.

    Attributes
    ----------
    source : str
        Such as ``request and catalogue``, or the name of a source of counts or of an encoder.
    digest : str
        SHA-256 of the values.
    warnings : tuple of str
    details : mapping
        What else the manifest says of it, such as ``unit`` or ``encoder``.
    """

    source: str
    digest: str
    warnings: tuple[str, ...]
    details: Mapping[str, Any]


@dataclass(frozen=True)
class EvidenceFile:
    """A file of evidence that a manifest lists.

    Attributes
    ----------
    kind : str
        Such as ``vectors`` or ``counts``.
    media_type : str
    digest : str
        SHA-256 of the file.
    bytes : int
        Its size.
    """

    kind: str
    media_type: str
    digest: str
    bytes: int


@dataclass(frozen=True)
class VersionWarning:
    """A warning for readers of a stream (docs/warnings.md).

    Attributes
    ----------
    code : str
        Stable; ``unclassified`` in versions that release 0.1.0 made.
    detail : str
        One sentence.
    """

    code: str
    detail: str


@dataclass(frozen=True)
class Ordering:
    """The ordering of a version.

    Attributes
    ----------
    kind : str
    version : int
    parameters : mapping
        Its other parameters, with every default.
    details, diagnostics : mapping
        How the order was found, and how good it is; empty for most orderings.
    """

    kind: str
    version: int
    parameters: Mapping[str, Any]
    details: Mapping[str, Any]
    diagnostics: Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """The manifest of a version: all that is needed to make it again, and the digests of its tasks.

    Attributes
    ----------
    name : str
    version : int
    concepts : int
        The number of concepts, n.
    tasks : tuple of TaskSummary, (T,)
    ordering : Ordering
    evidence : mapping of str to EvidenceOrigin
        By kind.
    evidence_files : tuple of EvidenceFile
    warnings : tuple of VersionWarning
    order_digest, request_digest : str
        SHA-256 of the order, and of the canonical request.
    request : mapping
        The canonical request, which can be posted unchanged.
    software : str
        The release that made the version.
    document : mapping
        The whole manifest, with fields that this release does not know.
    """

    name: str
    version: int
    concepts: int
    tasks: tuple[TaskSummary, ...]
    ordering: Ordering
    evidence: Mapping[str, EvidenceOrigin]
    evidence_files: tuple[EvidenceFile, ...]
    warnings: tuple[VersionWarning, ...]
    order_digest: str
    request_digest: str
    request: Mapping[str, Any] = field(repr=False)
    software: str
    document: Mapping[str, Any] = field(repr=False)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of concepts in each task, (T,)."""
        return tuple(each.concepts for each in self.tasks)


@dataclass(frozen=True)
class Concept:
    """A concept at its position.

    Attributes
    ----------
    position : int
        In the whole stream, from 0.
    dataset : str
        The dataset's name in streams, such as ``CIFAR100``.
    class_name : str
    evidence : mapping
        What its position was decided by, such as ``{"year": 2009}``.
    """

    position: int
    dataset: str
    class_name: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``DATASET+++class name``."""
        return join_concept(self.dataset, self.class_name)


@dataclass(frozen=True)
class Task:
    """A task: a contiguous run of the arranged concepts.

    Attributes
    ----------
    task : int
        Its number, from 0.
    concepts : tuple of Concept
        In order.
    """

    task: int
    concepts: tuple[Concept, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """``DATASET+++class name`` of its concepts."""
        return tuple(each.name for each in self.concepts)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The dataset and the class name of its concepts."""
        return tuple((each.dataset, each.class_name) for each in self.concepts)


def read_manifest(data: bytes, where: str) -> Manifest:
    """Return the manifest of its bytes.

    Raises
    ------
    BadAnswer
        It is no manifest, or one of a later format.
    """
    return _read(data, where, "manifest", _manifest)


def read_task(data: bytes, where: str) -> Task:
    """Return the task of its bytes.

    Raises
    ------
    BadAnswer
        It is no task.
    """
    return _read(data, where, "task", _task)


def _read(data: bytes, where: str, what: str, read: Callable[[Any], _Read]) -> _Read:
    try:
        return read(json.loads(data))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadAnswer(
            "bad_answer",
            f"The {len(data)} bytes of {where} are no {what} of a version. Is it the address of the service?",
        ) from error


def _manifest(value: Any) -> Manifest:
    if value["format"] != MANIFEST_FORMAT:
        raise BadAnswer(
            "bad_answer",
            f"The manifest has the format {value['format']!r}, and this release of the client reads {MANIFEST_FORMAT}: "
            "install a later one.",
        )
    ordering = dict(value["ordering"])
    details, diagnostics = ordering.pop("details", {}), ordering.pop("diagnostics", {})
    sentences = [{"code": "unclassified", "detail": each} for each in value["warnings"]]
    return Manifest(
        name=typed(str, value["name"]),
        version=typed(int, value["version"]),
        concepts=typed(int, value["concepts"]),
        tasks=tuple(
            TaskSummary(typed(int, each["task"]), typed(int, each["concepts"]), typed(str, each["digest"]))
            for each in value["tasks"]
        ),
        ordering=Ordering(ordering.pop("kind"), ordering.pop("version"), ordering, details, diagnostics),
        evidence={kind: _origin(each) for kind, each in value["evidence"].items()},
        evidence_files=tuple(
            EvidenceFile(each["kind"], each["media_type"], typed(str, each["digest"]), typed(int, each["bytes"]))
            for each in value.get("evidence_files", ())
        ),
        warnings=tuple(
            VersionWarning(each["code"], each["detail"]) for each in value.get("warning_details", sentences)
        ),
        order_digest=typed(str, value["order_digest"]),
        request_digest=typed(str, value["request_digest"]),
        request=value["request"],
        software=f"{value['software']['name']} {value['software']['version']}",
        document=value,
    )


def _origin(value: Mapping[str, Any]) -> EvidenceOrigin:
    rest = {name: each for name, each in value.items() if name not in ("source", "digest", "warnings")}
    return EvidenceOrigin(value["source"], value["digest"], tuple(value["warnings"]), rest)


def _task(value: Any) -> Task:
    concepts = tuple(
        Concept(typed(int, each["position"]), typed(str, each["dataset"]), typed(str, each["class"]), each["evidence"])
        for each in value["concepts"]
    )
    return Task(typed(int, value["task"]), concepts)


def typed(kind: type[_Read], value: Any) -> _Read:
    """Return a value of a type that is the right one; True is no number."""
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} where {kind.__name__} was expected")
    return value

"""A published version as exporters read it: what clients can fetch, and nothing else.

It is made from an `ArrangedStream` or from stored documents. Both give the same contents and so the same exports.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from concept_orderings.canonical import sha256_hex
from concept_orderings.labels import LabelledOrder, Labels, catalogue_labels, label_order

_URL_CHARACTERS = r"A-Za-z0-9._~:\[\]@!$&'()*+,;=%-"

PUBLIC_URL = re.compile(rf"https?://[/{_URL_CHARACTERS}]*[{_URL_CHARACTERS}]")
"""The address of a service for others, without a slash at its end, in the characters of a URI (RFC 3986)."""


@dataclass(frozen=True)
class VersionDocuments:
    """The documents of a version, as the service sends them.

    Attributes
    ----------
    manifest : bytes
        Canonical JSON, UTF-8.
    tasks : tuple of bytes
        The documents of tasks 0 to T - 1, each canonical JSON, UTF-8.
    """

    manifest: bytes
    tasks: tuple[bytes, ...]


@dataclass(frozen=True)
class PublishedVersion:
    """What exporters render.

    Attributes
    ----------
    stream : str
        The stream's name.
    number : int
        The version's number, from 1.
    concepts_by_task : sequence of sequence of str
        For each task, ``DATASET+++class name`` of its concepts, in order.
    documents : callable without arguments
        Returns the documents. Only exporters that read more than the concepts call it, because making the documents of
        an arranged stream takes longer than arranging it.
    labels : Labels, optional
        The labels of its classes; by default those of the catalogue.
    evidence : callable without arguments
        Returns the files of evidence that the manifest lists, by kind.
    published_on : str
        The day on which it was published, such as 2026-01-31; empty for one that no service has published.
    public_url : str
        The address of the service for others, without a slash at its end; empty if it is not known.
    """

    stream: str
    number: int
    concepts_by_task: Sequence[Sequence[str]]
    documents: Callable[[], VersionDocuments]
    labels: Labels | None = None
    evidence: Callable[[], Mapping[str, bytes]] = dict
    published_on: str = ""
    public_url: str = ""

    @classmethod
    def from_documents(cls, documents: VersionDocuments) -> "PublishedVersion":
        """Read a version from its documents, which the caller has checked against their digests."""
        manifest = json.loads(documents.manifest)
        tasks = [json.loads(each) for each in documents.tasks]
        concepts_by_task = [[entry["concept"] for entry in task["concepts"]] for task in tasks]
        return cls(manifest["name"], manifest["version"], concepts_by_task, lambda: documents)

    def with_evidence(self, evidence: Callable[[], Mapping[str, bytes]]) -> "PublishedVersion":
        """Return the same version with its files of evidence."""
        return replace(self, evidence=evidence)

    @property
    def concepts(self) -> list[str]:
        """All concepts in order, (n,)."""
        return [concept for task in self.concepts_by_task for concept in task]

    @property
    def sizes(self) -> list[int]:
        """The number of concepts in each task, (T,)."""
        return [len(task) for task in self.concepts_by_task]

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest, decoded."""
        manifest: dict[str, Any] = json.loads(self._documents.manifest)
        return manifest

    @cached_property
    def digest(self) -> str:
        """The digest of the version: SHA-256 of the manifest, 64 hexadecimal digits."""
        return sha256_hex(self._documents.manifest)

    @cached_property
    def tasks(self) -> list[dict[str, Any]]:
        """The documents of the tasks, decoded; ``concepts`` holds each concept with its position and evidence."""
        return [json.loads(task) for task in self._documents.tasks]

    @cached_property
    def labelled(self) -> LabelledOrder:
        """The concepts with their labels.

        Raises
        ------
        BadLabels
            ``labels_needed``, ``missing_labels`` or ``extra_labels``.
        """
        return label_order(self.labels or catalogue_labels(self.concepts), self.concepts)

    @cached_property
    def _documents(self) -> VersionDocuments:
        return self.documents()

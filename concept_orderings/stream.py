"""Make a stream version: the documents that clients fetch, their digests, and the manifest that lists them.

All functions are pure: the same request, evidence and order give the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from concept_orderings.balance import task_samples
from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.concepts import Concepts
from concept_orderings.evidence import Evidence, Gathered, Need, Provenance
from concept_orderings.evidence.samples import Number, samples_as_json, samples_of_each
from concept_orderings.evidence.tables import EvidenceFile, margins_of, table_of
from concept_orderings.exporters.fomo import fomo_list
from concept_orderings.name_warnings import name_warnings
from concept_orderings.orderings import Arrangement
from concept_orderings.published import PublishedVersion, VersionDocuments
from concept_orderings.request import StreamRequest
from concept_orderings.split import BalancedTasks, GroupedTasks, Split
from concept_orderings.stream_warnings import StreamWarning, WarningCode, details, sentences
from concept_orderings.uneven_tasks import uneven_tasks
from concept_orderings.version import __version__

MANIFEST_FORMAT = 1
"""Format number of manifests and tasks, raised when a field changes its meaning; readers refuse unknown formats."""


MOST_VECTOR_BYTES = 256_000_000
"""The default of `ArrangedStream.most_vector_bytes`."""


@dataclass(frozen=True)
class Document:
    """Bytes that are stored and sent unchanged.

    Attributes
    ----------
    data : bytes
        Canonical JSON, or an export in its own format.
    digest : str
        SHA-256 of the data, in hexadecimal.
    """

    data: bytes
    digest: str

    @classmethod
    def of(cls, value: Json) -> "Document":
        """Return the document with the canonical JSON of a value."""
        data = canonical_json(value)
        return cls(data, sha256_hex(data))


@dataclass(frozen=True)
class ArrangedStream:
    """Arranged concepts, split into tasks, with the evidence for their order.

    Attributes
    ----------
    request : StreamRequest
    evidence : Evidence
    gathered : mapping of Need to Gathered
        The evidence of each kind, with where it came from.
    arrangement : Arrangement
    sizes : sequence of int
        Number of concepts in each task.
    diagnostics : mapping
        Figures that the ordering computed from the stream, for the manifest; may be empty.
    columns : mapping of str to sequence, each (n,)
        The evidence that tasks show of each concept, by name; None where a concept has none to show.
    most_vector_bytes : int
        Vectors that have more bytes are not published with the version.
    """

    request: StreamRequest
    evidence: Evidence
    gathered: Mapping[Need, Gathered]
    arrangement: Arrangement
    sizes: Sequence[int]
    diagnostics: Mapping[str, Json] = field(default_factory=dict)
    columns: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    most_vector_bytes: int = MOST_VECTOR_BYTES

    @property
    def provenance(self) -> Mapping[Need, Provenance]:
        """Where each kind of evidence came from."""
        return {need: each.provenance for need, each in self.gathered.items()}

    @cached_property
    def evidence_files(self) -> tuple[EvidenceFile, ...]:
        """The evidence that is published with the version, a file for each kind; the manifest lists them."""
        return tuple(
            EvidenceFile.of(table_of(need, each, self.request.concepts))
            for need, each in sorted(self.gathered.items())
            if need not in self.evidence_left_out
        )

    @cached_property
    def files_beside(self) -> tuple[EvidenceFile, ...]:
        """Files that lie beside the version and not in its manifest, because their last bits depend on the machine."""
        tables = [margins_of(each, self.request.concepts) for _, each in sorted(self.gathered.items())]
        return tuple(EvidenceFile.of(each) for each in tables if each is not None)

    @property
    def evidence_left_out(self) -> tuple[Need, ...]:
        """The kinds of evidence that are not published because they have more bytes than are kept."""
        return tuple(need for need, each in sorted(self.gathered.items()) if self._is_too_large(each))

    def _is_too_large(self, gathered: Gathered) -> bool:
        # Two bytes for each number of a vector, also where the embeddings are still to be quantised.
        return gathered.values.ndim > 1 and 2 * gathered.values.size > self.most_vector_bytes

    def warnings(self) -> list[StreamWarning]:
        """Return the warnings for readers of the stream."""
        evidence = [warning for _, found in sorted(self.provenance.items()) for warning in found.warnings]
        split = [*self._split_warnings(), *self._uneven_tasks]
        return [*name_warnings(self.request), *evidence, *self.arrangement.warnings, *split]

    @cached_property
    def samples_of_tasks(self) -> list[dict[str, Json]]:
        """The training samples of each task as documents have them, (T,); objects without members if not known."""
        if self._samples is None:
            return [{} for _ in self.sizes]
        return list(map(samples_as_json, task_samples(self._samples, self.sizes)))

    @cached_property
    def _samples(self) -> list[Number] | None:
        """The exact training samples of each arranged concept, (n,); None if those of a dataset are not known."""
        of_each = samples_of_each(self.request.concepts)
        return None if of_each is None else [of_each[i] for i in self.arrangement.order.tolist()]

    @cached_property
    def _uneven_tasks(self) -> list[StreamWarning]:
        return [] if self._samples is None else uneven_tasks(self._samples, self.sizes)

    def concepts_by_task(self) -> list[list[str]]:
        """Return the tasks, each the ``DATASET+++class name`` of its concepts."""
        ordered = [self.request.concepts.ids[i] for i in self.arrangement.order]
        ends = np.cumsum(self.sizes).tolist()
        return [ordered[end - size : end] for size, end in zip(self.sizes, ends, strict=True)]

    def _split_warnings(self) -> list[StreamWarning]:
        if not isinstance(self.request.split, GroupedTasks):
            return []
        groups = len(set(values_of_each(self.request.split, self.request.concepts, self.evidence)))
        if len(self.sizes) == groups:
            return []
        by = self.request.split.by
        sentence = (
            f"The ordering {self.request.ordering.kind} does not keep each {by} together: "
            f"there are {len(self.sizes)} tasks, one for each run of concepts of one {by}, for {groups} {by}s."
        )
        return [StreamWarning.of(WarningCode.SCATTERED_GROUPS, sentence, count=groups)]

    def published(self, version: int) -> PublishedVersion:
        """Return this stream as the published version that exporters read."""
        return PublishedVersion(
            self.request.name,
            version,
            self.concepts_by_task(),
            lambda: self._version_documents(version),
            evidence=lambda: {each.kind: each.data for each in self.evidence_files},
        )

    def _version_documents(self, version: int) -> VersionDocuments:
        tasks, _, manifest = self.documents(version)
        return VersionDocuments(manifest.data, tuple(task.data for task in tasks))

    def documents(self, version: int) -> tuple[list[Document], Document, Document]:
        """Return the tasks, the export and the manifest of this stream version."""
        tasks, export = self.tasks(version), self.export()
        return tasks, export, self.manifest(version, tasks, export)

    def export(self) -> Document:
        """Return the order as the FoMo-in-Flux code reads it."""
        data = fomo_list([self.request.concepts.ids[i] for i in self.arrangement.order])
        return Document(data, sha256_hex(data))

    def tasks(self, version: int) -> list[Document]:
        """Return the documents of the tasks of this stream version."""
        ends = np.cumsum(self.sizes)
        concepts = self._concepts_as_json()
        return [
            Document.of(
                {
                    "name": self.request.name,
                    "version": version,
                    "task": i,
                    "tasks": len(self.sizes),
                    "concepts": concepts[end - size : end],
                }
            )
            for i, (size, end) in enumerate(zip(self.sizes, ends.tolist(), strict=True))
        ]

    def manifest(self, version: int, tasks: Sequence[Document], export: Document) -> Document:
        """Return the manifest: everything needed to repeat the stream, and the digests of its parts."""
        warnings = self.warnings()
        return Document.of(
            {
                "format": MANIFEST_FORMAT,
                "name": self.request.name,
                "version": version,
                "request": self.request.as_json(),
                "request_digest": self.request.digest,
                "ordering": self._ordering_as_json(),
                "evidence": {str(need): found.as_json() for need, found in sorted(self.provenance.items())},
                "evidence_files": [_listed(each, version) for each in self.evidence_files],
                "warnings": sentences(warnings),
                "warning_details": details(warnings),
                "concepts": len(self.request.concepts),
                "order_digest": export.digest,
                "tasks": [
                    {"task": i, "concepts": size, "digest": task.digest, **samples, **self._training_of(i)}
                    for i, (size, task, samples) in enumerate(
                        zip(self.sizes, tasks, self.samples_of_tasks, strict=True)
                    )
                ],
                "software": {"name": "concept-orderings", "version": __version__},
            }
        )

    def _training_of(self, task: int) -> dict[str, Json]:
        training = self.request.training
        return {} if training is None else {"training": training.task_as_json(task)}

    def _ordering_as_json(self) -> dict[str, Json]:
        ordering: dict[str, Json] = {**self.request.ordering.as_json(), "details": self.arrangement.details}
        # Left out if empty, so that manifests of orderings without diagnostics keep their bytes.
        return {**ordering, "diagnostics": self.diagnostics} if self.diagnostics else ordering

    def _concepts_as_json(self) -> list[dict[str, Json]]:
        concepts = self.request.concepts
        return [
            {
                "position": position,
                "concept": concepts.ids[i],
                "dataset": concepts.datasets[concepts.dataset_index[i]].name,
                "class": concepts.class_names[i],
                "evidence": {name: values[i] for name, values in self.columns.items() if values[i] is not None},
            }
            for position, i in enumerate(self.arrangement.order.tolist())
        ]


def _listed(file: EvidenceFile, version: int) -> dict[str, Json]:
    """Return the entry of a file of evidence in the manifest; its URL is relative to that of the manifest."""
    return {
        "kind": file.kind,
        "media_type": file.media_type,
        "url": f"{version}/evidence/{file.kind}",
        "digest": file.digest,
        "bytes": len(file.data),
    }


def task_sizes(split: Split, concepts: Concepts, evidence: Evidence, order: NDArray[np.int64]) -> list[int]:
    """Return the sizes of the tasks into which arranged concepts are split, (T,).

    Raises
    ------
    BadSplit
        If they cannot be split in this way.
    """
    values = values_of_each(split, concepts, evidence)
    return split.sizes([values[i] for i in order.tolist()])


def values_of_each(split: Split, concepts: Concepts, evidence: Evidence) -> Sequence[Number]:
    """Return what a split reads of each concept, (n,): its year, its exact samples, or the index of its dataset."""
    if isinstance(split, GroupedTasks) and split.by == "year":
        years: list[int] = evidence.of(Need.YEARS).tolist()
        return years
    if isinstance(split, BalancedTasks):
        # Not the evidence, which has the nearest doubles.
        samples = samples_of_each(concepts)
        if samples is None:
            raise ValueError("a dataset has no samples")
        return samples
    indices: list[int] = concepts.dataset_index.tolist()
    return indices

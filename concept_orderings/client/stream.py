"""A version of a stream, as a training job uses it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar, Unpack, overload

from concept_orderings.client import checking, tracking
from concept_orderings.client.documents import EvidenceFile, Manifest, Task
from concept_orderings.client.errors import BadArgument
from concept_orderings.client.labels import StreamLabels, samples_of, stream_labels
from concept_orderings.client.plan import Cursor, make_cursor
from concept_orderings.client.plan.parameters import PlanOptions
from concept_orderings.client.reading import Found, Reader
from concept_orderings.client.steps import Steps
from concept_orderings.evidence.tables import EvidenceTable, read_table
from concept_orderings.published import PublishedVersion, VersionDocuments

_Item_co = TypeVar("_Item_co", covariant=True)
_Result = TypeVar("_Result")


class Version:
    """What a manifest says of a version: all that needs no task.

    Attributes
    ----------
    url : str
        The address of the service.
    manifest : Manifest
    digest : str
        SHA-256 of the manifest: pin and cite it.
    """

    def __init__(self, reader: Reader, found: Found) -> None:
        self._reader = reader
        self._found = found
        self.url = reader.connection.url
        self.manifest: Manifest = found.manifest
        self.digest = found.digest

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.name} version {self.version}: {self.manifest.concepts:,} concepts in "
            f"{len(self.manifest.tasks):,} tasks, digest {self.digest}>"
        )

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.manifest.name

    @property
    def version(self) -> int:
        """The version's number, also where ``latest`` was asked for."""
        return self.manifest.version

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of concepts in each task, (T,)."""
        return self.manifest.sizes

    @property
    def training(self) -> Mapping[str, Any] | None:
        """How the request says that batches are made; None if it says nothing."""
        return self.manifest.request.get("training")

    def as_dict(self) -> dict[str, Any]:
        """Return what identifies the version, as one flat object for the configuration of a run."""
        return tracking.as_dict(self)

    def citation(self) -> str:
        """Return one sentence for a paper, with all digits of the digest."""
        return tracking.citation(self.manifest, self.digest)

    def as_mlflow_dataset(self) -> Any:
        """Return a dataset for ``mlflow.log_input``, with name, digest, and the manifest's URL as its source.

        MLflow keeps 36 digits of a digest; all of them are in the dataset's profile.

        Raises
        ------
        MissingLibrary
            ``missing_library``: MLflow is not installed.
        """
        return tracking.as_mlflow_dataset(self)

    def _file(self, kind: str) -> EvidenceFile:
        files = {each.kind: each for each in self.manifest.evidence_files}
        if kind not in files:
            have = f"it has {', '.join(files)}" if files else "it has none"
            raise BadArgument.of(f"The version has no file of evidence {kind!r}: {have}.")
        return files[kind]


class Lazy(Sequence[_Item_co]):
    """A sequence whose items are made when they are read."""

    def __init__(self, length: int, item: Callable[[int], _Item_co]) -> None:
        self._length = length
        self._item = item

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> _Item_co: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[_Item_co]: ...

    def __getitem__(self, index: int | slice) -> _Item_co | Sequence[_Item_co]:
        if isinstance(index, slice):
            return [self._item(i) for i in range(self._length)[index]]
        try:
            return self._item(range(self._length)[index])
        except IndexError:
            raise IndexError(f"there are {self._length} tasks, 0 to {self._length - 1}, and no {index}") from None

    def __iter__(self) -> Iterator[_Item_co]:
        return (self._item(i) for i in range(self._length))

    def __repr__(self) -> str:
        return f"<{self._length} tasks, each read when it is used>"


class Stream(Version):
    """A version whose tasks are read when they are used; each is checked against the manifest and then kept.

    Parameters
    ----------
    reader
        Reads the documents.
    found
        The manifest.
    run
        Runs the steps of `reader`.
    tasks
        Tasks that were read already, by number.
    """

    def __init__(
        self,
        reader: Reader,
        found: Found,
        run: Callable[[Steps[Any]], Any],
        tasks: Mapping[int, Task] | None = None,
    ) -> None:
        super().__init__(reader, found)
        self._run = run
        self._read: dict[int, Task] = dict(tasks or {})

    @property
    def tasks(self) -> Sequence[Task]:
        """The tasks, (T,)."""
        return Lazy(len(self.manifest.tasks), self._task)

    @property
    def concepts_by_task(self) -> Sequence[Sequence[tuple[str, str]]]:
        """For each task, the dataset and the class name of its concepts, in order."""
        return Lazy(len(self.manifest.tasks), lambda i: self._task(i).pairs)

    @cached_property
    def concepts(self) -> tuple[str, ...]:
        """``DATASET+++class name`` of all concepts in order, (n,)."""
        return tuple(name for task in self.tasks for name in task.names)

    def labels(self, lists: Mapping[str, Iterable[str]] | None = None) -> StreamLabels:
        """Number the classes of the stream, as the service's exports with the same labels do.

        Parameters
        ----------
        lists
            For each dataset, by either of its names, its classes in the order of their labels, such as the ``classes``
            of a dataset of torchvision. By default the lists of the catalogue.

        Raises
        ------
        InvalidInput
            ``missing_labels``, ``extra_labels``, ``duplicate_concept``, ``labels_needed`` and others: with all faults,
            each of which names the classes.
        """
        return stream_labels(lists, self.concepts, self.sizes)

    def samples(
        self,
        given: Mapping[str, Sequence[int] | Mapping[str, int]],
        labels: StreamLabels | None = None,
    ) -> dict[tuple[str, str], int]:
        """Return the number of samples of each concept, by dataset and class name, in the order of the stream.

        Parameters
        ----------
        given
            For each dataset, by either of its names: the number of each class, or a list of numbers in the order of
            the labels.
        labels
            The labels of such lists; by default those of the catalogue.

        Raises
        ------
        InvalidInput
            ``missing_samples`` and ``bad_samples``: with all faults.
        """
        return samples_of(given, self.concepts, labels)

    def cursor(self, **options: Unpack[PlanOptions]) -> Cursor:
        """Return a cursor over the batches of the stream, before its first step: the same for any number of ranks.

        Parameters
        ----------
        **options
            Rank and number of ranks, sizes, shares, samples and seed: see
            `concept_orderings.client.plan.parameters.PlanOptions`.

        Raises
        ------
        BadArgument
            With all faults.
        InvalidInput
            The samples do not fit the stream; with all faults.
        """
        return make_cursor(self, **options)

    def evidence(self, kind: str) -> EvidenceTable:
        """Return a file of evidence from which the order was made, such as ``counts`` or ``vectors``.

        Raises
        ------
        BadArgument
            The version has no such file.
        WrongDigest
            It is not the file that the manifest lists.
        """
        return read_table(self._run(self._reader.evidence(self._found, self._file(kind))))

    def verify(self) -> None:
        """Check the whole version anew: each document on the disk, and that the documents agree with each other.

        Damaged documents of the cache are fetched again. Files of evidence are checked if the cache has them.

        Raises
        ------
        WrongDigest
            A document is not the one of the manifest.
        BadAnswer
            The documents contradict each other.
        """
        self._run(checking.verify(self._reader, self._found))

    def documents(self) -> VersionDocuments:
        """Return the bytes of the manifest and of the tasks, as the service sends them."""
        return VersionDocuments(self._found.data, tuple(self._run(self._reader.all_tasks(self._found))))

    def published(self) -> PublishedVersion:
        """Return the version as the exporters of `concept_orderings.exporters` read it."""
        files = self.manifest.evidence_files
        return PublishedVersion.from_documents(self.documents()).with_evidence(
            lambda: {each.kind: self._run(self._reader.evidence(self._found, each)) for each in files}
        )

    def _task(self, number: int) -> Task:
        if number not in self._read:
            self._read[number] = self._run(self._reader.task(self._found, number))
        return self._read[number]

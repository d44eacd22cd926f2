"""The schemas of answers on streams, jobs and the catalogue, for OpenAPI, and how records become such answers."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, TypeAlias, overload
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from app.examples import EXAMPLE_LABELS, EXAMPLE_REQUEST
from app.examples import STREAM_NAME as STREAM_EXAMPLE
from app.listing import Listed
from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.exporters import EXPORTERS, Exporter
from concept_orderings.exporters.fomo import Fomo
from concept_orderings.labels import Labels
from concept_orderings.progress import Phase
from concept_orderings.stream_warnings import MOST_CONCEPTS, MOST_QUERIES, StreamWarning, WarningCode, sentences
from store.jobs import PlaceInQueue, ordering_of, stream_of, version_of, warnings_of
from store.runs import ATTEMPTS, Record, State
from store.versions import VersionRecord

_DIGEST = "0f" * 32
_WHEN = "2026-01-31T12:00:00.000+00:00"

# A string, so that it is sent as it is stored.
Time: TypeAlias = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A time in UTC in an answer, such as 2026-01-31T12:00:00.000Z (RFC 3339)."""


def stream_url(name: str) -> str:
    """Return the URL of a stream."""
    return f"/v1/streams/{name}"


def version_url(name: str, version: int) -> str:
    """Return the URL of a version."""
    return f"{stream_url(name)}/versions/{version}"


def export_url(name: str, version: int, exporter: type[Exporter], labels_digest: str = "") -> str:
    """Return the URL of a version in the format of an exporter; its answer never changes.

    With a digest, the export has the labels of that digest if its format has labels.
    """
    query = {} if exporter.final else {"v": str(exporter.version)}
    if exporter.has_labels and labels_digest:
        query["labels"] = labels_digest
    url = f"{version_url(name, version)}/export/{exporter.name}"
    return f"{url}?{urlencode(query)}" if query else url


def _export_urls(name: str, version: int, labels_digest: str) -> dict[str, str]:
    return {each.name: export_url(name, version, each, labels_digest) for each in EXPORTERS.values()}


class Schema(BaseModel):
    """The base of all schemas.

    pydantic builds a schema at its first use, and not at import: that would add a tenth to the time in which the API
    starts, and many schemas are used by the OpenAPI document alone.
    """

    # Answers have all their fields, also those that have a default here.
    model_config = ConfigDict(defer_build=True, json_schema_serialization_defaults_required=True)


class Progress(Schema):
    """How many steps of its phase a job has done; a step is a caption, a class name, a concept, a start or a task."""

    phase: str | None = Field(
        description=f"What the job is at: {', '.join(Phase)}, or a phase that a later release adds; null before the "
        "first. A job has only those that it needs, and one that takes less than a second may not be seen.",
        examples=["embedding"],
    )
    done: int = Field(description="Number of steps that are done.", examples=[4096])
    total: int = Field(
        description="Number of steps in all; 0 in a phase whose steps are not counted: "
        f"{', '.join(each for each in Phase if not each.counted)}.",
        examples=[18381],
    )


class QueuePlace(Schema):
    """The place of a job in the queue."""

    ahead: int = Field(
        description="How many jobs that were asked for earlier wait or run, of all clients. This job may begin sooner: "
        "clients take turns, and orderings that need no source and no encoder do not wait for others.",
        examples=[3],
    )
    workers: int = Field(
        description="How many workers take jobs; 0: no worker is up. A worker that was killed counts for some seconds "
        "more.",
        examples=[1],
    )


class JobNote(Schema):
    """Why a queued job waits although a worker had it."""

    code: str = Field(
        description="A code that never changes, for programs: `request_of_later_release` if the workers that are up "
        "are of an earlier release than the program that took the request; `store_full` if the disk of the service is.",
        examples=["request_of_later_release"],
    )
    detail: str = Field(
        examples=[
            "The job waits for a worker of a later release. The stored request has the ordering 'spiral', which "
            "release 0.2.0 does not know. A later release wrote it: update this program, or let one of that release "
            "read it."
        ]
    )


class StreamLink(Schema):
    """The URL of a version."""

    name: str = Field(examples=[STREAM_EXAMPLE])
    version: int = Field(examples=[1])
    url: str = Field(examples=[f"/v1/streams/{STREAM_EXAMPLE}/versions/1"])


class JobProblem(Schema):
    """Why a job failed."""

    code: str = Field(description="A code that never changes, for programs.", examples=["source_not_configured"])
    detail: str = Field(
        description="What is wrong, and what to do next.",
        examples=["There is no index c4. Build one with `concept-orderings index SHARD.json.gz --name c4`."],
    )
    pointers: list[str] = Field(
        [],
        description="RFC 6901 pointers to the fields of the request that are at fault.",
        examples=[["/ordering/source"]],
    )


class Open(Schema):
    """The base of stored objects, which may lack fields, and have more than those declared, such as parameters."""

    model_config = ConfigDict(extra="allow", json_schema_serialization_defaults_required=False)


class CanonicalOrdering(Open):
    """An ordering as the canonical request has it, with all its parameters."""

    kind: str = Field(examples=[EXAMPLE_REQUEST.ordering.kind])
    version: int = Field(description="The ordering's version.", examples=[EXAMPLE_REQUEST.ordering.version])


class WarningResource(Schema):
    """A warning for readers of a stream; it never changes an order."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    code: str = Field(
        description=f"A code that never changes, for programs: {', '.join(WarningCode)}, or a code that a later "
        "release adds (docs/warnings.md).",
        examples=["zero_counts"],
    )
    detail: str = Field(
        description="The sentence that stands in `warnings`.",
        examples=["1 of 2 concepts have a count of 0 ('zoo+++bear'): their order among themselves is random."],
    )
    count: int | None = Field(
        description="The number of concepts that it is about, or of names, datasets, years or captions "
        "(docs/warnings.md); null if it is not about a number of them.",
        examples=[1],
    )
    concepts: list[str] = Field(
        description=f"The first {MOST_CONCEPTS} of the concepts that it is about, in canonical order; empty if it is "
        "not about concepts.",
        examples=[["zoo+++bear"]],
    )
    queries: dict[str, str | list[str]] = Field(
        default_factory=dict,
        exclude_if=lambda queries: not queries,
        description=f"For the first {MOST_QUERIES} of the class names that it is about, a query to copy into `queries` "
        "of their class list; absent if no query helps.",
        examples=[{"/b/beach": "beach"}],
    )


_LABELS_OF_POST = (
    "The labels of the class lists as the POST lists them, for exports (docs/exports.md). Another POST may list the "
    "same classes in another order: it has the same version, and other labels."
)


class JobResource(Schema):
    """A job: it makes one version of a stream."""

    id: str = Field(examples=["9b1c" * 8])
    url: str = Field(examples=["/v1/jobs/" + "9b1c" * 8])
    events_url: str = Field(examples=["/v1/jobs/" + "9b1c" * 8 + "/events"])
    state: State = Field(examples=["running"])
    cancel_requested: bool = Field(description="Whether the job is running and will stop soon.", examples=[False])
    ordering: CanonicalOrdering | None = Field(
        description="The ordering in the canonical request: with every default, and with `counted_since` instead of "
        "`refresh`. A request with this ordering gets the same job.",
    )
    warnings: list[str] = Field(
        description="Warnings of the version that the request alone decides, such as names that share a count. The "
        "finished version has these and those that its evidence and its order give.",
        examples=[[]],
    )
    warning_details: list[WarningResource] = Field(description="The same warnings as objects.", examples=[[]])
    labels_digest: str | None = Field(
        description=f"{_LABELS_OF_POST} Null in answers to other calls, because several POSTs may share a job.",
        examples=[EXAMPLE_LABELS],
    )
    progress: Progress
    stream: StreamLink | None = Field(description="The version, once the job has succeeded.")
    error: JobProblem | None = Field(description="Why the job failed, once it has.")
    attempt: int = Field(
        description="Number of the attempt, from 1; 0 before the first. A job whose worker died, or that failed for a "
        f"reason that may pass, is tried again, at most {ATTEMPTS} times in all.",
        examples=[1],
    )
    queue: QueuePlace | None = Field(
        description="The place of a queued job in the queue, at the time of the answer; null in other states, "
        "and while the service stops."
    )
    note: JobNote | None = Field(
        description="Why a queued job waits although a worker had it; null for any other.", examples=[None]
    )
    created_at: Time = Field(
        description="When the job was queued. A job that is asked for again after it failed is queued anew.",
        examples=[_WHEN],
    )
    updated_at: Time = Field(examples=[_WHEN])
    started_at: Time | None = Field(
        description="Since when the job runs, or when its last attempt began; null while it is queued.",
        examples=["2026-01-31T12:00:00.250Z"],
    )
    finished_at: Time | None = Field(description="When the job ended; null before.", examples=[None])


class JobSummary(Schema):
    """A job in a list."""

    id: str = Field(examples=["9b1c" * 8])
    url: str = Field(examples=["/v1/jobs/" + "9b1c" * 8])
    name: str = Field(description="The stream that it makes a version of.", examples=[STREAM_EXAMPLE])
    state: State = Field(examples=["running"])
    ordering: str | None = Field(description="The kind of ordering.", examples=["similarity"])
    progress: Progress
    stream: StreamLink | None = Field(description="The version, once the job has succeeded.")
    error: str | None = Field(description="The code of its error, if it failed.", examples=[None])
    queue: QueuePlace | None = Field(
        description="The place of a queued job in the queue, at the time of the answer; null in other states, "
        "and while the service stops."
    )
    created_at: Time = Field(description="When the job was queued.", examples=[_WHEN])
    started_at: Time | None = Field(
        description="Since when the job runs, or when its last attempt began; null while it is queued.",
        examples=["2026-01-31T12:00:00.250Z"],
    )
    finished_at: Time | None = Field(description="When the job ended; null before.", examples=[None])


class JobList(Schema):
    """Active and recent jobs."""

    jobs: list[JobSummary]


class TaskLink(Schema):
    """One task of a version."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    task: int = Field(description="From 0.", examples=[0])
    concepts: int = Field(description="Number of concepts.", examples=[920])
    digest: str = Field(description="SHA-256 of the task as served.", examples=[_DIGEST])
    url: str = Field(examples=[f"/v1/streams/{STREAM_EXAMPLE}/versions/1/tasks/0"])
    # An integer stays one, as in the manifest.
    samples: int | float | None = Field(
        None,
        exclude_if=lambda samples: samples is None,
        description="Number of training samples; absent if those of some class are not known.",
        examples=[88211.5],
    )
    samples_exact: str | None = Field(
        None,
        exclude_if=lambda exact: exact is None,
        description="The same as an exact fraction; absent if the number is whole.",
        examples=["176423/2"],
    )


class VersionSummary(Schema):
    """A version in a list."""

    name: str = Field(examples=[STREAM_EXAMPLE])
    version: int = Field(examples=[1])
    url: str = Field(description="The manifest.", examples=[f"/v1/streams/{STREAM_EXAMPLE}/versions/1"])
    digest: str = Field(
        description="SHA-256 of the manifest, which holds the digests of all tasks: cite it with name and version.",
        examples=[_DIGEST],
    )
    order_digest: str = Field(
        description="SHA-256 of the list of all concepts in order: compare orders by it, also those of other releases.",
        examples=[_DIGEST],
    )
    ordering: str = Field(examples=["time"])
    concepts: int = Field(examples=[18381])
    created_at: Time = Field(examples=[_WHEN])


class DamagedVersion(Schema):
    """A version in a list of which a part is damaged or missing in the store."""

    name: str = Field(examples=[STREAM_EXAMPLE])
    version: int = Field(examples=[2])
    url: str = Field(
        description="The manifest. Reading a damaged part is answered with `version_damaged`, never with other bytes.",
        examples=[f"/v1/streams/{STREAM_EXAMPLE}/versions/2"],
    )
    damaged: Literal[True] = Field(
        description="`concept-orderings fsck` names the files, and what can be made again.", examples=[True]
    )


class VersionResource(VersionSummary):
    """A version, with the URLs of its parts."""

    warnings: list[str] = Field(description="Warnings about the evidence, the order and the tasks.", examples=[[]])
    warning_details: list[WarningResource] = Field(
        description="The same warnings as objects. Those of versions that release 0.1.0 published have the code "
        "`unclassified`, and neither a number nor concepts.",
        examples=[[]],
    )
    labels_digest: str = Field(description=_LABELS_OF_POST, examples=[EXAMPLE_LABELS])
    export_url: str = Field(
        description="The order as a FoMo-in-Flux file.",
        examples=[f"/v1/streams/{STREAM_EXAMPLE}/versions/1/export/fomo"],
    )
    exports: dict[str, str] = Field(
        description="The URL of the version in each format, with the labels of this POST where the format has labels; "
        "the answers of these URLs never change.",
        examples=[_export_urls(STREAM_EXAMPLE, 1, EXAMPLE_LABELS)],
    )
    tasks: list[TaskLink]


class VariantResource(Schema):
    """One of several versions that a request asks for, or the job that makes it."""

    name: str = Field(description="Its stream.", examples=[f"{STREAM_EXAMPLE}-1"])
    seed: int = Field(description="The seed of its ordering.", examples=[0])
    version: VersionResource | None = Field(description="The version; null before it is finished.")
    job: JobResource | None = Field(description="The job that makes the version; null once it is finished.")


class VariantsResource(Schema):
    """The variants of a request, in the order of their seeds."""

    variants: list[VariantResource]
    finished: int = Field(description="How many of them have a version.", examples=[5])
    orders: int = Field(
        description="How many different orders these versions have: seeds may give the same one where only few "
        "concepts have ties.",
        examples=[5],
    )
    labels_digest: str = Field(description=_LABELS_OF_POST, examples=[EXAMPLE_LABELS])


_Description: TypeAlias = Annotated[
    str | None,
    Field(
        description="The newest description that a request gave the stream; null if it has none.",
        examples=["The pilot study of spring"],
    ),
]


class StreamSummary(Schema):
    """A stream in a list."""

    name: str = Field(examples=[STREAM_EXAMPLE])
    description: _Description
    latest_version: int = Field(examples=[3])
    url: str = Field(examples=[f"/v1/streams/{STREAM_EXAMPLE}"])
    ordering: str = Field(description="The kind of ordering of its newest version.", examples=["time"])
    concepts: int = Field(description="The number of concepts of its newest version.", examples=[18381])
    tasks: int = Field(description="The number of tasks of its newest version.", examples=[20])
    created_at: Time = Field(description="When its newest version was published.", examples=[_WHEN])
    warnings: list[str] = Field(description="The warnings of its newest version.", examples=[[]])


class DamagedStream(Schema):
    """A stream in a list, of whose newest version a part is damaged or missing in the store."""

    name: str = Field(examples=[STREAM_EXAMPLE])
    description: _Description
    latest_version: int = Field(examples=[3])
    url: str = Field(examples=[f"/v1/streams/{STREAM_EXAMPLE}"])
    damaged: Literal[True] = Field(description="The list of its versions says which others are, too.", examples=[True])


class StreamPage(Schema):
    """A page of streams, by name."""

    streams: list[StreamSummary | DamagedStream]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last.", examples=[None])


class VersionPage(Schema):
    """A page of a stream's versions, oldest first."""

    name: str = Field(examples=[STREAM_EXAMPLE])
    description: _Description
    versions: list[VersionSummary | DamagedVersion]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last.", examples=[None])


class FoundVersions(Schema):
    """The versions of a digest."""

    versions: list[VersionSummary]


class TaskList(Schema):
    """The tasks of a version, without their concepts."""

    name: str = Field(examples=[STREAM_EXAMPLE])
    version: int = Field(examples=[1])
    digest: str = Field(description="SHA-256 of the manifest.", examples=[_DIGEST])
    tasks: list[TaskLink]


class LabelsResource(Schema):
    """Labels that the service has."""

    labels_digest: str = Field(
        description="SHA-256 of the labels as RFC 8785 canonical JSON: give it to exports as `labels`.",
        examples=[EXAMPLE_LABELS],
    )
    url: str = Field(examples=[f"/v1/labels/{EXAMPLE_LABELS}"])
    classes: dict[str, int] = Field(
        description="The number of classes in the list of each dataset, by the dataset's name in streams.",
        examples=[{"CIFAR100": 100}],
    )


class ParameterResource(Schema):
    """A parameter of an ordering."""

    name: str = Field(examples=["seed"])
    type: str = Field(examples=["integer"])
    default: bool | int | str | None = Field(description="The value if the parameter is left out.", examples=[0])
    choices: list[str] = Field(description="All allowed values; empty if the type allows any.", examples=[[]])
    pattern: str = Field(description="A regular expression that the whole string must match, or empty.", examples=[""])
    minimum: int = Field(description="The smallest integer allowed.", examples=[0])
    maximum: int = Field(description="The largest integer allowed.", examples=[LARGEST_INTEGER])
    fewest: int = Field(description="The smallest number of strings in an array.", examples=[0])
    most: int = Field(description="The largest number of strings in an array.", examples=[LARGEST_INTEGER])
    distinct: bool = Field(description="Whether the strings of an array must differ.", examples=[False])
    required: bool = Field(description="Whether requests must have the parameter.", examples=[False])
    description: str = Field(examples=["The same seed gives the same stream."])


class OrderingResource(Schema):
    """An ordering of the service."""

    kind: str = Field(examples=["random"])
    version: int = Field(description="Increased when any output would change.", examples=[1])
    summary: str = Field(examples=["All concepts shuffled."])
    needs: list[str] = Field(description="Evidence: years, scores, counts or embeddings.", examples=[[]])
    has_own_concepts: bool = Field(
        description="Whether it orders only concepts that it knows, and a request without concepts means them all.",
        examples=[False],
    )
    parameters: list[ParameterResource]


class OrderingList(Schema):
    """All orderings."""

    orderings: list[OrderingResource]


class DatasetResource(Schema):
    """A dataset of the built-in catalogue."""

    handle: str = Field(description="The name in the benchmark's code.", examples=["cifar100"])
    name: str = Field(description="The name in streams.", examples=["CIFAR100"])
    title: str = Field(description="The name in the paper's tables.", examples=["Cifar100"])
    split: Literal["adaptation", "evaluation"] = Field(
        description="Whether models are trained on it or only evaluated.", examples=["adaptation"]
    )
    year: int = Field(examples=[2009])
    train_samples: int = Field(examples=[50000])
    test_samples: int = Field(examples=[10000])
    classes: int = Field(description="Number of classes, as the paper gives it.", examples=[100])
    domain: str = Field(examples=["natural"])
    license: str = Field(examples=["Unspecified, but academic usage"])
    captions: str = Field(description="Where the benchmark's captions come from.", examples=["generated"])
    template: str = Field(examples=["A photo of a {}."])
    zero_shot_score: float = Field(description="OpenCLIP ViT-B/32, percent.", examples=[75.8])
    url: str = Field(description="The dataset with its classes.", examples=["/v1/datasets/cifar100"])


class DatasetWithClasses(DatasetResource):
    """A dataset of the built-in catalogue, with its classes."""

    class_list: list[str] | None = Field(
        description="The names of its classes, in its own order: a class's label is its index here. Null for mscoco "
        "and flickr30k, which have captions and no classes.",
        examples=[["apple", "aquarium_fish", "baby", "bear", "beaver"]],
    )
    classes_in_streams: int = Field(
        description="How many of them the benchmark's streams have; 0 for evaluation datasets.", examples=[100]
    )
    left_out: list[str] = Field(
        description="The classes in the list that a request without `classes` leaves out, because none of the "
        "benchmark's streams has them.",
        examples=[[]],
    )


class DatasetList(Schema):
    """The 63 datasets of the FoMo-in-Flux benchmark."""

    datasets: list[DatasetResource]


class Liveness(Schema):
    """The process runs."""

    status: Literal["alive"] = Field(examples=["alive"])


class ReadinessReason(Schema):
    """One thing that keeps the service from doing jobs."""

    code: Literal["redis_unavailable", "no_workers", "store_unavailable", "store_full"] = Field(examples=["store_full"])
    detail: str = Field(description="What is wrong, for people.", examples=["No worker has reported recently."])


class Readiness(Schema):
    """Whether the service accepts jobs and a worker can do them. Finished versions are served in any case."""

    status: Literal["ready", "not ready"] = Field(examples=["ready"])
    redis: bool = Field(description="Whether Redis answers.", examples=[True])
    workers: int = Field(examples=[1])
    store: bool = Field(description="Whether the store of versions takes writes.", examples=[True])
    reasons: list[ReadinessReason] = Field(description="Why the service is not ready; empty if it is.", examples=[[]])


class IndexLinks(Schema):
    """Where the parts of the service are."""

    docs: str = Field("/docs", description="A page on which all calls can be tried.", examples=["/docs"])
    openapi: str = Field("/openapi.json", description="The description for programs.", examples=["/openapi.json"])
    streams: str = Field("/v1/streams", description="POST asks for a version.", examples=["/v1/streams"])
    jobs: str = Field("/v1/jobs", description="Active and recent jobs.", examples=["/v1/jobs"])
    orderings: str = Field("/v1/orderings", examples=["/v1/orderings"])
    published: str = Field("/v1/published", description="Streams of others.", examples=["/v1/published"])
    datasets: str = Field("/v1/datasets", examples=["/v1/datasets"])
    sources: str = Field("/v1/sources", examples=["/v1/sources"])
    scores: str = Field("/v1/scores", description="Uploaded scores files.", examples=["/v1/scores"])
    health: str = Field("/health", description="Whether jobs can be done.", examples=["/health"])


class Index(Schema):
    """The service."""

    name: str = Field(examples=["concept-orderings"])
    release: str = Field(description="The release of the software.", examples=["0.2.0"])
    links: IndexLinks


class FaultResource(Schema):
    """One fault of a request."""

    code: str = Field(description="A code that never changes, for programs.", examples=["duplicate_concept"])
    detail: str = Field(
        description="What is wrong, and what to do.",
        examples=["The concept 'CIFAR100+++bear' is given twice; leave one out."],
    )
    pointers: list[str] = Field(
        description="RFC 6901 pointers to the fields that are at fault.",
        examples=[["/datasets/0/classes/0", "/datasets/0/classes/7"]],
    )


class Problem(Schema):
    """An error in the format of RFC 9457; `code`, `detail` and `pointers` are those of the first fault."""

    type: str = Field(examples=["urn:concept-orderings:problem:duplicate_concept"])
    title: str = Field(examples=["Duplicate concept"])
    status: int = Field(examples=[422])
    code: str = Field(description="A code that never changes, for programs.", examples=["duplicate_concept"])
    detail: str = Field(examples=["The concept 'CIFAR100+++bear' is given twice; leave one out."])
    pointers: list[str] = Field(
        description="RFC 6901 pointers to the fields that are at fault.",
        examples=[["/datasets/0/classes/0", "/datasets/0/classes/7"]],
    )
    errors: list[FaultResource] = Field(
        description="All faults, the first of them first; at most 100 of each code.",
    )
    errors_left_out: dict[str, int] = Field(
        description="By code, the number of faults, or places of faults, that are not in `errors`; empty if all are.",
        examples=[{}],
    )
    request_id: str = Field(
        "",
        description="The id of the request, also in the field X-Request-ID, for the log.",
        examples=["rank-7.step-3"],
    )


def job_url(identifier: str) -> str:
    """Return the URL of a job."""
    return f"/v1/jobs/{identifier}"


def labels_url(digest: str) -> str:
    """Return the URL of labels."""
    return f"/v1/labels/{digest}"


def labels_resource(labels: Labels) -> LabelsResource:
    """Return what clients get of labels that they sent."""
    classes = {name: len(each) for name, each in sorted(labels.lists.items())}
    return LabelsResource(labels_digest=labels.digest, url=labels_url(labels.digest), classes=classes)


def job_resource(job: Record, place: PlaceInQueue | None, labels_digest: str | None = None) -> JobResource:
    """Return a job in the form that clients get.

    Parameters
    ----------
    job
        Its record.
    place
        Its place in the queue if it is queued.
    labels_digest
        In an answer to a POST: the labels of that POST.
    """
    return JobResource(
        id=job.id,
        url=job_url(job.id),
        events_url=f"{job_url(job.id)}/events",
        state=job.state,
        cancel_requested=job.cancel_requested and not job.state.final,
        ordering=_canonical_ordering(job),
        warnings=sentences(warnings := warnings_of(job)),
        warning_details=warning_resources(warnings),
        labels_digest=labels_digest,
        progress=Progress(phase=job.phase, done=job.done, total=job.total),
        stream=_stream_link(job),
        error=JobProblem.model_validate(job.error) if job.error is not None else None,
        attempt=job.attempts,
        queue=QueuePlace(**place._asdict()) if place is not None else None,
        note=JobNote.model_validate(job.note) if job.note is not None else None,
        created_at=job.created_at,
        updated_at=job.updated_at,
        started_at=utc(job.started_at),
        finished_at=utc(job.finished_at),
    )


def job_summary(job: Record, place: PlaceInQueue | None) -> JobSummary:
    """Return a job in the form that lists contain; `place` is its place in the queue if it is queued."""
    ordering = _canonical_ordering(job)
    return JobSummary(
        id=job.id,
        url=job_url(job.id),
        name=stream_of(job),
        state=job.state,
        ordering=ordering.kind if ordering is not None else None,
        progress=Progress(phase=job.phase, done=job.done, total=job.total),
        stream=_stream_link(job),
        error=str(job.error["code"]) if job.error is not None else None,
        queue=QueuePlace(**place._asdict()) if place is not None else None,
        created_at=job.created_at,
        started_at=utc(job.started_at),
        finished_at=utc(job.finished_at),
    )


def version_summary(record: VersionRecord) -> VersionSummary:
    """Return a version in the form that lists contain."""
    return VersionSummary(
        name=record.stream,
        version=record.version,
        url=version_url(record.stream, record.version),
        digest=record.digest,
        order_digest=record.order_digest,
        ordering=record.ordering,
        concepts=record.concepts,
        created_at=record.created_at,
    )


def version_resource(record: VersionRecord, labels_digest: str) -> VersionResource:
    """Return a version in the form that clients get, with the labels of the POST that they sent."""
    return VersionResource(
        **version_summary(record).model_dump(),
        warnings=sentences(record.warnings),
        warning_details=warning_resources(record.warnings),
        labels_digest=labels_digest,
        export_url=export_url(record.stream, record.version, Fomo),
        exports=_export_urls(record.stream, record.version, labels_digest),
        tasks=task_links(record),
    )


def variant_resource(name: str, seed: int, labels_digest: str, made: VersionRecord | JobResource) -> VariantResource:
    """Return a variant in the form that clients get, from its version or its job."""
    version = version_resource(made, labels_digest) if isinstance(made, VersionRecord) else None
    return VariantResource(name=name, seed=seed, version=version, job=made if isinstance(made, JobResource) else None)


def variants_resource(variants: Sequence[VariantResource], labels_digest: str) -> VariantsResource:
    """Return variants in the form that clients get, with the labels of the POST that they sent."""
    orders = [each.version.order_digest for each in variants if each.version is not None]
    return VariantsResource(
        variants=list(variants), finished=len(orders), orders=len(set(orders)), labels_digest=labels_digest
    )


def task_links(record: VersionRecord) -> list[TaskLink]:
    """Return the tasks of a version, without their concepts."""
    url = version_url(record.stream, record.version)
    return [
        TaskLink(task=i, concepts=each.concepts, digest=each.digest, url=f"{url}/tasks/{i}", **each.samples)
        for i, each in enumerate(record.tasks)
    ]


def listed_version(listed: Listed) -> VersionSummary | DamagedVersion:
    """Return a version in the form that the list of a stream contains."""
    if listed.record is not None and not listed.is_damaged:
        return version_summary(listed.record)
    url = version_url(listed.stream, listed.version)
    return DamagedVersion(name=listed.stream, version=listed.version, url=url, damaged=True)


def listed_stream(newest: Listed, description: str | None) -> StreamSummary | DamagedStream:
    """Return a stream in the form that lists contain, from its newest version."""
    record, url = newest.record, stream_url(newest.stream)
    if record is None or newest.is_damaged:
        return DamagedStream(
            name=newest.stream, description=description, latest_version=newest.version, url=url, damaged=True
        )
    return StreamSummary(
        name=record.stream,
        description=description,
        latest_version=record.version,
        url=url,
        ordering=record.ordering,
        concepts=record.concepts,
        tasks=len(record.tasks),
        created_at=record.created_at,
        warnings=sentences(record.warnings),
    )


def warning_resources(warnings: Iterable[StreamWarning]) -> list[WarningResource]:
    """Return warnings in the form that clients get."""
    return [WarningResource.model_validate(each.as_json()) for each in warnings]


@overload
def utc(time: str) -> str: ...
@overload
def utc(time: None) -> None: ...
def utc(time: str | None) -> str | None:
    """Return a time of a record with a Z, as RFC 3339 writes UTC."""
    return time.replace("+00:00", "Z") if time is not None else None


def _canonical_ordering(job: Record) -> CanonicalOrdering | None:
    ordering = ordering_of(job)
    return CanonicalOrdering.model_validate(ordering) if ordering is not None else None


def _stream_link(job: Record) -> StreamLink | None:
    stream, version = stream_of(job), version_of(job)
    return StreamLink(name=stream, version=version, url=version_url(stream, version)) if version is not None else None

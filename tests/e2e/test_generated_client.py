"""A client that openapi-python-client generates from the committed document orders, uploads counts and reads."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from app import openapi
from concept_orderings.exporters import EXPORTERS
from concept_orderings.orderings import ORDERINGS
from support.deployment import Deployment
from support.generated_client import GeneratedClient

CONCEPTS = ["CIFAR100+++bear", "CIFAR100+++otter", "FLOWERS102+++daffodil", "DTD+++striped"]


class Calls:
    """The calls of the generated client, by operation id, to one service."""

    def __init__(self, generated: GeneratedClient, url: str) -> None:
        self.models = generated.models
        self.file = generated.types.File
        self._operations = generated.operations
        self._connection = generated.connect(url)

    def response(self, operation_id: str, **arguments: Any) -> Any:
        return self._operations[operation_id].sync_detailed(client=self._connection, **arguments)

    def __call__(self, operation_id: str, **arguments: Any) -> Any:
        """Return the parsed answer."""
        return self.response(operation_id, **arguments).parsed

    def publish(self, request: Any) -> Any:
        # On a busy machine, compiling the path search takes more than a minute.
        while isinstance(version := self("create_stream", body=request, prefer="wait=30"), self.models.JobResource):
            pass
        assert isinstance(version, self.models.VersionResource), version
        return version


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GeneratedClient]:
    client = GeneratedClient(tmp_path_factory.mktemp("client"))
    yield client
    client.close()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    # Another default encoder than the library's, which has no weights here.
    with Deployment(tmp_path_factory.mktemp("service"), CONCEPT_ORDERINGS_DEFAULT_ENCODER="fake") as deployment:
        yield deployment.ready()


@pytest.fixture(scope="module")
def calls(generated: GeneratedClient, deployment: Deployment) -> Calls:
    return Calls(generated, deployment.api.url)


def random_request(calls: Calls, name: str, seed: int = 0) -> Any:
    models = calls.models
    ordering = models.RandomOrdering(kind="random", seed=seed)
    return models.StreamRequest(name=name, concepts=CONCEPTS, ordering=ordering, tasks=models.TaskCount(count=2))


def class_lists(models: Any) -> list[Any]:
    gadgets = {"e-reader": 71.5, "smart ring": 12.0}
    return [
        models.ClassList(name="cifar100", classes=["bear", "otter"], counts=counts(models, {"bear": 5, "otter": 3})),
        models.ClassList(
            name="my-gadgets",
            classes=["e-reader", ["smart ring", "ring computer"]],
            year=2024,
            template=["A photo of a {}.", "A drawing of a {}."],
            scores=models.ClassListScoresType1.from_dict(gadgets),
            counts=counts(models, {"e-reader": 91042, "smart ring": 388}),
        ),
    ]


def counts(models: Any, by_class: dict[str, int]) -> Any:
    return models.ClassListCountsType0.from_dict(by_class)


# --- Generating.


def test_every_operation_has_a_function(generated: GeneratedClient) -> None:
    document = json.loads(openapi.PATH.read_text(encoding="utf-8"))
    ids = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}

    assert set(generated.operations) == ids


def test_only_media_types_of_uploads_are_left_out(generated: GeneratedClient) -> None:
    warnings = [line for line in generated.output.splitlines() if line.startswith(("WARNING", "ERROR"))]

    assert set(warnings) == {
        "WARNING parsing PUT /v1/sources/{name} within sources.",
        "WARNING parsing PUT /v1/scores/{name} within scores.",
    }
    assert "Endpoint will not be generated" not in generated.output


# --- Orderings.


@pytest.mark.parametrize("kind", [kind for kind, each in ORDERINGS.items() if not each.has_own_concepts])
def test_an_ordering_with_the_defaults_of_the_client_is_that_of_the_service(
    calls: Calls, deployment: Deployment, kind: str
) -> None:
    """The client sends every default that the document states; the service has the same."""
    models = calls.models
    ordering = getattr(models, f"{kind.capitalize()}Ordering")(kind=kind)
    request = models.StreamRequest(
        name=f"typed-{kind}", datasets=class_lists(models), ordering=ordering, tasks=models.TaskSizes(sizes=[1, 3])
    )

    version = calls.publish(request)

    assert (version.name, version.version, version.ordering) == (f"typed-{kind}", 1, kind)
    bare = {**request.to_dict(), "ordering": {"kind": kind}}
    assert deployment.post(bare).json()["digest"] == version.digest


def test_concepts_may_be_left_to_a_published_stream(calls: Calls) -> None:
    models = calls.models
    ordering = models.PublishedOrdering(kind="published", stream=models.PublishedOrderingStream("icarl/cifar100"))
    request = models.StreamRequest(name="typed-published", ordering=ordering, tasks=models.TaskCount(count=10))

    version = calls.publish(request)

    assert (version.concepts, version.ordering) == (100, "published")


def test_classes_may_be_left_to_the_catalogue(calls: Calls) -> None:
    models = calls.models
    whole = models.ClassListClassesType1.LIST
    request = models.StreamRequest(
        name="typed-catalogue",
        datasets=[models.ClassList(name="dtd"), models.ClassList(name="openimages", classes=whole)],
        ordering=models.RandomOrdering(kind="random"),
        tasks=models.TaskCount(count=2),
        strict=True,
    )

    version = calls.publish(request)
    shown = calls("get_dataset", name="openimages")
    assert version.concepts == 47 + len(shown.class_list)
    assert (len(shown.class_list), shown.classes_in_streams, len(shown.left_out)) == (589, 579, 10)
    assert models.StreamRequest.from_dict({**request.to_dict(), "datasets": "fomo"}).to_dict()["datasets"] == "fomo"


def test_an_ordering_takes_parameters_and_groups(calls: Calls) -> None:
    models = calls.models
    request = models.StreamRequest(
        name="typed-parameters",
        datasets=class_lists(models),
        ordering=models.TimeOrdering(kind="time", within_year=models.TimeOrderingWithinYear.DATASET, reverse=True),
        tasks=models.TaskGroups(by=models.TaskGroupsBy.YEAR),
    )

    version = calls.publish(request)
    task = calls("get_task", name=version.name, version=version.version, task=0)

    assert [each.evidence.year for each in task.concepts] == [2024, 2024]


def test_a_job_is_followed_to_its_version(calls: Calls) -> None:
    job = calls("create_stream", body=random_request(calls, "typed-job"))
    assert isinstance(job, calls.models.JobResource)

    events = calls.response("follow_job", id=job.id).content.decode()
    finished = calls("get_job", id=job.id)

    assert events.count("event: job") >= 1
    assert finished.state is calls.models.State.SUCCEEDED
    assert finished.created_at <= finished.updated_at <= datetime.now(UTC)
    assert (finished.stream.name, finished.stream.version) == ("typed-job", 1)
    assert calls("create_stream", body=random_request(calls, "typed-job")).digest


# --- Reading.


def test_a_version_is_read(calls: Calls) -> None:
    version = calls.publish(random_request(calls, "typed-read"))

    for number in (1, "latest"):
        manifest = calls("get_manifest", name="typed-read", version=number)
        assert [each.digest for each in manifest.tasks] == [each.digest for each in version.tasks]
        assert (manifest.ordering.kind, manifest.ordering["seed"]) == ("random", 0)
    tasks = [calls("get_task", name="typed-read", version=1, task=i) for i in range(len(version.tasks))]
    order = [concept.concept for task in tasks for concept in task.concepts]
    assert sorted(order) == sorted(CONCEPTS)
    formats = calls.models.GetExportFormat
    assert {each.value for each in formats} == set(EXPORTERS)
    # The generator reads the answers of an operation in one way: as JSON.
    of_json = (formats.FOMO, formats.TASKS)
    exports = {each: calls("get_export", name="typed-read", version=1, format_=each) for each in of_json}
    assert exports[formats.FOMO] == order
    assert exports[formats.TASKS] == [order[:2], order[2:]]


def test_streams_and_versions_are_read_page_by_page(calls: Calls) -> None:
    for seed in range(3):
        calls.publish(random_request(calls, "typed-pages", seed))
        calls.publish(random_request(calls, f"typed-pages-{seed}"))

    versions, cursor = [], None
    while True:
        page = calls("list_versions", name="typed-pages", limit=2, cursor=cursor)
        versions += [each.version for each in page.versions]
        if (cursor := page.next_cursor) is None:
            break
    streams: list[str] = []
    while True:
        streams_page = calls("list_streams", limit=2, cursor=cursor)
        streams += [each.name for each in streams_page.streams]
        if (cursor := streams_page.next_cursor) is None:
            break

    assert versions == [1, 2, 3]
    assert {f"typed-pages-{seed}" for seed in range(3)} <= set(streams)
    assert streams == sorted(set(streams))


def test_the_catalogue_and_health_are_read(calls: Calls) -> None:
    assert {each.kind for each in calls("list_orderings").orderings} == set(ORDERINGS)
    assert len(calls("list_datasets").datasets) == 63
    assert calls("get_liveness").status == "alive"
    assert calls("get_readiness").workers == 1


# --- Counts.


def test_a_counts_file_is_uploaded_looked_at_and_used(calls: Calls) -> None:
    models, names = calls.models, ["bear", "otter"]
    body = io.BytesIO(b"name,count\nbear,5\notter,3\n")

    source = calls(
        "upload_counts",
        name="typed-counts",
        body=calls.file(payload=body),
        unit=models.UploadCountsUnit.DOCUMENTS,
        corpus="a corpus of ten documents",
        documents=10,
    )
    look = calls("look_at_counts", name="typed-counts", body=models.CountsRequest(names=names), prefer="wait=60")
    request = models.StreamRequest(
        name="typed-frequency",
        datasets=[models.ClassList(name="cifar100", classes=names)],
        ordering=models.FrequencyOrdering(kind="frequency", source="typed-counts"),
        tasks=models.TaskCount(count=1),
    )
    version = calls.publish(request)

    assert (source.kind, source.documents, source.state) == ("file", 10, models.SourceResourceState.AVAILABLE)
    assert source.counted_at <= datetime.now(UTC)
    assert [(each.name, each.count) for each in look.counts] == [("bear", 5), ("otter", 3)]
    assert "typed-counts" in [each.name for each in calls("list_sources").sources]
    task = calls("get_task", name=version.name, version=version.version, task=0)
    assert [(each.class_, each.evidence.count, each.evidence.query) for each in task.concepts] == [
        ("otter", 3, "otter"),
        ("bear", 5, "bear"),
    ]
    manifest = calls("get_manifest", name=version.name, version=version.version)
    assert (manifest.evidence.counts.documents, manifest.evidence.counts.counted.first) == (10, source.counted_at)


# --- Scores.


def test_scores_files_are_uploaded_listed_and_combined(calls: Calls) -> None:
    models, names = calls.models, ["bear", "otter"]
    for name, direction in (("typed-scores", "HIGHER_IS_EASIER"), ("typed-losses", "LOWER_IS_EASIER")):
        resource = calls(
            "upload_scores",
            name=name,
            body=calls.file(payload=io.BytesIO(b"dataset,class,score\ncifar100,bear,5\ncifar100,otter,5\n")),
            model="a model",
            metric="a metric",
            direction=models.UploadScoresDirection[direction],
        )
        assert (resource.name, resource.number, resource.direction.value) == (
            name,
            2,
            direction.lower().replace("_", " "),
        )
    ordering = models.PerformanceOrdering(kind="performance", sources=["typed-scores", "typed-losses"])
    request = models.StreamRequest(
        name="typed-ranks",
        datasets=[models.ClassList(name="cifar100", classes=names)],
        ordering=ordering,
        tasks=models.TaskCount(count=1),
    )
    version = calls.publish(request)

    assert {"typed-scores", "typed-losses"} <= {each.name for each in calls("list_scores").scores}
    assert calls("get_scores", name="typed-losses") == resource
    task = calls("get_task", name=version.name, version=version.version, task=0)
    assert [each.evidence.mean_rank for each in task.concepts] == [1.5, 1.5]
    assert task.concepts[0].evidence.ranks.additional_properties == {"typed-losses": 1.5, "typed-scores": 1.5}
    manifest = calls("get_manifest", name=version.name, version=version.version)
    assert [each.number for each in manifest.evidence.scores.sources] == [2, 2]


# --- Errors.


def test_an_error_is_a_typed_problem(calls: Calls) -> None:
    models = calls.models
    wrong = models.StreamRequest(
        name="Typed", concepts=CONCEPTS, ordering=models.RandomOrdering(kind="random"), tasks=models.TaskCount(count=9)
    )
    problems = {
        "bad_stream_name": calls("create_stream", body=wrong),
        "unknown_job": calls("get_job", id="0" * 32),
        "unknown_stream": calls("get_manifest", name="typed-nowhere", version=1),
        "bad_source": calls("look_at_counts", name="request", body=models.CountsRequest(names=["bear"])),
    }

    for code, problem in problems.items():
        assert isinstance(problem, models.Problem), problem
        assert problem.code == problem.errors[0].code == code
    assert problems["bad_stream_name"].pointers == ["/name"]

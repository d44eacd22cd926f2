"""The schemas of the documents of a version: its manifest and its tasks.

The documents are served as they are stored, so these schemas are for the OpenAPI document alone. Later releases add
fields, and so may new orderings and sources: no schema forbids fields that it does not declare. Tests compare them all
with what each ordering publishes.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from app.declared import without_default
from app.examples import STREAM_NAME as STREAM_EXAMPLE
from app.schemas import CanonicalOrdering, Open, Schema, Time, WarningResource
from concept_orderings.evidence.ranks import MEANING
from concept_orderings.version import __version__

_DIGEST = "0f" * 32


def _absent(description: str, example: object) -> Any:
    """Return a field that some documents have, and that is then not null unless its type says so."""
    return without_default(description, [example])


class ConceptEvidence(Open):
    """The evidence behind a position: a year, a score, a count with what it is a number of, a rank, or a caption."""

    year: int = _absent("The dataset's year.", 2009)
    score: float = _absent(
        "The zero-shot score; higher is easier unless the manifest says otherwise. Of the catalogue: percent.",
        75.8,
    )
    mean_rank: float = _absent("The mean of its ranks by several models.", 4.5)
    ranks: dict[str, float] = _absent(
        "Its rank by each source of scores, from 1, the easiest; equal scores share the mean of their ranks.",
        {"a-model": 3.0, "another-model": 6.0},
    )
    rank_spread: float = _absent("The largest of these ranks less the smallest.", 3.0)
    count: int = _absent("How often the class name occurs.", 388)
    samples: float = _absent("Its training samples, of which tasks have about equally many.", 25.5)
    samples_exact: str = _absent("The same as an exact fraction, if the number is not whole.", "51/2")
    rank: int = _absent("The concept's rank by frequency in the benchmark's own order, from 1, the rarest.", 67)
    tie_group: int = _absent("The number of concepts that have this count, rank, score or mean rank.", 1)
    unit: Literal["documents", "occurrences", "rank"] = _absent(
        "What a source's count is a number of; rank if it is a rank.", "documents"
    )
    query: str | list[str] = _absent("What a source was asked; an array of several spellings.", "smart ring")
    caption: str = _absent("The caption that was embedded, if it is the only one.", "A photo of a bear.")
    captions: int = _absent("The number of captions whose embeddings were averaged, if there are several.", 18)
    step_to_next: int = _absent(
        "The distance to the next concept of the stream, as the path compares it: the squared distance of two vectors "
        "of integers. 536870912 (2^29) is a cosine distance of 1. The last concept has none.",
        89123456,
    )
    shares_vector_with: int = _absent("The number of other concepts with the same vector, if there are any.", 2)
    approximate: bool = _absent("True if the source says that the count is an estimate.", True)
    asked: bool = _absent(
        "False if the source reads no word of the query: nothing was counted, and the count of 0 says nothing.", False
    )


class ConceptInTask(Schema):
    """A concept at its position in the stream."""

    model_config = ConfigDict(populate_by_name=True)

    position: int = Field(ge=0, description="In the whole stream, from 0.", examples=[0])
    concept: str = Field(examples=["CIFAR100+++bear"])
    dataset: str = Field(examples=["CIFAR100"])
    class_name: str = Field(alias="class", examples=["bear"])
    evidence: ConceptEvidence


class ConceptOfVersion(ConceptInTask):
    """A concept at its position in the stream, with the number of its task."""

    task: int = Field(ge=0, description="From 0.", examples=[0])


class RowPage(Schema):
    """A page of the concepts of a version."""

    name: str = Field(examples=[STREAM_EXAMPLE])
    version: int = Field(ge=1, examples=[1])
    total: int = Field(description="How many concepts the filters leave.", examples=[18381])
    offset: int = Field(description="How many of them come before this page.", examples=[0])
    rows: list[ConceptOfVersion]
    next_url: str | None = Field(description="The URL of the next page; null on the last.", examples=[None])


class TaskResource(Schema):
    """One task: a contiguous run of the arranged concepts."""

    name: str = Field(examples=[STREAM_EXAMPLE])
    version: int = Field(ge=1, examples=[1])
    task: int = Field(ge=0, examples=[0])
    tasks: int = Field(description="How many tasks the version has.", examples=[20])
    concepts: list[ConceptInTask]


class CanonicalClassList(Open):
    """A dataset with its class names, sorted, and the evidence that its request decides."""

    name: str = Field(examples=["CIFAR100"])
    classes: list[str] = Field(examples=[["bear", "otter"]])


class CanonicalMixture(Schema):
    """The share of each pool in a batch, as reduced fractions."""

    pretraining: str = Field(examples=["33/100"])
    update: str = Field(examples=["17/50"])
    buffer: str = Field(examples=["33/100"])


class CanonicalTraining(Schema):
    """The budget of a task and the mixture of a batch."""

    samples_per_task: int = Field(ge=1, examples=[727040])
    batch_size: int = Field(ge=1, examples=[512])
    mixture: CanonicalMixture
    rule: str = Field(description="How a batch is cut into whole samples.", examples=["benchmark"])


class CanonicalRequest(Schema):
    """The canonical request. It can be posted unchanged."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    name: str = Field(examples=[STREAM_EXAMPLE])
    datasets: list[CanonicalClassList]
    ordering: CanonicalOrdering
    tasks: dict[str, Any] = Field(
        description="The split, as it was given.", examples=[{"count": 20}, {"count": 20, "balance": "samples"}]
    )
    training: CanonicalTraining = without_default("The budget and the mixture, if the request gives them.")


class StartTotals(Schema):
    """The total distances of the paths from all starts."""

    least: float = Field(examples=[5511.25])
    median: float = Field(examples=[5580.5])
    largest: float = Field(examples=[5702.125])


class RefinedPath(Schema):
    """What refining changed."""

    rounds: int = Field(description="Rounds that were done.", examples=[2])
    rounds_asked: int = Field(examples=[2])
    greedy_start: str = Field(description="Where the path began before it was refined.", examples=["CIFAR100+++bear"])
    greedy_total_distance: float = Field(examples=[5511.25])
    share_of_greedy_total: float | None = Field(description="Null if that total is 0.", examples=[0.93])


class Certificate(Open):
    """How many coordinates of embeddings another machine may round to another integer."""

    coordinates: int = Field(description="Number of coordinates of all vectors.", examples=[7058304])
    near_rounding_edge: int = Field(description="How many of them lie near a rounding edge.", examples=[0])
    assumed_difference: float = Field(
        description="How much embeddings are assumed to differ between machines at most.", examples=[1e-13]
    )


class PublishedOrder(Open):
    """The published stream that an order is of."""

    origin: str = Field(description="Who published it.", examples=["FoMo-in-Flux, arXiv 2408.14471"])
    concepts: int = Field(description="Its number of concepts; a version may have some of them.", examples=[18381])
    order_digest: str = Field(description="The digest of its order.", examples=[_DIGEST])


class OrderingDetails(Open):
    """How the order was found: empty for most orderings, the search for a path for `similarity`."""

    published: PublishedOrder = without_default("For the ordering `published`.")
    certificate: Certificate = without_default("For embeddings in float64.")

    path_start: str = _absent("The first concept of the path.", "CIFAR100+++bear")
    starts: int = _absent("How many starts were tried.", 18381)
    starts_asked: int = _absent("How many starts were asked for.", 18381)
    complete: bool = _absent("Whether all that was asked for was done within the time limit.", True)
    total_distance: float = _absent("The sum of the cosine distances of all steps.", 5511.25)
    start_totals: StartTotals = without_default("The paths from all starts.")
    refined: RefinedPath = without_default("What refining changed, if it was asked for.")


class Jump(Schema):
    """One of the largest steps of a path."""

    model_config = ConfigDict(populate_by_name=True)

    position: int = Field(description="Where the step leads to, from 1.", examples=[1])
    from_concept: str = Field(alias="from", examples=["CIFAR100+++bear"])
    to_concept: str = Field(alias="to", examples=["DTD+++striped"])
    distance: float = Field(description="Cosine distance.", examples=[0.75])
    task: int = Field(description="The task that it leads to.", examples=[0])
    new_task: bool = Field(description="Whether that task begins with this step.", examples=[False])


class Diagnostics(Open):
    """How good a path is (docs/diagnostics.md). A figure is null if there is nothing to average, or to divide by."""

    total_distance: float = _absent("The sum of the cosine distances of all steps.", 5511.25)
    mean_step: float | None = _absent("Their mean.", 0.3)
    largest_step: float | None = _absent("The largest of them.", 0.75)
    zero_steps: int = _absent("The number of steps of length 0.", 0)
    share_of_zero_steps: float | None = _absent("Their share of all steps.", 0.0)
    largest_jumps: list[Jump] = without_default("The 20 largest steps.")
    expected_random_total: float = _absent("The expected sum for a random order.", 15100.5)
    share_of_random_total: float | None = _absent("The sum as a share of the expected one.", 0.36)
    similarity_inside_tasks: float | None = _absent("Mean cosine of two concepts of one task.", 0.4)
    similarity_across_tasks: float | None = _absent("Mean cosine of two concepts of different tasks.", 0.2)
    similarity_of_each_task: list[float | None] = _absent("Mean cosine inside each task.", [0.41, 0.39])


class ManifestOrdering(CanonicalOrdering):
    """The ordering of the canonical request, and how the order was found."""

    details: OrderingDetails
    diagnostics: Diagnostics = without_default("How good the path is; for `similarity`.")


class EvidenceSource(Open):
    """The origin of one kind of evidence."""

    source: str = Field(
        description="request, catalogue, request and catalogue, or the name of a source or an encoder; several names "
        "are separated by commas.",
        examples=["request and catalogue"],
    )
    digest: str = Field(description="SHA-256 of the values in canonical order.", examples=[_DIGEST])
    warnings: list[str] = Field(examples=[[]])


class CountedTimes(Schema):
    """When the counts were made."""

    first: Time = Field(examples=["2026-01-31T12:00:00Z"])
    last: Time = Field(examples=["2026-01-31T12:00:20Z"])


class CountsSource(EvidenceSource):
    """The origin of counts; what a source does not know is left out, and the request's own counts have none of it."""

    kind: str = _absent("local-index, elasticsearch, infini-gram, file or ranks.", "elasticsearch")
    unit: Literal["documents", "occurrences", "rank"] = _absent("What a count is a number of.", "documents")
    corpus: str = _absent("The corpus, for readers.", "the index c4 where subset is en")
    documents: int = _absent("Number of documents in the corpus.", 364868892)
    tokens: int = _absent("Number of tokens in the corpus.", 156000000000)
    query_form: str = _absent("How a query is sent.", "match_phrase with slop 0 in the field text")
    fingerprint: str = _absent("The same for as long as counts are those of the same corpus.", _DIGEST)
    index: str = _absent("SHA-256 of the shards in a local index; UUIDs of indices in Elasticsearch.", _DIGEST)
    counted: CountedTimes = without_default("When the counts were made.")
    ranks: int = _absent("How many different ranks the source has in all.", 3665)
    meaning: str = _absent("What a rank means.", MEANING)


class ScoresOfModel(Open):
    """The scores of one of several models whose ranks are combined."""

    name: str = Field(description="The name of the scores file.", examples=["a-model"])
    model: str = Field(description="The model that was scored.", examples=["OpenCLIP ViT-B/32"])
    metric: str = Field(description="What was measured, and its unit.", examples=["zero-shot accuracy in percent"])
    direction: str = Field(description="Which scores are easier.", examples=["higher is easier"])
    number: int = Field(description="How many scores the file has.", examples=[100])
    source_digest: str = Field(description="SHA-256 of the scores of the file.", examples=[_DIGEST])


class ScoresSource(EvidenceSource):
    """The origin of scores; the model and the metric of scores in a request are not known."""

    direction: str = _absent("Which scores are easier.", "higher is easier")
    model: str = _absent("The model that was scored.", "OpenCLIP ViT-B/32")
    metric: str = _absent("What was measured, and its unit.", "zero-shot accuracy in percent")
    number: int = _absent("How many scores the scores file has.", 100)
    source_digest: str = _absent("SHA-256 of the scores of the scores file.", _DIGEST)
    combined_by: str = _absent("How several models are combined.", "mean rank")
    sources: list[ScoresOfModel] = without_default("The scores files of several models.")


class EmbeddingsSource(EvidenceSource):
    """The origin of embeddings."""

    encoder: str = _absent("The encoder's fingerprint.", _DIGEST)
    weights: str | None = _absent("SHA-256 of its weights; null for an encoder without weights.", _DIGEST)
    dtype: str = _absent("The number format in which it computed.", "float32")
    dimensions: int = _absent("The number of numbers in an embedding.", 384)


class TiesSource(EvidenceSource):
    """The origin of the order of ties: the place of each concept in it."""

    order: str = _absent("SHA-256 of the order as the FoMo-in-Flux code reads it.", _DIGEST)


class ManifestEvidence(Open):
    """The origin of each kind of evidence that the ordering or the split needs."""

    years: EvidenceSource = without_default("The origin of the datasets' years.")
    scores: ScoresSource = without_default("The origin of the zero-shot scores.")
    counts: CountsSource = without_default("The origin of the counts.")
    embeddings: EmbeddingsSource = without_default("The origin of the embeddings.")
    samples: EvidenceSource = without_default("The origin of the training samples, if tasks are balanced by them.")
    ties: TiesSource = without_default("The order of concepts with equal evidence, if the request gives one.")


class Batch(Schema):
    """How many samples of a batch come from each pool."""

    pretraining: int = Field(ge=0, description="From the data of the pretraining.", examples=[169])
    update: int = Field(ge=0, description="From the concepts of the task.", examples=[175])
    buffer: int = Field(ge=0, description="From the concepts of all earlier tasks; 0 in the first.", examples=[168])


class TaskTraining(Schema):
    """What the budget and the mixture of the request mean for a task."""

    steps: int = Field(ge=1, description="Whole batches.", examples=[1420])
    batch: Batch


class ManifestTask(Schema):
    """A task in a manifest."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    task: int = Field(ge=0, examples=[0])
    concepts: int = Field(description="Number of concepts.", examples=[920])
    digest: str = Field(examples=[_DIGEST])
    training: TaskTraining = without_default("Its steps and its batch, if the request gives `training`.")
    samples: float = _absent(
        "Number of training samples: those of the request, else the averages of the catalogue; absent if those of some "
        "class are not known.",
        88211.5,
    )
    samples_exact: str = _absent("The same as an exact fraction, if the number is not whole.", "176423/2")


class EvidenceFileInManifest(Open):
    """A file of the evidence that a version was made from."""

    kind: str = Field(examples=["vectors"])
    media_type: str = Field(examples=["application/zip"])
    url: str = Field(description="Relative to the URL of the manifest.", examples=["1/evidence/vectors"])
    digest: str = Field(description="SHA-256 of the file.", examples=[_DIGEST])
    bytes: int = Field(description="Size of the file.", examples=[14986240])


class EvidenceFileResource(Schema):
    """A file of evidence that is kept with a version."""

    kind: str = Field(examples=["vectors"])
    media_type: str = Field(examples=["application/zip"])
    url: str = Field(examples=[f"/v1/streams/{STREAM_EXAMPLE}/versions/1/evidence/vectors"])
    digest: str = Field(description="SHA-256 of the file.", examples=[_DIGEST])
    bytes: int = Field(description="Size of the file.", examples=[14986240])
    in_manifest: bool = Field(
        description="Whether the manifest lists it, so that the digest of the version covers it.", examples=[True]
    )


class EvidenceList(Schema):
    """The evidence that is kept with a version."""

    name: str = Field(examples=[STREAM_EXAMPLE])
    version: int = Field(ge=1, examples=[1])
    evidence: list[EvidenceFileResource]
    not_kept: list[str] = Field(
        description="The kinds that the version was made from and that were too large to keep.", examples=[[]]
    )


class Software(Schema):
    """The release that made a version."""

    name: str = Field(examples=["concept-orderings"])
    version: str = Field(examples=[__version__])


class ManifestResource(Open):
    """Everything needed to make a version again; RFC 8785 canonical JSON, whose SHA-256 is the version's digest."""

    format: int = Field(examples=[1])
    name: str = Field(examples=[STREAM_EXAMPLE])
    version: int = Field(ge=1, examples=[1])
    request: CanonicalRequest
    request_digest: str = Field(description="SHA-256 of the canonical request.", examples=[_DIGEST])
    ordering: ManifestOrdering
    evidence: ManifestEvidence
    warnings: list[str] = Field(description="Warnings about the evidence, the order and the tasks.", examples=[[]])
    warning_details: list[WarningResource] = _absent(
        "The same warnings as objects; manifests of release 0.1.0 have none.", []
    )
    evidence_files: list[EvidenceFileInManifest] = without_default(
        "The files of the evidence, from which the order can be made again; manifests of release 0.1.0 have none."
    )
    concepts: int = Field(description="Number of concepts.", examples=[18381])
    order_digest: str = Field(description="SHA-256 of the export: equal for equal orders.", examples=[_DIGEST])
    tasks: list[ManifestTask]
    software: Software

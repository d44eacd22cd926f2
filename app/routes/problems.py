"""The OpenAPI entries of errors: by status, the codes that a route can answer, each with an example.

An entry refers to the examples in `app.problem_examples` by name: a code, followed by what it is about where two routes
have other sentences for it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.schemas import Problem

DESCRIPTIONS = {
    400: "The body is not JSON, or not gzip although its Content-Encoding is.",
    401: "The service needs a key, and the request has none that counts; see WWW-Authenticate.",
    403: "The key of the request does not allow it, or a page of another site asks for it.",
    404: "The URL names nothing that exists.",
    409: "Too late: the job has finished.",
    413: "The body is too large.",
    415: "The service does not read bodies of this media type, or of this Content-Encoding; see Accept-Encoding.",
    416: "The range begins behind the end of the document; Content-Range has its size.",
    421: "The Host field names another service.",
    422: "The request is valid JSON but cannot be carried out; `errors` has all faults.",
    424: "The job failed or was cancelled while the client waited for it; `code` is the job's.",
    429: "The queue is full, or the bodies of other requests leave no room for this one; see Retry-After.",
    500: "A fault of the service, or a stored document that is damaged.",
    503: "Redis, the store or the file of keys is unavailable; see Retry-After.",
}

BODY: Mapping[int, Sequence[str]] = {
    400: ("invalid_json", "invalid_gzip"),
    413: ("body_too_large",),
    415: ("unsupported_media_type",),
    429: ("busy",),
}
"""The errors of a JSON body as such."""

JSON_FIELDS = ("wrong_type", "missing_field", "unknown_field", "duplicate_field")

REFUSED_STREAM = (
    *JSON_FIELDS,
    *("missing_concepts", "missing_classes", "conflicting_fields", "bad_stream_name", "bad_description"),
    *("bad_variants", "seed_changes_nothing"),
    *("bad_name", "bad_class_name", "bad_concept", "bad_template", "bad_synonyms"),
    *("empty_class_list", "duplicate_concept"),
    *("no_class_list", "unknown_class", "unknown_dataset"),
    *("bad_year", "bad_score", "bad_count", "bad_query", "bad_samples"),
    *("unknown_ordering", "unknown_parameter", "bad_parameter", "source_not_found", "ties_not_found"),
    *("within_too_deep", "datasets_against_years"),
    *("unknown_published_stream", "not_in_published_stream"),
    *("bad_task_count", "bad_task_sizes", "bad_task_rule", "bad_task_samples", "too_many_tasks"),
    *("bad_samples_per_task", "bad_batch_size", "bad_share", "bad_mixture", "bad_batch_rule", "no_steps"),
    *("missing_years", "missing_scores", "missing_counts", "missing_templates", "missing_samples"),
)
"""The codes by which a request for a stream is refused."""

REFUSED_EXPORT = ("cannot_express", "labels_needed", "missing_labels", "extra_labels")
"""The codes by which a format, or labels for it, are refused."""

REFUSED_LABELS = (
    "wrong_type.labels",
    "duplicate_field",
    "bad_name.labels",
    "bad_class_name.labels",
    "empty_class_list.labels",
    "duplicate_concept.labels",
)
"""The codes by which labels are refused."""

REFUSED_LOOK = (
    *("wrong_type.counts", "missing_field.counts", "unknown_field.counts", "duplicate_field"),
    *("conflicting_fields.counts", "bad_query.counts", "bad_parameter.counts", "bad_source"),
)
"""The errors of a request for counts."""

REFUSED_FILE = (
    *("bad_counts_file", "conflicting_counts", "bad_source_name"),
    *("bad_query.unit", "unknown_parameter.file", "duplicate_field.file"),
)
"""The errors of a counts file and its query parameters."""

REFUSED_SCORES_FILE = (
    *("bad_scores_file", "conflicting_scores", "bad_source_name.scores"),
    *("bad_query.direction", "unknown_parameter.scores", "duplicate_field.scores"),
)
"""The errors of a scores file and its query parameters."""

FAILED_SOURCE = (
    "source_not_configured",
    "source_damaged",
    "source_unavailable",
    "source_refused",
    "source_incomplete",
)
"""The codes of counting that failed."""

FAILED_JOB = (
    "cancelled",
    *FAILED_SOURCE,
    "missing_scores.job",
    *("encoder_not_configured", "weights_mismatch", "encoder_mismatch", "encoder_failed", "not_enough_memory"),
    *("job_crashed", "internal_error.job", "store_unavailable.job", "store_full.job"),
)
"""The errors of a job that failed or was cancelled."""

FAILED_LOOK = (*(f"{code}.counts" for code in FAILED_SOURCE), "job_crashed", "internal_error.job")
"""The errors of a look at counts that failed."""

NO_REDIS = "redis_unavailable"
NO_STORE = "store_unavailable"
FULL = "store_full"
"""Where something is to be written, or where a Redis that is away may have ended for want of room."""


def problems(
    names: Mapping[int, Sequence[str]], descriptions: Mapping[int, str] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of the errors that a route can answer.

    Parameters
    ----------
    names
        By status, the names of examples. Every route can also answer 500 with ``internal_error``.
    descriptions
        By status, a description that replaces that of `DESCRIPTIONS`.
    """
    described = {**DESCRIPTIONS, **(descriptions or {})}
    by_status = {**names, 500: (*names.get(500, ()), "internal_error")}
    return {status: _entry(described[status], by_status[status]) for status in by_status}


def code_of(name: str) -> str:
    """Return the code of the example of a name."""
    return name.partition(".")[0]


def _entry(description: str, names: Sequence[str]) -> dict[str, Any]:
    content = {
        "schema": {"$ref": f"#/components/schemas/{Problem.__name__}"},
        "examples": {code_of(name): {"$ref": f"#/components/examples/{name}"} for name in names},
    }
    return {"description": description, "content": {"application/problem+json": content}}

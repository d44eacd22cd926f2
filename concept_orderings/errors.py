"""Everything that can go wrong, each with a stable code that clients may rely on.

::

    ConceptOrderingsError       internal_error: a fault of the program
    ├── InvalidInput            what was asked for cannot be done as asked; nothing was started
    │   ├── BadConcept          bad_name, bad_class_name, bad_concept, bad_template
    │   ├── EmptyClassList      empty_class_list
    │   ├── DuplicateConcept    duplicate_concept
    │   ├── BadValue            wrong_type, missing_field, unknown_field, duplicate_field, bad_year, bad_score,
    │   │                       bad_count, bad_query, bad_stream_name, bad_source_name, bad_file
    │   ├── BadCountsFile       bad_counts_file, conflicting_counts
    │   ├── UnknownOrdering     unknown_ordering
    │   ├── BadParameter        unknown_parameter, bad_parameter
    │   ├── BadSplit            bad_task_count, bad_task_sizes, bad_task_rule
    │   └── MissingEvidence     missing_years, missing_scores, missing_counts, missing_templates,
    │                           missing_embeddings
    ├── JobError                a job that was started cannot be finished
    │   ├── SourceError         source_not_configured, source_damaged, source_unavailable,
    │   │                       source_refused, source_incomplete
    │   ├── EncoderError        encoder_not_configured, weights_mismatch, encoder_mismatch, encoder_failed
    │   ├── NotEnoughMemory     not_enough_memory
    │   └── JobCrashed          job_crashed
    ├── StoreError              version_damaged, counts_file_damaged, store_unavailable
    ├── SettingError            bad_setting
    └── Cancelled               cancelled

No HTTP here: the service gives each class its status, and a job keeps the code with its record.
"""

from collections.abc import Iterable
from itertools import islice

from concept_orderings.canonical import Json
from concept_orderings.queries import Query

MOST_POINTERS = 100
"""An error of a body with a million wrong values must stay an answer that can be read, and sent."""


class ConceptOrderingsError(Exception):
    """Base of all errors of the project.

    Attributes
    ----------
    code : str
        Stable, machine-readable, ``snake_case``.
    detail : str
        One sentence for a person: what is wrong, and what to do next.
    pointers : tuple of str
        RFC 6901 JSON pointers to the offending fields of the request, the first `MOST_POINTERS` of them; empty if no
        field is to blame.
    """

    def __init__(self, code: str, detail: str, pointers: Iterable[str] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pointers = tuple(islice(pointers, MOST_POINTERS))

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.code, self.detail, self.pointers))

    def as_json(self) -> dict[str, Json]:
        """Return what is kept with a job, or told of a source."""
        return {"code": self.code, "detail": self.detail, "pointers": list(self.pointers)}


class InvalidInput(ConceptOrderingsError):
    """What was asked for cannot be done as asked; nothing was started."""


class BadConcept(InvalidInput):
    """A dataset name, class name, concept or template that a stream cannot hold."""


class EmptyClassList(InvalidInput):
    """There is nothing to order."""


class DuplicateConcept(InvalidInput):
    """A concept stands in the request twice."""


class BadValue(InvalidInput):
    """A value of the wrong type or out of its range."""


class BadCountsFile(InvalidInput):
    """A file of counts that cannot be read, or that contradicts itself."""


class UnknownOrdering(InvalidInput):
    """There is no ordering of that kind."""


class BadParameter(InvalidInput):
    """An ordering does not take the parameter, or not that value of it."""


class BadSplit(InvalidInput):
    """The concepts cannot be cut into tasks that way."""


class MissingEvidence(InvalidInput):
    """The ordering or the split needs evidence that neither the request nor the catalogue has."""


class JobError(ConceptOrderingsError):
    """A job that was started cannot be finished."""


class SourceError(JobError):
    """A source of counts is not there, is damaged, or does not answer.

    Attributes
    ----------
    queries : tuple of Query
        Those that are not counted, as the source was asked; empty if it is not about some.
    """

    def __init__(self, code: str, detail: str, pointers: Iterable[str] = (), *, queries: Iterable[Query] = ()) -> None:
        super().__init__(code, detail, pointers)
        self.queries = tuple(queries)


class EncoderError(JobError):
    """A text encoder is not there, does not fit its weights, or gives no usable embeddings."""


class NotEnoughMemory(JobError):
    """A computation would need more memory than it may use; nothing was computed."""


class JobCrashed(JobError):
    """The worker died in the middle of the job, more often than it is tried again."""


class StoreError(ConceptOrderingsError):
    """A stored stream version or counts file cannot be read or written."""


class SettingError(ConceptOrderingsError):
    """A program cannot start with a setting that it was given."""


class Cancelled(ConceptOrderingsError):
    """The client asked for the work to stop."""

    def __init__(
        self, code: str = "cancelled", detail: str = "The job was cancelled.", pointers: Iterable[str] = ()
    ) -> None:
        super().__init__(code, detail, pointers)

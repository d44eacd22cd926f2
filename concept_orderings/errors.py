"""Everything that can go wrong, each with a stable code that clients may rely on.

::

    ConceptOrderingsError       internal_error: a fault of the program
    ├── InvalidInput            a request that cannot be carried out; nothing was started
    │   ├── BadConcept          bad_name, bad_class_name, bad_concept, bad_template
    │   ├── EmptyClassList      empty_class_list
    │   ├── DuplicateConcept    duplicate_concept
    │   ├── BadValue            wrong_type, missing_field, missing_concepts, missing_classes, unknown_field,
    │   │                       conflicting_fields, duplicate_field, bad_year, bad_score, bad_count, bad_query,
    │   │                       bad_samples, bad_synonyms, bad_stream_name, bad_description,
    │   │                       bad_source_name, bad_file, bad_rows,
    │   │                       bad_variants, seed_changes_nothing, bad_key_name, key_exists, unknown_key
    │   ├── BadCountsFile       bad_counts_file, conflicting_counts
    │   ├── BadLabels           labels_needed, missing_labels, extra_labels
    │   ├── CannotExpress       cannot_express
    │   ├── BadEvidence         bad_evidence_file, evidence_damaged, evidence_incomplete, evidence_not_needed,
    │   │                       evidence_of_other_concepts, evidence_of_other_captions, evidence_of_other_source
    │   ├── BadScoresFile       bad_scores_file, conflicting_scores
    │   ├── MissingLibrary      missing_library
    │   ├── NotInCatalogue      no_class_list, unknown_class, unknown_dataset
    │   ├── UnknownOrdering     unknown_ordering
    │   ├── BadParameter        unknown_parameter, bad_parameter, source_not_found, ties_not_found, within_too_deep,
    │   │                       datasets_against_years,
    │   │                       unknown_published_stream, not_in_published_stream
    │   ├── BadSplit            bad_task_count, bad_task_sizes, bad_task_rule, bad_task_samples, too_many_tasks
    │   ├── BadTraining         bad_samples_per_task, bad_batch_size, bad_share, bad_mixture, bad_batch_rule,
    │   │                       no_steps
    │   └── MissingEvidence     missing_years, missing_scores, missing_counts, missing_templates,
    │                           missing_embeddings, missing_ties, missing_samples
    ├── JobError                a job that was started cannot be finished
    │   ├── SourceError         source_not_configured, source_damaged, source_unavailable,
    │   │                       source_refused, source_incomplete
    │   ├── EncoderError        encoder_not_configured, weights_mismatch, encoder_mismatch, encoder_failed
    │   ├── NotEnoughMemory     not_enough_memory
    │   └── JobCrashed          job_crashed
    ├── UnreadableRequest       request_of_later_release
    ├── StoreError              version_damaged, counts_file_damaged, scores_file_damaged, labels_damaged,
    │                           record_damaged, store_unavailable, store_full
    ├── SettingError            bad_setting, unknown_data_format, bad_keys_file
    └── Cancelled               cancelled

This module knows no HTTP: the service maps each class to a status, and a job stores the code in its record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from concept_orderings.canonical import Json
from concept_orderings.queries import Query
from concept_orderings.version import __version__

MOST_POINTERS = 100
"""The most pointers that an error keeps: a body may have a million wrong values, and the error must stay readable."""


@dataclass(frozen=True)
class Fault:
    """One fault of a request; its attributes are those of `ConceptOrderingsError`."""

    code: str
    detail: str
    pointers: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        """Return the fault as problem documents list it."""
        return {"code": self.code, "detail": self.detail, "pointers": list(self.pointers)}


class ConceptOrderingsError(Exception):
    """Base of all errors of the project.

    Attributes
    ----------
    code : str
        Stable, machine-readable, ``snake_case``.
    detail : str
        One sentence for a person: what is wrong, and what to do about it.
    pointers : tuple of str
        JSON pointers (RFC 6901) to the wrong fields of the request, at most `MOST_POINTERS`; empty if no field is
        wrong.
    others : tuple of Fault
        The faults that were found after this one; `concept_orderings.faults` collects them.
    left_out : mapping of str to int
        By code, the number of faults, or of places of faults, that were found and are not in `faults`.
    """

    def __init__(self, code: str, detail: str, pointers: Iterable[str] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        places = iter(pointers)
        self.pointers = tuple(islice(places, MOST_POINTERS))
        self.others: tuple[Fault, ...] = ()
        more = sum(1 for _ in places)
        self.left_out: Mapping[str, int] = {code: more} if more else {}

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All faults; the first is that of the error itself."""
        return (Fault(self.code, self.detail, self.pointers), *self.others)

    def move(self, old: str, new: str) -> None:
        """Let pointers at or below `old` begin with `new` instead, also those of the faults that it carries."""
        self.pointers = _moved(self.pointers, old, new)
        self.others = tuple(replace(each, pointers=_moved(each.pointers, old, new)) for each in self.others)

    def __reduce__(self) -> tuple[object, ...]:
        state = {"others": self.others, "left_out": self.left_out}
        return (type(self), (self.code, self.detail, self.pointers), state)

    def as_json(self) -> dict[str, Json]:
        """Return the error as it is stored with a job or reported for a source.

        ``errors`` and ``errors_left_out`` are in it only if the error has several faults, or places left out.
        """
        body: dict[str, Json] = self.faults[0].as_json()
        if self.others or self.left_out:
            body["errors"] = [each.as_json() for each in self.faults]
            body["errors_left_out"] = dict(self.left_out)
        return body


def _moved(pointers: Iterable[str], old: str, new: str) -> tuple[str, ...]:
    return tuple(new + each[len(old) :] if each == old or each.startswith(f"{old}/") else each for each in pointers)


class InvalidInput(ConceptOrderingsError):
    """A request that cannot be carried out; nothing was started."""


class BadConcept(InvalidInput):
    """A dataset name, class name, concept or template that a stream cannot hold."""


class EmptyClassList(InvalidInput):
    """A request without concepts, or a dataset without classes."""


class DuplicateConcept(InvalidInput):
    """A request that lists a concept twice."""


class BadValue(InvalidInput):
    """A value of the wrong type or out of its range."""


class BadCountsFile(InvalidInput):
    """A file of counts that cannot be read, or that contradicts itself."""


class BadLabels(InvalidInput):
    """Labels that do not fit a stream, or labels that are needed and not given."""


class CannotExpress(InvalidInput):
    """A format cannot say what a version says."""

    @classmethod
    def of(cls, format_name: str, why: str, instead: str) -> "CannotExpress":
        """Return the error of a format: the reason as the end of a sentence, and a sentence on what can be done."""
        return cls("cannot_express", f"The format {format_name} cannot express this version: {why}. {instead}.")


class BadEvidence(InvalidInput):
    """A file of published evidence that cannot be read, is damaged, or is not that of the request."""


class BadScoresFile(InvalidInput):
    """A scores file that cannot be read, or that contradicts itself."""


class NotInCatalogue(InvalidInput):
    """The catalogue does not have a dataset, a class of one, or its class list."""


class UnknownOrdering(InvalidInput):
    """There is no ordering of that kind."""


class BadParameter(InvalidInput):
    """An ordering does not take the parameter, or not that value of it."""


class BadSplit(InvalidInput):
    """The concepts cannot be cut into tasks that way."""


class BadTraining(InvalidInput):
    """A budget of training or a mixture that gives no whole batches."""


class MissingLibrary(InvalidInput):
    """A format needs a library that is not installed."""


class MissingEvidence(InvalidInput):
    """The ordering or the split needs evidence that neither the request nor the catalogue has."""


class JobError(ConceptOrderingsError):
    """A job that was started cannot be finished."""


class SourceError(JobError):
    """A source of counts is not configured, is damaged, or does not answer.

    Attributes
    ----------
    queries : tuple of Query
        The queries that could not be counted; empty if the error concerns the whole source.
    """

    def __init__(self, code: str, detail: str, pointers: Iterable[str] = (), *, queries: Iterable[Query] = ()) -> None:
        super().__init__(code, detail, pointers)
        self.queries = tuple(queries)


class EncoderError(JobError):
    """A text encoder is not configured, does not match its weights, or returns unusable embeddings."""


class NotEnoughMemory(JobError):
    """A computation would need more memory than it may use; nothing was computed."""


class JobCrashed(JobError):
    """The worker process died during the job, in each of the attempts that are allowed."""


class UnreadableRequest(ConceptOrderingsError):
    """A stored request that a later release wrote: programs of that release can read it, this one cannot."""

    @classmethod
    def with_unknown(cls, what: str) -> "UnreadableRequest":
        """Return the error for a stored request that has `what`, such as "the ordering 'spiral'"."""
        return cls(
            "request_of_later_release",
            f"The stored request has {what}, which release {__version__} does not know. A later release wrote it: "
            "update this program, or let one of that release read it.",
        )


class StoreError(ConceptOrderingsError):
    """A stored stream version, uploaded file or labels object cannot be read or written."""

    @property
    def may_pass(self) -> bool:
        """Whether the store as a whole is away or full, so that the same call may succeed later."""
        return self.code in ("store_unavailable", "store_full")


class SettingError(ConceptOrderingsError):
    """A program cannot start because a setting is wrong."""


class Cancelled(ConceptOrderingsError):
    """The client cancelled the work."""

    def __init__(
        self, code: str = "cancelled", detail: str = "The job was cancelled.", pointers: Iterable[str] = ()
    ) -> None:
        super().__init__(code, detail, pointers)

"""Jobs: runs that make versions of streams."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, cast

from concept_orderings.canonical import Json, canonical_json
from concept_orderings.library import foreseen_of_variants
from concept_orderings.request import StreamRequest
from concept_orderings.stream_warnings import StreamWarning, details
from store.runs import Lane, Record, Submission

_MOST_BYTES = 20_000
_MOST_CHEAP_CONCEPTS = 100_000
"""An ordering of more concepts takes more than a second, and hundreds of megabytes."""


class PlaceInQueue(NamedTuple):
    """The place of a queued job in the queue.

    Attributes
    ----------
    ahead : int
        How many jobs that were submitted before it are queued or running, of all lanes and clients.
    workers : int
        How many workers take jobs.
    """

    ahead: int
    workers: int


def job_id(request: StreamRequest) -> str:
    """Return the id of the job that answers a request: the first half of its digest."""
    return request.digest[:32]


def job_of(request: StreamRequest, *, client: str = "") -> Submission:
    """Return the submission of a request.

    A request may have a million concepts, so call this off the event loop.
    """
    return jobs_of([request], client=client)[0]


def jobs_of(requests: Sequence[StreamRequest], *, client: str = "") -> list[Submission]:
    """Return the submissions of one or more requests that differ in their seeds and names alone, as of `job_of`."""
    warnings = foreseen_of_variants(requests)
    return [_job(request, foreseen, client) for request, foreseen in zip(requests, warnings, strict=True)]


def _job(request: StreamRequest, foreseen: Sequence[StreamWarning], client: str) -> Submission:
    about: dict[str, Json] = {"stream": request.name, "ordering": request.ordering.as_brief_json()}
    if warnings := _kept(foreseen):
        about["warnings"] = details(warnings)
    return Submission(
        id=job_id(request),
        canonical=request.canonical,
        about=about,
        lane=lane_of(request),
        client=client,
    )


def lane_of(request: StreamRequest) -> Lane:
    """Return the lane of a request: `Lane.COMPUTE` if it is large, or if it needs a source or an encoder."""
    is_large = len(request.concepts) > _MOST_CHEAP_CONCEPTS
    return Lane.COMPUTE if request.outside or is_large else Lane.ORDER


def _kept(warnings: Sequence[StreamWarning]) -> list[StreamWarning]:
    """Return the warnings that fit a job's record, which is read at each change: the finished version has them all.

    One that does not fit is kept without the names of its concepts, or without its queries too, if it fits then.
    """
    kept, left = list[StreamWarning](), _MOST_BYTES
    for each in warnings:
        for form in (each, replace(each, concepts=()), replace(each, concepts=(), queries={})):
            if (size := len(canonical_json(form.as_json()))) <= left:
                kept.append(form)
                left -= size
                break
    return kept


def stream_of(job: Record) -> str:
    """Return the name of the stream that a job makes a version of."""
    return str(job.about["stream"])


def ordering_of(job: Record) -> dict[str, Json] | None:
    """Return the ordering of a job, without long lists; None if an older release recorded the job without it."""
    return cast("dict[str, Json] | None", job.about["ordering"])


def warnings_of(job: Record) -> list[StreamWarning]:
    """Return the warnings of a job's version that its request alone decides; a long list may lack some."""
    written = cast("list[dict[str, Json]]", job.about.get("warnings", []))
    return [StreamWarning.read(each) for each in written]


def version_of(job: Record) -> int | None:
    """Return the version that a job made, once it has succeeded."""
    return int(job.result) if job.result is not None else None


def result_of(version: int) -> bytes:
    """Return the result of a job that made this version, for its record."""
    return str(version).encode()

"""The counters and histograms of all programs. `app.metrics` has the gauges, which hold at the time of a scrape."""

from dataclasses import dataclass

PREFIX = "concept_orderings_"


@dataclass(frozen=True)
class Counter:
    """A number that only grows.

    Attributes
    ----------
    name
        With the prefix, and without the ``_total`` that Prometheus' format puts after it.
    summary
        One sentence.
    labels
        The names of its labels. Their values are few: no names that clients choose.
    """

    name: str
    summary: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Histogram(Counter):
    """How often a quantity was in each of several ranges.

    Attributes
    ----------
    bounds
        The upper bounds of the ranges, ascending; another range has all that is larger.
    """

    bounds: tuple[float, ...] = ()


_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
"""Seconds of an answer."""

_SLOW = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0)
"""Seconds of a job, from one of two concepts to one of a million."""

REQUESTS = Counter(
    f"{PREFIX}requests",
    "Answers by route, method and status. The route is that of the OpenAPI document; other paths are `other`.",
    ("route", "method", "status"),
)
REQUEST_SECONDS = Histogram(
    f"{PREFIX}request_seconds",
    "Seconds from the head of a request to the end of its answer; `Prefer: wait` and event streams wait for jobs.",
    ("route",),
    _FAST,
)
JOBS = Counter(f"{PREFIX}jobs", "Jobs that ended, by kind of ordering and state.", ("ordering", "state"))
JOB_WAIT_SECONDS = Histogram(
    f"{PREFIX}job_wait_seconds", "Seconds that jobs were queued before their first start.", ("ordering",), _SLOW
)
JOB_PHASE_SECONDS = Histogram(
    f"{PREFIX}job_phase_seconds", "Seconds of each phase of jobs.", ("ordering", "phase"), _SLOW
)
CACHE_LOOKUPS = Counter(
    f"{PREFIX}cache_lookups",
    "Entries that were looked up in the caches of embeddings and counts; the outcome is `hit` or `miss`.",
    ("cache", "outcome"),
)
SOURCE_SECONDS = Histogram(
    f"{PREFIX}source_seconds",
    "Seconds in which a source of counts answered a batch of queries; `file` is all counts files together.",
    ("source",),
    _SLOW,
)
SOURCE_ERRORS = Counter(
    f"{PREFIX}source_errors", "Errors of sources of counts, by the code that the client gets.", ("source", "code")
)

COUNTERS = (REQUESTS, JOBS, CACHE_LOOKUPS, SOURCE_ERRORS)
HISTOGRAMS = (REQUEST_SECONDS, JOB_WAIT_SECONDS, JOB_PHASE_SECONDS, SOURCE_SECONDS)

"""Find the functions of other programs that gather evidence for the command `order`.

A program declares them in its package metadata, as entry points of the group ``concept_orderings.gatherers``. The name
of each is that of the kind of evidence.
"""

from pathlib import Path
from typing import Protocol

from concept_orderings.cli.entry_points import load
from concept_orderings.errors import EncoderError, JobError, SourceError
from concept_orderings.evidence import Gathered, Need
from concept_orderings.progress import Report
from concept_orderings.request import StreamRequest

_GROUP = "concept_orderings.gatherers"


class Gatherer(Protocol):
    """A function that gathers evidence of one kind for one request; it keeps nothing between calls."""

    def __call__(self, request: StreamRequest, report: Report, *, data_dir: Path) -> Gathered:
        """Return the evidence for the request's n concepts.

        Parameters
        ----------
        request
            A request whose ordering needs evidence of this kind.
        report
            Called with (done, total).
        data_dir
            The directory with local indexes and uploaded files.
        """
        ...


def find_gatherer(kind: Need) -> Gatherer:
    """Return the function that gathers evidence of a kind.

    Raises
    ------
    EncoderError, SourceError
        ``encoder_not_configured`` or ``source_not_configured``: no program that gathers it is installed.
    """
    try:
        gatherer: Gatherer = load(_GROUP, kind)
    except ModuleNotFoundError as error:
        raise _not_configured(kind, error) from error
    return gatherer


def _not_configured(kind: Need, error: ModuleNotFoundError) -> JobError:
    if kind == Need.EMBEDDINGS:
        return EncoderError(
            "encoder_not_configured",
            "This package has no text encoders: give the captions' embeddings with --embeddings, "
            f"or use the service, which has encoders ({error}).",
        )
    if kind == Need.SCORES:
        return SourceError(
            "source_not_configured",
            "This package cannot read uploaded scores files: give scores in the file, or use the service, "
            f"which can ({error}).",
        )
    return SourceError(
        "source_not_configured",
        "This package cannot query sources of counts: give counts in the file, or use the service, "
        f"which can ({error}).",
    )

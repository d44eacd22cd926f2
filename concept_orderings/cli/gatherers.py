"""Evidence that `order` has to ask for: each kind is gathered by a function that another program declares.

It is declared in the program's metadata, as an entry point of the group ``concept_orderings.gatherers`` with the name
of the kind.
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
    """Gathers evidence of one kind for one request; nothing is kept between two calls."""

    def __call__(self, request: StreamRequest, report: Report, *, data_dir: Path) -> Gathered:
        """Return the evidence for the request's n concepts.

        Parameters
        ----------
        request
            Its ordering needs evidence of this kind.
        report
            Called with how much is gathered.
        data_dir
            Where local indexes and uploaded counts files are.
        """
        ...


def find_gatherer(kind: Need) -> Gatherer:
    """Return what gathers evidence of a kind.

    Raises
    ------
    EncoderError, SourceError
        ``encoder_not_configured`` or ``source_not_configured``: the program that gathers it is not installed.
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
            f"or get the service, which has ({error}).",
        )
    return SourceError(
        "source_not_configured",
        "This package cannot ask a source of counts: give counts in the file, or get the service, "
        f"which can ({error}).",
    )

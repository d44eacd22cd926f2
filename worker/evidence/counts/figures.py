"""Figures of sources of counts, by source."""

from collections.abc import Iterator
from contextlib import contextmanager

from concept_orderings.errors import SourceError
from store.figures import count
from store.figures.declared import SOURCE_ERRORS
from worker.evidence.counts.base import CountSource
from worker.evidence.counts.counts_file import CountsFileSource

COUNTS_FILES = "file"
"""The label of all counts files together: clients choose their names, and may upload any number of them."""


def label_of(source: CountSource, name: str) -> str:
    """Return the value of the label ``source``: the name that the operator gave it, or `COUNTS_FILES`."""
    return COUNTS_FILES if isinstance(source, CountsFileSource) else name


@contextmanager
def errors_counted(source: CountSource, name: str) -> Iterator[None]:
    """Count an error of a source, and pass it on."""
    try:
        yield
    except SourceError as error:
        count(SOURCE_ERRORS, label_of(source, name), error.code)
        raise

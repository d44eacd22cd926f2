"""Figures of sources: those that operators named by their names, and all uploaded files together."""

from collections.abc import Mapping

import pytest

from concept_orderings.errors import SourceError
from concept_orderings.progress import silent
from concept_orderings.queries import Query
from store.counts_files import CountsFile, CountsMeaning
from store.figures.counted import COUNTED
from store.figures.declared import SOURCE_ERRORS, SOURCE_SECONDS
from support.letter_source import LetterSource, queries
from worker.evidence.counts.base import CountSource
from worker.evidence.counts.counts_file import CountsFileSource
from worker.evidence.counts.figures import errors_counted
from worker.evidence.counts.through_cache import count_through_cache

pytestmark = pytest.mark.anyio


def file_source(name: str, counts: Mapping[str, int]) -> CountsFileSource:
    meaning = CountsMeaning(unit="occurrences", corpus="C4", documents=10, tokens=90)
    record = CountsFile(
        name=name, meaning=meaning, names=len(counts), digest="0f" * 32, created_at="2026-01-31T12:00:00+00:00"
    )
    return CountsFileSource(record, counts)


async def labels_of(source: CountSource, name: str, asked: list[Query]) -> set[tuple[str, ...]]:
    """Return the labels with which a count of some queries is counted among the figures of sources."""
    COUNTED.take()
    try:
        with errors_counted(source, name):
            await count_through_cache(source, asked, None, report=silent)
    except SourceError:
        pass
    ours = (SOURCE_SECONDS.name, SOURCE_ERRORS.name)
    return {tuple(labels) for figure, _, *labels in COUNTED.take() if figure in ours}


async def test_files_that_clients_upload_have_one_label() -> None:
    for name in ("mine", "yours"):
        source = file_source(name, {"apple": 3})
        assert await labels_of(source, name, queries("apple")) == {("file",)}
        assert await labels_of(source, name, queries("pear")) == {("file", "source_incomplete")}


async def test_a_source_of_the_operator_has_its_name() -> None:
    source = LetterSource()
    name = (await source.facts()).name
    assert await labels_of(source, name, queries("apple")) == {(name,)}
    source.fails_after = 0
    assert await labels_of(source, name, queries("pear")) == {(name, "source_unavailable")}

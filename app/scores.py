"""Scores files, without HTTP: list them, look one up, and store them."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial

from app.file_reading import FileReading
from app.uploaded_scores import read_scores
from concept_orderings.errors import StoreError
from store.scores_files import ScoresFile, ScoresFiles, ScoresMeaning, no_such_scores
from store.uploaded_files import Stored

_RECORDS_READ_AT_ONCE = 32


class Scores:
    """The scores files in the object store.

    Parameters
    ----------
    files
        The scores files.
    reading
        Reads uploads.
    """

    def __init__(self, files: ScoresFiles, reading: FileReading) -> None:
        self._files = files
        self._reading = reading

    async def all(self) -> list[ScoresFile | tuple[str, StoreError]]:
        """Return the records of all scores files by name; for a damaged one its name and the error.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        found: list[ScoresFile | tuple[str, StoreError]] = []
        for names in _batches(await self._files.names()):
            found += [each for each in await asyncio.gather(*map(self._look_at, names)) if each is not None]
        return found

    async def record(self, name: str) -> ScoresFile | None:
        """Return the record of a scores file, or None if there is none of that name.

        Raises
        ------
        StoreError
            ``scores_file_damaged`` or ``store_unavailable``.
        """
        return await self._files.record(name)

    async def why_unknown(self, name: str) -> str | None:
        """Return None for the name of a scores file; else sentences that list all of them.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        if await self._files.exists(name):
            return None
        return no_such_scores(name, await self._files.names())

    async def store_file(
        self, name: str, meaning: ScoresMeaning, body: bytes, media_type: str
    ) -> tuple[ScoresFile, Stored]:
        """Read a scores file, and store it unless its name is taken.

        Raises
        ------
        BadScoresFile
            See `app.uploaded_scores.read_scores`.
        StoreError
            ``scores_file_damaged`` or ``store_unavailable``.
        """
        scores = await self._reading.run(partial(read_scores, body, media_type))
        return await self._files.create(name, meaning, scores)

    async def delete_file(self, name: str) -> bool:
        """Delete a scores file; return whether there was one.

        Raises
        ------
        StoreError
            See `UploadedFiles.delete`.
        """
        return await self._files.delete(name)

    async def _look_at(self, name: str) -> ScoresFile | tuple[str, StoreError] | None:
        try:
            return await self._files.record(name)
        except StoreError as error:
            if error.may_pass:
                raise
            return name, error


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _RECORDS_READ_AT_ONCE):
        yield names[start : start + _RECORDS_READ_AT_ONCE]

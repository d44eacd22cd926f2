"""Counts files: counts that were made elsewhere, uploaded once under a name; see `store.uploaded_files`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from concept_orderings.canonical import Json, canonical_json, sha256_hex
from store import object_keys
from store.damage import Damaged, counts_file_damaged
from store.sources import SourceFacts, Unit
from store.uploaded_files import UploadedFile, UploadedFiles

_QUERY_FORM = "the name as the file has it, underscores and slashes read as spaces"
"""How a name is looked up in a counts file, as shown to readers. It is published in manifests: never change it."""


@dataclass(frozen=True, kw_only=True)
class CountsMeaning:
    """What the numbers of a counts file mean.

    Attributes
    ----------
    unit : str
        What each number counts: documents that contain the name, or occurrences of it.
    corpus : str
        The corpus in which the names were counted, described for readers.
    documents : int, optional
        Number of documents in the corpus.
    tokens : int, optional
        Number of tokens in the corpus.
    """

    unit: Literal["documents", "occurrences"]
    corpus: str
    documents: int | None = None
    tokens: int | None = None

    @property
    def size(self) -> int | None:
        """The size of the corpus in the unit, or None if it is unknown. No count can be larger."""
        return self.documents if self.unit == "documents" else self.tokens


@dataclass(frozen=True, kw_only=True)
class CountsFile(UploadedFile[CountsMeaning]):
    """The record of a counts file; its content is counts by folded name."""

    meaning_type: ClassVar[type[Any]] = CountsMeaning

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides a count: the counts and their unit."""
        return sha256_hex(canonical_json({"kind": "file", "counts": self.digest, "unit": self.meaning.unit}))

    @property
    def facts(self) -> SourceFacts:
        """What its counts mean, as a source. When the names were counted is not known, so the upload's time stands."""
        return SourceFacts(
            name=self.name,
            kind="file",
            unit=Unit(self.meaning.unit),
            corpus=self.meaning.corpus,
            documents=self.meaning.documents,
            tokens=self.meaning.tokens,
            query_form=_QUERY_FORM,
            fingerprint=self.fingerprint,
            counted_at=self.uploaded_at,
        )


class CountsFiles(UploadedFiles[CountsFile, CountsMeaning, Mapping[str, int]]):
    """All counts files of a service. Their errors have the code ``counts_file_damaged``."""

    file_type = CountsFile
    folder: ClassVar[str] = object_keys.COUNTS_FILES
    contents: ClassVar[str] = "counts"
    damaged: ClassVar[Damaged] = counts_file_damaged

    def content_key(self, digest: str) -> str:
        """See `UploadedFiles.content_key`."""
        return object_keys.counts(digest)

    def as_json(self, content: Mapping[str, int]) -> Json:
        """See `UploadedFiles.as_json`."""
        return content

    def read(self, data: bytes) -> Mapping[str, int]:
        """See `UploadedFiles.read`."""
        counts: dict[str, int] = json.loads(data)
        return counts

    def size(self, content: Mapping[str, int]) -> int:
        """See `UploadedFiles.size`."""
        return len(content)

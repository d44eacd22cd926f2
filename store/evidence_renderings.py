"""Renderings of evidence in other formats: the first one is kept, and all later reads get it.

The bytes of Parquet depend on the release of the library that writes them. A rendering belongs to a file of evidence
and not to a version, so versions that share the file share the rendering. `store.object_keys` has the layout.
"""

from dataclasses import asdict, dataclass

from concept_orderings.stream import Document
from concept_orderings.version import __version__
from store import object_keys
from store.first_renderings import FirstRenderings
from store.objects import Objects
from store.sealed import known_members, seal, unseal

_RECORD_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class EvidenceRendering:
    """The record of a rendering.

    Attributes
    ----------
    evidence : str
        SHA-256 of the file of evidence.
    form : str
        The format, such as ``parquet``.
    form_version : int
        The version of the renderer.
    digest : str
        SHA-256 of the bytes, under which they are stored as a document.
    software : str
        The release that rendered them.
    """

    evidence: str
    form: str
    form_version: int
    digest: str
    software: str

    @property
    def of(self) -> tuple[str, str, int]:
        """See `RenderingRecord.of`."""
        return self.evidence, self.form, self.form_version

    def to_bytes(self) -> bytes:
        """Return the record in the form in which it is stored, with its own digest."""
        return seal(asdict(self), record_format=_RECORD_FORMAT)

    @classmethod
    def from_bytes(cls, data: bytes) -> "EvidenceRendering":
        """Read a stored record.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is damaged or of another format.
        """
        return cls(**known_members(cls, unseal(data, record_format=_RECORD_FORMAT)))


class EvidenceRenderings:
    """All renderings of evidence in one format.

    Parameters
    ----------
    objects
        The store.
    form, form_version
        The format, and the version of its renderer.
    """

    def __init__(self, objects: Objects, form: str, form_version: int) -> None:
        self._first = FirstRenderings(objects, EvidenceRendering.from_bytes)
        self._form = form
        self._form_version = form_version

    async def find(self, evidence: str) -> EvidenceRendering | None:
        """Return the rendering of a file of evidence by its SHA-256, or None if none is kept.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        return await self._first.find(
            self._key(evidence), (evidence, self._form, self._form_version), self._what(evidence)
        )

    async def keep(self, evidence: str, document: Document) -> EvidenceRendering:
        """Store a rendering unless one is kept, and return the one that is kept.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        record = EvidenceRendering(
            evidence=evidence,
            form=self._form,
            form_version=self._form_version,
            digest=document.digest,
            software=__version__,
        )
        return await self._first.keep(self._key(evidence), document, record, self._what(evidence))

    def _key(self, evidence: str) -> str:
        return object_keys.evidence_rendering(evidence, self._form, self._form_version)

    def _what(self, evidence: str) -> str:
        return f"the record of the evidence {evidence} as {self._form}"

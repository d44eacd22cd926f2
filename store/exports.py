"""Kept exports: the first rendering of a version by each version of an exporter, which all later reads get.

A format with labels has a rendering for each labels object that a client gave, and one for the catalogue's labels.

`store.object_keys` has the layout.

The FoMo-in-Flux export has no such record: it is made when a version is published, and its digest stands in the
version's own record.
"""

from dataclasses import dataclass, replace

from concept_orderings.canonical import Json
from concept_orderings.exporters import Exporter
from concept_orderings.exporters.fomo import Fomo
from concept_orderings.stream import Document
from concept_orderings.version import __version__
from store import object_keys
from store.first_renderings import FirstRenderings
from store.objects import Objects
from store.sealed import known_members, seal, unseal
from store.versions import VersionRecord

_RECORD_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class KeptExport:
    """The record of a rendering.

    Attributes
    ----------
    version_digest : str
        SHA-256 of the manifest of the version that was rendered.
    exporter : str
        The exporter's name.
    exporter_version : int
    media_type : str
        Media type of the bytes; kept with them, so that the two still fit when the exporter changes.
    labels : str, optional
        The digest of the labels that a client gave; None for a format without labels, and for the catalogue's labels.
    digest : str
        SHA-256 of the bytes, under which they are stored as a document.
    software : str
        The release that rendered them.
    """

    version_digest: str
    exporter: str
    exporter_version: int
    media_type: str
    digest: str
    software: str
    labels: str | None = None

    @property
    def of(self) -> tuple[str, str, int, str | None]:
        """See `RenderingRecord.of`."""
        return self.version_digest, self.exporter, self.exporter_version, self.labels

    def to_bytes(self) -> bytes:
        """Return the record in the form in which it is stored, with its own digest."""
        body: dict[str, Json] = {
            "version_digest": self.version_digest,
            "exporter": self.exporter,
            "exporter_version": self.exporter_version,
            "media_type": self.media_type,
            "digest": self.digest,
            "software": self.software,
        }
        if self.labels is not None:
            body["labels"] = self.labels
        return seal(body, record_format=_RECORD_FORMAT)

    @classmethod
    def from_bytes(cls, data: bytes) -> "KeptExport":
        """Read a stored record.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is damaged or of another format.
        """
        return cls(**known_members(cls, unseal(data, record_format=_RECORD_FORMAT)))


class KeptExports:
    """All renderings that a service keeps."""

    def __init__(self, objects: Objects) -> None:
        self._first = FirstRenderings(objects, KeptExport.from_bytes)

    async def find(
        self, record: VersionRecord, exporter: Exporter, exporter_version: int, labels: str | None = None
    ) -> KeptExport | None:
        """Return the rendering of a version by an exporter at one of its versions, or None if none is kept.

        Parameters
        ----------
        record, exporter, exporter_version
            What is rendered, by what.
        labels
            The digest of labels that a client gave.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        if (exporter.name, exporter_version) == (Fomo.name, Fomo.version):
            return _kept(record, exporter, record.order_digest)
        return await self._first.find(
            _key(record, exporter, exporter_version, labels),
            (record.digest, exporter.name, exporter_version, labels),
            _what(record, exporter),
        )

    async def keep(
        self, record: VersionRecord, exporter: Exporter, document: Document, labels: str | None = None
    ) -> KeptExport:
        """Store a rendering by the exporter's present version unless one is kept, and return the one that is kept.

        It may be called any number of times, also concurrently and after a crash at any step.

        Raises
        ------
        StoreError
            ``version_damaged`` or ``store_unavailable``.
        """
        kept = replace(
            _kept(record, exporter, document.digest, labels), media_type=exporter.media_type_of(document.data)
        )
        key = _key(record, exporter, exporter.version, labels)
        return await self._first.keep(key, document, kept, _what(record, exporter))


def _kept(record: VersionRecord, exporter: Exporter, digest: str, labels: str | None = None) -> KeptExport:
    return KeptExport(
        version_digest=record.digest,
        exporter=exporter.name,
        exporter_version=exporter.version,
        media_type=exporter.media_type,
        digest=digest,
        software=__version__,
        labels=labels,
    )


def _key(record: VersionRecord, exporter: Exporter, exporter_version: int, labels: str | None) -> str:
    return object_keys.export_record(record.stream, record.version, exporter.name, exporter_version, labels)


def _what(record: VersionRecord, exporter: Exporter) -> str:
    return f"the record of the export {exporter.name} of {record.stream} version {record.version}"

"""The cff format: a CITATION.cff file (Citation File Format 1.2.0)."""

import json
from typing import ClassVar

from concept_orderings.canonical import Json
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.citation import MAKER, address_of, software_of, title_of
from concept_orderings.published import PublishedVersion


class Cff(Exporter):
    """How to cite this version, for repositories and reference managers."""

    name = "cff"
    media_type = "application/yaml"
    suffix = "cff"
    summary = "A CITATION.cff file that cites this version, with its digest."
    has_publication: ClassVar[bool] = True

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. Each value is JSON, which YAML reads."""
        identifier = {
            "type": "other",
            "value": f"sha256:{version.digest}",
            "description": "SHA-256 of the manifest, which has the digests of all tasks.",
        }
        entries: dict[str, Json] = {
            "cff-version": "1.2.0",
            "message": "If you use this task stream, please cite it as below.",
            "type": "dataset",
            "title": title_of(version),
            "authors": [{"name": MAKER}],
            "version": str(version.number),
            "date-released": version.published_on or None,
            "url": address_of(version) or None,
            "abstract": f"Made by {software_of(version)}.",
            "identifiers": [identifier],
        }
        return "".join(f"{key}: {json.dumps(value)}\n" for key, value in entries.items() if value is not None).encode()

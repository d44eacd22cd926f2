"""The bibtex format: an entry with which a paper cites a version."""

import re
from typing import ClassVar

from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.citation import MAKER, address_of, software_of, title_of
from concept_orderings.published import PublishedVersion

_SPECIAL = re.compile(r"([{}$&#_%])")


class Bibtex(Exporter):
    """One BibTeX entry, with all digits of the digest."""

    name = "bibtex"
    media_type = "application/x-bibtex"
    suffix = "bib"
    summary = "A BibTeX entry that cites this version, with its digest."
    has_publication: ClassVar[bool] = True

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. It is ASCII: the names of streams are."""
        fields = {
            "title": f"{{{_escaped(title_of(version))}}}",
            "author": f"{{{MAKER}}}",
            "year": version.published_on[:4],
            "howpublished": rf"\url{{{address_of(version)}}}" if version.public_url else "",
            "note": f"Made by {_escaped(software_of(version))}. SHA-256 of the manifest: {version.digest}",
        }
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        return "".join([f"@misc{{{cite_key(version)},\n", ",\n".join(lines), "\n}\n"]).encode("ascii")


def cite_key(version: PublishedVersion) -> str:
    """Return the key of the entry: stream, version and the first digits of the digest."""
    return f"{version.stream}-v{version.number}-{version.digest[:12]}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)

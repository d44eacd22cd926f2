"""The bundle format: a ZIP archive to deposit, with all that a version is.

Its bytes are the same each time and on each server: nothing is compressed, and no time is in it but the day on which
the version was published.
"""

from collections.abc import Mapping
from typing import ClassVar

from concept_orderings.canonical import sha256_hex
from concept_orderings.errors import CannotExpress
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.cff import Cff
from concept_orderings.exporters.citation import address_of, software_of, title_of
from concept_orderings.exporters.croissant import IN_BUNDLE, described
from concept_orderings.exporters.fomo import fomo_list
from concept_orderings.published import PublishedVersion
from concept_orderings.stored_zip import MOST_BYTES, stored_zip

CHECKSUMS = "SHA256SUMS"

_README = """\
# {title}

Made by {software}{published}. SHA-256 of the manifest, which has the digests of all other parts:

    {digest}

| file | content |
|---|---|
| `manifest.json` | everything needed to repeat the stream: request, ordering, sources and digests of evidence |
| `order.json` | all concepts in order, each `DATASET+++class name`, as the FoMo-in-Flux training code reads it |
| `tasks/N.json` | task N: its concepts, each with its position and its evidence |
{evidence}| `croissant.json` | the description for catalogues and loaders of data sets (Croissant 1.1) |
| `CITATION.cff` | how to cite this version |
| `{checksums}` | SHA-256 of each file: `sha256sum --check {checksums}` |

The version that is described here never changes. {address}
"""

_EVIDENCE = "| `evidence/{name}` | the {kind} that the order was made from |\n"


class Bundle(Exporter):
    """Manifest, order, tasks, evidence, citation, description and checksums."""

    name = "bundle"
    media_type = "application/zip"
    suffix = "zip"
    summary = "A ZIP to deposit: manifest, order, tasks, evidence, Croissant, CITATION.cff, README and checksums."
    has_publication: ClassVar[bool] = True
    has_evidence: ClassVar[bool] = True

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`.

        Raises
        ------
        CannotExpress
            The archive would be larger than ZIP allows.
        """
        files = _files(version)
        checksums = "".join(f"{sha256_hex(data)}  {name}\n" for name, data in files.items())
        members = {**files, CHECKSUMS: checksums.encode()}
        if len(members) > 0xFFFF or sum(map(len, members.values())) > MOST_BYTES - 2**20:
            raise CannotExpress.of(
                self.name,
                f"a ZIP has at most 65,535 files and 4 GB, and this one would have {len(members):,} files",
                "Fetch the manifest, the tasks and the evidence one by one",
            )
        return stored_zip(members)


def _files(version: PublishedVersion) -> dict[str, bytes]:
    documents = version.documents()
    evidence = _evidence(version)
    return {
        "README.md": _readme(version, evidence).encode(),
        "CITATION.cff": Cff().render(version),
        "croissant.json": described(version, IN_BUNDLE),
        "manifest.json": documents.manifest,
        "order.json": fomo_list(version.concepts),
        **{IN_BUNDLE.task_at(i): task for i, task in enumerate(documents.tasks)},
        **{f"evidence/{name}": data for name, (_, data) in evidence.items()},
    }


def _evidence(version: PublishedVersion) -> dict[str, tuple[str, bytes]]:
    """Return kind and content of each file of evidence that the manifest lists, by the file's name."""
    listed = version.manifest.get("evidence_files", [])
    data = version.evidence() if listed else {}
    places = [(each["kind"], IN_BUNDLE.evidence_at(each["kind"], each["media_type"])) for each in listed]
    return {place.removeprefix("evidence/"): (kind, data[kind]) for kind, place in places}


def _readme(version: PublishedVersion, evidence: Mapping[str, tuple[str, bytes]]) -> str:
    address = address_of(version)
    return (
        _README.format(
            title=title_of(version),
            software=software_of(version),
            published=f", published on {version.published_on}" if version.published_on else "",
            digest=version.digest,
            evidence="".join(_EVIDENCE.format(name=name, kind=kind) for name, (kind, _) in evidence.items()),
            checksums=CHECKSUMS,
            address=f"It is served at <{address}>." if address else "",
        ).rstrip()
        + "\n"
    )

"""The croissant format: a version as a Croissant 1.1 data set (JSON-LD of MLCommons).

Record sets are the order, the tasks, and each kind of evidence that is published as JSON. Where it came from is said
with PROV-O: the ordering with its version and seed, the release, and the digests of the evidence.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from concept_orderings.canonical import Json
from concept_orderings.evidence.tables import JSON_TYPE, NPZ_TYPE
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.citation import MAKER, address_of, software_of, title_of
from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema

_CONTEXT: Mapping[str, Json] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_VALUES = {"years": {"year": "sc:Integer"}, "scores": {"score": "sc:Float"}, "counts": {"count": "sc:Integer"}}
"""The column with the values of each kind of evidence, and its type."""


@dataclass(frozen=True)
class Places:
    """Where the files of a version are: addresses, or paths relative to the description."""

    manifest: str
    order: str
    task: str
    evidence: str
    suffixes: Mapping[str, str] = field(default_factory=dict)

    def task_at(self, number: int) -> str:
        """Return the place of a task."""
        return self.task.format(number)

    def evidence_at(self, kind: str, media_type: str) -> str:
        """Return the place of a file of evidence; a path has a suffix, and an address has none."""
        return self.evidence.format(kind) + self.suffixes.get(media_type, "")


IN_BUNDLE = Places(
    "manifest.json", "order.json", "tasks/{}.json", "evidence/{}", {JSON_TYPE: ".json", NPZ_TYPE: ".npz"}
)
"""The paths of the files in a bundle."""


def at_service(version: PublishedVersion) -> Places:
    """Return the addresses of a version's files; relative to the URL of this export if the service's is not known."""
    address = address_of(version)
    base = address or ".."
    manifest = address or f"../../{version.number}"
    return Places(manifest, f"{base}/export/fomo", base + "/tasks/{}", base + "/evidence/{}")


class Croissant(Exporter):
    """The description of a version for catalogues of data sets, and for loaders."""

    name = "croissant"
    media_type = "application/ld+json"
    suffix = "json"
    summary = "Croissant 1.1 JSON-LD: the order, the tasks and the evidence as record sets, with digests and origin."
    has_publication: ClassVar[bool] = True
    json_schema: ClassVar[JsonSchema] = {}

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. URLs are relative to this export's own, unless the service knows its address."""
        return described(version, at_service(version))


def described(version: PublishedVersion, places: Places) -> bytes:
    """Return the description with its files at these places."""
    manifest = version.manifest
    files: Sequence[Mapping[str, Any]] = manifest.get("evidence_files", [])
    body: dict[str, Json] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": f"{version.stream}-v{version.number}",
        "description": f"{title_of(version)}. Made by {software_of(version)}.",
        "version": f"{version.number}.0.0",
        "citeAs": _citation(version),
        "creator": {"@type": "sc:Organization", "name": MAKER},
        "prov:wasGeneratedBy": _origin(manifest),
        "distribution": [
            _file("manifest", places.manifest, version.digest),
            _file("order", places.order, manifest["order_digest"]),
            *(
                _file(f"task-{each['task']}", places.task_at(each["task"]), each["digest"])
                for each in manifest["tasks"]
            ),
            *(
                _file(
                    f"evidence-{each['kind']}",
                    places.evidence_at(each["kind"], each["media_type"]),
                    each["digest"],
                    each["media_type"],
                )
                for each in files
            ),
        ],
        "recordSet": [_order(), _tasks(), *_evidence(files)],
    }
    if version.published_on:
        body["datePublished"] = version.published_on
    if address := address_of(version):
        body["url"] = address
    return (json.dumps(body, indent=1) + "\n").encode("ascii")


def _citation(version: PublishedVersion) -> str:
    published = f" ({version.published_on[:4]})" if version.published_on else ""
    return f"{MAKER}{published}. {title_of(version)}. SHA-256 of the manifest: {version.digest}."


def _origin(manifest: Mapping[str, Any]) -> dict[str, Json]:
    ordering = manifest["ordering"]
    software = manifest["software"]
    parameters = manifest["request"]["ordering"]
    return {
        "@type": "prov:Activity",
        "prov:type": f"ordering {ordering['kind']}, version {ordering['version']}",
        "prov:value": json.dumps({name: value for name, value in parameters.items() if not isinstance(value, list)}),
        "prov:wasAssociatedWith": {
            "@type": "prov:SoftwareAgent",
            "name": software["name"],
            "softwareVersion": software["version"],
        },
        "prov:used": [
            {"@type": "prov:Entity", "name": "request", "sha256": manifest["request_digest"]},
            *(
                {"@type": "prov:Entity", "name": f"{need} from {each['source']}", "sha256": each["digest"]}
                for need, each in sorted(manifest["evidence"].items())
            ),
        ],
    }


def _file(identifier: str, place: str, digest: str, media_type: str = JSON_TYPE) -> dict[str, Json]:
    return {
        "@type": "cr:FileObject",
        "@id": _file_id(identifier),
        "name": _file_id(identifier),
        "contentUrl": place,
        "encodingFormat": media_type,
        "sha256": digest,
    }


def _file_id(name: str) -> str:
    """Return the identifier of a file, which no record set has."""
    return f"{name}-file"


def _field(record_set: str, name: str, kind: str, file: str, path: str) -> dict[str, Json]:
    source = {"fileObject": {"@id": _file_id(file)}, "extract": {"jsonPath": path}}
    return {"@type": "cr:Field", "@id": f"{record_set}/{name}", "name": name, "dataType": kind, "source": source}


def _record_set(name: str, description: str, fields: list[Json]) -> dict[str, Json]:
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "description": description, "field": fields}


def _order() -> dict[str, Json]:
    return _record_set(
        "order",
        "All concepts in order, each written DATASET+++class name.",
        [_field("order", "concept", "sc:Text", "order", "$[*]")],
    )


def _tasks() -> dict[str, Json]:
    columns = (("task", "sc:Integer"), ("concepts", "sc:Integer"), ("digest", "sc:Text"))
    return _record_set(
        "tasks",
        "The tasks: their numbers, how many concepts of the order each has, and the SHA-256 of its file.",
        [_field("tasks", name, kind, "manifest", f"$.tasks[*].{name}") for name, kind in columns],
    )


def _evidence(files: Sequence[Mapping[str, Any]]) -> list[dict[str, Json]]:
    """Return a record set for each kind of evidence whose file is JSON: a row for each concept in canonical order."""
    return [_evidence_of(each["kind"]) for each in files if each["media_type"] == JSON_TYPE]


def _evidence_of(kind: str) -> dict[str, Json]:
    name = f"evidence-{kind}"
    columns = {"concept": "sc:Text", **_VALUES.get(kind, {})}
    fields: list[Json] = [
        _field(name, column, data_type, name, f"$.rows[*].{column}") for column, data_type in columns.items()
    ]
    return _record_set(name, f"The {kind} that the order was made from, in canonical order.", fields)

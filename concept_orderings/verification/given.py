"""Sort the files of a version by what they are, whatever their names."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from concept_orderings.canonical import sha256_hex
from concept_orderings.errors import BadEvidence, BadValue
from concept_orderings.evidence.tables import MARGINS, EvidenceTable, read_table
from concept_orderings.evidence.tie_orders import is_concept
from concept_orderings.exporters.bundle import CHECKSUMS
from concept_orderings.text import first_of, shown
from concept_orderings.verification.findings import Code, Findings

_README = "README.md"
_OF_MANIFESTS = {"name", "version", "request", "request_digest", "order_digest", "tasks", "ordering", "evidence"}
_OF_TASKS = {"name", "version", "task", "tasks", "concepts"}
_OF_TABLES = {"kind", "values", "provenance", "rows"}
_LINE = re.compile(r"([0-9a-f]{64})[ ][ *](.+)")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class GivenFile:
    """A file of a version.

    Attributes
    ----------
    name : str
    data : bytes
    value : object
        What its JSON holds.
    """

    name: str
    data: bytes
    value: Any = field(repr=False)


@dataclass
class Given:
    """The files of one version.

    Attributes
    ----------
    manifest : GivenFile
    tasks : dict of int to GivenFile
        The documents of tasks by their numbers.
    order : GivenFile or None
        The list of all concepts, if it was given.
    tables : dict of str to EvidenceTable
        The evidence by the names of its files.
    files_of_tables : dict of str to GivenFile
        The same files.
    is_bundle : bool
        Whether they have checksums, so that none is missing unless it was removed.
    """

    manifest: GivenFile
    tasks: dict[int, GivenFile] = field(default_factory=dict)
    order: GivenFile | None = None
    tables: dict[str, EvidenceTable] = field(default_factory=dict)
    files_of_tables: dict[str, GivenFile] = field(default_factory=dict)
    is_bundle: bool = False


def sort_files(files: Mapping[str, bytes], findings: Findings) -> Given:
    """Return the files of a version by what they are; compare them with checksums, if there are any.

    Parameters
    ----------
    files
        The content of files by their paths.
    findings
        Gets what contradicts the version.

    Raises
    ------
    BadValue
        ``bad_file``: there is no manifest, or several.
    """
    decoded = [GivenFile(name, data, _decoded(data)) for name, data in files.items()]
    manifests = [each for each in decoded if _has(each.value, _OF_MANIFESTS)]
    if len(manifests) != 1:
        what = "no manifest" if not manifests else f"{len(manifests)} manifests ({_named(manifests)})"
        raise BadValue("bad_file", f"There is {what}; give a bundle, or the files of one version.")
    given = Given(manifests[0])
    for each in decoded:
        if each is not given.manifest:
            _sort(each, given, findings)
    _compare_checksums(files, given, findings)
    return given


def _sort(file: GivenFile, given: Given, findings: Findings) -> None:
    if _has(file.value, _OF_TASKS) and isinstance(file.value["concepts"], list):
        _add_task(file, given, findings)
    elif isinstance(file.value, list) and file.value and all(map(is_concept, file.value)):
        _add_order(file, given, findings)
    elif file.data.startswith(b"PK") or _has(file.value, _OF_TABLES):
        _add_table(file, given, findings)


def _add_order(file: GivenFile, given: Given, findings: Findings) -> None:
    if given.order is not None and given.order.data != file.data:
        findings.failed(
            Code.ORDER_DIFFERS, f"{given.order.name} and {file.name} are two lists of concepts that differ; give one."
        )
        return
    given.order = file


def _add_task(file: GivenFile, given: Given, findings: Findings) -> None:
    number = file.value["task"]
    if not isinstance(number, int) or isinstance(number, bool):
        findings.failed(Code.TASKS_DIFFER, f"{file.name} has {shown(str(number))} as the number of its task.")
        return
    if number in given.tasks:
        findings.failed(Code.TASKS_DIFFER, f"{given.tasks[number].name} and {file.name} are both task {number}.")
        return
    given.tasks[number] = file


def _add_table(file: GivenFile, given: Given, findings: Findings) -> None:
    try:
        table = read_table(file.data)
    except BadEvidence as error:
        findings.failed(Code.FILE_UNREADABLE, f"{file.name}: {error.detail}")
        return
    if table.kind != MARGINS:
        given.tables[file.name] = table
        given.files_of_tables[file.name] = file


def _compare_checksums(files: Mapping[str, bytes], given: Given, findings: Findings) -> None:
    """Compare the files beside the manifest with the checksums there, and the README with the manifest."""
    folder = given.manifest.name.removesuffix(given.manifest.name.rpartition("/")[2])
    beside = {name.removeprefix(folder): data for name, data in files.items() if name.startswith(folder)}
    if CHECKSUMS not in beside:
        return
    given.is_bundle = True
    listed = {}
    for line in beside.pop(CHECKSUMS).decode("utf-8", "replace").splitlines():
        if (parts := _LINE.fullmatch(line)) is None:
            findings.failed(
                Code.FILE_UNREADABLE, f"{CHECKSUMS} has a line that states no SHA-256 of a file: {line[:80]!r}."
            )
        else:
            listed[parts[2]] = parts[1]
    for name, digest in listed.items():
        if name not in beside:
            findings.failed(Code.FILE_MISSING, f"{CHECKSUMS} lists {name}, which is not there.")
        elif sha256_hex(beside[name]) != digest:
            findings.failed(Code.FILE_CHANGED, f"{name} does not have the SHA-256 that {CHECKSUMS} states.")
    if others := sorted(beside.keys() - listed.keys()):
        findings.noted(
            Code.FILES_NOT_LISTED,
            f"{CHECKSUMS} does not list {first_of(others, 5)}: of these, evidence, tasks and orders were read.",
        )
    stated = _DIGEST.search(beside.get(_README, b"").decode("utf-8", "replace"))
    if stated is not None and stated[0] != sha256_hex(given.manifest.data):
        findings.failed(
            Code.OTHER_VERSION,
            f"{_README} is about the version with the digest {stated[0]}, which is not that of the manifest.",
        )


def _decoded(data: bytes) -> Any:
    if data.startswith(b"PK"):
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _has(value: Any, names: set[str]) -> bool:
    return isinstance(value, dict) and value.keys() >= names


def _named(files: list[GivenFile]) -> str:
    return first_of([each.name for each in files], 5)

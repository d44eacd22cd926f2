"""Check that manifest, tasks and order of a version fit each other, before anything is made again."""

from itertools import chain
from typing import Any

from concept_orderings.canonical import sha256_hex
from concept_orderings.evidence.tie_orders import is_concept
from concept_orderings.exporters.fomo import fomo_list
from concept_orderings.text import first_of, shown
from concept_orderings.verification.findings import Code, Findings, Outcome
from concept_orderings.verification.given import Given, GivenFile


def check_documents(given: Given, findings: Findings) -> list[str] | None:
    """Return the published order, (n,), from the tasks or from the list of all concepts; None if it is not known.

    Failures are: a task or the order that does not have the digest in the manifest, is missing from a bundle, names
    another stream, version or number, has positions that do not go on, or another number of concepts than the manifest
    says; a list of all concepts that is not that of the tasks.
    """
    manifest = given.manifest.value
    listed = manifest["tasks"]
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        findings.failed(Code.MANIFEST_DIFFERS, "The manifest's list of tasks has another form.")
        return None
    missing = [number for number in range(len(listed)) if number not in given.tasks]
    if missing:
        _report_missing(missing, len(listed), given, findings)
    if others := sorted(given.tasks.keys() - set(range(len(listed)))):
        findings.failed(
            Code.TASKS_DIFFER,
            f"There are tasks that the manifest does not list: {first_of(list(map(str, others)), 5)}.",
        )
    position, of_tasks = 0, list[list[str]]()
    for number, entry in enumerate(listed):
        if (file := given.tasks.get(number)) is not None:
            of_tasks.append(_check_task(file, number, entry, position, manifest, findings))
        position += _size(entry)
    return _order([*chain.from_iterable(of_tasks)] if not missing else None, given, findings)


def _report_missing(missing: list[int], number: int, given: Given, findings: Findings) -> None:
    named = first_of(list(map(str, missing)), 5)
    if given.is_bundle:
        findings.failed(Code.FILE_MISSING, f"{len(missing)} of {number} tasks are not there: {named}.")
    else:
        findings.noted(
            Code.TASKS_NOT_GIVEN,
            f"{len(missing)} of {number} tasks were not given ({named}); only their digests are compared.",
        )


def _check_task(
    file: GivenFile, number: int, entry: dict[str, Any], position: int, manifest: dict[str, Any], findings: Findings
) -> list[str]:
    """Return the concepts of a task; those that cannot be read are empty texts."""
    if sha256_hex(file.data) != entry.get("digest"):
        findings.failed(
            Code.FILE_CHANGED, f"{file.name} does not have the SHA-256 that the manifest states for task {number}."
        )
    for name, expected in (
        ("name", manifest.get("name")),
        ("version", manifest.get("version")),
        ("tasks", len(manifest["tasks"])),
    ):
        if file.value[name] != expected:
            findings.failed(
                Code.TASKS_DIFFER,
                f"{file.name} has the {name} {shown(str(file.value[name]))}, and not {shown(str(expected))}.",
            )
    rows = file.value["concepts"]
    if len(rows) != entry.get("concepts"):
        findings.failed(
            Code.TASKS_DIFFER,
            f"Task {number} has {len(rows)} concepts, and the manifest says {shown(str(entry.get('concepts')))}.",
        )
    concepts = [row.get("concept") if isinstance(row, dict) else None for row in rows]
    wrong = next(
        (i for i, row in enumerate(rows) if not is_concept(concepts[i]) or row.get("position") != position + i), None
    )
    if wrong is not None:
        findings.failed(
            Code.TASKS_DIFFER,
            f"{file.name} has another concept or number than position {position + wrong} at its place {wrong}.",
        )
    return [each if isinstance(each, str) else "" for each in concepts]


def _order(of_tasks: list[str] | None, given: Given, findings: Findings) -> list[str] | None:
    of_list = given.order.value if given.order is not None else None
    stated = given.manifest.value["order_digest"]
    if given.order is not None and sha256_hex(given.order.data) != stated:
        findings.failed(
            Code.FILE_CHANGED, f"{given.order.name} does not have the SHA-256 that the manifest states as order_digest."
        )
    elif given.order is None and given.is_bundle and not findings.has(Outcome.FAILED, Code.FILE_MISSING):
        findings.failed(Code.FILE_MISSING, "The list of all concepts, order.json, is not there.")
    if of_tasks is None:
        return of_list
    if of_list is not None and of_list != of_tasks:
        pairs = zip(of_list, of_tasks, strict=False)
        first = next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(of_list), len(of_tasks)))
        findings.failed(Code.ORDER_DIFFERS, f"The list of all concepts and the tasks differ from position {first} on.")
    elif sha256_hex(fomo_list(of_tasks)) != stated and given.order is None:
        findings.failed(
            Code.ORDER_DIFFERS,
            "The order of the tasks does not have the SHA-256 that the manifest states as order_digest.",
        )
    return of_tasks


def _size(entry: dict[str, Any]) -> int:
    size = entry.get("concepts")
    return size if isinstance(size, int) and not isinstance(size, bool) else 0

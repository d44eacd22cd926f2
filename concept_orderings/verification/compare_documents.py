"""Compare the tasks and the manifest of a version with those that were made again."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from concept_orderings.canonical import sha256_hex
from concept_orderings.json_differences import Difference, as_text, differences
from concept_orderings.stream import ArrangedStream, Document
from concept_orderings.text import first_of
from concept_orderings.verification.findings import Code, Findings
from concept_orderings.verification.given import Given
from concept_orderings.version import __version__

_WARNINGS = ("/warnings", "/warning_details")
_OF_ORDER = ("/order_digest", "/tasks", "/ordering/details", "/ordering/diagnostics", *_WARNINGS)
"""Where a manifest depends on the order: not compared if that is wrong already."""
_WARNINGS_OF_EVIDENCE = re.compile("/evidence/[^/]+/warnings(/.*)?")
_KIND = re.compile("/evidence/[^/]+")
"""The place of a kind of evidence in a manifest, of which none may be added."""


def compare_tasks(made: Sequence[Document], given: Given, findings: Findings) -> None:
    """Compare the tasks that were given, and the digests of those that were not."""
    listed = given.manifest.value["tasks"]
    if len(made) != len(listed):
        findings.failed(
            Code.TASKS_DIFFER, f"The split of the request gives {len(made)} tasks, and the version has {len(listed)}."
        )
        return
    added: Counter[str] = Counter()
    for number, document in enumerate(made):
        if number in given.tasks:
            _compare_task(number, document, given, added, findings)
        elif listed[number].get("digest") != document.digest:
            _report_unseen(number, given, findings)
    for name, times in added.items():
        findings.noted(
            Code.ADDED_FIELDS,
            f"The evidence of {times:,} concepts has the field {name} in the version, or if it is made again, alone.",
        )


def _compare_task(number: int, document: Document, given: Given, added: Counter[str], findings: Findings) -> None:
    file = given.tasks[number]
    if file.data == document.data:
        return
    found = list(differences(file.value, json.loads(document.data)))
    for each in found:
        if each.is_addition and "/evidence/" in each.pointer and not _has_this_software(given.manifest.value):
            added[each.pointer.rpartition("/")[2]] += 1
        elif not _is_size(each, number, file.value, document, findings):
            findings.failed(Code.TASKS_DIFFER, f"{file.name} {_described(each)}")
    if not found:
        findings.failed(Code.TASKS_DIFFER, f"{file.name} is not written as canonical JSON.")


def compare_manifest(
    stream: ArrangedStream, tasks: Sequence[Document], given: Given, findings: Findings, *, same_order: bool
) -> None:
    """Compare the manifest; what depends on the order only if that is the same."""
    stated = given.manifest.value
    version = stated["version"] if isinstance(stated["version"], int) else 0
    document = stream.manifest(version, tasks, stream.export())
    if document.data == given.manifest.data:
        return
    made = json.loads(document.data)
    found = list(differences(stated, made))
    for each in found:
        if same_order or not _is_in(each.pointer, *_OF_ORDER):
            _judge(each, stated, made, given, findings)
    if not found:
        findings.failed(Code.MANIFEST_DIFFERS, "The manifest is not written as canonical JSON.")


def _judge(each: Difference, stated: Any, made: Any, given: Given, findings: Findings) -> None:
    """Add what a difference of the manifests means."""
    pointer = each.pointer
    if _is_in(pointer, "/software"):
        findings.noted(
            Code.OTHER_SOFTWARE,
            f"The version was made by {_software(stated)}, and compared with what {_software(made)} makes.",
        )
    elif _is_in(pointer, *_WARNINGS) or _WARNINGS_OF_EVIDENCE.fullmatch(pointer):
        findings.noted(Code.OTHER_WARNINGS, f"The manifest {_described(each)}")
    elif _is_in(pointer, "/tasks") and pointer.endswith("/digest"):
        # Tasks were compared by their content, of which fields may have been added since.
        return
    elif _is_in(pointer, "/evidence_files") and not each.is_addition and _has_stated_digest(each, given):
        findings.noted(Code.ADDED_FIELDS, f"The manifest {_described(each)} The file has the SHA-256 that is stated.")
    elif each.is_addition and _may_be_added(pointer, stated):
        findings.noted(Code.ADDED_FIELDS, f"The manifest {_described(each)}")
    else:
        findings.failed(_code_of(pointer), f"The manifest {_described(each)}")


def _may_be_added(pointer: str, stated: Any) -> bool:
    """Tell whether another release, or a worker that keeps other evidence, may have a field more or less there."""
    if _is_in(pointer, "/evidence_files"):
        return True
    return not (_has_this_software(stated) or _is_in(pointer, "/request") or _KIND.fullmatch(pointer))


def _is_in(pointer: str, *parts: str) -> bool:
    return any(pointer == part or pointer.startswith(f"{part}/") for part in parts)


def _code_of(pointer: str) -> Code:
    by_part = {
        "/request": Code.REQUEST_DIFFERS,
        "/evidence": Code.EVIDENCE_DIFFERS,
        "/order_digest": Code.ORDER_DIFFERS,
        "/tasks": Code.TASKS_DIFFER,
    }
    return next((code for part, code in by_part.items() if _is_in(pointer, part)), Code.MANIFEST_DIFFERS)


def _has_stated_digest(each: Difference, given: Given) -> bool:
    return any(each.first in (sha256_hex(file.data), len(file.data)) for file in given.files_of_tables.values())


def _report_unseen(number: int, given: Given, findings: Findings) -> None:
    # Another release may have added fields.
    add = findings.failed if _has_this_software(given.manifest.value) else findings.unproven
    add(
        Code.TASKS_DIFFER,
        f"Task {number}, which was not given, has another digest in the manifest than the task that was made again"
        f"{'' if given.tasks else '; give the tasks to see where they differ'}.",
    )


def _is_size(each: Difference, number: int, stated: Any, document: Document, findings: Findings) -> bool:
    """Report a task with another number of concepts in one sentence; tell whether it was one."""
    made = json.loads(document.data)["concepts"]
    if each.pointer != "/concepts" or len(made) == len(stated["concepts"]):
        return False
    findings.failed(
        Code.TASKS_DIFFER,
        f"Task {number} has {len(stated['concepts'])} concepts, and the split of the request gives it {len(made)}.",
    )
    return True


def _described(each: Difference) -> str:
    there, made = as_text(each.first, 100), as_text(each.second, 100)
    return f"has {there or 'nothing'} at {each.pointer}, and {made or 'nothing'} if it is made again."


def _has_this_software(manifest: Any) -> bool:
    software = manifest.get("software")
    return isinstance(software, dict) and software.get("version") == __version__


def _software(manifest: Any) -> str:
    software = manifest.get("software")
    parts = software.values() if isinstance(software, dict) else ()
    return first_of([" ".join(map(str, parts)) or "unknown software"], 1)

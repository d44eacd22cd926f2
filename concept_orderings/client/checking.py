"""Check that the documents of a version are those of its manifest, and that they agree with each other."""

import json
from collections.abc import Iterator

from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.client.documents import Task, read_task
from concept_orderings.client.errors import BadAnswer
from concept_orderings.client.reading import Found, Reader
from concept_orderings.client.steps import Steps, call
from concept_orderings.exporters.fomo import fomo_list


def verify(reader: Reader, found: Found) -> Steps[None]:
    """Check a version; see `concept_orderings.client.stream.Stream.verify`."""
    data = yield from reader.document(found.path, found.digest, f"the manifest of {found}")
    tasks = yield from reader.all_tasks(found)
    yield from reader.check_evidence(found)
    wrong = yield from call(lambda: list(_contradictions(found, data, tasks)))
    if wrong:
        raise BadAnswer("bad_answer", f"The documents of {found} contradict each other: {'; '.join(wrong)}.")


def _contradictions(found: Found, data: bytes, documents: tuple[bytes, ...]) -> Iterator[str]:
    manifest = found.manifest
    for number, each in enumerate((data, *documents), start=-1):
        if canonical_json(json.loads(each)) != each:
            yield f"{'the manifest' if number < 0 else f'task {number}'} is not canonical JSON (RFC 8785)"
    if sha256_hex(canonical_json(dict(manifest.request))) != manifest.request_digest:
        yield "the request has not the request_digest"
    tasks = [read_task(each, f"task {i} of {found}") for i, each in enumerate(documents)]
    concepts = [concept for task in tasks for concept in task.concepts]
    if [each.position for each in concepts] != list(range(manifest.concepts)):
        yield f"the positions in the tasks are not those from 0 to {manifest.concepts - 1}"
    names = [each.name for each in concepts]
    if len(set(names)) != len(names):
        yield "a concept stands in the tasks twice"
    if sha256_hex(fomo_list(names)) != manifest.order_digest:
        yield "the concepts have not the order_digest"
    yield from _wrong_tasks(found, tasks)


def _wrong_tasks(found: Found, tasks: list[Task]) -> Iterator[str]:
    for number, (task, listed) in enumerate(zip(tasks, found.manifest.tasks, strict=True)):
        if (task.task, len(task.concepts)) != (listed.task, listed.concepts) or listed.task != number:
            yield f"task {number} is not the one that the manifest lists"

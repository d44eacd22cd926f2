"""Test that `verify` finds documents that contradict each other, although each has its digest."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from concept_orderings.canonical import canonical_json
from concept_orderings.client.errors import BadAnswer
from concept_orderings.client.reading import Wanted
from concept_orderings.client.stream import Stream
from support.scripted_service import ScriptedService, sha256, stated

V1 = "/v1/streams/job-1/versions/1"

Change = Callable[[dict[str, Any], list[dict[str, Any]]], None]


def swap(manifest: dict[str, Any], tasks: list[dict[str, Any]]) -> None:
    first, second = tasks[0]["concepts"]
    tasks[0]["concepts"] = [{**second, "position": 0}, {**first, "position": 1}]


def repeat(manifest: dict[str, Any], tasks: list[dict[str, Any]]) -> None:
    tasks[1]["concepts"][0] = {**tasks[0]["concepts"][0], "position": 2}


def renumber(manifest: dict[str, Any], tasks: list[dict[str, Any]]) -> None:
    tasks[1]["concepts"][0]["position"] = 7


def ask_otherwise(manifest: dict[str, Any], tasks: list[dict[str, Any]]) -> None:
    manifest["request"]["ordering"]["seed"] = 99


def resize(manifest: dict[str, Any], tasks: list[dict[str, Any]]) -> None:
    manifest["tasks"][1]["concepts"] = 3


def stream_of(change: Change, write: Callable[[Any], bytes] = canonical_json) -> Stream:
    """Return a stream whose documents were changed, and their digests with them."""
    service = ScriptedService()
    documents = service.publish("job-1")
    manifest, tasks = json.loads(documents.manifest), [json.loads(each) for each in documents.tasks]
    change(manifest, tasks)
    for i, task in enumerate(tasks):
        data = write(task)
        manifest["tasks"][i]["digest"] = sha256(data)
        service.answers[f"{V1}/tasks/{i}"] = [stated(data)] * 2
    service.answers[V1] = [stated(write(manifest))] * 2
    reader = service.reader()
    return Stream(reader, service.run(reader.find(Wanted.of("job-1", 1, None))), service.run)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (swap, "the concepts have not the order_digest"),
        (repeat, "a concept stands in the tasks twice"),
        (renumber, "the positions in the tasks are not those from 0 to 3"),
        (ask_otherwise, "the request has not the request_digest"),
        (resize, "task 1 is not the one that the manifest lists"),
    ],
)
def test_documents_that_contradict_each_other_are_refused(change: Change, what: str) -> None:
    with pytest.raises(
        BadAnswer, match=f"The documents of version 1 of the stream job-1 contradict each other.*{what}"
    ):
        stream_of(change).verify()


def test_documents_are_canonical_json() -> None:
    stream = stream_of(lambda manifest, tasks: None, lambda value: json.dumps(value).encode())
    with pytest.raises(BadAnswer, match=r"the manifest is not canonical JSON \(RFC 8785\); task 0 is not canonical"):
        stream.verify()


def test_documents_that_agree_are_accepted() -> None:
    stream_of(lambda manifest, tasks: None).verify()


def test_a_task_of_another_size_is_refused_when_it_is_read() -> None:
    with pytest.raises(BadAnswer, match="is task 1 with 2 concepts, and the manifest has 3 for task 1"):
        stream_of(resize).tasks[1]

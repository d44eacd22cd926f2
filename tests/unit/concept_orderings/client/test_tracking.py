"""Test what trackers and papers are told of a version."""

import json
import sys

import pytest

from concept_orderings.client.reading import Wanted
from concept_orderings.client.stream import Stream
from concept_orderings.errors import MissingLibrary
from support.optional import needs_programs
from support.scripted_service import ScriptedService


@pytest.fixture
def stream() -> Stream:
    service = ScriptedService()
    service.publish("job-1", seed=3)
    reader = service.reader()
    return Stream(reader, service.run(reader.find(Wanted.of("job-1", 1, None))), service.run)


def test_a_configuration_is_a_flat_object(stream: Stream) -> None:
    found = stream.as_dict()

    assert json.loads(json.dumps(found)) == found
    assert found["digest"] == stream.digest
    assert found["url"] == "http://orders:8000/v1/streams/job-1/versions/1"
    assert (found["stream"], found["version"], found["ordering"], found["tasks"]) == ("job-1", 1, "random", 2)


def test_a_citation_has_all_digits(stream: Stream) -> None:
    assert stream.citation() == (
        "Task stream job-1, version 1: 4 concepts in 2 tasks, ordered by random, made by concept-orderings 0.2.0, "
        f"digest {stream.digest}."
    )


def test_without_mlflow_the_error_says_what_to_install(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "mlflow.data.http_dataset_source", None)
    with pytest.raises(MissingLibrary, match="pip install mlflow-skinny"):
        stream.as_mlflow_dataset()


@needs_programs
def test_mlflow_logs_the_dataset(stream: Stream) -> None:
    from support.exporting_libraries import run_with_mlflow

    documents = stream.documents()
    logged = run_with_mlflow(
        "log_to_mlflow.py", {"manifest": documents.manifest.decode(), "digest": stream.digest, "url": stream.url}
    )

    assert (logged["name"], logged["digest"]) == ("job-1, version 1", stream.digest[:36])
    assert json.loads(logged["source"]) == {"url": "http://orders:8000/v1/streams/job-1/versions/1"}
    assert json.loads(logged["profile"]) == stream.as_dict()

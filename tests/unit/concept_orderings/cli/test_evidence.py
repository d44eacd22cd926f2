"""Test `order --evidence`: an order is made again from published files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concept_orderings.cli import main
from concept_orderings.evidence import Need
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.evidence.quantised import embeddings_as_evidence
from concept_orderings.library import arrange_stream
from concept_orderings.request import parse_request
from concept_orderings.stream import ArrangedStream
from unit.concept_orderings.request.bodies import changed
from unit.concept_orderings.strategies import embeddings_for

SIMILARITY = {"kind": "similarity", "encoder": "fake"}


def published(tmp_path: Path) -> ArrangedStream:
    """Write request, manifest and evidence of a version into a directory, as a client downloads them."""
    request = parse_request(changed({"/ordering": SIMILARITY}))
    parameters = parameters_of(request.ordering, NeedsEmbeddings)
    rows = embeddings_for(request).astype("float64")
    facts = {"dtype": "float64", "weights": None}
    gathered = embeddings_as_evidence(rows, parameters, request.concepts.ids, source="fake", facts=facts)
    stream = arrange_stream(request, {Need.EMBEDDINGS: gathered})
    directory = tmp_path / "evidence"
    directory.mkdir()
    for each in (*stream.evidence_files, *stream.files_beside):
        (directory / f"{each.kind}.{'npz' if each.media_type == 'application/zip' else 'json'}").write_bytes(each.data)
    (directory / "manifest.json").write_bytes(stream.documents(1)[2].data)
    (directory / "request.json").write_text(json.dumps(request.as_json()))
    # A page of the version's concepts, which is no evidence.
    (directory / "page.json").write_text(json.dumps({"name": request.name, "version": 1, "total": 0, "rows": []}))
    return stream


def refusals(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    """Return the codes of the errors."""
    assert main(["order", *map(str, arguments)]) == 1
    return [line.rpartition("[")[2].rstrip("]") for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize("files", [(".",), ("vectors.npz",), ("vectors.npz", "manifest.json", "margins.json")])
def test_the_same_version_is_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: tuple[str, ...]
) -> None:
    stream = published(tmp_path)
    paths = [tmp_path / "evidence" / each for each in files]
    request, manifest = tmp_path / "evidence" / "request.json", tmp_path / "again.json"
    assert main(["order", str(request), "--manifest", str(manifest), "--evidence", *map(str, paths)]) == 0

    assert manifest.read_bytes() == stream.documents(1)[2].data
    assert json.loads(capsys.readouterr().out) == stream.concepts_by_task()


def test_vectors_that_a_worker_kept_are_listed_however_large_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = published(tmp_path)
    monkeypatch.setattr("concept_orderings.order_files.MOST_VECTOR_BYTES", 0)
    request, manifest = tmp_path / "evidence" / "request.json", tmp_path / "again.json"
    evidence = tmp_path / "evidence"
    assert main(["order", str(request), "--manifest", str(manifest), "--evidence", str(evidence)]) == 0

    assert manifest.read_bytes() == stream.documents(1)[2].data


def test_files_that_cannot_be_used_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published(tmp_path)
    directory = tmp_path / "evidence"
    request = directory / "request.json"
    other = tmp_path / "other.npz"
    other.write_bytes((directory / "vectors.npz").read_bytes()[:-5])
    empty = tmp_path / "empty"
    empty.mkdir()

    assert (
        refusals(capsys, request, "--evidence", other, "/dev/null", tmp_path / "nothing") == ["bad_evidence_file"] * 3
    )
    assert refusals(capsys, request, "--evidence", empty) == ["bad_evidence_file"]
    assert refusals(capsys, request, "--evidence", directory / "margins.json") == ["bad_evidence_file"]
    assert refusals(capsys, request, "--evidence", request) == ["bad_evidence_file"]


def test_what_is_missing_in_a_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published(tmp_path)
    directory = tmp_path / "evidence"
    table = json.loads((directory / "margins.json").read_bytes())
    del table["format"]
    (directory / "margins.json").write_text(json.dumps(table))
    np.savez(directory / "own.npz", vectors=np.zeros((1, 1)))

    assert main(["order", str(directory / "request.json"), "--evidence", str(directory)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("published evidence: ")[2] for line in lines] == [
        "it has no 'format'. [bad_evidence_file]",
        "it has no 'evidence.json'. [bad_evidence_file]",
    ]


def test_a_manifest_says_which_digest_the_files_must_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published(tmp_path)
    directory = tmp_path / "evidence"
    manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_bytes())
    entry = manifest["evidence_files"][0]
    for listed, code in (([{**entry, "digest": "0f" * 32}], "evidence_damaged"), ([], "evidence_not_needed")):
        (directory / "manifest.json").write_text(json.dumps({**manifest, "evidence_files": listed}))
        assert refusals(capsys, directory / "request.json", "--evidence", directory) == [code]


def test_a_kind_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published(tmp_path)
    directory = tmp_path / "evidence"
    both = changed({"/ordering": SIMILARITY, "/tasks": {"by": "year"}})
    (tmp_path / "both.json").write_text(json.dumps(both))
    by_year = parse_request(changed({"/ordering": {"kind": "time"}}))
    (years,) = arrange_stream(by_year, evidence_at_hand(by_year)).evidence_files
    (tmp_path / "years.json").write_bytes(years.data)

    assert refusals(capsys, tmp_path / "both.json", "--evidence", tmp_path / "years.json") == ["missing_embeddings"]
    both_files = (directory / "vectors.npz", tmp_path / "years.json")
    assert main(["order", str(tmp_path / "both.json"), "--evidence", *map(str, both_files)]) == 0


@pytest.mark.parametrize("option", ["--embeddings", "--data-dir"])
def test_nothing_else_is_used_with_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str) -> None:
    published(tmp_path)
    directory = tmp_path / "evidence"

    assert main(["order", str(directory / "request.json"), "--evidence", str(directory), option, str(tmp_path)]) == 2
    assert f"leave {option} out" in capsys.readouterr().err

"""Test the manifest that `order` writes beside the order."""

import json
from pathlib import Path

import pytest

from concept_orderings.canonical import sha256_hex
from concept_orderings.cli import main
from concept_orderings.library import arrange_request
from concept_orderings.request import parse_request

REQUEST = {
    "name": "first-steps",
    "datasets": [
        {"name": "cifar100", "classes": ["apple", "bear", "clock"], "counts": {"apple": 3, "bear": 1, "clock": 3}}
    ],
    "ordering": {"kind": "frequency", "seed": 3},
    "tasks": {"count": 2},
}


def test_it_is_the_manifest_of_the_same_request(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    request, manifest, output = (tmp_path / f"{name}.json" for name in ("request", "manifest", "order"))
    request.write_text(json.dumps(REQUEST))

    assert main(["order", str(request), "--manifest", str(manifest), "--output", str(output)]) == 0
    stream = arrange_request(parse_request(REQUEST))
    _, _, expected = stream.documents(1)

    assert capsys.readouterr().out == ""
    assert manifest.read_bytes() == expected.data
    assert json.loads(output.read_bytes()) == stream.concepts_by_task()


def test_options_give_the_manifest_too(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    classes, manifest = tmp_path / "cifar100.json", tmp_path / "manifest.json"
    classes.write_text(json.dumps(["apple", "bear", "clock"]))
    options = ["--kind", "random", "--seed", "7", "--name", "mine", "--manifest", str(manifest)]

    assert main(["order", str(classes), *options]) == 0
    found = json.loads(manifest.read_bytes())

    assert found["name"] == "mine"
    assert found["request"]["ordering"]["seed"] == 7
    # What is written without a split is the list whose digest the manifest has.
    assert found["order_digest"] == sha256_hex(capsysbinary.readouterr().out)


def test_a_name_that_no_stream_may_have_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    classes, manifest = tmp_path / "cifar100.json", tmp_path / "manifest.json"
    classes.write_text(json.dumps(["apple"]))

    assert main(["order", str(classes), "--kind", "random", "--name", "a b", "--manifest", str(manifest)]) == 1
    assert "[bad_stream_name]" in capsys.readouterr().err
    assert not manifest.exists()

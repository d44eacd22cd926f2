"""Test the command `compare`."""

import json
from pathlib import Path
from typing import Any

import pytest

from concept_orderings.cli import main
from concept_orderings.exporters import EXPORTERS

PETS = [f"pet {number}" for number in range(9)]
READABLE = ("fomo", "tasks", "jsonl", "csv", "bundle")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    path = tmp_path / "pets.json"
    path.write_text(json.dumps(PETS))
    return path


def ordered(pets: Path, form: str, *, seed: int = 0) -> Path:
    """Return the file of an order in a format."""
    path = pets.parent / f"{form}-{seed}.{EXPORTERS[form].suffix}"
    options = ["--kind", "random", "--seed", str(seed), "--tasks", "1" if form == "fomo" else "3"]
    assert main(["order", str(pets), *options, "--format", form, "--output", str(path)]) == 0
    return path


def compared(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    capsys.readouterr()
    assert main(["compare", *map(str, arguments), "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    capsys.readouterr()
    assert main(["compare", *map(str, arguments)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


@pytest.mark.parametrize("form", READABLE)
def test_each_form_is_the_same_order(capsys: pytest.CaptureFixture[str], pets: Path, form: str) -> None:
    found = compared(capsys, ordered(pets, "tasks"), ordered(pets, form))

    assert (found["same_order"], found["same_tasks"]) == (True, form != "fomo")
    assert (found["kendall_tau"], found["spearman"], found["shared"]) == (1.0, 1.0, 9)
    assert found["b"]["version"] == (1 if form == "bundle" else None)
    assert (found["largest_movers"], found["only_in_a"]["total"], found["only_in_b"]["total"]) == ([], 0, 0)


def test_bundles_say_what_they_were_made_from(capsys: pytest.CaptureFixture[str], pets: Path) -> None:
    found = compared(capsys, ordered(pets, "bundle"), ordered(pets, "bundle", seed=1))

    assert found["differences"]["request"]["differences"] == [{"pointer": "/request/ordering/seed", "a": "0", "b": "1"}]


def test_a_published_stream_is_known_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(capsys, "icarl/imagenet100", "icarl/imagenet1000")

    assert (found["a"]["name"], found["shared"], found["only_in_a"]["total"]) == ("icarl/imagenet100", 100, 0)
    assert found["kendall_tau"] == 1.0


def test_one_concept_is_not_written_as_several(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('["pets+++cat"]')
    (tmp_path / "b.json").write_text('["pets+++cat", "pets+++rat"]')
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
    first, second, third, _, fifth, *_ = capsys.readouterr().out.splitlines()

    assert "a.json: 1 concept, 1 task, order " in first
    assert "b.json: 2 concepts, 1 task, order " in second
    assert (third, fifth) == ("other orders; 1 shared concept", "1 concept only in b")


def test_people_get_lines(capsys: pytest.CaptureFixture[str], pets: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps([*(f"pets+++{each}" for each in PETS[:8]), "pets+++rat"]))
    output = tmp_path / "lines.txt"
    assert main(["compare", str(ordered(pets, "bundle")), str(other), "--output", str(output)]) == 0
    lines = output.read_text().splitlines()

    assert "other orders; 8 shared concepts" in lines
    assert any(each.startswith("Kendall's tau ") for each in lines)
    assert lines[lines.index("1 concept only in b") + 1] == "  pets+++rat"
    assert "moved furthest, from the position in a to that in b" in lines


def test_all_faults_of_both_are_named(capsys: pytest.CaptureFixture[str], pets: Path, tmp_path: Path) -> None:
    twice, request = tmp_path / "twice.json", tmp_path / "request.json"
    twice.write_text(json.dumps(["a+++b", "a+++b"]))
    request.write_text(json.dumps({"name": "x"}))
    manifest = tmp_path / "manifest.json"
    options = ["--kind", "random", "--name", "mine", "--output", str(tmp_path / "o.json")]
    assert main(["order", str(pets), *options, "--manifest", str(manifest)]) == 0

    assert [each[-10:] for each in refused(capsys, twice, request)] == ["[bad_file]"] * 2
    assert "'a+++b'" in refused(capsys, twice, request)[0]
    assert "concept-orderings order" in refused(capsys, twice, request)[1]
    assert "did you mean fomo/random_sequence_1?" in refused(capsys, "fomo/random_sequence1", request)[0]
    assert "something else" in refused(capsys, manifest, request)[0]
    assert refused(capsys, pets, request)[0].startswith(f"concept-orderings: {pets} is no order")
    assert refused(capsys, tmp_path / "none.json", request)[0].endswith("No such file or directory. [bad_file]")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert "UTF-8" in refused(capsys, tmp_path / "bytes", request)[0]

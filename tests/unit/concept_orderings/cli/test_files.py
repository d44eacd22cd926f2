"""Test the files that `order` reads, with the real command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from concept_orderings.cli import main


def given_order(capsys: pytest.CaptureFixture[str], *files: object) -> tuple[list[str], str]:
    """Return the concepts in the order of the files, and what is said."""
    assert main(["order", *map(str, files), "--kind", "given"]) == 0
    captured = capsys.readouterr()
    return json.loads(captured.out), captured.err


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change into an empty directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_label_files_are_read_in_their_order(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "mine.txt").write_bytes(b"\xef\xbb\xbftench\r\ngoldfish\r\n")
    (here / "other.csv").write_text("index,class\n1,shark\n0,ray\n")
    (here / "classes.json").write_text('{"hen": 1, "cock": 0}')

    concepts, said = given_order(capsys, "mine.txt", "other.csv", "BIRDS=classes.json")

    assert concepts == [
        "mine+++tench",
        "mine+++goldfish",
        "other+++ray",
        "other+++shark",
        "BIRDS+++cock",
        "BIRDS+++hen",
    ]
    assert said == ""


def test_a_path_with_an_equals_sign_is_a_path_if_it_exists(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "a=b.txt").write_text("c\n")

    assert given_order(capsys, "a=b.txt")[0] == ["a=b+++c"]
    assert given_order(capsys, "A=a=b.txt")[0] == ["A+++c"]


def test_what_is_left_out_is_said_once(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "labels.txt").write_text("0 tench \n1 goldfish\n")
    concepts, said = given_order(capsys, "labels.txt")

    assert concepts == ["labels+++tench", "labels+++goldfish"]
    assert [line.partition("labels.txt: ")[2][:20] for line in said.splitlines()] == [
        "each line begins wit",
        "spaces at the ends o",
        "the dataset is named",
    ]


def test_the_faults_of_all_files_are_printed(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "cut.json").write_text('["a"')
    (here / "gaps.txt").write_text("0\ta\n2\tb\n")
    (here / "right.txt").write_text("a\n")
    (here / "twice.json").write_text('{"datasets": [{"name": "A", "name": "B"}], "tasks": {}, "tasks": {}}')
    os.mkfifo(here / "never-read")
    files = ["missing.txt", ".", "cut.json", "right.txt", "gaps.txt", "twice.json"]

    assert main(["order", *files, "--kind", "random"]) == 1
    captured = capsys.readouterr()

    assert captured.out == ""
    assert [line.removeprefix("concept-orderings: ")[:10] for line in captured.err.splitlines()] == [
        "missing.tx",
        ". cannot b",
        "cut.json i",
        "gaps.txt h",
        "twice.json",
        "twice.json",
    ]
    assert captured.err.count("[bad_file]") == 4
    assert captured.err.count("[duplicate_field]") == 2
    assert "(/datasets/0/name)" in captured.err


def test_all_faults_of_the_names_are_printed_with_their_lines(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "mine.txt").write_text("crane\nbat\ncrane\nowl\nbat\n")
    (here / "other.json").write_text('["a+++b", "c"]')

    assert main(["order", "mine.txt", "other.json", "--kind", "random"]) == 1
    lines = capsys.readouterr().err.splitlines()

    assert [line.rpartition("(")[2] for line in lines] == [
        "mine.txt: line 1, line 3) [duplicate_concept]",
        "mine.txt: line 2, line 5) [duplicate_concept]",
        "other.json: /0) [bad_class_name]",
    ]


def test_faults_beyond_a_hundred_are_counted(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "mine.json").write_text(json.dumps(2 * [f"class {i}" for i in range(150)]))

    assert main(["order", "mine.json", "--kind", "random"]) == 1
    lines = capsys.readouterr().err.splitlines()

    assert len(lines) == 101
    assert lines[-1] == "concept-orderings: There are 50 more such faults. [duplicate_concept]"


@pytest.mark.parametrize("name", ["a\nb.txt", "a\x1b[31m.txt", "\udcff.txt"])
def test_a_path_cannot_break_the_lines_of_errors(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["order", name, "--kind", "random"]) == 1
    said = capsys.readouterr().err

    assert said.count("\n") == 1
    assert said.rstrip("\n").isprintable()


def test_a_column_is_chosen(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "mine.csv").write_text("class,label\na,b\n")

    assert main(["order", "mine.csv", "--kind", "given", "--column", "label"]) == 0
    assert json.loads(capsys.readouterr().out) == ["mine+++b"]
    assert main(["order", "mine.csv", "--kind", "given"]) == 1
    assert "'class', 'label'" in capsys.readouterr().err


def test_a_column_without_a_table_has_no_effect(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "mine.txt").write_text("a\n")

    assert main(["order", "mine.txt", "--kind", "given", "--column", "label"]) == 2
    assert "--column has no effect" in capsys.readouterr().err


def test_an_output_with_tasks_can_be_published_as_it_is(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "mine.txt").write_text("a\nb\nc\n")
    assert main(["order", "mine.txt", "--kind", "random", "--tasks", "2", "--output", "order.json"]) == 0
    assert main(["order", "order.json", "--kind", "given"]) == 0

    assert capsys.readouterr().out == (here / "order.json").read_text()


def test_a_pipe_is_read(here: Path) -> None:
    command = [sys.executable, "-m", "concept_orderings.cli", "order", "MINE=/dev/stdin", "--kind", "given"]
    run = subprocess.run(command, input=b"b\na\n", capture_output=True, check=False)

    assert run.stderr == b""
    assert json.loads(run.stdout) == ["MINE+++b", "MINE+++a"]


def test_an_endless_file_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("concept_orderings.cli.files.MOST_BYTES", 1000)

    assert main(["order", "A=/dev/zero", "--kind", "random"]) == 1
    assert "/dev/zero has more than" in capsys.readouterr().err

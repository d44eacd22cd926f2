"""Test that an option of `order` either has its effect or is refused, with the reason and what to do."""

import json
from pathlib import Path

import pytest

from concept_orderings import arrange
from concept_orderings.cli import main

CLASSES = ["apple", "bear", "clock", "otter"]
REQUEST = {
    "name": "first-steps",
    "datasets": [{"name": "cifar100", "classes": CLASSES}],
    "ordering": {"kind": "random", "seed": 3},
    "tasks": {"count": 2},
}

REFUSED: dict[str, list[str]] = {
    # The options; then what the error says.
    "--kind random": ["No class names are given", "FILE", "--dataset NAME"],
    "--dataset dtd --print-order --strict": ["--print-order", "leave out --strict"],
    "training.json --training {} --kind random": ["--training cannot be given", "training.json has its own training"],
    "dtd.json --kind random --training {": ["--training", "it is not JSON"],
    'dtd.json --kind random --training {"rule":1,"rule":2}': ["--training", "'rule'"],
    "strict.json --strict --kind random": ["--strict cannot be given", "strict.json has its own strict"],
    "list.json": ["No ordering is given", "--kind", "typicality"],
    "list.json --kind given --seed 1": ["--seed has no effect", "given takes only --reverse"],
    "list.json --kind random --encoder minilm": ["--encoder has no effect", "random takes only --seed, --reverse"],
    "list.json --kind random --refine 0 --source c4": ["--refine has no effect", "--source has no effect"],
    "list.json --kind time --counted-since 2026-01-31T12:00:00Z": ["--counted-since has no effect", "--within-year"],
    "list.json --kind frequency --within-year shuffle": ["--within-year has no effect"],
    "list.json --kind frequency --source c4 --counted-since 2026-01-31T12:00:00Z": [
        "--counted-since has no effect",
        "counts anew each time",
    ],
    "list.json --kind frequency --source c4 --refresh": ["--refresh has no effect", "counts anew each time"],
    "list.json --kind random --embeddings e.npy": ["--embeddings has no effect", "random needs none"],
    "list.json --kind similarity --embeddings e.npy --encoder minilm": ["--encoder", "cannot be checked"],
    "list.json --kind similarity --embeddings e.npy --dtype bfloat16": ["--dtype bfloat16 is a format of encoders"],
    f"list.json --kind typicality --embeddings e.npy --weights {'0' * 64}": ["--weights", "cannot be checked"],
    "list.json --kind random --names n.txt": ["--names has no effect", "--embeddings"],
    "list.json --print-order --kind random": ["--print-order", "leave out --kind"],
    "list.json --print-order --tasks 0 --max-seconds 0 --reverse": ["leave out --reverse, --max-seconds, --tasks"],
    "list.json --print-order --embeddings e.npy --name x": ["leave out --embeddings, --name"],
    "list.json --kind random --data-dir x": ["--data-dir has no effect", "--source"],
    "list.json --kind frequency --data-dir x": ["--data-dir has no effect", "--source"],
    "list.json --kind frequency --source request --data-dir x": ["--data-dir has no effect"],
    "list.json --kind performance --data-dir x": ["--data-dir has no effect"],
    "list.json --kind time --sources a,b": ["--sources has no effect"],
    "list.json --kind similarity --embeddings e.npy --data-dir x": ["--data-dir has no effect"],
    "list.json --kind similarity --encoder minilm --data-dir x": ["--data-dir has no effect"],
    "list.json --kind random --name x": ["--name has no effect", "--manifest"],
    "list.json --kind random --manifest m.json": ["--manifest needs the stream's name", "--name"],
    "list.json --kind random --name x --manifest same --output same": ["--output and --manifest are both same"],
    "list.json --kind random --name x --manifest same --output ../here/same": ["--output and --manifest are both"],
    "list.json --kind random --tasks 2 --format fomo": ["--format fomo", "--tasks 2", "--format tasks"],
    "list.json other.json --kind random --by dataset --format fomo": ["--format fomo", "--by dataset"],
    "list.json other.json --kind random --by year --format fomo": ["--format fomo", "--by year"],
    "request.json --format fomo": ["--format fomo", "the file request.json"],
    "request.json --kind time": ["--kind cannot be given", "request.json has its own ordering"],
    "request.json --seed 4 --reverse": ["--seed, --reverse cannot be given", "request.json has its own ordering"],
    "request.json --tasks 3": ["--tasks cannot be given", "request.json has its own tasks"],
    "request.json --by year": ["--by cannot be given", "request.json has its own tasks"],
    "request.json --name x --manifest m.json": ["--name cannot be given", "request.json has its own name"],
    "request.json --embeddings e.npy": ["--embeddings has no effect", "random needs none"],
    "similar.json --embeddings e.npy": ["--encoder (or encoder in a file)", "cannot be checked"],
    "- --kind random": ["- is not read as standard input", "/dev/stdin"],
    "abc=- --print-order": ["NAME=/dev/stdin"],
    "list.json --kind random --output -": ["--output - would write a file", "/dev/stdout"],
    "request.json --manifest -": ["--manifest - would write a file"],
    "list.json --kind random --seed 1 --seed 2": ["--seed", "it is given twice"],
    "list.json --kind random --output a --output b": ["--output", "it is given twice"],
    "list.json --kind random --balance samples": ["--balance samples", "give that too"],
    "list.json --kind random --tasks 2 --per-task 5": ["--per-task 5 belongs to --by samples"],
    "list.json --kind random --by samples": ["--by samples needs", "--per-task 50000"],
    "request.json --tasks 2 --balance samples": [
        "--tasks, --balance cannot be given",
        "request.json has its own tasks",
    ],
    "list.json --kind random --tasks 2 --by dataset": ["--by", "not allowed with", "--tasks"],
    "list.json --kind random --data-dir x --name y --format fomo --tasks 2": ["--name has no effect"],
    "list.json --kind given --seed 1 --data-dir x": ["--seed has no effect", "--data-dir has no effect"],
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change into a directory with a few files."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "list.json").write_text(json.dumps([f"CIFAR100+++{name}" for name in CLASSES]))
    (folder / "other.json").write_text(json.dumps(["MNIST+++0"]))
    (folder / "dtd.json").write_text(json.dumps(["dotted"]))
    (folder / "request.json").write_text(json.dumps(REQUEST))
    (folder / "training.json").write_text(json.dumps({"concepts": ["CIFAR100+++apple"], "training": {}}))
    (folder / "strict.json").write_text(json.dumps({"concepts": ["CIFAR100+++apple"], "strict": True}))
    similar = {**REQUEST, "ordering": {"kind": "similarity", "encoder": "minilm"}}
    (folder / "similar.json").write_text(json.dumps(similar))
    return folder


@pytest.mark.parametrize("command", REFUSED)
def test_an_option_without_effect_is_refused(capsys: pytest.CaptureFixture[str], here: Path, command: str) -> None:
    before = sorted(here.iterdir())
    try:
        status: object = main(["order", *command.split()])
    except SystemExit as left:  # argparse
        status = left.code
    captured = capsys.readouterr()

    assert status == 2
    assert captured.out == ""
    for part in REFUSED[command]:
        assert part in captured.err
    assert sorted(here.iterdir()) == before


@pytest.mark.parametrize(
    "command",
    [
        "list.json --kind random --seed 0",
        "list.json --kind time --seed 1 --reverse",
        "list.json --kind random --tasks 1 --format fomo",
        "list.json --kind random --format tasks",
        "list.json --kind random --name x --manifest m.json --output o.json",
        "request.json --manifest m.json",
        "request.json --format tasks --output o.json",
        "request.json dtd.json",
        "request.json --dataset dtd",
        "dtd.json --dataset cifar100 --kind random --strict",
        "--dataset food101 --dataset dtd --print-order",
        "--dataset clevr --print-order",
        "request.json --print-order",
        "list.json --print-order --output names.txt",
    ],
)
def test_options_that_go_together(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main(["order", *command.split()]) == 0
    assert capsys.readouterr().err == ""


def test_a_request_is_ordered_as_the_service_orders_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["order", "request.json"]) == 0
    assert json.loads(capsys.readouterr().out) == arrange(REQUEST)


def test_a_field_of_a_request_may_be_null_and_given_as_an_option(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    (here / "null.json").write_text(json.dumps({**REQUEST, "ordering": None}))

    assert main(["order", "null.json", "--kind", "random", "--seed", "3"]) == 0
    ours = capsys.readouterr().out
    assert main(["order", "request.json"]) == 0
    assert capsys.readouterr().out == ours


def test_two_files_with_an_ordering_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["order", "request.json", "similar.json"]) == 1
    captured = capsys.readouterr()

    assert "request.json, similar.json" in captured.err
    assert "ordering" in captured.err

"""Test the command `order`."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from concept_orderings import __version__, arrange
from concept_orderings.cli import main
from concept_orderings.exporters import EXPORTERS, Exporter
from concept_orderings.orderings import ORDERINGS
from concept_orderings.published import PublishedVersion
from concept_orderings.published_streams import published_order

CLASSES = ["apple", "bear", "clock", "dolphin", "elephant"]


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """A class list of CIFAR100."""
    path = tmp_path / "cifar100.json"
    path.write_text(json.dumps(CLASSES))
    return path


def ordered(capsys: pytest.CaptureFixture[str], *arguments: object, says: str = "") -> Any:
    """Return the order that is written, after checking that nothing is said, or only a line with `says` in it."""
    assert main(["order", *map(str, arguments)]) == 0
    captured = capsys.readouterr()
    assert [says in line for line in captured.err.splitlines()] == [True] * bool(says)
    return json.loads(captured.out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the only line of the error."""
    assert main(["order", *map(str, arguments)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("concept-orderings: ")
    assert captured.err.count("\n") == 1
    return captured.err


def library(tasks: object = None, datasets: object = None, **ordering: object) -> list[list[str]]:
    return arrange(
        {
            "name": "x",
            "datasets": datasets or [{"name": "cifar100", "classes": CLASSES}],
            "ordering": ordering,
            "tasks": tasks or {"count": 1},
        }
    )


def test_a_list_is_ordered_as_the_library_orders_it(capsys: pytest.CaptureFixture[str], classes: Path) -> None:
    assert ordered(capsys, classes, "--kind", "random") == library(kind="random")[0]


@pytest.mark.parametrize(
    ("options", "ordering"),
    [
        (["--kind", "random", "--seed", "7"], {"kind": "random", "seed": 7}),
        (["--kind", "random", "--seed", "-7"], {"kind": "random", "seed": -7}),
        (["--kind", "random", "--reverse"], {"kind": "random", "reverse": True}),
        (["--kind", "time", "--within-year", "dataset"], {"kind": "time", "within_year": "dataset"}),
        (["--kind", "dataset"], {"kind": "dataset"}),
    ],
    ids=str,
)
def test_parameters_reach_the_ordering(
    capsys: pytest.CaptureFixture[str], classes: Path, options: list[str], ordering: dict[str, object]
) -> None:
    assert ordered(capsys, classes, *options) == library(**ordering)[0]


def test_one_score_for_a_dataset_is_a_warning_beside_the_order(
    capsys: pytest.CaptureFixture[str], classes: Path
) -> None:
    assert main(["order", str(classes), "--kind", "performance"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == library(kind="performance")[0]
    assert captured.err.startswith("concept-orderings: 5 of 5 concepts have the score of their dataset (CIFAR100)")


@pytest.mark.parametrize("text", [json.dumps, "\n".join], ids=["an array", "lines"])
def test_a_file_orders_ties(
    capsys: pytest.CaptureFixture[str], classes: Path, tmp_path: Path, text: Callable[[list[str]], str]
) -> None:
    order = [f"CIFAR100+++{each}" for each in (CLASSES[i] for i in (3, 0, 4, 1, 2))]
    file = tmp_path / "ties"
    file.write_text(text(order))
    assert main(["order", str(classes), "--kind", "performance", "--ties", str(file)]) == 0

    assert json.loads(capsys.readouterr().out) == order


def test_a_published_stream_orders_ties(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "cifar100.json"
    file.write_text(json.dumps(["road", "snake", "palm_tree"]))
    assert main(["order", str(file), "--kind", "performance", "--ties", "icarl/cifar100"]) == 0

    assert json.loads(capsys.readouterr().out) == [f"CIFAR100+++{each}" for each in ("road", "palm_tree", "snake")]


def test_an_order_of_ties_that_cannot_be_read_is_named(capsys: pytest.CaptureFixture[str], classes: Path) -> None:
    for ties, reason in (("/no/such/file", "No such file"), (str(classes.parent), "Is a directory")):
        with pytest.raises(SystemExit):
            main(["order", str(classes), "--kind", "performance", "--ties", ties])
        assert reason in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--format", "tasks"]], ids=str)
def test_a_split_is_written_as_one_list_per_task(
    capsys: pytest.CaptureFixture[str], classes: Path, options: list[str]
) -> None:
    found = ordered(capsys, classes, "--kind", "random", "--tasks", 2, *options)

    assert found == library({"count": 2}, kind="random")
    assert [len(task) for task in found] == [3, 2]


def test_one_task_is_a_split_too(capsys: pytest.CaptureFixture[str], classes: Path) -> None:
    arguments = (classes, "--kind", "random", "--tasks", 1)

    assert ordered(capsys, *arguments) == library(kind="random")
    # A flat list says all of it.
    assert ordered(capsys, *arguments, "--format", "fomo") == library(kind="random")[0]


@pytest.mark.parametrize("by", ["dataset", "year"])
def test_a_single_group_is_one_task(capsys: pytest.CaptureFixture[str], classes: Path, by: str) -> None:
    assert ordered(capsys, classes, "--kind", "random", "--by", by, "--format", "fomo") == library(kind="random")[0]


class Raw(Exporter):
    """Writes bytes that are not text."""

    name = "raw"
    media_type = "application/octet-stream"
    suffix = "bin"
    summary = "Bytes, 100% of them."

    def render(self, version: PublishedVersion) -> bytes:
        return b"\xff\x00\r\n" + str(version.manifest["tasks"][-1]["concepts"]).encode()


def test_the_bytes_of_a_new_exporter_are_written_unchanged(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], classes: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(cast("dict[str, type[Exporter]]", EXPORTERS), Raw.name, Raw)
    arguments = ["order", str(classes), "--kind", "random", "--tasks", "2", "--format", "raw"]
    assert main(arguments) == 0
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == b"\xff\x00\r\n2"

    output = tmp_path / "order.bin"
    assert main([*arguments, "--output", str(output)]) == 0
    assert output.read_bytes() == b"\xff\x00\r\n2"

    with pytest.raises(SystemExit):
        main(["order", "--help"])
    sys.stdout.flush()
    assert b"raw: Bytes, 100% of them." in b" ".join(capfdbinary.readouterr().out.split())


@pytest.mark.parametrize("by", ["dataset", "year"])
def test_tasks_can_be_groups(capsys: pytest.CaptureFixture[str], tmp_path: Path, by: str) -> None:
    for name in ("cifar100", "domainnet_sketch", "domainnet_painting"):
        (tmp_path / f"{name}.json").write_text(json.dumps(CLASSES))
    files = sorted(tmp_path.iterdir())
    kind = "time" if by == "year" else "dataset"
    # Few classes of DomainNet have as many images as those of CIFAR-100.
    says = "differ in training samples by a factor of 3.6" if by == "dataset" else ""
    found = ordered(capsys, *files, "--kind", kind, "--by", by, says=says)

    # Both parts of DomainNet are from one year.
    assert sorted(len(task) for task in found) == ([5, 10] if by == "year" else [5, 5, 5])
    assert found == library({"by": by}, [{"name": path.stem, "classes": CLASSES} for path in files], kind=kind)


@pytest.mark.parametrize(
    ("options", "split"),
    [
        (["--tasks", "2", "--balance", "samples"], {"count": 2, "balance": "samples"}),
        (["--by", "samples", "--per-task", "900"], {"by": "samples", "per_task": 900}),
    ],
)
def test_tasks_can_be_balanced(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], split: dict[str, object]
) -> None:
    for name in ("domainnet_sketch", "domainnet_painting"):
        (tmp_path / f"{name}.json").write_text(json.dumps(CLASSES))
    files = sorted(tmp_path.iterdir())
    found = ordered(capsys, *files, "--kind", "dataset", *options)

    assert len(found) == 2
    assert found == library(split, [{"name": path.stem, "classes": CLASSES} for path in files], kind="dataset")


def test_files_may_also_hold_streams_and_requests(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    stream, request = tmp_path / "stream.json", tmp_path / "request.json"
    stream.write_text(json.dumps([f"CIFAR100+++{name}" for name in CLASSES]))
    request.write_text(json.dumps({"datasets": [{"name": "cifar100", "classes": CLASSES}]}))

    assert ordered(capsys, stream, "--kind", "random") == ordered(capsys, request, "--kind", "random")


def test_an_output_can_be_ordered_again(capsys: pytest.CaptureFixture[str], classes: Path, tmp_path: Path) -> None:
    output = tmp_path / "order.json"
    assert ordered_to(output, classes, "--kind", "random", "--seed", 1) == ""

    assert ordered(capsys, output, "--kind", "random") == library(kind="random")[0]


def ordered_to(output: Path, *arguments: object) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "concept_orderings.cli", "order", *map(str, arguments), "--output", str(output)],
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


def test_an_output_file_is_replaced_at_once(capsys: pytest.CaptureFixture[str], classes: Path, tmp_path: Path) -> None:
    output = tmp_path / "order.json"
    output.write_text("old")
    assert main(["order", str(classes), "--kind", "random", "--output", str(output)]) == 0

    assert json.loads(output.read_text()) == library(kind="random")[0]
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cifar100.json", "order.json"]


def test_a_link_is_followed_not_replaced(classes: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    link.symlink_to(target)
    assert main(["order", str(classes), "--kind", "random", "--output", str(link)]) == 0

    assert link.is_symlink()
    assert json.loads(target.read_text()) == library(kind="random")[0]


def test_a_pipe_is_written_to_not_replaced(classes: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Opened for reading and writing, so that neither end waits for the other. 5 names fit into the pipe's buffer.
    end = os.open(pipe, os.O_RDWR)
    try:
        assert main(["order", str(classes), "--kind", "random", "--output", str(pipe)]) == 0
        assert json.loads(os.read(end, 65_536)) == library(kind="random")[0]
    finally:
        os.close(end)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_an_output_that_cannot_be_written_is_named(
    capsys: pytest.CaptureFixture[str], classes: Path, tmp_path: Path
) -> None:
    for output in (tmp_path / "no" / "order.json", classes / "order.json", tmp_path):
        error = refused(capsys, classes, "--kind", "random", "--output", output)
        assert str(output) in error
        assert "[bad_file]" in error


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--kind", "random", "--tasks", "0"], "bad_task_count"),
        (["--kind", "random", "--tasks", "-1"], "bad_task_count"),
        (["--kind", "random", "--tasks", "6"], "bad_task_count"),
        (["--kind", "random", "--seed", str(2**53)], "bad_parameter"),
        (["--kind", "frequency"], "missing_counts"),
        (["--kind", "frequency", "--source", "../elsewhere"], "bad_parameter"),
        (["--kind", "frequency", "--source", "nothing", "--data-dir", "/nonexistent"], "source_not_configured"),
    ],
    ids=str,
)
def test_an_error_is_printed_with_its_code(
    capsys: pytest.CaptureFixture[str], classes: Path, options: list[str], code: str
) -> None:
    if "--source" in options:
        pytest.importorskip("tantivy", reason="counting needs the worker's libraries")
    assert f"[{code}]" in refused(capsys, classes, *options)


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    error = refused(capsys, tmp_path / "missing.json", "--kind", "random")

    assert "missing.json cannot be read" in error
    assert "[bad_file]" in error


def test_a_duplicate_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "cifar100.json"
    path.write_text('["apple", "bear", "apple"]')

    assert "'CIFAR100+++apple'" in refused(capsys, path, "--kind", "random")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["order", "x.json", "--kind", "rnd"],
        ["order", "x.json", "--kind", "random", "--seed", "1", "--seed", "2"],
        ["order", "x.json", "--kind", "random", "--tasks", "many"],
        ["nothing"],
        ["--kind", "random"],
    ],
    ids=str,
)
def test_a_wrong_command_line_prints_the_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)

    assert left.value.code == 2
    assert "usage: concept-orderings" in capsys.readouterr().err


def test_tasks_and_by_exclude_each_other(capsys: pytest.CaptureFixture[str], classes: Path) -> None:
    with pytest.raises(SystemExit):
        main(["order", str(classes), "--kind", "random", "--tasks", "2", "--by", "year"])

    assert "not allowed with" in capsys.readouterr().err


def test_the_help_names_every_kind_and_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["order", "--help"])
    text = capsys.readouterr().out

    assert left.value.code == 0
    for kind, ordering in ORDERINGS.items():
        assert kind in text
        for each in ordering.parameters():
            # No option for the array of all concepts, because the files list them.
            assert each.name == "order" or f"--{each.name.replace('_', '-')}" in text
            assert each.name == "order" or " ".join(each.description.split()[:6]) in " ".join(text.split())


def test_an_ordering_inside_groups_is_a_kind_with_options_or_json(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    body = tmp_path / "body.json"
    datasets = [
        {"name": "cifar100", "classes": ["apple", "bear", "otter"]},
        {"name": "dtd", "classes": ["banded", "dotted"]},
    ]
    body.write_text(json.dumps({"datasets": datasets}))

    inside = {"kind": "frequency", "source": "fomo-c4-ranks", "ties": {"stream": "fomo/frequency_base"}}
    expected = library(datasets=datasets, kind="time", within=inside)[0]
    options = ("--source", "fomo-c4-ranks", "--ties", "fomo/frequency_base")
    assert ordered(capsys, body, "--kind", "time", "--within", "frequency", *options) == expected
    assert ordered(capsys, body, "--kind", "time", "--within", json.dumps(inside)) == expected
    names = ("--datasets-in-order", "dtd,CIFAR100")
    assert (
        ordered(capsys, body, "--kind", "dataset", *names, "--within", "random", "--seed", "3")
        == (
            library(
                datasets=datasets,
                kind="dataset",
                datasets_in_order=["dtd", "cifar100"],
                within={"kind": "random"},
                seed=3,
            )[0]
        )
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kind", "time", "--within", "rnd"], "unknown_ordering"),
        (["--kind", "random", "--within", "random"], "--within has no effect"),
        (["--kind", "time", "--within", "random", "--encoder", "fake"], "--encoder has no effect"),
        (["--kind", "time", "--within", "random", "--embeddings", "x.npy"], "the ordering random needs none"),
        (["--kind", "time", "--encoder", "fake"], "--encoder has no effect"),
        (["--kind", "time", "--within", "frequency", "--source", "a", "--refresh"], "--refresh has no effect"),
        (["--kind", "time", "--within", "random", "--data-dir", "."], "--data-dir has no effect"),
        (["--kind", "dataset", "--datasets-in-order", "cifar100,x"], "'x'"),
    ],
)
def test_options_inside_groups_that_mean_nothing_are_refused(
    capsys: pytest.CaptureFixture[str], classes: Path, options: list[str], said: str
) -> None:
    assert main(["order", str(classes), *options]) in (1, 2)
    assert said in capsys.readouterr().err


def test_json_of_an_ordering_inside_groups_is_json(capsys: pytest.CaptureFixture[str], classes: Path) -> None:
    with pytest.raises(SystemExit):
        main(["order", str(classes), "--kind", "time", "--within", "{kind}"])

    assert "is not JSON" in capsys.readouterr().err


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])

    assert left.value.code == 0
    assert capsys.readouterr().out == f"concept-orderings {__version__}\n"


# --- Datasets of the catalogue.


def test_datasets_of_the_catalogue_need_no_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"datasets": [{"name": "cifar100"}, {"name": "DTD"}]}))
    named = ordered(capsys, "--dataset", "cifar100", "--dataset", "DTD", "--kind", "given")

    assert named == library(datasets=[{"name": "cifar100"}, {"name": "dtd"}], kind="given")[0]
    assert named == ordered(capsys, body, "--kind", "given")
    assert (len(named), named[:2]) == (147, ["CIFAR100+++apple", "CIFAR100+++aquarium_fish"])


def test_all_datasets_of_the_benchmark_are_one_word(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"datasets": "fomo"}')
    outputs = []
    for argument in (["--dataset", "fomo"], [str(body)]):
        assert main(["order", *argument, "--kind", "random"]) == 0
        outputs.append(capsys.readouterr().out)

    assert len(json.loads(outputs[0])) == 18_381
    assert outputs[0] == outputs[1]


def test_a_dataset_of_the_catalogue_for_which_there_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--dataset cifar100 takes the classes of the catalogue" in refused(capsys, "cifar100", "--kind", "random")
    assert "--dataset" not in refused(capsys, "zoo", "--kind", "random")


def test_a_misspelt_dataset_is_named_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, "--dataset", "CIFAR-100", "--kind", "random")

    assert "did you mean cifar100?" in error
    assert "(--dataset CIFAR-100: " in error
    assert "[missing_classes]" in error


def test_unknown_names_are_warned_of_or_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "cifar100.txt"
    path.write_text("apple\naple\n")

    assert main(["order", str(path), "--kind", "random"]) == 0
    assert "'CIFAR100+++aple' (nearest: 'apple')" in capsys.readouterr().err
    error = refused(capsys, path, "--kind", "random", "--strict")
    assert "did you mean 'apple'? (" in error
    assert "cifar100.txt: line 2" in error


# --- Published streams.

CIFAR_OF_ICARL = ("--kind", "published", "--stream", "icarl/cifar100")


def test_a_published_stream_needs_no_file(capsys: pytest.CaptureFixture[str], classes: Path, tmp_path: Path) -> None:
    everything = ordered(capsys, *CIFAR_OF_ICARL)
    body = tmp_path / "body.json"
    ordering = {"kind": "published", "stream": "icarl/cifar100", "reverse": True}
    body.write_text(json.dumps({"ordering": ordering, "tasks": {"count": 1}}))

    assert everything == list(published_order("icarl/cifar100"))
    assert ordered(capsys, *CIFAR_OF_ICARL, "--dataset", "cifar100") == everything
    assert ordered(capsys, *CIFAR_OF_ICARL, "--reverse") == ordered(capsys, body)[0] == everything[::-1]
    some = ordered(capsys, classes, *CIFAR_OF_ICARL)
    assert some == [each for each in everything if each.partition("+++")[2] in CLASSES]
    assert ordered(capsys, "--kind", "dataset", "--within", "published", *CIFAR_OF_ICARL[2:]) == everything


def test_a_published_stream_has_labels_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    found = ordered(capsys, *CIFAR_OF_ICARL, "--tasks", "10", "--format", "pycil")

    assert found["class_order"][:5] == [68, 56, 78, 8, 23]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "published", "--stream", "icarl/cifar"], "did you mean icarl/cifar100?"),
        (["--kind", "published"], 'has no stream; give one, such as "fomo/'),
        ([*CIFAR_OF_ICARL, "--dataset", "dtd"], "no concept of the dataset DTD"),
        (["--kind", "random", "--stream", "icarl/cifar100", "--dataset", "dtd"], "--stream has no effect"),
        (["--kind", "random"], "No class names are given"),
        (["--print-order"], "No class names are given"),
    ],
)
def test_what_a_published_stream_lacks_is_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["order", *arguments]) != 0
    assert said in capsys.readouterr().err


def test_a_file_that_lists_nothing_has_no_concepts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"ordering": {"kind": "random"}}))
    assert "[missing_concepts]" in refused(capsys, body)

    body.write_text(json.dumps({"datasets": [], "ordering": {"kind": "published", "stream": "icarl/cifar100"}}))
    assert "[empty_class_list]" in refused(capsys, body)

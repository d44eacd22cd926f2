"""Test the command `export`, and labels of `order`."""

import io
import json
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from concept_orderings.cli import main
from concept_orderings.cli.version_files import read_version
from concept_orderings.exporters import EXPORTERS
from concept_orderings.labels import Labels

PETS = ["dog", "cat", "emu"]


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    path = tmp_path / "pets.json"
    path.write_text(json.dumps(PETS))
    return path


@pytest.fixture
def bundle(pets: Path, tmp_path: Path) -> Path:
    """The directory of an unpacked bundle."""
    archive = tmp_path / "bundle.zip"
    options = ["--kind", "random", "--tasks", "2", "--name", "mine", "--format", "bundle", "--output", str(archive)]
    assert main(["order", str(pets), *options]) == 0
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "bundle")
    return tmp_path / "bundle"


def labels_file(folder: Path, labels: object) -> str:
    path = folder / "labels.json"
    path.write_text(json.dumps(labels))
    return str(path)


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    assert main([*map(str, arguments)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return [json.loads(line) for line in captured.out.splitlines()]


def refused(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 1) -> list[str]:
    assert main([*map(str, arguments)]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def numbered(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {row["class"]: row["label"] for row in rows}


def test_the_labels_of_an_order_are_its_lists(capsys: pytest.CaptureFixture[str], pets: Path) -> None:
    rows = printed(capsys, "order", pets, "--kind", "random", "--format", "jsonl")

    assert numbered(rows) == {"dog": 0, "cat": 1, "emu": 2}


def test_an_order_takes_other_labels(capsys: pytest.CaptureFixture[str], pets: Path, tmp_path: Path) -> None:
    labels = labels_file(tmp_path, {"pets": ["cat", "dog", "emu"]})
    rows = printed(capsys, "order", pets, "--kind", "random", "--format", "jsonl", "--labels", labels)

    assert numbered(rows) == {"cat": 0, "dog": 1, "emu": 2}


def test_a_version_is_exported_from_its_files(capsys: pytest.CaptureFixture[str], bundle: Path, tmp_path: Path) -> None:
    labels = labels_file(tmp_path, {"pets": PETS})
    files = [bundle / "tasks" / "1.json", bundle / "manifest.json", bundle / "tasks" / "0.json"]
    rows = printed(capsys, "export", *files, "--format", "jsonl", "--labels", labels)

    assert numbered(rows) == {"dog": 0, "cat": 1, "emu": 2}
    assert [row["concept"] for row in rows] == json.loads((bundle / "order.json").read_bytes())
    assert [row["task"] for row in rows] == [0, 0, 1]


@pytest.mark.parametrize("name", [name for name, each in EXPORTERS.items() if name not in ("parquet", "fomo-config")])
def test_every_format_is_exported_from_a_bundle(
    capfdbinary: pytest.CaptureFixture[bytes], bundle: Path, tmp_path: Path, name: str
) -> None:
    labels = ["--labels", labels_file(tmp_path, {"pets": PETS})] if EXPORTERS[name].has_labels else []
    output = tmp_path / "output"

    assert main(["export", str(bundle), "--format", name, *labels, "--output", str(output)]) == 0
    if name == "bundle":
        with zipfile.ZipFile(io.BytesIO(output.read_bytes())) as archive:
            assert {each: archive.read(each) for each in archive.namelist()} == {
                str(each.relative_to(bundle)): each.read_bytes() for each in bundle.rglob("*") if each.is_file()
            }
    assert output.read_bytes()


@pytest.mark.parametrize("name", [name for name, each in EXPORTERS.items() if each.has_publication])
def test_a_citation_is_that_of_the_service(bundle: Path, tmp_path: Path, name: str) -> None:
    output = tmp_path / "output"
    options = ["--published-on", "2026-01-31", "--public-url", "https://orderings.example.org", "--output", str(output)]

    assert main(["export", str(bundle), "--format", name, *options]) == 0
    version = replace(read_version([bundle]), published_on="2026-01-31", public_url="https://orderings.example.org")
    assert output.read_bytes() == EXPORTERS[name]().render(version)
    assert b"2026" in output.read_bytes()
    assert b"https://orderings.example.org" in output.read_bytes()


@pytest.mark.parametrize("name", [name for name in EXPORTERS if name not in ("parquet", "fomo-config")])
def test_a_format_says_whether_it_has_day_and_address(bundle: Path, name: str) -> None:
    exporter = EXPORTERS[name]()
    plain = replace(read_version([bundle]), labels=Labels({"pets": tuple(PETS)}))
    without = exporter.render(plain)
    changed = [replace(plain, published_on="2026-01-31"), replace(plain, public_url="https://orderings.example.org")]

    assert [exporter.render(each) != without for each in changed] == [exporter.has_publication] * 2


def test_a_day_or_an_address_without_effect_is_refused(capsys: pytest.CaptureFixture[str], bundle: Path) -> None:
    options = ["--published-on", "2026-01-31", "--public-url", "https://orderings.example.org"]
    lines = refused(capsys, "export", bundle, "--format", "tasks", *options, status=2)

    assert [option for line in lines for option in ("--published-on", "--public-url") if f"{option} has" in line] == [
        "--published-on", "--public-url",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [["--published-on", "20260131"], ["--published-on", "2026-02-30"], ["--public-url", "orderings.example.org"],
     ["--public-url", "https://orderings.example.org/"]],
)  # fmt: skip
def test_a_day_or_an_address_that_is_none_is_refused(
    capsys: pytest.CaptureFixture[str], bundle: Path, options: list[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(bundle), "--format", "cff", *options])
    assert "such as" in capsys.readouterr().err


def test_private_datasets_need_labels(capsys: pytest.CaptureFixture[str], bundle: Path) -> None:
    [line] = refused(capsys, "export", bundle, "--format", "pycil")

    assert line.endswith("[labels_needed]")


def test_labels_without_effect_are_refused(
    capsys: pytest.CaptureFixture[str], bundle: Path, pets: Path, tmp_path: Path
) -> None:
    labels = labels_file(tmp_path, {"pets": PETS})

    [line] = refused(capsys, "export", bundle, "--format", "tasks", "--labels", labels, status=2)
    assert "the format tasks has no labels" in line
    [line] = refused(capsys, "order", pets, "--kind", "random", "--labels", labels, status=2)
    assert "the format fomo has no labels" in line


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        ({"pets": ["cat", "cat"]}, ["duplicate_concept"]),
        ({"pets": ["cat"], "tools": ["axe"]}, ["missing_labels", "extra_labels"]),
        ([], ["wrong_type"]),
    ],
)
def test_bad_labels_are_refused(
    capsys: pytest.CaptureFixture[str], bundle: Path, tmp_path: Path, labels: object, codes: list[str]
) -> None:
    lines = refused(capsys, "export", bundle, "--format", "hf", "--labels", labels_file(tmp_path, labels))

    assert [line.rpartition("[")[2].rstrip("]") for line in lines] == codes


def test_labels_that_are_not_json_are_refused(capsys: pytest.CaptureFixture[str], bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "labels.json"
    file.write_text("cat\n")
    [line] = refused(capsys, "export", bundle, "--format", "hf", "--labels", file)

    assert line.endswith("[bad_file]")
    assert "is not JSON" in line


def test_missing_files_are_named(capsys: pytest.CaptureFixture[str], bundle: Path) -> None:
    manifest = bundle / "manifest.json"
    tasks = [bundle / "tasks" / "0.json", bundle / "tasks" / "1.json"]

    [line] = refused(capsys, "export", *tasks, "--format", "tasks")
    assert "There is no manifest" in line
    [line] = refused(capsys, "export", manifest, tasks[0], "--format", "tasks")
    assert "1 of the tasks (1)" in line
    [line] = refused(capsys, "export", bundle / "none.json", "--format", "tasks")
    assert line.endswith("[bad_file]")


def test_a_changed_file_is_no_part_of_the_version(capsys: pytest.CaptureFixture[str], bundle: Path) -> None:
    task = bundle / "tasks" / "0.json"
    task.write_bytes(task.read_bytes().replace(b"dog", b"dig").replace(b"cat", b"cut").replace(b"emu", b"eme"))
    [line] = refused(capsys, "export", bundle, "--format", "tasks")

    assert "1 of the tasks (0)" in line


def test_parquet_without_its_library_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pets: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    [line] = refused(capsys, "order", pets, "--kind", "random", "--format", "parquet")

    assert "pip install 'concept-orderings[parquet]'" in line
    assert line.endswith("[missing_library]")

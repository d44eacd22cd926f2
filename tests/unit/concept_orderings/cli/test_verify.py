"""Test the command `verify`."""

import json
import zipfile
from pathlib import Path

import pytest

from concept_orderings.cli import main
from concept_orderings.path import search
from concept_orderings.stored_zip import stored_zip


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A bundle."""
    pets, path = tmp_path / "pets.json", tmp_path / "mine.zip"
    pets.write_text(json.dumps([f"pet {number}" for number in range(9)]))
    options = ["--kind", "random", "--tasks", "3", "--name", "mine", "--format", "bundle", "--output", str(path)]
    assert main(["order", str(pets), *options]) == 0
    return path


def verified(capsys: pytest.CaptureFixture[str], *arguments: object, status: int) -> list[str]:
    """Return the lines on standard output, or those on standard error if nothing was verified."""
    assert main(["verify", *map(str, arguments)]) == status
    captured = capsys.readouterr()
    assert not (captured.out and captured.err)
    return (captured.out or captured.err).splitlines()


def unpacked(archive: Path) -> Path:
    folder = archive.parent / "unpacked"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder


def test_a_bundle_is_verified_as_it_is_and_unpacked(capsys: pytest.CaptureFixture[str], archive: Path) -> None:
    (line,) = verified(capsys, archive, status=0)
    assert line.startswith("verified: mine version 1, digest ")
    digest = line.rpartition(" ")[2]
    folder = unpacked(archive)
    assert verified(capsys, folder, "--digest", digest, status=0) == [line]
    others = [folder / "manifest.json", *sorted((folder / "tasks").iterdir())]
    assert verified(capsys, *others, status=0) == [line]
    failed = verified(capsys, folder, "--digest", "0f" * 32, status=1)
    assert [each.rpartition(" ")[2] for each in failed] == ["[other_version]", digest]


def test_what_fails_is_said_a_line_each(capsys: pytest.CaptureFixture[str], archive: Path) -> None:
    folder = unpacked(archive)
    order = json.loads((folder / "order.json").read_text())
    order[4], order[5] = order[5], order[4]
    (folder / "order.json").write_text(json.dumps(order))
    (folder / "CITATION.cff").unlink()
    lines = verified(capsys, folder, status=1)

    assert [each.rpartition(" ")[2] for each in lines[:-1]] == [
        "[file_missing]",
        "[file_changed]",
        "[file_changed]",
        "[order_differs]",
    ]
    assert "differ from position 4 on" in lines[3]
    assert lines[-1].startswith("FAILED: mine version 1, digest ")


def test_what_cannot_be_verified_has_a_status_of_its_own(capsys: pytest.CaptureFixture[str], archive: Path) -> None:
    folder = unpacked(archive)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["format"] = 2
    (folder / "manifest.json").write_text(json.dumps(manifest))
    lines = verified(capsys, folder / "manifest.json", status=3)

    assert lines[0].startswith("not verified: The manifest has the format '2'")
    assert lines[-1].startswith("not verified as a whole: mine version 1")


def test_archives_that_cannot_be_read_are_refused(capsys: pytest.CaptureFixture[str], archive: Path) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data[: len(data) // 2])
    (line,) = verified(capsys, archive, status=1)
    assert line.endswith("[bad_file]")
    assert "damaged or cut short" in line
    archive.write_bytes(stored_zip({"/tmp/manifest.json": b"{}"}))
    (line,) = verified(capsys, archive, status=1)
    assert "lead out of a folder" in line
    archive.write_bytes(stored_zip({"order.json": b"[]"}))
    (line,) = verified(capsys, archive, status=1)
    assert "no manifest" in line


def test_a_control_character_in_a_name_is_escaped(capsys: pytest.CaptureFixture[str], archive: Path) -> None:
    folder = unpacked(archive)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["name"] = "\x1b[2J"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert not any("\x1b" in each for each in verified(capsys, folder, status=1))


def test_all_starts_need_numba(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    numpy = pytest.importorskip("numpy")
    pets, rows, path = tmp_path / "pets.json", tmp_path / "rows.npz", tmp_path / "mine.zip"
    names = [f"pet {number}" for number in range(6)]
    pets.write_text(json.dumps({"name": "x", "datasets": [{"name": "pets", "classes": names, "template": "{}"}]}))
    embeddings = numpy.random.default_rng(0).normal(size=(6, 4))
    numpy.savez(rows, embeddings=embeddings, names=[f"pets+++{each}" for each in names])
    options = ["--kind", "similarity", "--embeddings", str(rows), "--format", "bundle", "--output", str(path)]
    assert main(["order", str(pets), *options, "--tasks", "1"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(search, "is_compiled", lambda: False)

    assert not any("numba" in each for each in verified(capsys, path, status=0))
    lines = verified(capsys, path, "--all-starts", status=3)
    assert [each.rpartition(" ")[2] for each in lines[:-1]] == [
        "[evidence_not_compared]",
        "[numba_missing]",
        "[best_start_not_proven]",
    ]

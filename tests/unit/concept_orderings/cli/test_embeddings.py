"""Test embeddings from files: rows by name, and files that are damaged or hostile."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from concept_orderings.asked_classes import listed_concepts
from concept_orderings.cli import main
from concept_orderings.cli.embeddings_file import read_embeddings
from concept_orderings.errors import BadValue, SourceError
from concept_orderings.request import parse_request

# On a line: dolphin, apple, elephant, bear, clock.
PLACE = {"dolphin": 0, "apple": 1, "elephant": 3, "bear": 6, "clock": 10}
LINE = list(PLACE)
CLASSES = sorted(PLACE)
SIMILAR = ("cifar100.json", "--kind", "similarity")


def embeddings_of(classes: list[str]) -> NDArray[np.float32]:
    angles = np.array([PLACE[name] / 10 for name in classes])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change into a directory with a class list, and embeddings in the order of the names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cifar100.json").write_text(json.dumps(CLASSES))
    (tmp_path / "line.json").write_text(json.dumps([f"CIFAR100+++{name}" for name in LINE]))
    np.save(tmp_path / "embeddings.npy", embeddings_of(CLASSES))
    return tmp_path


def classes_ordered(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    status, captured = main(["order", *map(str, arguments)]), capsys.readouterr()
    assert (status, captured.err) == (0, "")
    return [concept.partition("+++")[2] for concept in json.loads(captured.out)]


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    status, captured = main(["order", *map(str, arguments)]), capsys.readouterr()
    assert (status, captured.out) == (1, "")
    assert captured.err.count("\n") == 1
    return captured.err


def test_rows_without_names_are_taken_if_the_listing_is_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert classes_ordered(capsys, *SIMILAR, "--embeddings", "embeddings.npy") in (LINE, LINE[::-1])


def test_rows_without_names_are_refused_if_the_listing_is_in_another_order(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    np.save(here / "rows.npy", embeddings_of(LINE))
    error = refused(capsys, "line.json", "--kind", "similarity", "--embeddings", "rows.npy")

    assert "row 0 would be 'CIFAR100+++apple'" in error
    assert "but 'CIFAR100+++dolphin' as the concepts are listed" in error
    assert "--names" in error
    assert "--print-order" in error
    assert "[bad_rows]" in error


@pytest.mark.parametrize("classes", [[str(i) for i in range(12)], ["abc", "cifar100"]], ids=["numbers", "datasets"])
def test_two_orders_of_names_are_not_mistaken_for_each_other(
    capsys: pytest.CaptureFixture[str], here: Path, classes: list[str]
) -> None:
    """As text, 10 comes before 2; and CIFAR100 before abc."""
    files = ["mine.json"] if classes[0] == "0" else ["abc.json", "cifar100.json"]
    (here / "mine.json").write_text(json.dumps(classes))
    (here / "abc.json").write_text(json.dumps(["apple"]))
    rows = 12 if classes[0] == "0" else 6
    np.save(here / "rows.npy", np.eye(rows))

    assert "[bad_rows]" in refused(capsys, *files, "--kind", "similarity", "--embeddings", "rows.npy")


def save_named(path: Path, names: object, classes: list[str] = LINE) -> None:
    np.savez(path, embeddings=embeddings_of(classes), names=np.array(names))


@pytest.mark.parametrize(
    "names",
    [LINE, [f"cifar100+++{name}" for name in LINE], [name.encode() for name in LINE]],
    ids=["classes", "concepts", "bytes"],
)
def test_rows_are_matched_by_the_names_beside_them(
    capsys: pytest.CaptureFixture[str], here: Path, names: list[str]
) -> None:
    save_named(here / "rows.npz", names)
    assert classes_ordered(capsys, *SIMILAR, "--embeddings", "rows.npz") in (LINE, LINE[::-1])


@pytest.mark.parametrize("file", ["names.txt", "names.json", "names.csv"])
def test_names_may_be_in_a_file_of_their_own(capsys: pytest.CaptureFixture[str], here: Path, file: str) -> None:
    text = {"names.txt": "\n".join(LINE), "names.json": json.dumps(LINE), "names.csv": "\n".join(["class", *LINE])}
    (here / file).write_text(text[file])
    np.save(here / "rows.npy", embeddings_of(LINE))

    found = classes_ordered(capsys, *SIMILAR, "--embeddings", "rows.npy", "--names", file)
    assert found in (LINE, LINE[::-1])


def test_the_printed_order_names_the_rows(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert main(["order", "line.json", "--print-order", "--output", "rows.txt"]) == 0
    assert (here / "rows.txt").read_text() == "".join(f"CIFAR100+++{name}\n" for name in CLASSES)

    options = ("--kind", "similarity", "--embeddings", "embeddings.npy")
    assert classes_ordered(capsys, "line.json", *options, "--names", "rows.txt") in (LINE, LINE[::-1])
    # It is a list of concepts too, in the order in which rows without names are expected.
    assert classes_ordered(capsys, "rows.txt", *options) in (LINE, LINE[::-1])


def test_the_order_is_printed_to_standard_output(capsysbinary: pytest.CaptureFixture[bytes], here: Path) -> None:
    (here / "mine.txt").write_text("犬\n猫\n")

    assert main(["order", "mine.txt", "--print-order"]) == 0
    assert capsysbinary.readouterr().out.decode() == "mine+++犬\nmine+++猫\n"


def test_all_faults_of_names_are_in_one_error(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    save_named(here / "rows.npz", ["dolphin", "dolphin", "elephant", "bear", "cat"])
    error = refused(capsys, *SIMILAR, "--embeddings", "rows.npz")

    assert error.startswith("concept-orderings: rows.npz: 2 concepts have no row: 'CIFAR100+++apple'")
    assert "'cat'" in error
    assert "several rows: 'CIFAR100+++dolphin'" in error
    assert "[bad_rows]" in error


def test_more_rows_than_concepts_are_named(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "few.json").write_text(json.dumps(["CIFAR100+++dolphin"]))
    save_named(here / "rows.npz", LINE)

    error = refused(capsys, "few.json", "--kind", "similarity", "--embeddings", "rows.npz")
    assert "4 rows have names that are no concepts: 'apple', 'elephant', 'bear', 'clock'." in error


def test_given_embeddings_need_no_template(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "unknown.json").write_text(json.dumps(CLASSES))
    assert "[missing_templates]" in refused(capsys, "unknown.json", "--kind", "similarity", "--encoder", "minilm")

    found = classes_ordered(capsys, "unknown.json", "--kind", "similarity", "--embeddings", "embeddings.npy")
    assert found in (LINE, LINE[::-1])


def test_names_are_given_once(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    save_named(here / "rows.npz", LINE)
    (here / "names.txt").write_text("\n".join(LINE))

    assert "leave --names out" in refused(capsys, *SIMILAR, "--embeddings", "rows.npz", "--names", "names.txt")


def header(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def save_archive(path: Path, **arrays: Any) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def cut(path: Path) -> None:
    save_archive(path, embeddings=embeddings_of(CLASSES))
    path.write_bytes(path.read_bytes()[:-30])


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def claim_in_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("embeddings.npy", header((5, 10**12)))


def twice_in_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for _ in range(2):
            archive.writestr("embeddings.npy", header((5, 1)) + bytes(20))


E = embeddings_of(CLASSES)
DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "missing": ("bad_file", Path.unlink),
    "empty": ("bad_file", lambda path: path.write_bytes(b"")),
    "text": ("bad_file", lambda path: path.write_text("no array")),
    "folder": ("bad_file", folder),
    "pipe": ("bad_file", fifo),
    "cut": ("bad_file", lambda path: path.write_bytes(path.read_bytes()[:-3])),
    "cut in the header": ("bad_file", lambda path: path.write_bytes(path.read_bytes()[:20])),
    "longer": ("bad_file", lambda path: path.write_bytes(path.read_bytes() * 2)),
    "huge claim": ("bad_file", lambda path: path.write_bytes(header((10**12, 512)))),
    "huger claim": ("bad_file", lambda path: path.write_bytes(header((10**30, 10**30)))),
    "negative claim": ("bad_file", lambda path: path.write_bytes(header((-5, -2)) + bytes(40))),
    "cut archive": ("bad_file", cut),
    "huge claim in an archive": ("bad_file", claim_in_archive),
    "two arrays of a name": ("bad_file", twice_in_archive),
    "archive of others": ("bad_file", lambda path: save_archive(path, a=E)),
    "archive of more": ("bad_file", lambda path: save_archive(path, embeddings=E, names=CLASSES, a=E)),
    "archive of nothing": ("bad_file", save_archive),
    "archive of names": ("bad_file", lambda path: save_archive(path, names=CLASSES)),
    "names as objects": (
        "bad_file",
        lambda path: save_archive(path, embeddings=E, names=np.array(CLASSES, dtype=object)),
    ),
    "names as numbers": ("bad_file", lambda path: save_archive(path, embeddings=E, names=np.arange(5))),
    "names not in UTF-8": ("bad_file", lambda path: save_archive(path, embeddings=E, names=np.array([b"\xe9"] * 5))),
    "too few names": ("source_damaged", lambda path: save_archive(path, embeddings=E, names=CLASSES[:4])),
    "pickle": ("bad_file", lambda path: np.save(path, np.array([{}] * 5), allow_pickle=True)),
    "integers": ("bad_file", lambda path: np.save(path, np.ones((5, 2), dtype=np.int64))),
    "complex": ("bad_file", lambda path: np.save(path, np.ones((5, 2), dtype=np.complex128))),
    "strings": ("bad_file", lambda path: np.save(path, np.array([["a", "b"]] * 5))),
    "records": ("bad_file", lambda path: np.save(path, np.ones(5, dtype=[("a", "f4"), ("b", "f4")]))),
    "rows": ("source_damaged", lambda path: np.save(path, np.ones((4, 2)))),
    "flat": ("source_damaged", lambda path: np.save(path, np.ones(5))),
    "scalar": ("source_damaged", lambda path: np.save(path, np.float32(5))),
    "cube": ("source_damaged", lambda path: np.save(path, np.ones((5, 2, 2)))),
    "narrow": ("source_damaged", lambda path: np.save(path, np.ones((5, 0)))),
    "wide": ("source_damaged", lambda path: np.save(path, np.ones((5, 5000)))),
    "nan": ("source_damaged", lambda path: np.save(path, np.full((5, 2), np.nan))),
    "infinite": ("source_damaged", lambda path: np.save(path, np.full((5, 2), np.inf))),
    "too large": ("source_damaged", lambda path: np.save(path, np.full((5, 2), 1e300))),
    "zero": ("source_damaged", lambda path: np.save(path, np.zeros((5, 2)))),
    "too small": ("source_damaged", lambda path: np.save(path, np.full((5, 2), 1e-300))),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("how", DAMAGES)
def test_a_file_without_usable_embeddings_is_named(capsys: pytest.CaptureFixture[str], here: Path, how: str) -> None:
    code, damage = DAMAGES[how]
    damage(here / "embeddings.npy")
    error = refused(capsys, *SIMILAR, "--embeddings", "embeddings.npy")

    assert f"[{code}]" in error
    assert "embeddings.npy" in error


def stored(named: bool) -> bytes:
    stream = io.BytesIO()
    if named:
        np.savez_compressed(stream, embeddings=E, names=np.array(CLASSES))
    else:
        np.save(stream, E)
    return stream.getvalue()


@given(
    named=st.booleans(),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    length=st.floats(0, 1),
)
@example(named=True, edits=[], length=0.9)
def test_any_damage_is_refused_or_leaves_a_row_for_each(
    tmp_path_factory: pytest.TempPathFactory, named: bool, edits: list[tuple[float, int]], length: float
) -> None:
    data = bytearray(stored(named))
    for place, value in edits:
        data[int(place * len(data))] = value
    path = tmp_path_factory.mktemp("damaged") / "rows"
    path.write_bytes(data[: round(length * len(data))])
    body = {
        "name": "x",
        "datasets": [{"name": "cifar100", "classes": CLASSES}],
        "ordering": {"kind": "random"},
        "tasks": {"count": 1},
    }
    concepts = parse_request(body).concepts
    try:
        found = read_embeddings(path, None, concepts, listed_concepts(body))
    except (BadValue, SourceError):
        return
    assert found.shape[0] == len(CLASSES)
    assert np.isfinite(found).all()

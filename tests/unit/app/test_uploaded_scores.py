"""Test scores files: the same scores from each format, and errors that name the line."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.uploaded_scores import read_scores
from app.uploaded_tables import ANY_FORMAT, CSV, JSON_LINES, PARQUET
from concept_orderings.errors import BadScoresFile
from support.counts_files import parquet_of
from support.scores_files import FORMS, Rows, as_csv, as_parquet

ROWS: Rows = [
    ("cifar100", "bear", 71.5),
    ("my-food", "soup, hot", -0.0),
    ("CIFAR100", "bear", 71.5),
    ("dtd", None, 44),
    ("my-food", "tea", 1e300),
]
SCORES = {"CIFAR100": {"bear": 71.5}, "my-food": {"soup, hot": 0.0, "tea": 1e300}, "DTD": 44.0}


def refused(body: bytes, media_type: str = CSV) -> BadScoresFile:
    with pytest.raises(BadScoresFile) as caught:
        read_scores(body, media_type)
    return caught.value


@pytest.mark.parametrize("media_type", FORMS)
@pytest.mark.parametrize("sent_as", ["itself", ANY_FORMAT])
def test_each_format_has_the_same_scores(media_type: str, sent_as: str) -> None:
    found = read_scores(FORMS[media_type](ROWS), media_type if sent_as == "itself" else sent_as)

    assert found == SCORES
    assert str(found["my-food"]) == "{'soup, hot': 0.0, 'tea': 1e+300}"
    assert isinstance(found["DTD"], float)


WITHOUT_CLASSES = {
    CSV: b"dataset,score\ndtd,44\nA,-1\n",
    JSON_LINES: b'{"dataset": "dtd", "score": 44}\n{"dataset": "A", "class": "", "score": -1}\n',
    PARQUET: parquet_of({"dataset": pa.array(["dtd", "A"]), "score": pa.array([44, -1], pa.int8())}),
    "nulls alone": as_parquet([("dtd", None, 44), ("A", None, -1)]),
}


@pytest.mark.parametrize("form", WITHOUT_CLASSES)
def test_a_row_without_a_class_has_the_score_of_its_dataset(form: str) -> None:
    assert read_scores(WITHOUT_CLASSES[form], ANY_FORMAT) == {"DTD": 44, "A": -1}


@settings(max_examples=20)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_scores_are_read_exactly(scores: list[float]) -> None:
    rows = [("A", f"class {i}", score) for i, score in enumerate(scores)]

    for media_type in (CSV, JSON_LINES):
        assert read_scores(FORMS[media_type](rows), media_type) == {"A": {name: score for _, name, score in rows}}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('{"dataset": "A", "class": "a", "score": true}', "line 1: the score of 'A+++a' is a boolean"),
        ('{"dataset": "A", "class": "a", "score": "7"}', "line 1: the score of 'A+++a' is '7'"),
        ('{"dataset": "A", "class": "a"}', "line 1: the score of 'A+++a' is missing or null"),
        ('{"dataset": "A"}', "line 1: the score of the whole dataset 'A' is missing or null"),
        ('{"dataset": "A", "class": "a", "score": 1' + "0" * 400 + "}", "not finite"),
        ('{"dataset": "A+", "class": "a", "score": 7}', "'A+' cannot name a dataset"),
        ('{"dataset": "A", "class": "a+++b", "score": 7}', "'a+++b' cannot name a class"),
        ('{"dataset": "A", "class": 5, "score": 7}', "the class is the number 5"),
        ('{"class": "a", "score": 7}', "the dataset is missing or null and must be a string"),
    ],
)
def test_a_wrong_row_is_refused(row: str, words: str) -> None:
    error = refused(row.encode(), JSON_LINES)

    assert error.code == "bad_scores_file"
    assert words in error.detail


@pytest.mark.parametrize("score", ["nan", "inf", "-Infinity", "1e999", "", "high", "1_000", "٣", "7 %"])
def test_a_score_in_csv_is_a_finite_number(score: str) -> None:
    assert "line 2: the score of 'A+++a'" in refused(f"dataset,class,score\nA,a,{score}\n".encode()).detail


def test_all_wrong_rows_are_named() -> None:
    error = refused(b"dataset,class,score\nA,a,high\nA,b,1\nA+,b,1\nA,b,2\nA,,3\n")

    assert [each.code for each in error.faults] == ["bad_scores_file"] * 2 + ["conflicting_scores"] * 2
    assert [each.detail.count(f"line {line}") for each, line in zip(error.faults, (2, 4, 5, 6), strict=True)] == [1] * 4


CONFLICTS: dict[str, tuple[Rows, str]] = {
    "a class": (
        [("cifar100", "bear", 1.0), ("CIFAR100", "bear", 2.0)],
        "two scores for 'CIFAR100+++bear': 1.0 in line 2 and 2.0 in line 3. ",
    ),
    "a dataset": (
        [("cifar100", None, 1.0), ("CIFAR100", None, 2.0)],
        "two scores for the whole dataset 'CIFAR100': 1.0 in line 2 and 2.0 in line 3; give each row its class, or",
    ),
    "a class after its dataset": (
        [("A", None, 1.0), ("A", "a", 1.0)],
        "one score for the whole dataset 'A' in line 2 and one for a class of it in line 3; keep one of the two forms",
    ),
    "a dataset after its class": (
        [("A", "a", 1.0), ("A", None, 1.0)],
        "one score for the whole dataset 'A' in line 3 and one for a class of it in line 2; keep one of the two forms",
    ),
}


@pytest.mark.parametrize("kind", CONFLICTS)
def test_conflicting_scores_are_refused_also_under_a_dataset_s_two_names(kind: str) -> None:
    rows, words = CONFLICTS[kind]
    error = refused(as_csv(rows))

    assert error.code == "conflicting_scores"
    assert words in error.detail


@pytest.mark.parametrize(("body", "words"), [(b"", "is empty"), (b"dataset,class,score\n", "it has no scores")])
def test_a_file_without_scores_is_refused(body: bytes, words: str) -> None:
    assert words in refused(body).detail


@pytest.mark.parametrize("header", [b"dataset,class,count", b"dataset,class,class,score"])
def test_a_file_lacks_a_column_or_has_it_twice(header: bytes) -> None:
    found = "more than one column class" if b"score" in header else "no column score"

    assert f"{found}; it is '{header.decode()}', and must have dataset and score and may have class" in (
        refused(header + b"\nA,a,1,1\n").detail
    )


def test_a_column_of_parquet_has_the_wrong_type() -> None:
    body = parquet_of({"dataset": pa.array(["A"]), "class": pa.array(["a"]), "score": pa.array(["7"])})

    assert "its column score is of the type string, and must be a number" in refused(body, PARQUET).detail

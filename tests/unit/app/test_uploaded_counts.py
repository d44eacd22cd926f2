"""Counts files are read alike whatever form they have; what is wrong is said with its line."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import uploaded_tables
from app.uploaded_counts import MEDIA_TYPES, read_counts
from app.uploaded_tables import ANY_FORMAT
from concept_orderings.errors import BadCountsFile
from concept_orderings.queries import folded
from concept_orderings.text import is_plain_text
from support.counts_files import CSV, FORMS, JSON_LINES, PARQUET, as_parquet, parquet_of

LARGEST = 2**53 - 1
A_COUNT = "a count is an integer from 0 to 9007199254740991"
ROWS = [("aquarium_fish", 3), ("Apple", 0), ("naïve café 🐟", LARGEST), ('a "b", c', 7), ("and/or", 5)]
COUNTS = {"aquarium fish": 3, "Apple": 0, "naïve café 🐟": LARGEST, 'a "b", c': 7, "and or": 5}


def refused(body: bytes, media_type: str) -> BadCountsFile:
    with pytest.raises(BadCountsFile) as caught:
        read_counts(body, media_type)
    assert caught.value.detail.endswith(".")
    assert len(caught.value.detail) < 600
    return caught.value


def test_every_form_is_tried_here() -> None:
    assert set(FORMS) == set(MEDIA_TYPES)


@pytest.mark.parametrize("media_type", FORMS)
def test_the_forms(media_type: str) -> None:
    assert read_counts(FORMS[media_type](ROWS), media_type) == COUNTS


@pytest.mark.parametrize("media_type", FORMS)
def test_any_form_is_recognised(media_type: str) -> None:
    assert read_counts(FORMS[media_type](ROWS), ANY_FORMAT) == COUNTS


@pytest.mark.parametrize("media_type", [CSV, JSON_LINES])
def test_a_byte_order_mark_and_empty_lines_hide_no_form(media_type: str) -> None:
    assert read_counts(b"\xef\xbb\xbf\n" + FORMS[media_type](ROWS), ANY_FORMAT) == COUNTS


NAMES = st.text(max_size=20).filter(lambda name: bool(folded(name)) and is_plain_text(folded(name)))


@given(st.dictionaries(NAMES, st.integers(0, LARGEST), min_size=1, max_size=20))
def test_csv_and_json_lines_say_the_same(counts: dict[str, int]) -> None:
    once = {folded(name): (name, count) for name, count in counts.items()}
    right = {short: count for short, (_, count) in once.items()}

    for media_type in (CSV, JSON_LINES):
        assert read_counts(FORMS[media_type](list(once.values())), media_type) == right


@settings(max_examples=10, deadline=None)
@given(st.dictionaries(NAMES, st.integers(0, LARGEST), min_size=1, max_size=20))
def test_parquet_says_the_same(counts: dict[str, int]) -> None:
    once = {folded(name): (name, count) for name, count in counts.items()}

    assert read_counts(as_parquet(list(once.values())), PARQUET) == {short: count for short, (_, count) in once.items()}


@pytest.mark.parametrize(
    "body",
    [
        b"name,count\r\napple,3\r\nfig,4\r\n",
        b"\xef\xbb\xbfname,count\napple,3\nfig,4",
        b"count,name\n3,apple\n4,fig\n",
        b'"name","count"\n"apple","3"\n"fig","4"\n',
        b" name , count \napple, 3 \nfig,04\n",
        b"\n\nname,count\n\napple,3\n\nfig,4\n\n",
        b"name,count\napple,3\nfig,4\napple,3\n/apple_,3\n",
        b"id,name,count\n1,apple,3\n2,fig,4\n",
    ],
)
def test_csv_that_is_right(body: bytes) -> None:
    assert read_counts(body, CSV) == {"apple": 3, "fig": 4}


def test_a_name_in_quotes_may_have_anything_in_it() -> None:
    assert read_counts(b'name,count\n"a ""b"",\n c",3\n', CSV) == {'a "b", c': 3}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"name,count\n", "no counts"),
        (b"apple,3\nfig,4\n", "no column name"),
        (b"name;count\napple;3\n", "separated by commas"),
        (b"name\tcount\napple\t3\n", "separated by commas"),
        (b"Name,Count\napple,3\n", "no column name"),
        (b"name\napple\n", "no column count"),
        (b"name,count,name\napple,3,fig\n", "more than one column name"),
        (b"name,count\napple,3\nan apple, red,3\n", "line 3 has 3 fields"),
        (b"name,count\napple\n", "line 2 has 1 fields"),
        (b"name,count\napple,3\n,4\n", "line 3: the name is empty"),
        (b"name,count\napple,3\n_/ ,4\n", "line 3: the name is empty"),
        (b"name,count\napple,-1\n", f"line 2: the count of 'apple' is '-1', and {A_COUNT}."),
        (b"name,count\napple,3.0\n", f"'3.0', and {A_COUNT}"),
        (b'name,count\napple,"1,000"\n', "'1,000'"),
        (b"name,count\napple,1e3\n", "'1e3'"),
        (b"name,count\napple,\n", f"is empty, and {A_COUNT}"),
        (b"name,count\napple, \n", f"is empty, and {A_COUNT}"),
        (b"name,count\napple,+1\n", f"'+1', and {A_COUNT}"),
        (b"name,count\napple,1_000\n", f"'1_000', and {A_COUNT}"),
        (b"name,count\napple,1 000\n", f"'1 000', and {A_COUNT}"),
        (b"name,count\napple,null\n", f"'null', and {A_COUNT}"),
        (b"name,count\napple,NaN\n", f"'NaN', and {A_COUNT}"),
        (b"name,count\napple,0x1F\n", f"'0x1F', and {A_COUNT}"),
        ("name,count\napple,٣\n".encode(), "'٣'"),
        (b"name,count\napple,9007199254740992\n", f"the number 9007199254740992, and {A_COUNT}"),
        (b"name,count\napple," + b"9" * 5000 + b"\n", A_COUNT),
        (b"name,count\napple,3\nf\x07g,4\n", "line 3: the name 'f\\x07g' has a control character"),
        (b"name,count\napple,3\n\xff,4\n", "line 3 is not UTF-8"),
        ("name,count\nété,3\n".encode("latin-1"), "line 2 is not UTF-8"),
        ("name,count\napple,3\n".encode("utf-16"), "line 1 is not UTF-8"),
        (b'name,count\n"apple"x,3\n', "line 2 is not CSV"),
        (b'name,count\n"apple,3\n', "not CSV"),
        (b"name,count\n" + b"x" * 200_000 + b",3\n", "line 2 is not CSV"),
    ],
)
def test_csv_that_is_wrong(body: bytes, reason: str) -> None:
    error = refused(body, CSV)

    assert error.code == "bad_counts_file"
    assert reason in error.detail


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "apple", "count": 3}\n{"name": "fig", "count": 4}\n',
        b'\xef\xbb\xbf{"count": 3, "name": "apple"}\r\n\r\n  {"name": "fig", "count": 4, "url": null}',
        b'{"name": "apple", "count": 3}\n{"name": "fig", "count": 4}\n{"name": "_apple", "count": 3}\n',
    ],
)
def test_json_lines_that_are_right(body: bytes) -> None:
    assert read_counts(body, JSON_LINES) == {"apple": 3, "fig": 4}


def test_a_line_separator_of_unicode_ends_no_line() -> None:
    assert read_counts('{"name": "a\u2028b", "count": 3}'.encode(), JSON_LINES) == {"a b": 3}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"name": "fig", "count": 4', "line 2 is not JSON"),
        (b'{"name": "fig" "count": 4}', "line 2 is not JSON"),
        (b'{"name": "fig", "count": 4}{"name": "fig", "count": 4}', "line 2 is not JSON"),
        (b"[" * 100_000, "line 2 is not JSON"),
        (b'["fig", 4]', "line 2 is not a JSON object"),
        (b"null", "line 2 is not a JSON object"),
        (b'{"name": "fig", "count": 4, "count": 5}', "line 2: An object has 'count' twice"),
        (b'{"name": "fig"}', "line 2: the count of 'fig' is missing"),
        (b'{"count": 4}', "line 2: the name is missing"),
        (b'{"name": null, "count": 4}', "line 2: the name is missing"),
        (b'{"name": 7, "count": 4}', "line 2: the name is the number 7"),
        (b'{"name": ["fig"], "count": 4}', "an array or an object"),
        (b'{"name": "fig", "count": 4.0}', f"the number 4.0, and {A_COUNT}"),
        (b'{"name": "fig", "count": true}', "a boolean"),
        (b'{"name": "fig", "count": "4"}', "'4'"),
        (b'{"name": "fig", "count": NaN}', "the number nan"),
        (b'{"name": "fig", "count": -4}', f"the number -4, and {A_COUNT}"),
        (b'{"name": "fig", "count": -4.5}', f"the number -4.5, and {A_COUNT}"),
        (b'{"name": "fig", "count": 1e3}', f"the number 1000.0, and {A_COUNT}"),
        (b'{"name": "fig", "count": "1,234"}', f"'1,234', and {A_COUNT}"),
        (b'{"name": "fig", "count": ""}', f"is empty, and {A_COUNT}"),
        (b'{"name": "fig", "count": null}', f"is missing or null, and {A_COUNT}"),
        (b'{"name": "fig", "count": Infinity}', f"the number inf, and {A_COUNT}"),
        (b'{"name": "fig", "count": [4]}', f"an array or an object, and {A_COUNT}"),
        (b'{"name": "fig", "count": 9007199254740992}', f"the number 9007199254740992, and {A_COUNT}"),
        (b'{"name": "fig", "count": 1' + b"0" * 5000 + b"}", "line 2 is not JSON"),
        (b'{"name": "\\ud800", "count": 4}', "not valid Unicode"),
        (b'{"name": "\\u0000", "count": 4}', "a control character"),
        (b'{"name": "", "count": 4}', "the name is empty"),
        (b'{"name": "\xff", "count": 4}', "line 2 is not UTF-8"),
    ],
)
def test_json_lines_that_are_wrong(line: bytes, reason: str) -> None:
    error = refused(b'{"name": "apple", "count": 3}\n' + line, JSON_LINES)

    assert error.code == "bad_counts_file"
    assert reason in error.detail


@pytest.mark.parametrize(
    ("name", "count"),
    [
        (pa.array(["apple", "fig"], pa.large_string()), pa.array([3, 4], pa.uint64())),
        (pa.array(["apple", "fig"], pa.string_view()), pa.array([3, 4], pa.int8())),
        (pa.array(["apple", "fig"]).dictionary_encode(), pa.array([3, 4], pa.int32())),
    ],
)
def test_parquet_that_is_right(name: pa.Array, count: pa.Array) -> None:
    body = parquet_of({"id": pa.array([1.5, 2.5]), "count": count, "name": name})

    assert read_counts(body, PARQUET) == {"apple": 3, "fig": 4}


NAME, COUNT = pa.array(["apple", "fig"]), pa.array([3, 4])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is empty"),
        (b"name,count\napple,3\n", "cannot be read"),
        (b"PAR1" + bytes(20) + b"PAR1", "cannot be read"),
        (parquet_of({"name": NAME, "count": COUNT})[:-20], "cannot be read"),
        (parquet_of({"name": NAME}), "no column count; its columns are name"),
        (parquet_of({"Name": NAME, "count": COUNT}), "no column name; its columns are Name, count"),
        (parquet_of({"name": NAME, "count": pa.array([3.0, 4.0])}), "count is of the type double"),
        (parquet_of({"name": NAME, "count": pa.array(["3", "4"])}), "count is of the type string"),
        (parquet_of({"name": NAME, "count": pa.array([True, False])}), "count is of the type bool"),
        (parquet_of({"name": NAME.cast(pa.binary()), "count": COUNT}), "name is of the type binary"),
        (parquet_of({"name": COUNT, "count": COUNT}), "name is of the type int64"),
        (parquet_of({"name": pa.array([["apple"], []]), "count": COUNT}), "name is of the type list"),
        (parquet_of({"name": NAME, "count": pa.array([3, None])}), "row 2: the count of 'fig' is missing"),
        (parquet_of({"name": pa.array(["apple", None]), "count": COUNT}), "row 2: the name is missing"),
        (
            parquet_of({"name": NAME, "count": pa.array([3, -1])}),
            f"row 2: the count of 'fig' is the number -1, and {A_COUNT}",
        ),
        (
            parquet_of({"name": NAME, "count": pa.array([3, 2**64 - 1], pa.uint64())}),
            f"row 2: the count of 'fig' is the number {2**64 - 1}, and",
        ),
        (parquet_of({"name": pa.array([b"apple", b"\xff"]).view(pa.string()), "count": COUNT}), "cannot be read"),
        (parquet_of({"name": NAME[:0], "count": COUNT[:0]}), "no counts"),
    ],
)
def test_parquet_that_is_wrong(body: bytes, reason: str) -> None:
    error = refused(body, PARQUET)

    assert error.code == "bad_counts_file"
    assert reason in error.detail
    assert ".." not in error.detail


def test_rows_are_numbered_across_batches() -> None:
    names = pa.array([f"n{number}" for number in range(40_000)] + [None])
    body = parquet_of({"name": names, "count": pa.array([1] * 40_001)})

    assert "row 40001: the name is missing" in refused(body, PARQUET).detail


@pytest.mark.parametrize("at", [0.02, 0.2, 0.4, 0.6, 0.8, 0.98])
def test_a_damaged_parquet_file_is_refused_or_read_aright(at: float) -> None:
    rows = [(f"name {number}", number) for number in range(2000)]
    body = bytearray(as_parquet(rows))
    body[int(len(body) * at)] ^= 0xFF
    try:
        found = read_counts(bytes(body), PARQUET)
    except BadCountsFile:
        return  # as any file that is no good
    assert found == dict(rows)


def test_a_small_file_that_unfolds_to_more_than_fits_is_refused() -> None:
    long = pa.array(["x" * 1_000_000]).dictionary_encode()
    names = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int32()), long.dictionary)
    body = parquet_of({"name": names, "count": pa.array([1] * 1_000_000)})

    assert len(body) < 5_000_000
    assert refused(body, PARQUET).code == "bad_counts_file"


def repeated(name: str, times: int) -> bytes:
    """A small file with one name many times."""
    names = pa.DictionaryArray.from_arrays(pa.array([0] * times, pa.int32()), pa.array([name]))
    return parquet_of({"name": names, "count": pa.array([1] * times)})


def test_rows_that_say_the_same_take_no_memory() -> None:
    body = repeated("🐟" * 127, 100_000)
    tracemalloc.start()
    try:
        assert read_counts(body, PARQUET) == {"🐟" * 127: 1}
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(body) < 1_000_000
    assert most < 10_000_000, "the rows have 50 MB"


def test_names_are_limited_in_bytes() -> None:
    assert "more than 134217728 bytes" in refused(repeated("🐟" * 10_000, 4000), PARQUET).detail


def test_the_longest_name() -> None:
    assert read_counts(repeated("x" * 131_072, 1), PARQUET)
    assert "a name has 131073 characters" in refused(repeated("x" * 131_073, 1), PARQUET).detail


@pytest.mark.parametrize(
    "behaviour",
    [
        "import os; os.abort()",
        "import time; time.sleep(60)",
        'import os; os.write(1, b\'["a", 1]\\n["b\'); os.abort()',
        "import sys; sys.stdin.buffer.read(); sys.exit(1)",
    ],
)
def test_a_reader_that_crashes_or_hangs_is_the_file_s_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(behaviour)
    monkeypatch.setattr("app.parquet_rows.__file__", str(program))
    monkeypatch.setattr(uploaded_tables, "_READING_SECONDS", 0.5)

    assert "damaged" in refused(as_parquet(ROWS), PARQUET).detail
    # More than a pipe takes, so that the writing is what waits.
    assert "damaged" in refused(as_parquet([(f"{number}", number) for number in range(100_000)]), PARQUET).detail


def test_a_reader_that_hangs_after_a_wrong_row_loses_neither_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program.py"
    program.write_text("import time; print('[null, 1]', flush=True); time.sleep(3600)")
    monkeypatch.setattr("app.parquet_rows.__file__", str(program))
    monkeypatch.setattr(uploaded_tables, "_READING_SECONDS", 0.5)

    faults = refused(as_parquet(ROWS), PARQUET).faults
    assert "row 1: the name is missing" in faults[0].detail
    assert ["damaged" in each.detail for each in faults] == [False, True]


def assert_faults(error: BadCountsFile, *expected: str) -> None:
    assert len(error.faults) == len(expected)
    for fault, words in zip(error.faults, expected, strict=True):
        assert words in fault.detail
        assert fault.detail.endswith(".")


@pytest.mark.parametrize("media_type", FORMS)
def test_all_faults_are_named(media_type: str) -> None:
    """The right rows between them are read: the conflict is with one of those."""
    rows = [("a", 1), ("b", -1), ("c", 3), ("_", 4), ("a", 2), ("d", 2**53)]
    error = refused(FORMS[media_type](rows), media_type)
    where = [f"{'row' if media_type == PARQUET else 'line'} {at + 1 + (media_type == CSV)}" for at in range(len(rows))]

    assert_faults(
        error,
        f"{where[1]}: the count of 'b' is",
        f"{where[3]}: the name is empty",
        f"'a': 1 in {where[0]} and 2 in {where[4]};",
        f"{where[5]}: the count of 'd' is",
    )
    assert [each.code for each in error.faults] == [
        "bad_counts_file",
        "bad_counts_file",
        "conflicting_counts",
        "bad_counts_file",
    ]
    assert error.left_out == {}


def test_lines_that_cannot_be_read_are_faults_too() -> None:
    assert_faults(
        refused(b'name,count\na,1,2\nb\nc,x\n"d,4\ne,5\n', CSV),
        "line 2 has 3 fields",
        "line 3 has 1 fields",
        "line 4: the count of 'c' is 'x'",
        "line 6 is not CSV",
    )
    assert_faults(
        refused(b'{"name": "a"\n[]\n{"name": "b", "count": 1}\n{"name": "c", "name": "d"}\n', JSON_LINES),
        "line 1 is not JSON",
        "line 2 is not a JSON object",
        "line 4: An object has 'name' twice",
    )


@pytest.mark.parametrize("media_type", FORMS)
def test_of_many_faults_the_first_100_are_named_and_the_others_counted(media_type: str) -> None:
    rows = [(f"n{number}", -1) for number in range(5000)]
    error = refused(FORMS[media_type](rows), media_type)

    assert len(error.faults) == 100
    assert error.left_out == {"bad_counts_file": 4900}


@pytest.mark.parametrize("media_type", FORMS)
def test_two_counts_for_a_name_are_refused(media_type: str) -> None:
    error = refused(FORMS[media_type]([("a b", 1), ("c", 2), ("a_b", 1), ("a/b", 3)]), media_type)
    first, second = {CSV: (2, 5), PARQUET: (1, 4)}.get(media_type, (1, 4))
    unit = "row" if media_type == PARQUET else "line"

    assert error.code == "conflicting_counts"
    assert f"'a b': 1 in {unit} {first} and 3 in {unit} {second};" in error.detail


@pytest.mark.parametrize("media_type", FORMS)
def test_a_count_above_the_size_of_the_corpus_is_refused(media_type: str) -> None:
    body = FORMS[media_type]([("a", 5), ("b", 6)])
    where = {CSV: "line 3", PARQUET: "row 2"}.get(media_type, "line 2")

    assert read_counts(body, media_type, 6) == {"a": 5, "b": 6}
    with pytest.raises(BadCountsFile, match=f"{where}: the count of 'b' is 6, and the whole corpus has 5") as caught:
        read_counts(body, media_type, 5)
    assert caught.value.code == "bad_counts_file"


@pytest.mark.parametrize("media_type", FORMS)
def test_too_many_rows_are_refused(media_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploaded_tables, "MOST_ROWS", 3)
    rows = [(f"n{number}", 1) for number in range(4)]

    assert len(read_counts(FORMS[media_type](rows[:3]), media_type)) == 3
    assert "rows" in refused(FORMS[media_type](rows), media_type).detail


def test_the_service_does_not_load_what_reads_parquet() -> None:
    code = (
        "import sys; from app.uploaded_counts import read_counts; "
        "read_counts(sys.stdin.buffer.read(), 'application/vnd.apache.parquet'); print('pyarrow' in sys.modules)"
    )
    root = Path(uploaded_tables.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", code], input=as_parquet(ROWS), cwd=root, capture_output=True, check=False
    )

    assert (run.returncode, run.stdout.strip()) == (0, b"False"), run.stderr


def test_an_error_quotes_little_of_a_file() -> None:
    body = json.dumps({"name": "x" * 100_000, "count": "y" * 100_000}).encode()

    assert len(refused(body, JSON_LINES).detail) < 400

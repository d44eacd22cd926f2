"""Test each form of label file: names that are written in it are read back, and what is unclear is refused."""

import csv
import io
import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from concept_orderings.errors import BadValue
from concept_orderings.label_files import Body, Labels, are_concepts, read_labels

Write = Callable[[Sequence[str]], str]

# Letters first, so that no name is a number, a comment or a WordNet ID; no name ends with a number of its own.
NAMES = st.lists(
    st.from_regex(r"[A-Za-zÄéλ犬][A-Za-z ,;:'\"é\[{#+.-]{0,20}[A-Za-z)犬]", fullmatch=True).filter(
        lambda name: "+++" not in name and not name.lower().startswith("version https")
    ),
    min_size=1,
    max_size=30,
    unique=True,
)


def table(delimiter: str, header: Sequence[str], row: Callable[[int, str], Sequence[object]]) -> Write:
    def write(names: Sequence[str]) -> str:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(row(i, name) for i, name in enumerate(names))
        return text.getvalue()

    return write


def rows_of(row: Callable[[int, str], Sequence[object]]) -> Write:
    """Write a table without a header."""
    return lambda names: table(",", ["x"], row)(names).partition("\n")[2]


def as_json(value: Callable[[Sequence[str]], object]) -> Write:
    return lambda names: json.dumps(value(names))


def per_line(line: Callable[[int, str], str]) -> Write:
    return lambda names: "".join(line(i, name) for i, name in enumerate(names))


def shuffled(lines: Write) -> Write:
    return lambda names: "".join(sorted(lines(names).splitlines(keepends=True), key=hash))


FORMS: dict[str, tuple[str, Write]] = {
    "list": ("a.json", as_json(list)),
    "index to class": ("a.json", as_json(lambda names: {str(i): name for i, name in enumerate(names)})),
    "Keras": ("a.json", as_json(lambda names: {str(i): [f"n{i:08}", name] for i, name in enumerate(names)})),
    "class to index": ("a.json", as_json(lambda names: {name: i for i, name in reversed(list(enumerate(names)))})),
    "model's configuration": (
        "config.json",
        as_json(
            lambda names: {
                "model_type": "vit",
                "id2label": {str(i): name for i, name in enumerate(names)},
                "label2id": {name: i for i, name in enumerate(names)},
            }
        ),
    ),
    "features": (
        "dataset_info.json",
        as_json(lambda names: {"features": {"image": {"_type": "Image"}, "label": {"names": list(names)}}}),
    ),
    "categories": (
        "a.json",
        as_json(lambda names: {"categories": [{"id": 7 * i, "name": name} for i, name in enumerate(names)]}),
    ),
    "categories of torchvision": ("a.json", as_json(lambda names: {"categories": list(names)})),
    "classes": ("a.json", as_json(lambda names: {"classes": list(names)})),
    "objects": ("a.json", as_json(lambda names: [{"index": i + 1, "label": name} for i, name in enumerate(names)])),
    "pairs": ("a.json", as_json(lambda names: [[i, name] for i, name in enumerate(names)])),
    "lists with synonyms": (
        "a.json",
        as_json(lambda names: [[name, f"{name} too"] if i else name for i, name in enumerate(names)]),
    ),
    "JSON lines": ("a.jsonl", per_line(lambda _, name: json.dumps(name) + "\n")),
    "objects as JSON lines": ("a.ndjson", per_line(lambda _, name: json.dumps({"name": name, "n": 1}) + "\n\n")),
    "JSON without its suffix": ("labels", as_json(list)),
    "lines": ("a.txt", per_line(lambda _, name: f"{name}\n")),
    "lines of Windows": ("a.names", per_line(lambda _, name: f"{name}\r\n")),
    "lines of old Macs": ("a", per_line(lambda _, name: f"{name}\r")),
    "comments and blank lines": ("a.txt", per_line(lambda i, name: f"# {i}\n\n{name}\n#\n  \n")),
    "index and tab": ("a.txt", shuffled(per_line(lambda i, name: f"{i}\t{name}\n"))),
    "tab and index": ("a.txt", shuffled(per_line(lambda i, name: f"{name}\t{i + 1}\n"))),
    "index and space": ("a.txt", shuffled(per_line(lambda i, name: f"{i}  {name}\n"))),
    "index from 1 and colon": ("a.txt", per_line(lambda i, name: f"{i + 1}: {name}\n")),
    "ID and space": ("synset_words.txt", per_line(lambda i, name: f"n{i:08} {name}\n")),
    "ID and tab": ("a.txt", per_line(lambda i, name: f"n{i:08}\t{name}\n")),
    "ID, index and name": ("map_clsloc.txt", per_line(lambda i, name: f"n{i:08} {i + 1} {name}\n")),
    "index, ID and name": ("a.txt", per_line(lambda i, name: f"{i} n{i:08} {name}\n")),
    "CSV": ("a.csv", table(",", ["id", "Class Name"], lambda i, name: [f"x{i}", name])),
    "CSV with semicolons": ("a.csv", table(";", ["id", "name"], lambda i, name: [i, name])),
    "CSV with numbers as labels": ("a.csv", table(",", ["label", "name"], lambda i, name: [i, name])),
    "AudioSet": ("a.csv", table(",", ["index", "mid", "display_name"], lambda i, name: [i, f"/m/0{i}z", name])),
    "CSV with types of columns": (
        "a.csv",
        table(",", ["Class Name (str)", "Class ID (int)", "Coarse Class Name (str)"], lambda i, name: [name, i, "a"]),
    ),
    "numbers with gaps before colons": ("a.txt", per_line(lambda i, name: f"{2 * i + 11}:{name}\n")),
    "CSV as text": ("a.txt", table(",", ["index", "class"], lambda i, name: [i, name])),
    "CSV of IDs without a header": ("a.csv", rows_of(lambda i, name: [f"/m/0{i}z", name])),
    "CSV of indices without a header": ("a.csv", rows_of(lambda i, name: [i, name])),
    "topics": ("a.txt", per_line(lambda i, name: f"/m/0{i}_{i} {name}\n")),
    "TSV": ("a.tsv", table("\t", ["label", "count"], lambda i, name: [name, 5])),
    "TSV as text": ("a.txt", per_line(lambda i, name: ("" if i else "index\tclass\n") + f"{i}\t{name}\n")),
}  # fmt: skip


FER = [["angry"], ["happy", "smiling"], ["surprised", "shocked", "spooked"]]


@pytest.mark.parametrize(
    "value", [FER, ["angry", *FER[1:]], {"classes": FER}, {"categories": ["angry", *FER[1:]]}], ids=str
)
def test_a_list_of_names_is_a_class_with_its_synonyms(value: object) -> None:
    found = read_labels("fer2013.json", json.dumps(value).encode())

    assert isinstance(found, Labels)
    assert found.names == ("angry", "happy", "surprised")
    assert found.classes() == ["angry", *FER[1:]]
    assert "as 'happy'" in " ".join(found.notes)


@pytest.mark.parametrize("form", FORMS)
@given(names=NAMES, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
@example(names=["tench, Tinca tinca", "great white shark"], encoding="utf-8")
def test_names_are_read_as_they_were_written(form: str, names: list[str], encoding: str) -> None:
    file, write = FORMS[form]
    found = read_labels(file, write(names).encode(encoding))

    assert isinstance(found, Labels)
    assert list(found.names) == names
    assert len(found.places) == len(names)


@pytest.mark.parametrize("suffix", [".txt", ".json", ".csv", ".tsv", ".jsonl", ""])
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(data=b"")
@example(data=b",,,\n")
@example(data=b'"')
@example(data=b"[[]]")
@example(data=b"[[], {}]")
@example(data=b"{}")
@example(data=b"[{}]")
@example(data=b'{"features": 3}')
@example(data=b'{"id2label": {"0": 1}}')
@example(data=b'{"0": [], "1": {}}')
@example(data=b'{"-1": "a"}')
@example(data=b'{"a": -1}')
@example(data=b'{"a": true}')
@example(data=b"a\t\n")
@example(data=b"class\t\n\t\n")
@example(data=b"[" * 100_000)
@example(data=b"9" * 5_000)
@example(data=b"99999999999999999999 a\n")
@example(data="\u0661 a\n".encode())
@example(data=b"\xff\xfe\x00")
def test_other_content_is_refused_by_name_or_read(suffix: str, data: bytes) -> None:
    found, error = tried(f"some file{suffix}", data)

    assert isinstance(found, Body | None) or len(found.names) == len(found.places)
    if error is not None:
        assert error.code in ("bad_file", "duplicate_field")
        assert error.detail.startswith("some file")
        assert "\n" not in error.detail


def tried(file: str, data: bytes) -> tuple[Labels | Body | None, BadValue | None]:
    try:
        return read_labels(file, data), None
    except BadValue as error:
        return None, error


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("a.txt", "", "is empty"),
        ("a.txt", " \n", "is empty"),
        ("a.txt", "# only\n", "all lines are blank or comments"),
        ("a.txt", "apple\n#pear\n", "line 2"),
        ("a.txt", "0\ttench\n2\tshark\n", "1"),
        ("a.txt", "0\ttench\n0\tshark\n", "the index 0 twice: line 1 and line 2"),
        ("a.txt", "5\ttench\n6\tshark\n", "2 classes with indices up to 6"),
        ("a.txt", "3 wheeler\n4 wheeler\n", "a number at the beginning of each line"),
        ("a.txt", "tench\ttinca\nshark\tlamna\n", "which has the class names"),
        ("a.txt", "0\t1\n1\t0\n", "which has the class names"),
        ("a.txt", "tench\tinca\nshark\n", "2 columns in line 1"),
        ("a.txt", "a\tb\tc\n", "3 columns and no header"),
        ("a.txt", "{0: 'tench',\n 1: 'shark'}", "Python's notation is not JSON"),
        ("a.txt", "<!DOCTYPE html><title>404</title>", "web page"),
        ("a.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        ("a.csv", "apple\npear\n", "no column of class names; its header is 'apple'"),
        ("a.csv", "class,label\na,b\n", "several columns"),
        ("a.csv", "class,n\na\n", "line 2"),
        ("a.csv", "class\n", "no row"),
        ("a.csv", 'class\n"a', "is not a table"),
        ("a.csv", "index,class\n0,a\n2,b\n", "2 classes with indices up to 2"),
        ("a.csv", "class,n\n,1\n", "no class in line 2"),
        ("a.json", '{"tench": 0, "shark": 2}', "2 classes with indices up to 2"),
        ("a.json", '{"tench": 0, "shark": 0}', "the index 0 twice: /tench and /shark"),
        ("a.json", '{"tench": 1.5}', "no class names are known"),
        ("a.json", '{"0": "tench", "1": 5}', "neither all names"),
        ("a.json", '{"0": []}', "neither all names"),
        ("a.json", '{"0": ["A+++a", "B+++b"]}', "neither all names"),
        ("a.json", '{"0": [1, "tench"], "1": [0, "shark"]}', "neither all names"),
        ("a.json", '{"0": "tench", "0": "shark"}', "'0' twice"),
        ("a.json", '{"0": "tench", "00": "shark"}', "the index 0 twice"),
        ("a.json", '["tench", 5]', "/1"),
        ("a.json", '[["a", "b", "c"]]', "neither tasks"),
        ("a.json", '{"datasets": {"A": ["a"]}}', "'datasets', but not as a JSON list"),
        ("config.json", '{"id2label": {"0": "a"}, "label2id": {"a": 1}}', "contradict"),
        ("a.json", '{"features": {"a": {"names": ["x"]}, "b": {"names": ["y"]}}}', "'a', 'b'"),
        ("a.yaml", "names: [a]", "suffix .yaml"),
        ("a.json.gz", "x", "suffix .gz"),
    ],
)  # fmt: skip
def test_what_is_unclear_is_refused(file: str, text: str, says: str) -> None:
    with pytest.raises(BadValue) as refused:
        read_labels(file, text.encode())

    assert says in refused.value.detail
    assert refused.value.detail.startswith(file)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"caf\xe9\n", "line 1 has the byte 0xe9"),
        (b"a\n\nb\xff\n", "line 3 has the byte 0xff"),
        (b"a\0b", "null characters"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"PK\x03\x04....", "ZIP"),
        (b"\x93NUMPY\x01\0", "NumPy"),
    ],
)
def test_bytes_that_are_no_text_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(BadValue, match=says):
        read_labels("a.txt", data)


@pytest.mark.parametrize(
    ("file", "text", "names"),
    [
        # A number in some lines belongs to the names.
        ("a.txt", "3 wheeler\ncar\n", ["3 wheeler", "car"]),
        ("a.txt", "Boeing 707\nBoeing 717\n", ["Boeing 707", "Boeing 717"]),
        ("a.txt", "area 1\n", ["area 1"]),
        ("mnist.txt", "0\n1\n2\n", ["0", "1", "2"]),
        ("a.csv", "index,label\n0,7\n1,8\n", ["7", "8"]),
        ("places365.txt", "/a/airfield 0\n/a/alley 1\n", ["/a/airfield", "/a/alley"]),
        ("a.txt", "n01440764\nn01443537\n", ["n01440764", "n01443537"]),
        ("a.txt", "tench, Tinca tinca\n", ["tench, Tinca tinca"]),
        ("a.csv", 'class\n"tench, Tinca tinca"\n', ["tench, Tinca tinca"]),
        ("a.json", '{"0": 0, "1": 1}', ["0", "1"]),
        ("a.json", '{"datasets": 0, "classes": 1}', ["datasets", "classes"]),
    ],
)
def test_names_that_look_like_something_else(file: str, text: str, names: list[str]) -> None:
    found = read_labels(file, text.encode())

    assert isinstance(found, Labels)
    assert list(found.names) == names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("apple \npear\n", "spaces at the ends of lines are left out: line 1"),
        ("0 apple\n1 pear\n", "each line begins with an index"),
        ("apple 0\npear 1\n", "each line ends with an index"),
        ("n01440764 tench, Tinca tinca\n", "a class name is all that follows it, as 'tench, Tinca tinca'"),
        ("n01440764\n", "class names are identifiers"),
        ("/m/011k07\n/m/011q46kg\n", "class names are identifiers"),
        ("12\n15\n", "class names are numbers"),
    ],
)
def test_what_is_left_out_is_said(text: str, says: str) -> None:
    found = read_labels("a.txt", text.encode())

    assert isinstance(found, Labels)
    assert len(found.notes) == 1
    assert says in found.notes[0]


def test_a_column_can_be_named() -> None:
    data = b"class,label,n\na,b,1\nc,d,2\n"
    found = read_labels("a.csv", data, column="label")

    assert isinstance(found, Labels)
    assert (found.names, found.column, found.places) == (("b", "d"), "label", ("line 2", "line 3"))
    with pytest.raises(BadValue, match="has no columns 'x'; its header is 'class', 'label', 'n'"):
        read_labels("a.csv", data, column="x")


def test_a_column_of_datasets_makes_concepts() -> None:
    found = read_labels("counts.csv", b"dataset,class,index\nDTD,striped,5\nMNIST,0,5\n")

    assert isinstance(found, Labels)
    assert found.names == ("DTD+++striped", "MNIST+++0")
    assert are_concepts(found)


def test_a_feature_can_be_named() -> None:
    data = b'{"features": {"fine": {"names": ["a"]}, "coarse": {"names": ["b"]}}}'
    found = read_labels("a.json", data, column="fine")

    assert isinstance(found, Labels)
    assert (found.names, found.column, found.places) == (("a",), "fine", ("/features/fine/names/0",))


@pytest.mark.parametrize("file", ["a.json", "a.txt", "a.csv"])
def test_concepts_are_told_from_class_names(file: str) -> None:
    text = {"a.json": '["A+++a", "B+++b"]', "a.txt": "A+++a\nB+++b\n", "a.csv": "concept\nA+++a\nB+++b\n"}[file]
    found = read_labels(file, text.encode())

    assert isinstance(found, Labels)
    assert are_concepts(found)
    assert found.names == ("A+++a", "B+++b")


def test_tasks_are_read_with_their_sizes() -> None:
    found = read_labels("order.json", b'[["A+++a", "B+++b"], ["A+++c"]]')

    assert isinstance(found, Labels)
    assert (found.names, found.sizes) == (("A+++a", "B+++b", "A+++c"), (2, 1))
    assert found.places == ("/0/0", "/0/1", "/1/0")


@pytest.mark.parametrize(
    "body",
    [
        {"datasets": [{"name": "A", "classes": ["a"]}], "ordering": {"kind": "random"}, "tasks": {"count": 1}},
        {"concepts": ["A+++a"], "name": "x"},
        {"datasets": []},
    ],
)
def test_a_request_is_read_as_it_is(body: dict[str, object]) -> None:
    assert read_labels("request.json", json.dumps(body).encode()) == Body(body)


def test_a_class_list_of_a_request_is_read_as_one() -> None:
    dataset = {"name": "A", "classes": ["a"], "year": 2001}

    assert read_labels("a.json", json.dumps(dataset).encode()) == Body({"datasets": [dataset]})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"names",
        b'["a"',
        b"\xff\xfe\xff",
        b'["\xe9"]',
        b"[" * 100_000,
        b"1" * 5_000,
        b"3",
        b"null",
        b'"a"',
        b"[1]",
        b"[NaN]",
        b"[1e999]",
        b'["a", null]',
        b'[["a"]]',
        b"{}",
        b'{"dataset": []}',
        b'{"datasets": {"A": ["a"]}}',
        b'{"concepts": "A+++a"}',
        b'{"datasets": [], "concepts": "A+++a"}',
    ],
    ids=lambda content: ascii(content[:20]),
)
def test_json_of_something_else_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(BadValue, match=r"^strange file\.json ") as refused:
        read_labels("strange file.json", content)

    assert refused.value.code == "bad_file"

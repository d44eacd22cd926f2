"""Test how files with class names become one request, and how faults of the request are found in them."""

import json
from pathlib import Path

import pytest

from concept_orderings.class_files import ClassFile, OwnFields, located, read_class_file, request_of
from concept_orderings.errors import BadValue, EmptyClassList, InvalidInput
from concept_orderings.request import parse_request

RANDOM = {"kind": "random"}
ONE_TASK = {"count": 1}


def file(path: str, content: object, **options: str) -> ClassFile:
    """Read a value as JSON, or text as it is."""
    text = content if isinstance(content, str) else json.dumps(content)
    return read_class_file(path, text.encode(), stem=Path(path).stem, **options)


def concepts_in(*files: ClassFile) -> tuple[str, ...]:
    return parse_request(request_of(files, ordering=RANDOM, tasks=ONE_TASK)).concepts.ids


def test_class_names_belong_to_the_dataset_that_names_the_file() -> None:
    assert concepts_in(file("some/cifar100.json", ["bear", "apple"])) == ("CIFAR100+++apple", "CIFAR100+++bear")
    assert concepts_in(file("mine.v2.txt", "bear\n")) == ("mine.v2+++bear",)


def test_synonyms_are_those_of_the_request() -> None:
    classes = ["angry", ["happy", "smiling"], ["bored", "tired"], ["sad", "sad"]]
    content = file("fer2013.json", classes)
    assert content.datasets == [{"name": "fer2013", "classes": classes}]
    with pytest.raises(InvalidInput) as refused:
        concepts_in(content)
    assert "(fer2013.json: /3/0, /3/1)" in located(refused.value, [content]).detail


def test_a_dataset_can_be_named() -> None:
    assert concepts_in(file("classes.txt", "bear\n", dataset="cifar100")) == ("CIFAR100+++bear",)


@pytest.mark.parametrize("content", ["A+++a\n", {"datasets": [{"name": "A", "classes": ["a"]}]}], ids=str)
def test_a_name_for_what_names_its_datasets_is_refused(content: object) -> None:
    with pytest.raises(BadValue, match=r"any\.txt names its datasets itself; leave B= out"):
        file("any.txt", content, dataset="B")


def test_a_file_without_a_stem_needs_a_name() -> None:
    with pytest.raises(BadValue, match="write NAME=/dev/fd/63"):
        read_class_file("/dev/fd/63", b"a\n")
    assert read_class_file("/dev/fd/63", b"A+++a\n").concepts == ("A+++a",)
    assert read_class_file("/dev/fd/63", b"a\n", dataset="A").datasets == [{"name": "A", "classes": ["a"]}]


@pytest.mark.parametrize("name", ["classes.txt", "labels.json", "id2label.json", "Classes.csv", "class_index.json"])
def test_a_file_that_names_no_dataset_is_said(name: str) -> None:
    content = "name\na\n" if name.endswith("csv") else ["a"]
    (note,) = file(name, content).notes

    assert f"write NAME={name}" in note


@pytest.mark.parametrize("name", ["sun397_labels.txt", "SUN-397.txt", "sun397 class names.txt", "Sun397.txt"])
def test_a_name_like_one_of_the_catalogue_is_said(name: str) -> None:
    (note,) = file(name, "a\n").notes

    assert f"write sun397={name}" in note


@pytest.mark.parametrize("name", ["sun397.txt", "SUN397.txt", "mine.txt", "class 5.txt", "犬.txt"])
def test_other_names_are_taken_without_a_word(name: str) -> None:
    assert file(name, "a\n").notes == ()


def test_a_list_of_concepts_is_a_stream() -> None:
    found = concepts_in(file("any.json", ["cifar100+++bear", "B+++a"]))

    assert found == ("B+++a", "CIFAR100+++bear")
    assert concepts_in(file("any.txt", "cifar100+++bear\nB+++a\n")) == found


@pytest.mark.parametrize("name", ["datasets", "concepts"])
def test_an_object_may_be_a_request(name: str) -> None:
    lists = {"datasets": [{"name": "B", "classes": ["a"], "year": 2001}], "concepts": ["B+++a"]}
    found = file("any.json", {name: lists[name], "name": "a-stream", "tasks": None})

    assert concepts_in(found) == ("B+++a",)
    assert dict(OwnFields([found])) == {"name": "a-stream"}


def test_an_output_with_tasks_has_its_split() -> None:
    found = file("order.json", [["A+++a", "B+++b"], ["A+++c"]])

    assert dict(OwnFields([found])) == {"tasks": {"sizes": [2, 1]}}
    assert concepts_in(found) == ("A+++a", "A+++c", "B+++b")


def test_several_files_are_ordered_together() -> None:
    lists = [file("mnist.json", ["0", "1"]), file("B.json", {"datasets": [{"name": "C", "classes": ["c"]}]})]
    streams = [file("one.json", ["A+++a"]), file("two.json", {"concepts": ["A+++b"]})]

    assert concepts_in(*lists) == ("C+++c", "MNIST+++0", "MNIST+++1")
    assert concepts_in(*streams) == ("A+++a", "A+++b")


def test_class_lists_and_streams_are_not_mixed() -> None:
    with pytest.raises(BadValue, match="one sort at a time") as refused:
        concepts_in(file("A.json", ["a"]), file("C.json", ["c"]), file("stream.json", ["B+++b"]))

    assert refused.value.code == "bad_file"
    assert "A.json" in refused.value.detail
    assert "stream.json" in refused.value.detail


def test_two_files_may_not_have_the_same_field() -> None:
    request = {"concepts": ["A+++a"], "ordering": RANDOM}

    with pytest.raises(BadValue, match=r"Each of a\.json, b\.json has its own ordering"):
        OwnFields([file("a.json", request), file("b.json", request)])


@pytest.mark.parametrize("content", [[], {"datasets": []}, {"concepts": []}], ids=str)
def test_an_empty_list_has_nothing_to_order(content: object) -> None:
    with pytest.raises(EmptyClassList):
        concepts_in(file("A.json", content))


def refused_at(*files: ClassFile, ordering: object = RANDOM, **fields: object) -> str:
    own = {name: value for each in files for name, value in each.own.items()}
    with pytest.raises(InvalidInput) as refused:
        parse_request(request_of(files, **{"ordering": ordering, "tasks": ONE_TASK, **fields, **own}))
    error = located(refused.value, files)
    assert (error.code, error.pointers, type(error)) == (
        refused.value.code,
        refused.value.pointers,
        type(refused.value),
    )
    return error.detail


def test_faults_are_found_in_the_lines_of_the_files() -> None:
    first, second = file("mnist.txt", "0\n1\n"), file("mine.txt", "# names\napple\n\nbear\napple\n")

    assert refused_at(first, second).endswith("(mine.txt: line 2, line 5)")


def test_faults_are_found_in_json() -> None:
    datasets = [{"name": "A", "classes": ["a"]}, {"name": "B", "classes": ["b", "b"]}]
    detail = refused_at(file("mnist.txt", "0\n1\n"), file("two.json", {"datasets": datasets}))

    assert detail.endswith("(two.json: /datasets/1/classes/0, /datasets/1/classes/1)")


def test_faults_are_found_in_streams() -> None:
    detail = refused_at(file("one.json", ["A+++a"]), file("two.txt", "A+++b\nA+++a\n"))

    assert detail.endswith("(one.json: /0; two.txt: line 2)")


def test_a_dataset_of_two_files_is_found_in_both() -> None:
    detail = refused_at(file("here/cifar100.txt", "a\n"), file("there/CIFAR100.json", ["b"]))

    assert detail.endswith("(here/cifar100.txt: its dataset; there/CIFAR100.json: its dataset)")


def test_a_fault_of_another_field_is_found_in_the_file_that_has_it() -> None:
    request = {"concepts": ["A+++a"], "ordering": {"kind": "rnd"}, "unknown": 1}

    assert refused_at(file("r.json", request)).endswith("(r.json: /unknown)")


def test_a_fault_that_is_in_no_file_stays_as_it_is() -> None:
    assert refused_at(file("A.txt", "a\n"), ordering={"kind": "random", "seed": "x"}).endswith(".")

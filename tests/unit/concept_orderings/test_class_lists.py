"""Test the class lists that ship with the library."""

import subprocess
import sys

import pytest

from concept_orderings.catalogue import CATALOGUE, KnownDataset, find_dataset
from concept_orderings.class_lists import class_list, outside_streams, stream_classes
from concept_orderings.concepts import join_concept
from concept_orderings.data import read_numbers, read_packed
from support.packed_data import BENCHMARK, FILES, LICENCE, NUMBERS, PACKED, packed

from .benchmark import DATA, needs_benchmark, stream
from .benchmark import class_list as list_of_the_benchmark

WITHOUT_LIST = {"mscoco", "flickr30k"}
MORE_IN_THE_LIST = {"clevr": 30, "mitstates": 3, "openimages": 10, "quilt": 1}


def test_all_datasets_but_the_retrieval_sets_have_a_list() -> None:
    assert {each.handle for each in CATALOGUE if class_list(each) is None} == WITHOUT_LIST
    assert {each.handle for each in CATALOGUE if stream_classes(each) is None} == WITHOUT_LIST


def test_no_list_has_a_class_twice() -> None:
    lists = [names for each in CATALOGUE if (names := class_list(each)) is not None]

    assert all(len(set(names)) == len(names) for names in lists)


def test_the_streams_lack_some_classes_of_four_datasets() -> None:
    assert {each.handle: len(left) for each in CATALOGUE if (left := outside_streams(each))} == MORE_IN_THE_LIST
    for each in CATALOGUE:
        names, kept = class_list(each) or (), stream_classes(each) or ()
        assert [name for name in names if name not in outside_streams(each)] == list(kept)


def test_the_adaptation_datasets_have_18_381_classes_in_streams() -> None:
    adaptation = [stream_classes(each) or () for each in CATALOGUE if each.split == "adaptation"]

    assert (len(adaptation), sum(map(len, adaptation))) == (41, 18_381)


def test_the_order_of_a_list_is_its_own() -> None:
    flowers = find_dataset("flowers102")
    assert flowers is not None
    names = class_list(flowers)
    assert names is not None

    assert names[:2] == ("pink primrose", "hard-leaved pocket orchid")
    assert list(names) != sorted(names)


@needs_benchmark
@pytest.mark.parametrize("dataset", CATALOGUE, ids=lambda each: each.handle)
def test_a_list_is_that_of_the_benchmark(dataset: KnownDataset) -> None:
    if dataset.handle not in WITHOUT_LIST:
        assert list(class_list(dataset) or ()) == list_of_the_benchmark(dataset.handle)


@needs_benchmark
def test_the_classes_in_streams_are_those_of_the_benchmark_s_streams() -> None:
    found = {
        join_concept(each.name, name)
        for each in CATALOGUE
        if each.split == "adaptation"
        for name in stream_classes(each) or ()
    }

    assert found == set(stream("random_sequence_1"))


@needs_benchmark
@pytest.mark.parametrize("name", FILES)
def test_a_packed_file_holds_what_the_data_holds(name: str) -> None:
    assert read_packed(name) == FILES[name](BENCHMARK), "run: python -m support.packed_data"


@needs_benchmark
@pytest.mark.parametrize("name", NUMBERS)
def test_a_packed_file_of_numbers_holds_what_the_data_holds(name: str) -> None:
    assert read_numbers(name).tolist() == NUMBERS[name](BENCHMARK), "run: python -m support.packed_data"


@needs_benchmark
def test_the_licence_is_that_of_the_data() -> None:
    assert (PACKED / LICENCE).read_bytes() == (DATA / "LICENSE").read_bytes()


def test_packing_is_deterministic() -> None:
    assert packed({"b": ["ü"], "a": 1}) == packed({"a": 1, "b": ["ü"]})


def test_nothing_is_unpacked_when_modules_are_imported() -> None:
    code = (
        "import concept_orderings.request, concept_orderings.library, concept_orderings.data as data\n"
        "print(data.read_packed.cache_info().misses)"
    )
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert imported.stdout == "0\n"

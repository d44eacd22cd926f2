"""Test the streams that others have published."""

import json
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.canonical import sha256_hex
from concept_orderings.exporters.fomo import fomo_list
from concept_orderings.published_streams import (
    PUBLISHED_STREAMS,
    no_such_stream,
    published_digest,
    published_order,
    stream_concepts,
)
from concept_orderings.twister import numpy_permutation, python_shuffled

from .benchmark import DATA, needs_benchmark

DIGESTS = {
    "fomo/performance_sequence_1": "11c07dc996806dcea47ee50b25c4fa6809aa384ef9f778ad64aa613e834a7782",
    "fomo/frequency_base": "c933e877423a01925919bb9b7eba85a4e6851967f08676e8e9f32518f694c23e",
    "fomo/frequency_sequence_1": "f18c1f5fd8179cffbaa33c5c5e45fbfbac43e24f94fe7a0f6ded5a9d627db3e3",
    "fomo/random_sequence_1": "6e1e57b1f5a6575f3a988c205521e91f1fc2eca265f795233bb3af241e1db760",
    "fomo/random_sequence_2": "92d272a8df1a4f99ff64a17ceeeb3375b10d2c2392932c5c7fe077d6a6473aa0",
    "fomo/random_sequence_3": "dd288126e8b4dd16c07a4133562951e8710a966c2f27c78e8adf63c372cb5ecd",
    "fomo/random_sequence_4": "310fd3ac922f671b84662433afeb1ac289551403e365a3fab053869c73e42f04",
    "fomo/random_sequence_5": "5d1624373b98b56eb2a6159008b592499c2052d12c97fa4c9a85354173152a81",
    "fomo/similarity_sequence_1": "8a62986dbdf75b437cc19804575ec16627209a00e2ee053a9c4d61aa0dbf2b50",
    "fomo/similarity_sequence_2": "d10c9a203b59fcbb725d4723e4e0474f1e84b8da0816de0851ff23dbddb01741",
    "fomo/similarity_sequence_3": "c199b2384ca5ed9fa02c1b35083493f341f716c0b79cca51755d43d1b8c2e76b",
    "fomo/similarity_sequence_4": "3069419be604a7d7e0612fe8278f35ebcea410ad1b95f88e7b916500c68a36a5",
    "fomo/similarity_sequence_5": "58e07e4affb23aa3826f560af8a2b7cc9b6776ccf5e11f416bc338a1d7982755",
    "fomo/time_incremental_rsagg_1": "cc9025df4e97492934dc9705ce117fd1de37de3a604f6aac2ee6c6f6d06f8266",
    "fomo/time_incremental_rsagg_2": "6e2ef35c7b1824352e6f7d3e2e8a9a9828af4236e95855c031d2ff220ede2b8a",
    "fomo/time_incremental_rsagg_3": "1b1a38ba3a566b7518589d269f9396b15d7ec52d0dbd7ec013703c7e8fce84a9",
    "fomo/time_incremental_rsagg_4": "6d20666048bbd9fa86d892fdca422c60fabb2d32cdd17a21050983d55206c685",
    "fomo/time_incremental_rsagg_5": "00f180dacd634d9f6645ffdf060b8ae3c5accbdc5c411a5e88a0d8a7b5c8af23",
    "fomo/time_incremental_dschunked_1": "5460b1dd59ccf3b4a98fcb8d5bbccea37b77204cf9fe9a67d1c12782a3a08a20",
    "fomo/time_incremental_dschunked_2": "4abbc401e40a717d2140abf22f617df62425f63d345c34edc6086c41339be534",
    "fomo/time_incremental_dschunked_3": "f7c46daccd034e0fdda16cfe8550c9e2a9be485c0ab0193b7a6ed93b25f2aa8e",
    "fomo/time_incremental_dschunked_4": "831977d398ff4e34a109c0a04db42d49aff04a5634c585bb5fec3d60f05a2013",
    "fomo/time_incremental_dschunked_5": "da206a1fd6a6618fac2b6982b2d9817bd433fa7010927b3b9484e8dd7e9a2ec6",
    "icarl/cifar100": "74bfa53e727659dd7b7cf1c0b5d248ef935a3e4a92907624b8e678d21086cd76",
    "icarl/imagenet100": "dd7a828b9ec3615b9c8ccf0ca6f4b86584219df0e66262a3bb4b2833e3cc5040",
    "icarl/imagenet1000": "f6bb27f2c2d546aa0e9e3b23044302f5d5ea4d191cc9e58949d81ccc2b5ec4f2",
}
"""The SHA-256 of each order as the FoMo-in-Flux code reads it: they never change."""


@pytest.mark.parametrize("name", PUBLISHED_STREAMS)
def test_an_order_never_changes(name: str) -> None:
    order = published_order(name)

    assert sha256_hex(fomo_list(order)) == published_digest(name) == DIGESTS[name]
    assert len(set(order)) == len(order) == PUBLISHED_STREAMS[name].concepts
    assert not name.startswith("fomo/") or sorted(order, key=lambda each: each.split("+++")) == list(stream_concepts())


@needs_benchmark
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in PUBLISHED_STREAMS
        # The first of the random streams is among the data; the others follow from it. The base is in no file.
        if (name.startswith("fomo/") and name != "fomo/frequency_base" and not name.endswith(tuple("2345")))
        or name.startswith(("fomo/similarity", "fomo/time"))
    ],
)
def test_an_order_has_the_bytes_of_the_published_file_but_for_the_final_newline(name: str) -> None:
    published = (DATA / "streams" / f"{name.removeprefix('fomo/')}.json").read_bytes()

    assert list(published_order(name)) == json.loads(published)
    assert fomo_list(published_order(name)).removesuffix(b"\n") == published.removesuffix(b"\n")


@needs_benchmark
def test_the_published_reversal_is_an_exact_one() -> None:
    published = json.loads((DATA / "streams" / "random_sequence_reverse_1.json").read_text(encoding="utf-8"))

    assert list(published_order("fomo/random_sequence_1"))[::-1] == published


def test_the_class_orders_of_icarl_begin_as_they_are_known_to() -> None:
    assert numpy_permutation(100, 1993)[:5] == [68, 56, 78, 8, 23]
    assert published_order("icarl/cifar100")[:2] == ("CIFAR100+++road", "CIFAR100+++palm_tree")
    assert published_order("icarl/imagenet1000")[:100] == published_order("icarl/imagenet100")


@given(st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_a_permutation_is_that_of_numpy(n: int, seed: int) -> None:
    assert numpy_permutation(n, seed) == np.random.RandomState(seed).permutation(n).tolist()


@given(st.integers(0, 300), st.integers(0, 2**40))
def test_a_shuffle_is_that_of_python(n: int, seed: int) -> None:
    items = list(range(n))
    Random(seed).shuffle(items)

    assert python_shuffled(range(n), seed) == items


def test_a_name_that_is_not_published_gets_the_nearest() -> None:
    assert "did you mean fomo/similarity_sequence_3?" in no_such_stream("fomo/similarity_sequence3")
    assert "did you mean" not in no_such_stream("x")


def test_every_stream_says_what_it_is() -> None:
    assert list(PUBLISHED_STREAMS) == list(DIGESTS)
    assert all(each.summary.endswith(".") and each.origin for each in PUBLISHED_STREAMS.values())
    assert all(each.recipe for name, each in PUBLISHED_STREAMS.items() if name.startswith(("icarl", "fomo/random")))

"""Test what a name was probably meant to be, against a search that compares all names letter by letter."""

from collections import Counter
from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.catalogue import CATALOGUE, KnownDataset
from concept_orderings.class_lists import class_list
from concept_orderings.nearest_names import NearestNames, meant_dataset, nearest_class, nearest_dataset, plain

CIFAR100 = next(each for each in CATALOGUE if each.handle == "cifar100")
letters = st.text("abcd _-", min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("aple", "apple"),
        ("apples", "apple"),
        ("Aquarium Fish", "aquarium_fish"),
        ("aquariumfish", "aquarium_fish"),
        ("AQUARIUM-FISH", "aquarium_fish"),
        ("bottle-good", "bottle"),
        ("\uff42\uff45\uff41\uff52", "bear"),
        ("\u0430pple", "apple"),
        ("be\xadar", "bear"),
        ("airplane", None),
        ("xyzzy", None),
        ("", None),
        ("😀", None),
        ("a" * 1_000_000, None),
    ],
)
def test_the_nearest_class(name: str, nearest: str | None) -> None:
    assert nearest_class(CIFAR100, name) == nearest


@pytest.mark.parametrize("dataset", CATALOGUE, ids=lambda each: each.handle)
def test_a_class_in_other_letters_is_found(dataset: KnownDataset) -> None:
    names = class_list(dataset) or ()
    # A list may have two names that differ in nothing else: then the first is found.
    first = {plain(name): name for name in reversed(names)}

    for name in names[::50]:
        assert nearest_class(dataset, name.upper().replace("_", " ")) == first[plain(name.upper())]


@given(st.lists(letters, unique=True, max_size=8), letters)
def test_of_few_names_the_nearest_is_that_of_a_full_search(names: list[str], name: str) -> None:
    found = NearestNames(names).nearest(name)

    def ratio(other: str) -> float:
        return SequenceMatcher(a=plain(other), b=plain(name), autojunk=False).ratio()

    alike = [each for each in names if plain(each) == plain(name)]
    near = [each for each in names if ratio(each) >= 0.7]
    expected = alike[0] if alike else max(near, key=ratio, default=None)
    if found != expected:
        # Names without a pair of letters in common are not compared: "abcb" and "bacb" have one.
        assert found is None
        assert expected is not None
        assert not shared_pairs(plain(expected), plain(name))


def shared_pairs(one: str, other: str) -> set[str]:
    first, second = ({f" {each} "[i : i + 2] for i in range(len(each) + 1)} for each in (one, other))
    return first & second


def test_no_spelling_means_two_datasets() -> None:
    spellings = Counter(plain(name) for each in CATALOGUE for name in {plain(each.handle), plain(each.name)})

    assert set(spellings.values()) == {1}
    for each in CATALOGUE:
        assert {meant_dataset(name) for name in (each.handle, each.name, each.title, each.title.upper())} == {each}


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("CIFAR-100", "cifar100"),
        ("Cifar100", "cifar100"),
        ("cifar 100", "cifar100"),
        ("ImageNet", "imagenet"),
        ("imagenet ", "imagenet"),
        ("Imagenet-1k", "imagenet"),
        ("ILSVRC2012", "imagenet"),
        ("CUB-200-2011", "cub200"),
        ("stanford_cars", "cars196"),
        ("Oxford-IIIT Pet", "oxford_pets"),
        ("DomainNet Sketch", "domainnet_sketch"),
        ("\uff23\uff29\uff26\uff21\uff32\uff11\uff10\uff10", "cifar100"),
        ("cif\u0430r-100", "cifar100"),
        # One letter added, left out, replaced, or swapped with the next.
        ("openimagess", "openimages"),
        ("flower102", "flowers102"),
        ("birdsnab", "birdsnap"),
        ("cifra100", "cifar100"),
    ],
)
def test_the_dataset_that_a_name_was_meant_to_be(name: str, handle: str) -> None:
    meant = meant_dataset(name)

    assert (meant.handle if meant else None, nearest_dataset(name)) == (handle, handle)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("imagenet_c", "imagenet"),
        ("imagenet100", "imagenet"),
        ("tiny-imagenet", "imagenet"),
        ("cifar20", "cifar10"),
        ("kmnist", "mnist"),
        ("flowers", "flowers102"),
        ("cars", "cars196"),
        ("cub", "cub200"),
        ("my-gadgets", None),
        ("zoo", None),
        ("", None),
        ("d" * 1_000_000, None),
    ],
)
def test_a_private_name_is_at_most_near(name: str, near: str | None) -> None:
    assert meant_dataset(name) is None
    assert nearest_dataset(name) == near


@given(
    st.sampled_from([each.handle for each in CATALOGUE if each.handle.isalpha() and len(each.handle) > 5]), st.data()
)
def test_any_one_slip_is_seen(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    before, after = name[:at], name[at:]
    slip = data.draw(st.sampled_from([f"{before}q{after}", f"{before}{after[1:]}", f"{before}q{after[1:]}"]))

    # "scoco" is as near to mscoco as to fscoco.
    assert meant_dataset(slip) is not None

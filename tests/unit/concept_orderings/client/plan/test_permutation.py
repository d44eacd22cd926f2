import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.client.plan.permutation import LARGEST, PermutationKey, permuted
from unit.concept_orderings.client.plan import oracle

KEY = PermutationKey("a key")


def words(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.array(numbers, dtype=np.uint64)


def images(n: int, epoch: int = 0, numbers: range | None = None) -> list[int]:
    some = np.array(range(n) if numbers is None else numbers, dtype=np.uint64)
    return [int(each) for each in permuted(some, words(n), KEY, KEY.tweaks(words(epoch)))]


@pytest.mark.parametrize("n", [*range(1, 300), 4095, 4096, 4097, 65_536, 65_537])
def test_every_number_has_one_image(n: int) -> None:
    assert sorted(images(n, epoch=n)) == list(range(n))


def test_golden_values() -> None:
    """They decide batches of published versions: they are never changed."""
    assert images(1) == [0]
    assert images(5) == GOLDEN[5]
    assert images(20) == GOLDEN[20]
    assert images(10**9, epoch=3, numbers=range(4)) == GOLDEN[10**9]
    assert images(LARGEST, numbers=range(LARGEST - 2, LARGEST)) == GOLDEN[LARGEST]


GOLDEN: dict[int, list[int]] = {
    5: [0, 4, 1, 3, 2],
    20: [11, 0, 5, 16, 15, 8, 4, 19, 2, 17, 1, 13, 3, 14, 9, 18, 7, 10, 6, 12],
    10**9: [592151412, 697322624, 4398003, 993942187],
    LARGEST: [134838331193870, 215491016907690],
}


@given(st.data())
def test_numbers_are_those_of_the_oracle(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 40) | st.integers(1, 5000) | st.integers(1, LARGEST))
    number = data.draw(st.integers(0, n - 1))
    epoch, concept = data.draw(st.integers(0, 1 << 40)), data.draw(st.none() | st.integers(0, 1 << 20))
    text = data.draw(st.text(max_size=5, alphabet="ab\u00e9"))

    key = PermutationKey(text)
    tweaks = key.tweaks(words(epoch), None if concept is None else words(concept))

    assert int(tweaks[0]) == oracle.tweak(text, epoch, concept)
    assert int(permuted(words(number), words(n), key, tweaks)[0]) == oracle.permuted(number, n, text, int(tweaks[0]))


@given(st.lists(st.tuples(st.integers(1, 30) | st.integers(1, 10_000), st.integers(0, 9)), min_size=1, max_size=40))
def test_numbers_of_several_sizes_are_permuted_each_by_its_own(each: list[tuple[int, int]]) -> None:
    sizes, epochs = words(*(n for n, _ in each)), words(*(epoch for _, epoch in each))
    numbers = sizes // np.uint64(2)

    together = permuted(numbers, sizes, KEY, KEY.tweaks(epochs))

    alone = [images(n, epoch, range(n // 2, n // 2 + 1))[0] for n, epoch in each]
    assert [int(number) for number in together] == alone


def test_blocks_longer_than_a_chunk_have_the_same_images() -> None:
    n = 20_000
    tweaks = KEY.tweaks(words(*([1] * n)))

    assert [int(each) for each in permuted(np.arange(n, dtype=np.uint64), words(n), KEY, tweaks)] == images(n, 1)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_all_orders_of_few_numbers_are_equally_frequent(n: int) -> None:
    """χ² over the n! orders of 24,000 epochs; fixed keys, so that the result is always the same."""
    epochs = 24_000
    tweaks = KEY.tweaks(np.arange(epochs, dtype=np.uint64))
    columns = [permuted(np.full(epochs, i, np.uint64), words(n), KEY, tweaks).tolist() for i in range(n)]
    counts = dict.fromkeys(permutations(range(n)), 0)
    for order in zip(*columns, strict=True):
        counts[order] += 1

    assert _deviation(list(counts.values())) < 4


@pytest.mark.parametrize("n", [6, 16, 17, 20, 25, 36, 100])
def test_pairs_of_images_are_equally_frequent(n: int) -> None:
    """The first two numbers, and the first and the last, have each pair of images equally often."""
    epochs = 200_000
    tweaks = KEY.tweaks(np.arange(epochs, dtype=np.uint64))
    first, second, last = (permuted(np.full(epochs, i, np.uint64), words(n), KEY, tweaks) for i in (0, 1, n - 1))

    for other in (second, last):
        counts = np.bincount((first * np.uint64(n) + other).astype(np.int64), minlength=n * n).reshape(n, n)
        assert _deviation([int(each) for each in counts[~np.eye(n, dtype=bool)]]) < 4


@pytest.mark.parametrize("n", [1000, 5000, 1_000_003, 10**9])
def test_neighbouring_numbers_are_spread_evenly(n: int) -> None:
    """Of 65,536 successive numbers, the images fall equally often into 256 parts; so do the distances of neighbours."""
    tweaks = KEY.tweaks(words(*range(66)))
    spread = np.concatenate(
        [permuted(np.arange(1000, dtype=np.uint64), words(n), KEY, tweaks[i : i + 1]) for i in range(66)]
    ).astype(np.int64)
    distances = np.diff(spread) % n

    if n > 1000:  # of 1,000 numbers, all images are drawn: their places are too even
        assert _deviation(np.bincount(spread * 256 // n, minlength=256).tolist()) < 4
    assert _deviation(np.bincount(distances * 200 // n, minlength=200).tolist()) < 4


@pytest.mark.parametrize("n", [64, 5000, 10**9])
def test_epochs_and_keys_are_unrelated(n: int) -> None:
    some = range(64)
    equal = sum(a == b for a, b in zip(images(n, 0, some), images(n, 1, some), strict=True))
    other = permuted(np.arange(64, dtype=np.uint64), words(n), PermutationKey("another"), KEY.tweaks(words(0))).tolist()

    assert equal <= 4
    assert sum(a == b for a, b in zip(images(n, 0, some), other, strict=True)) <= 4


def _deviation(counts: list[int]) -> float:
    """Return by how many standard deviations χ² is above its mean."""
    expected = sum(counts) / len(counts)
    chi = sum((each - expected) ** 2 / expected for each in counts)
    freedom = len(counts) - 1
    return (chi - freedom) / math.sqrt(2 * freedom)

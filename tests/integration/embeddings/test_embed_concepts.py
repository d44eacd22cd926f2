"""Embeddings of concepts: prompt ensembles, and captions that are longer than what an encoder reads."""

import asyncio
import threading
from collections.abc import Sequence
from random import Random
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_orderings.errors import Cancelled, EncoderError
from concept_orderings.evidence.captions import captions_of
from concept_orderings.progress import Report, silent
from concept_orderings.request import StreamRequest, parse_request
from worker.evidence import gather_embeddings
from worker.evidence.encoders.fake import FakeEncoder
from worker.evidence.gather_embeddings import ConceptEmbeddings, Means, embed_concepts

FAKE = FakeEncoder()


def request(
    templates: dict[str, str | list[str]], classes: Sequence[str | list[str]] = ("a", "b", "c")
) -> StreamRequest:
    """A request with a dataset for each name, all of the same classes."""
    datasets = [{"name": name, "classes": list(classes), "template": each} for name, each in templates.items()]
    return parse_request({"name": "s", "datasets": datasets, "ordering": {"kind": "similarity"}, "tasks": {"count": 1}})


def embedded(
    asked: StreamRequest, encoder: Any = FAKE, cache: Any = None, report: Report = silent
) -> ConceptEmbeddings:
    return asyncio.run(embed_concepts(asked, encoder, cache, report=report))


class Cache:
    """A cache in a dictionary that notes what was asked for and what was stored."""

    def __init__(self) -> None:
        self.rows: dict[str, np.ndarray] = {}
        self.stored: list[str] = []
        self.most_asked = 0

    async def get_many(
        self, fingerprint: str, captions: Sequence[str], dimensions: int, dtype: type[np.floating]
    ) -> tuple[np.ndarray, np.ndarray]:
        self.most_asked = max(self.most_asked, len(captions))
        found = np.array([caption in self.rows for caption in captions], dtype=bool)
        rows = [self.rows.get(caption, np.zeros(dimensions, dtype)) for caption in captions]
        return found, np.array(rows, dtype=dtype).reshape(len(captions), dimensions)

    async def put_many(self, fingerprint: str, captions: Sequence[str], rows: np.ndarray) -> bool:
        self.stored += captions
        self.rows.update(zip(captions, rows.copy(), strict=True))
        return True


# ---- prompt ensembles


def test_one_template_gives_the_embeddings_of_the_captions() -> None:
    asked = request({"A": "a {}", "B": ["the {}"]})
    np.testing.assert_array_equal(embedded(asked).rows, FAKE.encode(captions_of(asked.concepts)))


def test_several_templates_give_the_unit_mean() -> None:
    asked = request({"A": ["{}", "a {}", "the {}"], "B": "a {}", "C": ["{}!", "{}?"]}, classes=["x", "y"])
    found = embedded(asked).rows
    captions = [["x", "a x", "the x"], ["y", "a y", "the y"], ["a x"], ["a y"], ["x!", "x?"], ["y!", "y?"]]
    assert (found.dtype, found.shape) == (np.dtype(np.float32), (6, 64))
    for row, each in zip(found, captions, strict=True):
        mean = FAKE.encode(each).astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-7)
    # one caption: the very row, whatever the other datasets have
    np.testing.assert_array_equal(found[2:4], FAKE.encode(["a x", "a y"]))


def test_synonyms_give_the_unit_mean_over_all_names_and_templates() -> None:
    asked = request({"A": ["{}", "a {}"], "B": "the {}"}, classes=[["happy", "smiling", "glad"], "sad"])
    found = embedded(asked).rows
    names = ["happy", "smiling", "glad"]
    captions = [[*names, *(f"a {each}" for each in names)], ["sad", "a sad"], [f"the {each}" for each in names]]
    for row, each in zip(found, captions, strict=False):
        mean = FAKE.encode(each).astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-7)
    np.testing.assert_array_equal(found[3:], FAKE.encode(["the sad"]))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4), min_size=2, max_size=6, unique=True),
    st.randoms(use_true_random=False),
)
def test_the_order_of_templates_changes_no_bit(words: list[str], random: Random) -> None:
    templates = [f"{word}{{}}" for word in words]
    rows = embedded(request({"A": templates, "B": "{}"})).rows
    shuffled = random.sample(templates, len(templates))
    np.testing.assert_array_equal(embedded(request({"B": "{}", "A": shuffled})).rows, rows)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 5), st.integers(1, 9), st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_a_mean_is_made_unit_as_python_would(
    captions: int, dimensions: int, seed: int, dtype: type[np.floating]
) -> None:
    """Bit for bit: one addition after the other, each rounded as IEEE 754 says."""
    rows = np.random.default_rng(seed).normal(size=(captions, 1, dimensions)).astype(dtype)
    means = Means(["x"])
    for row in rows:
        means.add(np.array([0]), row.copy())
    sums = [0.0] * dimensions
    for row in rows.tolist():
        sums = [total + value for total, value in zip(sums, row[0], strict=True)]
    squares = 0.0
    for total in sums:
        squares += total * total
    expected = np.array([total / squares**0.5 for total in sums], dtype=dtype)
    unit, lengths = means.unit_rows()
    np.testing.assert_array_equal(unit[0], expected)
    assert lengths == pytest.approx(squares**0.5 / captions)


def test_means_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request({"A": ["{}", "a {}"], "B": "{}"}, classes=[str(i) for i in range(30)])
    whole = embedded(asked).rows
    monkeypatch.setattr(gather_embeddings, "_ROWS", 7)
    np.testing.assert_array_equal(embedded(asked).rows, whole)


class Opposed(FakeEncoder):
    """Gives a caption that ends with a minus the opposite of what it gives without, or almost."""

    def encode(self, captions: Sequence[str], *, report: Report = silent) -> np.ndarray:
        rows = super().encode([caption.removesuffix("-") for caption in captions])
        signs = np.array([-1.0 if caption.endswith("-") else 1.0 for caption in captions], dtype=np.float32)
        return rows * signs[:, None] * np.float32(1 + 1e-8)


def test_captions_that_cancel_each_other_out() -> None:
    with pytest.raises(EncoderError) as caught:
        embedded(request({"A": "{}", "B": ["{}", "{}-"]}), Opposed())
    assert caught.value.code == "encoder_failed"
    assert "'B+++a'" in caught.value.detail
    assert "templates" in caught.value.detail
    # three do not
    embedded(request({"B": ["{}", "{}-", "{}!"]}), Opposed())


def test_only_what_is_missing_is_encoded_and_one_round_is_in_memory_at_a_time() -> None:
    cache = Cache()
    embedded(request({"A": ["{}", "a {}"]}), cache=cache)
    assert sorted(cache.stored) == ["a", "a a", "a b", "a c", "b", "c"]
    cache.stored.clear()
    rows = embedded(request({"A": ["{}", "a {}", "the {}"]}), cache=cache).rows
    assert sorted(cache.stored) == ["the a", "the b", "the c"]
    assert cache.most_asked == 3
    np.testing.assert_array_equal(rows, embedded(request({"A": ["the {}", "{}", "a {}"]})).rows)


def test_progress_counts_the_captions_of_all_rounds() -> None:
    reports: list[tuple[int, int]] = []
    asked = request({"A": ["{}", "a {}"], "B": "{}"})
    embedded(asked, report=lambda *done: reports.append(done))
    # a a, a b, a c, and a, b, c of the other dataset; then a, b, c again
    assert reports[-1] == (9, 9)
    counted = [each for each in reports if each[0]]
    assert counted == sorted(counted)
    assert {total for _, total in counted} == {9}


def test_cancelled_between_rounds() -> None:
    def cancel(done: int, total: int) -> None:
        if done > 3:
            raise Cancelled

    cache = Cache()
    with pytest.raises(Cancelled):
        embedded(request({"A": ["{}", "a {}"]}), cache=cache, report=cancel)
    assert sorted(cache.stored) == ["a a", "a b", "a c"]


# ---- captions that are longer than what is read


class Short(FakeEncoder):
    """Reads three words."""

    threads: ClassVar[set[int]] = set()

    def __init__(self) -> None:
        super().__init__(name="short", context_length=5)
        self.threads.clear()

    def overlong(self, captions: Sequence[str], *, report: Report = silent) -> list[int]:
        report(0, len(captions))
        self.threads.add(threading.get_ident())
        return [i for i, caption in enumerate(captions) if len(caption.split()) > 3]


def test_there_is_no_warning_if_no_caption_is_cut_off() -> None:
    assert embedded(request({"A": "two {}", "B": ["{}", "two {}"]}), Short()).warnings == ()


@pytest.mark.parametrize("cached", [False, True])
def test_concepts_with_captions_that_are_cut_are_named(cached: bool) -> None:
    asked = request({"A": "two {}", "B": ["{}", "now there are five {}", "one two three {}"]}, classes=["x", "y z"])
    cache, encoder = Cache(), Short()
    found = embedded(asked, encoder, cache)
    if cached:
        cache.stored.clear()
        found = embedded(asked, encoder, cache)
        assert cache.stored == []
    [warning] = found.warnings
    assert warning.detail == (
        "The encoder short reads 5 tokens, and cut off the ends of 4 longer captions, "
        "those of 2 concepts: 'B+++x', 'B+++y z'."
    )
    assert (warning.code, warning.count, warning.concepts) == ("cut_captions", 2, ("B+++x", "B+++y z"))
    assert threading.get_ident() not in encoder.threads, "the event loop is not the place for a tokeniser"


def test_the_first_fifty_concepts_are_named() -> None:
    names = [f"{i:03}" for i in range(60)]
    (warning,) = embedded(request({"A": "a b c {}"}, classes=names), Short()).warnings
    assert "60 longer captions" in warning.detail
    assert "of 60 concepts: 'A+++000', " in warning.detail
    assert warning.detail.endswith(", 'A+++049' and 10 more.")
    assert (warning.count, warning.concepts) == (60, tuple(f"A+++{i:03}" for i in range(50)))


def test_one_concept_is_named() -> None:
    (warning,) = embedded(request({"A": "a b {}"}, classes=["x", "y z"]), Short()).warnings
    assert warning.detail.endswith("1 longer caption, those of 1 concept: 'A+++y z'.")


class English(FakeEncoder):
    """Knows the letters of ASCII alone."""

    def unknown(self, captions: Sequence[str], *, report: Report = silent) -> list[int]:
        return [i for i, caption in enumerate(captions) if not caption.isascii()]


def test_captions_with_unknown_text_are_counted_and_their_concepts_named() -> None:
    [warning] = embedded(request({"A": "{}", "B": ["{}", "one {}"]}, classes=["dog", "狗"]), English()).warnings
    assert warning.detail.startswith(
        "The encoder fake does not know all of the text of 3 captions, those of 2 concepts: 'A+++狗', 'B+++狗'. "
    )
    assert (warning.code, warning.count, warning.concepts) == ("unknown_tokens", 2, ("A+++狗", "B+++狗"))


def test_checking_for_long_captions_can_be_cancelled() -> None:
    def cancel(done: int, total: int) -> None:
        if total == 3:
            raise Cancelled

    cache = Cache()
    with pytest.raises(Cancelled):
        embedded(request({"A": "{}"}), Short(), cache, report=cancel)
    assert cache.most_asked == 0

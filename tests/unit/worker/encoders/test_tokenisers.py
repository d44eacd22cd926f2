import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from concept_orderings.errors import Cancelled, EncoderError
from worker.evidence.encoders import tokenisers
from worker.evidence.encoders.base import surely_fits
from worker.evidence.encoders.tokenisers import TokenIds, identity, overlong

from .tiny import AWKWARD

CLIP = open_clip.get_tokenizer("ViT-L-14")
fast_tokenizer: Any = PreTrainedTokenizerFast  # it has no annotations
WORDS = st.lists(st.sampled_from(["a", "dogs", "x" * 30, "日本", "🐕", "!", "naïve"]), max_size=90).map(" ".join)
TEXTS = st.text(max_size=90) | st.text(AWKWARD, max_size=90) | WORDS


def length(caption: str) -> int:
    """Tokens of a caption as CLIP has them, the two marks included."""
    return len(CLIP.encode(caption)) + 2


@settings(max_examples=500, deadline=None)
@given(TEXTS)
@example("&lt;" * 20)
@example("<start_of_text>")
def test_what_surely_fits_fits(caption: str) -> None:
    """The room is as small as it may be for the rule to say yes."""
    assert length(caption) - 2 <= len(caption) or not surely_fits(caption, len(caption))


@pytest.mark.parametrize("caption", ["ﬁ" * 30, "㌔" * 20, "İ" * 40, "&nvgt;" * 20])
def test_text_that_cleaning_lengthens_is_not_surely_short(caption: str) -> None:
    assert not surely_fits(caption, len(caption))


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, max_size=8))
def test_overlong_is_what_clip_cuts(captions: list[str]) -> None:
    found = overlong(CLIP, captions)
    assert found == [i for i, caption in enumerate(captions) if length(caption) > 77]
    # two ways to tell
    assert found == [i for i, cut in enumerate(tokenisers._are_cut(CLIP, captions)) if cut]


@pytest.mark.parametrize(("words", "cut"), [(74, False), (75, False), (76, True), (400, True)])
def test_clip_keeps_the_end_of_what_it_cuts(words: int, cut: bool) -> None:
    tokens = CLIP(["dog " * words])[0]
    assert tokens[: min(words, 75) + 2][[0, -1]].tolist() == [CLIP.sot_token_id, CLIP.eot_token_id]
    assert overlong(CLIP, ["dog", "dog " * words]) == ([1] if cut else [])


def test_short_captions_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(CLIP), "encode", None)
    assert overlong(CLIP, ["A photo of a dog.", "x" * 75]) == []


def test_reports_between_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenisers, "CHUNK", 2)
    reports: list[tuple[int, int]] = []
    assert overlong(CLIP, ["é", "x", "dog " * 80, "é", "dog " * 90], report=lambda *done: reports.append(done)) == [
        2,
        4,
    ]
    assert reports == [(0, 4), (2, 4)]

    def cancel(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        overlong(CLIP, ["é"], report=cancel)


# ---- tokenisers of transformers


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_overlong_is_what_transformers_cut(captions: list[str]) -> None:
    bert = open_clip.get_tokenizer("tiny-eos")
    lengths = [len(ids) for ids in bert.tokenizer([bert.clean_fn(text) for text in captions])["input_ids"]]
    assert overlong(bert, captions) == [i for i, each in enumerate(lengths) if each > 77]


class Stand:
    """A tokeniser of single letters: 3 for each, then perhaps an end mark, then padding."""

    context_length = 5

    def __init__(self, end: list[int], padding: int) -> None:
        self.end, self.padding = end, padding

    def __call__(self, captions: list[str], context_length: int = 5) -> torch.Tensor:
        rows = [([3] * len(text))[: context_length - len(self.end)] + self.end for text in captions]
        return torch.tensor([row + [self.padding] * (context_length - len(row)) for row in rows])


@pytest.mark.parametrize(
    ("end", "padding", "longest"),
    [
        ([9], 0, 4),
        # as T5's: what ends a caption also pads it
        ([1], 1, 4),
        ([], 0, 5),
    ],
)
def test_overlong_whatever_ends_a_caption(end: list[int], padding: int, longest: int) -> None:
    captions = ["x" * i for i in range(9)]
    assert overlong(Stand(end, padding), captions) == list(range(longest + 1, 9))


def test_identity() -> None:
    assert identity(CLIP) == "SimpleTokenizer"
    bert = open_clip.get_tokenizer("tiny-eos")
    before = identity(bert)
    assert before.startswith("HFTokenizer ")
    # what is set by a call is not what the tokeniser is
    bert(["a dog", "x " * 100])
    assert identity(bert) == before == identity(open_clip.get_tokenizer("tiny-hf"))
    bert.tokenizer.add_tokens(["aquarium_fish"])
    assert identity(bert) != before


@pytest.mark.parametrize("change", [{"vocab": {"a": 1, "b": 0}}, {"unk": "b"}])
def test_the_identity_is_of_the_rules(change: dict[str, Any]) -> None:
    def wrapped(vocab: dict[str, int], unk: str) -> Any:
        class Wrapper:
            tokenizer = fast_tokenizer(tokenizer_object=Tokenizer(models.WordLevel(vocab, unk)))

        return Wrapper()

    plain: dict[str, Any] = {"vocab": {"a": 0, "b": 1}, "unk": "a"}
    assert identity(wrapped(**plain)) == identity(wrapped(**plain))
    assert identity(wrapped(**plain)) != identity(wrapped(**{**plain, **change}))


def test_a_tokeniser_without_a_backend() -> None:
    class Plain:
        all_special_tokens = ("[SEP]",)

        def __init__(self, **vocabulary: int) -> None:
            self._vocabulary = vocabulary

        def get_vocab(self) -> dict[str, int]:
            return self._vocabulary

    class Wrapper:
        def __init__(self, tokenizer: Plain) -> None:
            self.tokenizer = tokenizer

    assert identity(Wrapper(Plain(a=0, b=1))) == identity(Wrapper(Plain(b=1, a=0)))
    assert identity(Wrapper(Plain(a=0, b=1))) != identity(Wrapper(Plain(a=1, b=0)))


def test_a_tokeniser_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(model: str) -> None:
        raise OSError("no internet")

    monkeypatch.setattr(open_clip, "get_tokenizer", missing)
    with pytest.raises(EncoderError) as caught:
        tokenisers.load_tokeniser("roberta-ViT-B-32")
    assert caught.value.code == "encoder_not_configured"
    assert "roberta-ViT-B-32" in caught.value.detail


TOKEN_IDS = TokenIds(CLIP)
ANYTHING = st.text(max_size=90) | st.text(AWKWARD, max_size=90) | st.text(st.characters(max_codepoint=127), max_size=90)


@settings(max_examples=500, deadline=None)
@given(st.lists(ANYTHING | WORDS, max_size=8))
@example(
    ["<start_of_text>", "<END_OF_TEXT>", "&lt;&amp;lt;", "it's  a DOG'S\tlife ", "dog " * 80, "", "\x1b[0m", "naïve ﬁ"]
)
def test_token_ids_are_those_of_open_clip(captions: list[str]) -> None:
    assert TOKEN_IDS(captions).tolist() == CLIP(captions).tolist()


def test_token_ids_of_all_class_lists_are_those_of_open_clip(benchmark_data: Path) -> None:
    lists = sorted((benchmark_data / "fomo_in_flux" / "class_lists").glob("*.json"))
    captions = [f"A photo of a {name}." for path in lists for name in json.loads(path.read_text())]
    assert len(captions) == 23_078
    assert (TokenIds(CLIP)(captions) == CLIP(captions).numpy()).all()


def test_other_tokenisers_give_their_own_ids() -> None:
    sentence = open_clip.tokenizer.SimpleTokenizer(clean="canonicalize")
    assert TokenIds(sentence)(["It's, a dog!"]).tolist() == sentence(["It's, a dog!"]).tolist()
    random = open_clip.tokenizer.SimpleTokenizer(reduction_mask="simple")
    assert TokenIds(random)(["a dog"]).tolist() == random(["a dog"]).tolist()

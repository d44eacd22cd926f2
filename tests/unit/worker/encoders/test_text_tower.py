import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.evidence.encoders import text_tower
from worker.evidence.encoders.text_tower import trie_of

CONTEXT = 6
# few different tokens, so that much is shared
captions = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=CONTEXT), min_size=1, max_size=12)


def padded(tokens: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids with anything behind the captions, and the captions' lengths."""
    rows = np.random.default_rng(0).integers(0, 3, (len(tokens), CONTEXT))
    for row, caption in zip(rows, tokens, strict=True):
        row[: len(caption)] = caption
    return rows, np.array([len(caption) for caption in tokens])


@given(captions)
def test_each_caption_sees_itself_and_nothing_else(tokens: list[list[int]]) -> None:
    trie = trie_of(*padded(tokens))
    for end, caption in zip(trie.ends, tokens, strict=True):
        path = np.flatnonzero(trie.seen[end])
        assert trie.tokens[path].tolist() == caption
        assert trie.positions[path].tolist() == list(range(len(caption)))
        for i, place in enumerate(path):
            # what a token sees is what the one before it sees, and itself
            assert np.flatnonzero(trie.seen[place]).tolist() == path[: i + 1].tolist()


@given(captions)
def test_sorted_captions_hold_each_beginning_once(tokens: list[list[int]]) -> None:
    trie = trie_of(*padded(sorted(tokens)))
    beginnings = {tuple(caption[:i]) for caption in tokens for i in range(1, len(caption) + 1)}
    assert len(trie.tokens) == len(trie.positions) == len(trie.seen) == len(beginnings)


def test_one_caption() -> None:
    trie = trie_of(np.array([[7, 8, 9, 0]]), np.array([3]))
    assert trie.tokens.tolist() == [7, 8, 9]
    assert trie.positions.tolist() == [0, 1, 2]
    assert trie.ends.tolist() == [2]
    assert trie.seen.tolist() == [[True, False, False], [True, True, False], [True, True, True]]


@pytest.mark.parametrize("most", [1, 2, 5, 1000])
def test_a_long_sequence_is_divided(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from open_clip.transformer import TextTransformer

    torch.manual_seed(0)
    tower = TextTransformer(context_length=CONTEXT, vocab_size=3, width=8, heads=2, layers=2, output_dim=4).eval()
    tokens, lengths = padded([[0, 1, 2], [0, 1, 2, 1], [0, 2], [1, 2, 2, 0, 1]])
    run = []
    tower.transformer.register_forward_pre_hook(lambda _, args: run.append(args[0].shape[1]))
    with torch.inference_mode():
        whole = text_tower.run_shared(tower, tokens, lengths, torch.device("cpu"))
        assert run == [10]
        run.clear()
        monkeypatch.setattr(text_tower, "MOST_TOKENS", most)
        divided = text_tower.run_shared(tower, tokens, lengths, torch.device("cpu"))
    # a caption that is too long by itself is run all the same
    assert run == {1: [3, 4, 2, 5], 2: [3, 4, 2, 5], 5: [4, 2, 5], 1000: [10]}[most]
    np.testing.assert_allclose(divided, whole, atol=1e-6)

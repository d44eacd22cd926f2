"""Running the text tower of an open_clip model over token ids.

In a causal text tower a token's state depends on the tokens before it alone, and the embedding is read at the
end-of-text token. So nothing behind that token has to be computed, and what captions begin with alike ("A photo of
a …") has to be computed once. A batch is laid out as one sequence that holds each distinct beginning once, a trie of
tokens, in which a token sees those on the way to it from the root and no others. There is no padding, and the tower's
own layers run unchanged: the trie is in the attention mask and in the positions.

Towers of which this is not true (bidirectional, pooled elsewhere, from Hugging Face) are run as they are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.transformer import TextTransformer

from worker.evidence.encoders.batches import IntArray

MOST_TOKENS = 1024
"""Attention grows with the square of the tokens in a sequence; at so many it is a fifth of ViT-L-14's work."""


@dataclass(frozen=True)
class Trie:
    """The distinct beginnings of b captions as one sequence of n tokens.

    Attributes
    ----------
    tokens : ndarray of int64, shape (n,)
        The last token of each beginning.
    positions : ndarray of int64, shape (n,)
        Where that token stands in its captions.
    ends : ndarray of int64, shape (b,)
        Where in the sequence each caption ends.
    seen : ndarray of bool, shape (n, n)
        ``seen[i, j]``: whether token j is i itself or one before it in its captions.
    """

    tokens: IntArray
    positions: IntArray
    ends: IntArray
    seen: NDArray[np.bool_]


def trie_of(tokens: IntArray, lengths: IntArray) -> Trie:
    """Lay out captions as a trie.

    Only neighbours share their beginnings, so the captions should come sorted; any order gives right embeddings.

    Parameters
    ----------
    tokens : ndarray of int64, shape (b, context)
        Token ids.
    lengths : ndarray of int64, shape (b,)
        Tokens of each caption, end-of-text included; what stands behind is ignored.
    """
    shared = _shared(tokens, lengths)
    firsts = np.cumsum(lengths - shared) - (lengths - shared)
    n = int((lengths - shared).sum())
    # where in the sequence each token of each caption stands
    places = np.zeros(tokens.shape, dtype=np.int64)
    causal = np.tri(tokens.shape[1], dtype=np.bool_)
    seen = np.zeros((n, n), dtype=np.bool_)
    for i, (first, start, length) in enumerate(zip(firsts, shared, lengths, strict=True)):
        places[i, :start] = places[i - 1, :start]
        places[i, start:length] = np.arange(first, first + length - start)
        seen[first : first + length - start, places[i, :length]] = causal[start:length, :length]
    columns = np.arange(tokens.shape[1])
    new = (columns >= shared[:, None]) & (columns < lengths[:, None])
    return Trie(
        tokens=tokens[new],
        positions=np.broadcast_to(columns, tokens.shape)[new],
        ends=places[np.arange(len(tokens)), lengths - 1],
        seen=seen,
    )


def _shared(tokens: IntArray, lengths: IntArray) -> IntArray:
    """Count the tokens with which each caption begins as the one before it does, shape (b,)."""
    shared = np.zeros(len(tokens), dtype=np.int64)
    alike = np.logical_and.accumulate(tokens[1:] == tokens[:-1], axis=1).sum(axis=1)
    shared[1:] = np.minimum(alike, np.minimum(lengths[1:], lengths[:-1]))
    return shared


def text_lengths(tower: torch.nn.Module, tokens: torch.Tensor) -> IntArray | None:
    """Count the tokens of each caption up to its end-of-text, shape (b,); None for a tower that must be run whole."""
    if not isinstance(tower, TextTransformer) or tower.attn_mask is None or tower.cls_emb is not None:
        return None
    if tower.pool_type == "argmax":
        # end-of-text has the highest number of all tokens
        marks = tokens
    elif tower.pool_type == "eos":
        marks = (tokens == tower.eos_id).int()
    else:
        return None
    lengths: IntArray = marks.argmax(dim=1).numpy() + 1
    return lengths


def run_shared(tower: Any, tokens: IntArray, lengths: IntArray, device: torch.device) -> torch.Tensor:
    """Embed captions, shape (b, d), with the beginnings that neighbours share computed once.

    Parameters
    ----------
    tower : TextTransformer
        One for which `text_lengths` is not None.
    tokens, lengths : ndarray of int64, shapes (b, context) and (b,)
        As `trie_of` takes them.
    device : torch.device
        The tower's.
    """
    trie = trie_of(tokens, lengths)
    half = len(tokens) // 2
    if len(trie.tokens) > MOST_TOKENS and half:
        parts = (slice(half), slice(half, None))
        return torch.cat([run_shared(tower, tokens[part], lengths[part], device) for part in parts])
    there = {name: torch.from_numpy(value).to(device) for name, value in vars(trie).items()}
    states = tower.token_embedding(there["tokens"]) + tower.positional_embedding[there["positions"]]
    mask = torch.zeros_like(there["seen"], dtype=states.dtype).masked_fill_(~there["seen"], float("-inf"))
    states = tower.transformer(states.unsqueeze(0), attn_mask=mask).squeeze(0)
    return _projected(tower.ln_final(states[there["ends"]]), tower.text_projection)


def _projected(states: torch.Tensor, projection: torch.nn.Linear | torch.Tensor | None) -> torch.Tensor:
    if projection is None:
        return states
    if isinstance(projection, torch.nn.Linear):
        linear: torch.Tensor = projection(states)
        return linear
    return states @ projection


def run_whole(tower: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """Embed token ids, shape (b, context), with the tower's own forward."""
    output = tower(tokens)
    # CoCa's tower also returns the states of all tokens
    features: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return features

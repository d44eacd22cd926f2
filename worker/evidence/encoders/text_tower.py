"""Running the text tower of an open_clip model over token ids.

In a causal text tower the state of a token depends only on the tokens before it, and the embedding is read at the
end-of-text token. So tokens after that one need not be computed, and a beginning that captions share ("A photo of a …")
is computed once. A batch becomes one sequence that has each distinct beginning once: a trie of tokens, in which a token
attends to the tokens on the path from the root to it and to no others. There is no padding, and the tower's own layers
run unchanged: the trie is in the attention mask and in the positions.

Other towers (bidirectional, pooled at another token, from Hugging Face) run unchanged over padded captions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.transformer import TextTransformer

from worker.evidence.encoders.batches import IntArray

MOST_TOKENS = 1024
"""The most tokens in a sequence. The work of attention grows with their square: here it is a fifth of ViT-L-14's."""


@dataclass(frozen=True)
class Trie:
    """The distinct beginnings of b captions as one sequence of n tokens.

    Attributes
    ----------
    tokens : ndarray of int64, shape (n,)
        The last token of each beginning.
    positions : ndarray of int64, shape (n,)
        Position of that token in its captions.
    ends : ndarray of int64, shape (b,)
        Index in the sequence of the last token of each caption.
    seen : ndarray of bool, shape (n, n)
        ``seen[i, j]``: whether token i attends to token j, which is i itself or stands before it in its captions.
    """

    tokens: IntArray
    positions: IntArray
    ends: IntArray
    seen: NDArray[np.bool_]


def trie_of(tokens: IntArray, lengths: IntArray) -> Trie:
    """Return the trie of captions.

    Only neighbouring captions share their beginnings, so they should be sorted. Any order gives correct embeddings.

    Parameters
    ----------
    tokens : ndarray of int64, shape (b, context)
        Token ids.
    lengths : ndarray of int64, shape (b,)
        Number of tokens of each caption, including end-of-text; tokens after it are ignored.
    """
    tokens = tokens[:, : lengths.max(initial=0)]
    columns = np.arange(tokens.shape[1])
    new = (columns >= _shared(tokens, lengths)[:, None]) & (columns < lengths[:, None])
    # Index in the sequence of each token of each caption. A token that is not new is the one above it in its column,
    # and the new tokens of a column are numbered from above to below.
    places = np.zeros(tokens.shape, dtype=np.int64)
    places[new] = np.arange(new.sum())
    places = np.maximum.accumulate(places, axis=0)
    captions, positions = np.nonzero(new)
    n = len(positions)
    seen = np.zeros((n, n), dtype=np.bool_)
    seen[np.repeat(np.arange(n), positions + 1), places[captions][columns <= positions[:, None]]] = True
    return Trie(tokens=tokens[new], positions=positions, ends=places[np.arange(len(tokens)), lengths - 1], seen=seen)


def _shared(tokens: IntArray, lengths: IntArray) -> IntArray:
    """Count the first tokens that each caption has in common with the caption before it, shape (b,)."""
    shared = np.zeros(len(tokens), dtype=np.int64)
    alike = np.logical_and.accumulate(tokens[1:] == tokens[:-1], axis=1).sum(axis=1)
    shared[1:] = np.minimum(alike, np.minimum(lengths[1:], lengths[:-1]))
    return shared


def text_lengths(tower: torch.nn.Module, tokens: torch.Tensor) -> IntArray | None:
    """Count the tokens of each caption up to end-of-text, shape (b,); None if only `run_whole` can run the tower."""
    if not isinstance(tower, TextTransformer) or tower.attn_mask is None or tower.cls_emb is not None:
        return None
    if tower.pool_type == "argmax":
        # End-of-text has the highest id of all tokens.
        marks = tokens
    elif tower.pool_type == "eos":
        marks = (tokens == tower.eos_id).int()
    else:
        return None
    lengths: IntArray = marks.argmax(dim=1).numpy() + 1
    return lengths


def run_shared(tower: Any, tokens: IntArray, lengths: IntArray, device: torch.device) -> torch.Tensor:
    """Embed captions, shape (b, d); beginnings that neighbours share are computed once.

    Parameters
    ----------
    tower : TextTransformer
        One for which `text_lengths` is not None.
    tokens, lengths : ndarray of int64, shapes (b, context) and (b,)
        See `trie_of`.
    device : torch.device
        The device of the tower.
    """
    half = len(tokens) // 2
    if int((lengths - _shared(tokens, lengths)).sum()) > MOST_TOKENS and half:
        parts = (slice(half), slice(half, None))
        return torch.cat([run_shared(tower, tokens[part], lengths[part], device) for part in parts])
    on_device = {name: _sent(value, device) for name, value in vars(trie_of(tokens, lengths)).items()}
    seen = on_device["seen"]
    states = tower.token_embedding(on_device["tokens"]) + tower.positional_embedding[on_device["positions"]]
    mask = torch.zeros_like(seen, dtype=states.dtype).masked_fill_(~seen, float("-inf"))
    states = tower.transformer(states.unsqueeze(0), attn_mask=mask).squeeze(0)
    return _projected(tower.ln_final(states[on_device["ends"]]), tower.text_projection)


def _sent(array: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """Copy an array to a device; a GPU goes on with earlier work meanwhile."""
    tensor = torch.from_numpy(array)
    # From memory that may be swapped out, CUDA copies at once, after all work that it has been given.
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


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
    # CoCa's tower also returns the states of all tokens.
    features: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return features

"""The tokenisers of open_clip's models: which captions they cut off, and what identifies them."""

import hashlib
import json
import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip import tokenizer as open_clip_tokenizer
from open_clip.tokenizer import SimpleTokenizer

from concept_orderings.errors import EncoderError
from concept_orderings.progress import Report, silent
from worker.evidence.encoders.base import surely_fits
from worker.evidence.encoders.batches import IntArray

CHUNK = 1024
"""Captions between two reports: tenths of a second of work."""

_PLAIN = re.compile(r"[ -%'-~]*")
"""Text that CLIP's cleaning only splits at spaces and lower-cases: printable ASCII without references (``&amp;``)."""


def load_tokeniser(model: str) -> Any:
    """Return the tokeniser of an open_clip model.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: it is not in the local cache and cannot be downloaded.
    """
    try:
        return open_clip.get_tokenizer(model)
    except (OSError, RuntimeError, ValueError) as error:
        raise EncoderError(
            "encoder_not_configured",
            f"The tokeniser of the open_clip model {model} is not in the cache of the Hugging Face Hub (HF_HOME) "
            f"and cannot be downloaded: {error}",
        ) from error


class TokenIds:
    """Gives the token ids of an open_clip tokeniser; those of CLIP's own in a third of its time.

    CLIP's own tokeniser repairs broken encodings in each caption, and looks up each piece of each word. Here plain
    ASCII, which comes out as it was, is not repaired, and the ids of a word are kept.

    Parameters
    ----------
    tokeniser
        A tokeniser of open_clip.
    """

    def __init__(self, tokeniser: Any) -> None:
        self._tokeniser = tokeniser
        self._ids: dict[str, list[int]] = {}

    def __call__(self, captions: Sequence[str]) -> IntArray:
        """Return what the tokeniser returns, shape (n, context length)."""
        tokeniser = self._tokeniser
        if type(tokeniser) is not SimpleTokenizer or tokeniser.reduction_fn is not None:
            ids: IntArray = tokeniser(list(captions)).numpy()
            return ids
        context = tokeniser.context_length
        result = np.zeros((len(captions), context), dtype=np.int64)
        for row, caption in zip(result, captions, strict=True):
            tokens = [tokeniser.sot_token_id, *self._of_caption(caption), tokeniser.eot_token_id]
            if len(tokens) > context:
                tokens[context - 1 :] = [tokeniser.eot_token_id]
            row[: len(tokens)] = tokens
        return result

    def _of_caption(self, caption: str) -> chain[int]:
        tokeniser = self._tokeniser
        if tokeniser.clean_fn is open_clip_tokenizer._clean_lower and _PLAIN.fullmatch(caption):
            text = " ".join(caption.split()).lower()
        else:
            text = tokeniser.clean_fn(caption)
        return chain.from_iterable(self._ids.get(word) or self._of_word(word) for word in tokeniser.pat.findall(text))

    def _of_word(self, word: str) -> list[int]:
        letters = "".join(self._tokeniser.byte_encoder[byte] for byte in word.encode())
        ids = self._ids[word] = [self._tokeniser.encoder[piece] for piece in self._tokeniser.bpe(letters).split(" ")]
        return ids


def identity(tokeniser: Any) -> str:
    """Return what identifies a tokeniser in fingerprints: its class, and the digest of the rules that it has loaded.

    CLIP's own tokeniser loads no rules beyond the model's configuration: its merges are part of open_clip.
    """
    kind = type(tokeniser).__name__
    return kind if isinstance(tokeniser, SimpleTokenizer) else f"{kind} {_rules_sha256(tokeniser.tokenizer)}"


def _rules_sha256(tokeniser: Any) -> str:
    """Return the SHA-256 (hexadecimal) of a transformers tokeniser's rules: vocabulary, normaliser, special tokens."""
    backend = getattr(tokeniser, "backend_tokenizer", None)
    # One that is written in Python cannot be serialised: its vocabulary and its special tokens identify it.
    rules = (
        {"vocabulary": tokeniser.get_vocab(), "special": [str(token) for token in tokeniser.all_special_tokens]}
        if backend is None
        else json.loads(backend.to_str())
    )
    # They are not rules, since every call sets them.
    rules = {name: value for name, value in rules.items() if name not in ("truncation", "padding")}
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def overlong(tokeniser: Any, captions: Sequence[str], *, report: Report = silent) -> list[int]:
    """Return the positions of the captions that are longer than the context, whose ends are cut off.

    Parameters
    ----------
    tokeniser
        A tokeniser of open_clip.
    captions : sequence of str
        n captions.
    report : Report
        Called with the captions checked and the captions to check; may raise `Cancelled`.
    """
    plain = isinstance(tokeniser, SimpleTokenizer)
    room = tokeniser.context_length - 2
    doubtful = [i for i, caption in enumerate(captions) if not plain or not surely_fits(caption, room)]
    found: list[int] = []
    for start in range(0, len(doubtful), CHUNK):
        report(start, len(doubtful))
        chunk = doubtful[start : start + CHUNK]
        texts = [captions[i] for i in chunk]
        cut = [len(tokeniser.encode(each)) > room for each in texts] if plain else _are_cut(tokeniser, texts)
        found.extend(i for i, is_cut in zip(chunk, cut, strict=True) if is_cut)
    return found


def unknown(tokeniser: Any, captions: Sequence[str], *, report: Report = silent) -> list[int]:
    """Return the positions of the captions with the token for unknown text; parameters as of `overlong`.

    CLIP's own tokeniser reads bytes and has no such token.
    """
    rules = getattr(tokeniser, "tokenizer", None)
    token = getattr(rules, "unk_token_id", None)
    # Tokenisers of bytes name a token that has another meaning.
    if rules is None or token is None or token in (rules.eos_token_id, rules.bos_token_id, rules.pad_token_id):
        return []
    found: list[int] = []
    for start in range(0, len(captions), CHUNK):
        report(start, len(captions))
        ids = rules(list(captions[start : start + CHUNK]), add_special_tokens=False)["input_ids"]
        found.extend(start + i for i, each in enumerate(ids) if token in each)
    return found


def _are_cut(tokeniser: Any, captions: list[str]) -> list[bool]:
    """Tell which captions have other tokens when the context is one token longer; works for any tokeniser.

    A caption that is cut off then has its end-of-text one place later. With a tokeniser that marks no end of text, it
    has another token in the place where a short caption has padding.
    """
    context = tokeniser.context_length
    usual, longer = tokeniser(captions), tokeniser([*captions, ""], context_length=context + 1)
    changed: torch.Tensor = (longer[:-1, :context] != usual).any(dim=1) | (longer[:-1, context] != longer[-1, context])
    cut: list[bool] = changed.tolist()
    return cut

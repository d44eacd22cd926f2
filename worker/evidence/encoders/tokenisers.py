"""The tokenisers of open_clip's models: which captions they cut, and what tells them apart."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer

from concept_orderings.errors import EncoderError
from concept_orderings.progress import Report, silent
from worker.evidence.encoders.base import surely_fits

CHUNK = 1024
"""Captions between two reports: tenths of a second."""


def load_tokeniser(model: str) -> Any:
    """Return the tokeniser of an open_clip model.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: it is neither here nor to be downloaded.
    """
    try:
        return open_clip.get_tokenizer(model)
    except (OSError, RuntimeError, ValueError) as error:
        raise EncoderError(
            "encoder_not_configured",
            f"The tokeniser of the open_clip model {model} is not in the cache of the Hugging Face Hub (HF_HOME) "
            f"and cannot be downloaded: {error}",
        ) from error


def identity(tokeniser: Any) -> str:
    """Name what a tokeniser does to text, for fingerprints: its class, and the digest of rules that it has loaded.

    CLIP's own has no rules of its own beyond the model's configuration: its merges are part of open_clip.
    """
    kind = type(tokeniser).__name__
    return kind if isinstance(tokeniser, SimpleTokenizer) else f"{kind} {_rules_sha256(tokeniser.tokenizer)}"


def _rules_sha256(tokeniser: Any) -> str:
    """SHA-256 (hexadecimal) of the rules of a tokeniser of transformers: vocabulary, normaliser, special tokens."""
    backend = getattr(tokeniser, "backend_tokenizer", None)
    # One that is written in Python has no form of its own: its vocabulary, and the tokens with a meaning.
    rules = (
        {"vocabulary": tokeniser.get_vocab(), "special": [str(token) for token in tokeniser.all_special_tokens]}
        if backend is None
        else json.loads(backend.to_str())
    )
    # Not rules: every call sets them.
    rules = {name: value for name, value in rules.items() if name not in ("truncation", "padding")}
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def overlong(tokeniser: Any, captions: Sequence[str], *, report: Report = silent) -> list[int]:
    """Return the positions of the captions that are longer than the context, so that their ends are cut off.

    Parameters
    ----------
    tokeniser
        One of open_clip's.
    captions : sequence of str
        n captions.
    report : Report
        Told how many are looked at; may raise `Cancelled`.
    """
    plain = isinstance(tokeniser, SimpleTokenizer)
    room = tokeniser.context_length - 2
    doubtful = [i for i, caption in enumerate(captions) if not plain or not surely_fits(caption, room)]
    found: list[int] = []
    for start in range(0, len(doubtful), CHUNK):
        report(start, len(doubtful))
        chunk = doubtful[start : start + CHUNK]
        several = [captions[i] for i in chunk]
        cut = [len(tokeniser.encode(each)) > room for each in several] if plain else _are_cut(tokeniser, several)
        found.extend(i for i, is_cut in zip(chunk, cut, strict=True) if is_cut)
    return found


def _are_cut(tokeniser: Any, captions: list[str]) -> list[bool]:
    """Tell which captions change when there is room for one token more; works for any tokeniser.

    One that is cut has its end-of-text a place later then, or, where a tokeniser has no such mark, no padding behind.
    """
    context = tokeniser.context_length
    now, then = tokeniser(captions), tokeniser([*captions, ""], context_length=context + 1)
    changed: torch.Tensor = (then[:-1, :context] != now).any(dim=1) | (then[:-1, context] != then[-1, context])
    cut: list[bool] = changed.tolist()
    return cut

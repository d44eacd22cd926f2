"""The text tower of any open_clip model.

The whole model is laid out without memory, so that a checkpoint is held against all of it (two models may differ in
the image tower alone), and only the text tower is then filled.

In a causal text tower a token's state depends on nothing to its right, and the embedding is read at the end-of-text
token. So a batch is cut behind its last end-of-text, which gives what the padded batch gives, several times faster.
Towers of which this is not true (bidirectional, pooled elsewhere, from Hugging Face) are run as they are.
"""

import contextlib
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
from numpy.typing import NDArray
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from open_clip.transformer import TextTransformer
from safetensors.torch import load_file

from concept_orderings.errors import EncoderError
from concept_orderings.progress import Report, silent
from worker.evidence.encoders.base import file_sha256, fingerprint
from worker.evidence.encoders.batches import IntArray, encode_by_length, prepare
from worker.evidence.encoders.checkpoints import find_checkpoint, wants_quick_gelu
from worker.settings import WorkerSettings

VERSION = 1
"""Part of the fingerprint; to be raised when this file changes the embeddings."""

Config: TypeAlias = dict[str, Any]
State: TypeAlias = dict[str, torch.Tensor]

# Values that belong to neither tower, and whose shape differs between releases of the same model.
_SCALARS = ("logit_scale", "logit_bias")
# A constant that older checkpoints of Hugging Face towers hold.
_CONSTANT = "text.transformer.embeddings.position_ids"


@dataclass(frozen=True)
class ClipText:
    """A CLIP text tower with its tokeniser."""

    name: str
    tower: torch.nn.Module
    tokeniser: Any
    device: torch.device
    batch_size: int
    dimensions: int
    weights_sha256: str
    fingerprint: str

    def encode(self, captions: Sequence[str], *, report: Report = silent) -> NDArray[np.float32]:
        """Embed captions, as `base.Encoder.encode` describes; float32, shape (n, dimensions)."""
        if not captions:
            return np.empty((0, self.dimensions), dtype=np.float32)
        tokens = self.tokeniser(list(captions))
        ends = text_ends(self.tower, tokens)

        def forward(batch: IntArray) -> torch.Tensor:
            index = torch.from_numpy(batch)
            if ends is None:
                return _whole(self.tower, tokens[index].to(self.device))
            return _cut(self.tower, tokens[index], ends[index], self.device)

        return encode_by_length(
            np.full(len(tokens), tokens.shape[1], dtype=np.int64) if ends is None else ends.numpy(),
            forward,
            name=self.name,
            dimensions=self.dimensions,
            batch_size=self.batch_size,
            report=report,
        )


def text_ends(tower: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor | None:
    """Position of each caption's end-of-text token, int64, shape (b,); None for a tower that must not be cut."""
    if not isinstance(tower, TextTransformer) or tower.attn_mask is None or tower.cls_emb is not None:
        return None
    if tower.pool_type == "argmax":
        # end-of-text has the highest number of all tokens
        marks = tokens
    elif tower.pool_type == "eos":
        marks = (tokens == tower.eos_id).int()
    else:
        return None
    return marks.argmax(dim=1)


def _cut(tower: Any, tokens: torch.Tensor, ends: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Embed token ids, shape (b, context), read at `ends`: `TextTransformer.forward` without the padding."""
    length = int(ends.max()) + 1
    states = tower.token_embedding(tokens[:, :length].to(device)) + tower.positional_embedding[:length]
    states = tower.transformer(states, attn_mask=tower.attn_mask[:length, :length])
    states = tower.ln_final(states[torch.arange(len(tokens), device=device), ends.to(device)])
    return _projected(states, tower.text_projection)


def _projected(states: torch.Tensor, projection: torch.nn.Linear | torch.Tensor | None) -> torch.Tensor:
    if projection is None:
        return states
    if isinstance(projection, torch.nn.Linear):
        linear: torch.Tensor = projection(states)
        return linear
    return states @ projection


def _whole(tower: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """Embed token ids, shape (b, context), with the tower's own forward."""
    output = tower(tokens)
    # CoCa's tower also returns the states of all tokens
    features: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return features


def load(name: str, settings: WorkerSettings) -> ClipText:
    """Load ``open_clip/MODEL`` or ``open_clip/MODEL/PRETRAINED``.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: an unknown model; weights or a tokeniser that are neither here nor to be
        downloaded; a device that is not there. ``encoder_mismatch``: weights that are not those of the model.
    """
    model, tag = _parsed(name)
    device, batch_size = prepare(settings)
    checkpoint = find_checkpoint(settings.checkpoints, model, tag)
    config = _config(model, tag)
    tokeniser = _tokeniser(model)
    digest = file_sha256(checkpoint)
    tower = _filled(_laid_out(model, config), _read(checkpoint, model), f"{model} ({checkpoint})", device)
    return ClipText(
        name=name,
        tower=tower,
        tokeniser=tokeniser,
        device=device,
        batch_size=batch_size,
        dimensions=config["embed_dim"],
        weights_sha256=digest,
        fingerprint=fingerprint(
            encoder="open_clip",
            version=VERSION,
            # the configuration, not the name: two names may be of one text tower; it holds the tokeniser's name too
            text=config["text_cfg"],
            quick_gelu=config["quick_gelu"],
            dimensions=config["embed_dim"],
            weights=digest,
            dtype="float32",
            tokeniser=type(tokeniser).__name__,
        ),
    )


def _parsed(name: str) -> tuple[str, str | None]:
    # a tag becomes part of a file name, so it must not lead out of the directory of checkpoints
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


def _tokeniser(model: str) -> Any:
    try:
        return open_clip.get_tokenizer(model)
    except (OSError, RuntimeError, ValueError) as error:
        raise EncoderError(
            "encoder_not_configured",
            f"The tokeniser of the open_clip model {model} is not in the cache of the Hugging Face Hub (HF_HOME) "
            f"and cannot be downloaded: {error}",
        ) from error


def _laid_out(model: str, config: Config) -> torch.nn.Module:
    """Build a model with its text tower as ``.text``, without memory where that is possible."""
    options = {key: value for key, value in config.items() if key != "custom_text"}
    # the checkpoint fills both towers: nothing is to be downloaded for one alone
    options["vision_cfg"] = {**options["vision_cfg"], "timm_model_pretrained": False}
    options["text_cfg"] = {**options["text_cfg"], "hf_model_pretrained": False}
    build = open_clip.CoCa if "multimodal_cfg" in options else open_clip.CustomTextCLIP
    # Hugging Face towers have buffers that no checkpoint holds, so they are built for real
    hugging_face = "hf_model_name" in options["text_cfg"]
    try:
        with contextlib.nullcontext() if hugging_face else torch.device("meta"):
            return build(**options)  # type: ignore[no-any-return]
    except OSError as error:
        raise EncoderError(
            "encoder_not_configured",
            f"The configuration of the text tower of {model} is not in the cache of the Hugging Face Hub (HF_HOME) "
            f"and cannot be downloaded: {error}",
        ) from error


def _read(checkpoint: Path, model: str) -> State:
    """Read a checkpoint without running anything that it may contain."""
    try:
        if checkpoint.suffix == ".safetensors":
            content: Any = load_file(checkpoint)
        else:
            # mapped into memory, the image tower is never read
            content = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(checkpoint))
    except Exception as error:
        # unpickling alone raises a dozen kinds of errors
        raise EncoderError(
            "encoder_mismatch",
            f"{checkpoint} cannot be read as weights of {model}; a safetensors file or a plain PyTorch state dict "
            f"can, a TorchScript archive cannot: {error}",
        ) from error
    return _state(content)


def _state(content: Any) -> State:
    """Take the tensors out of a training checkpoint, which may wrap them and prefix their names."""
    nested = content.get("state_dict", content) if isinstance(content, Mapping) else {}
    return {str(key).removeprefix("module."): value for key, value in nested.items() if isinstance(value, torch.Tensor)}


def _filled(skeleton: Any, state: State, what: str, device: torch.device) -> torch.nn.Module:
    """Hold a checkpoint against the whole model; return its text tower, filled, in float32, on the device."""
    state = convert_state_dict(skeleton, state)
    state = convert_to_custom_text_state_dict(state)
    _check_fit({key: tuple(value.shape) for key, value in skeleton.state_dict().items()}, state, what)
    tower: torch.nn.Module = skeleton.text
    text = {
        key.removeprefix("text."): value.to(device=device, dtype=torch.float32, copy=True)
        for key, value in state.items()
        if key.startswith("text.") and key != _CONSTANT
    }
    tower.load_state_dict(text, assign=True)
    if isinstance(tower, TextTransformer) and tower.attn_mask is not None:
        # the mask is in no checkpoint
        tower.attn_mask = tower.build_causal_mask()
    return tower.to(device).eval().requires_grad_(False)


def _check_fit(expected: dict[str, tuple[int, ...]], state: State, what: str) -> None:
    """Compare names and shapes; a checkpoint of the text tower alone is held against that.

    Raises
    ------
    EncoderError
        ``encoder_mismatch``, naming the first few that differ.
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

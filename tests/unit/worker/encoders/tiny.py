"""Tiny open_clip models with random weights, and captions to try them on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray

from worker.evidence.encoders import minilm

VISION = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
COCA_VISION = {**VISION, "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
MULTIMODAL = {**TEXT, "context_length": 76, "attn_pooler_heads": 2}

CAPTIONS = [
    "A photo of a dog.",
    "",
    "A photo of an aquarium_fish.",
    "Animalia Chordata Aves Piciformes Picidae Jynx torquilla",
    "A photo of a dog.",
    "a " * 200,
    "naïve Ünïcode, 日本語 & emoji 🐕",
    "x",
] + [f"A satellite image of {'very ' * (i % 7)}dense residential area {i}." for i in range(40)]

AWKWARD = "aB &;#x3c<>'\"_-.!ßİŁﬁ㌔\u0344\ufb2c日é\u0300\x00\x1b[m \u2028\u200d🐕"
"""Characters that cleaning lengthens, shortens, joins or takes out."""


def random_state(model: str, *, seed: int = 0, text_only: bool = False) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    state = open_clip.create_model(model, pretrained_text=False).state_dict()
    return {key: value.contiguous() for key, value in state.items() if not text_only or not key.startswith("visual.")}


def reference(
    model: str, checkpoint: Path, captions: list[str], dtype: str = "float32", **options: Any
) -> NDArray[np.floating]:
    """Return what open_clip's own `encode_text` gives in a dtype."""
    whole = open_clip_model(model, checkpoint, **options)
    return encode_text(model, whole.double() if dtype == "float64" else whole, captions)


def open_clip_model(model: str, checkpoint: Path, **options: Any) -> torch.nn.Module:
    whole: torch.nn.Module = open_clip.create_model(model, pretrained=str(checkpoint), **options)
    return whole.eval()


def encode_text(model: str, whole: Any, captions: list[str]) -> NDArray[np.floating]:
    with torch.inference_mode():
        rows: torch.Tensor = whole.encode_text(open_clip.get_tokenizer(model)(captions), normalize=True)
    return (rows.float() if rows.dtype == torch.bfloat16 else rows).numpy()


def configs(directory: Path) -> dict[str, dict[str, Any]]:
    """One model of each kind of text tower; `directory` gets the configuration of one."""
    # any tokeniser that open_clip takes from transformers, and needs no network
    bert = {**TEXT, "vocab_size": 30522, "hf_tokenizer_name": str(minilm._model_dir())}
    return {
        "tiny": {"vision_cfg": VISION, "text_cfg": TEXT},
        "tiny-patch8": {"vision_cfg": {**VISION, "patch_size": 8}, "text_cfg": TEXT},
        "tiny-wide": {"vision_cfg": VISION, "text_cfg": {**TEXT, "width": 64}},
        "tiny-quickgelu": {"vision_cfg": VISION, "text_cfg": TEXT, "quick_gelu": True},
        "tiny-custom": {"vision_cfg": VISION, "text_cfg": {**TEXT, "proj_bias": True}, "custom_text": True},
        "tiny-eos": {"vision_cfg": VISION, "text_cfg": {**bert, "pool_type": "eos", "eos_id": 102}},
        "tiny-bidirectional": {
            "vision_cfg": VISION,
            "text_cfg": {**TEXT, "no_causal_mask": True, "pool_type": "last"},
            "custom_text": True,
        },
        "tiny-coca": {
            "vision_cfg": COCA_VISION,
            "text_cfg": {**TEXT, "context_length": 76, "embed_cls": True, "output_tokens": True},
            "multimodal_cfg": MULTIMODAL,
            "custom_text": True,
        },
        "tiny-hf": {"vision_cfg": VISION, "text_cfg": {**bert, "hf_model_name": str(_bert(directory))}},
        "tiny-mt5": {"vision_cfg": VISION, "text_cfg": {**bert, "hf_model_name": str(_mt5(directory))}},
    }


def _bert(directory: Path) -> Path:
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    (directory / "bert").mkdir()
    (directory / "bert" / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": 30522, **sizes}))
    return directory / "bert"


def _mt5(directory: Path) -> Path:
    """Write the configuration of a tower that computes norms in float32 whatever its weights are."""
    sizes = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2}
    (directory / "mt5").mkdir()
    (directory / "mt5" / "config.json").write_text(json.dumps({"model_type": "mt5", "vocab_size": 30522, **sizes}))
    return directory / "mt5"

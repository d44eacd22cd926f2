"""CLIP's text tower with random weights, which take as long as trained ones, and open_clip's own way to run it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from worker.evidence.encoders import Encoder, load_encoder
from worker.settings import WorkerSettings

CLIP = "ViT-L-14"


def load_random_clip(whole: open_clip.CLIP, device: str, dtype: str) -> Encoder:
    """Return the project's encoder with the text tower of a model of open_clip."""
    text = {key: value for key, value in whole.state_dict().items() if not key.startswith("visual.")}
    with tempfile.TemporaryDirectory() as directory:
        save_file(text, Path(directory) / f"{CLIP}.safetensors")
        settings = WorkerSettings(checkpoints=Path(directory), device=device)
        return load_encoder(f"open_clip/{CLIP}", settings, dtype=dtype)


def encode_text(
    whole: open_clip.CLIP, tokeniser: open_clip.SimpleTokenizer, captions: Sequence[str], size: int, device: str
) -> NDArray[np.floating]:
    """Return the embeddings by open_clip, in batches of `size` captions."""
    rows = []
    with torch.inference_mode():
        for start in range(0, len(captions), size):
            tokens = tokeniser(list(captions[start : start + size])).to(device)
            rows.append(whole.encode_text(tokens, normalize=True).cpu().numpy())
    return np.concatenate(rows)

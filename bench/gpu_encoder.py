"""The part of gpu.py about CLIP's text tower: ViT-L-14 with random weights, over the captions of FoMo-in-Flux."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
import open_clip
from random_clip import CLIP, encode_text, load_random_clip

from concept_orderings.catalogue import find_dataset
from worker.evidence.embed_captions import embed_captions
from worker.evidence.encoders import Encoder
from worker.evidence.encoders.text_tower import trie_of

STREAM = Path(__file__).parents[2] / "shared/data/fomo_in_flux/streams/random_sequence_1.json"
SAMPLE = 2048
"""Captions of the baseline; its time for all is extrapolated."""


def measure(device: str, runs: int) -> None:
    """Print the seconds of the parts, of each dtype, and of open_clip."""
    captions = list(dict.fromkeys(caption(each) for each in json.loads(STREAM.read_text())))
    print(f"\n{CLIP}'s text tower, random weights, {len(captions)} captions")
    whole = open_clip.create_model(CLIP).eval()
    encoders = [load_random_clip(whole, device, dtype) for dtype in ("float32", "float64", "bfloat16")]
    parts(encoders[0], captions)
    whole.to(device)
    tokeniser = open_clip.get_tokenizer(CLIP)
    sample = captions[:: len(captions) // SAMPLE][:SAMPLE]
    for size in (64, 256, 1024, SAMPLE):
        encode_text(whole, tokeniser, sample[:size], size, device)
        found = []
        for _ in range(runs):
            began = time.perf_counter()
            encode_text(whole, tokeniser, sample, size, device)
            found.append((time.perf_counter() - began) * len(captions) / SAMPLE)
        show(f"baseline: open_clip's encode_text, float32, batches of {size}, from {SAMPLE} captions", found)
    for encoder in encoders:
        asyncio.run(embed_captions(captions[:512], encoder, None))
    for encoder in encoders:
        found = []
        for _ in range(runs):
            began = time.perf_counter()
            asyncio.run(embed_captions(captions, encoder, None))
            found.append(time.perf_counter() - began)
        show(f"ours, {encoder.dtype}", found)


def parts(encoder: Encoder, captions: Sequence[str]) -> None:
    """Print the seconds of the tokeniser and of laying out tries, without the tower."""
    began = time.perf_counter()
    open_clip.get_tokenizer(CLIP)(list(captions))
    baseline = time.perf_counter()
    ids = encoder.token_ids(captions)  # type: ignore[attr-defined]
    tokenised = time.perf_counter()
    ids = ids[np.lexsort(ids.T[::-1])]
    lengths = ids.argmax(axis=1) + 1
    for start in range(0, len(ids), 256):
        trie_of(ids[start : start + 256], lengths[start : start + 256])
    print(
        f"token ids {tokenised - baseline:.2f} (baseline: open_clip's {baseline - began:.2f}), "
        f"tries {time.perf_counter() - tokenised:.2f}"
    )


def caption(concept: str) -> str:
    dataset, _, name = concept.partition("+++")
    found = find_dataset(dataset)
    return (found.template if found and found.template else "A photo of a {}.").replace("{}", name)


def show(what: str, found: Sequence[float]) -> None:
    print(f"{what}: {min(found):.2f} / {median(found):.2f} / {max(found):.2f}", flush=True)

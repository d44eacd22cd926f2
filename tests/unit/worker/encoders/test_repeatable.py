"""Test that float64 embeddings are rounded to the same integers however, and on whichever machine, they are made."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
import open_clip
import pytest
import torch
from numpy.typing import NDArray

from concept_orderings.path import quantise
from worker.evidence.encoders import batches, minilm
from worker.evidence.encoders import open_clip as clip
from worker.evidence.encoders.base import Encoder
from worker.settings import WorkerSettings

from .tiny import CAPTIONS

MODELS = ["minilm", "tiny", "tiny-quickgelu", "tiny-bidirectional"]
WORDS = ["kea", "owl", "red fox", "naïve café", "日本", "sea otter", "Abyssinian", "bay-leaved willow", "tram", "x"]
TEMPLATES = ["A photo of a {}.", "A photo of a {}, a type of bird.", "{}", "Animalia Chordata Aves {}"]
MANY = [*CAPTIONS, *(template.format(f"{word} {i}") for i, word in enumerate(WORDS * 4) for template in TEMPLATES)]

OLD_PROCESSOR = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
}
"""Settings of torch's libraries that keep them from instructions that older processors lack."""

Make = Callable[..., Encoder]


@pytest.fixture(params=MODELS)
def make(request: pytest.FixtureRequest, make_checkpoint: Callable[..., Path], tmp_path: Path) -> Make:
    """Return a function that loads one of the models for a batch size and a number of threads."""
    model: str = request.param
    if model != "minilm":
        make_checkpoint(model)

    def load(batch_size: int = 32, threads: int = 1, device: str = "cpu") -> Encoder:
        settings = WorkerSettings(checkpoints=tmp_path, device=device, batch_size=batch_size, threads=threads)
        return minilm.load(model, settings) if model == "minilm" else clip.load(f"open_clip/{model}", settings)

    return load


@pytest.fixture(autouse=True)
def batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(batches, "CPU_BATCH", 10**6)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def integers(encoder: Encoder, captions: Sequence[str]) -> NDArray[np.int16]:
    return quantise(encoder.encode(captions))


def test_no_integer_depends_on_batches_or_threads(make: Make) -> None:
    expected = make().encode(MANY)
    places = np.arange(len(MANY))
    # All captions of a batch take as long as its longest, so the batch of 256 has no long ones.
    short = places[[len(caption) < 200 for caption in MANY]]
    for batch_size, threads, chosen in [(1, 1, places), (7, 2, places), (256, 1, short), (32, 2, places)]:
        found = make(batch_size, threads).encode([MANY[i] for i in chosen])
        assert np.abs(found - expected[chosen]).max() < 1e-14
        np.testing.assert_array_equal(quantise(found), quantise(expected[chosen]))


def test_no_integer_depends_on_the_order_of_captions_or_on_other_captions(make: Make) -> None:
    encoder, places = make(), list(range(len(MANY)))
    Random(5).shuffle(places)
    expected = integers(encoder, MANY)
    np.testing.assert_array_equal(integers(encoder, [MANY[i] for i in places]), expected[places])
    np.testing.assert_array_equal(integers(encoder, MANY[3:50:9]), expected[3:50:9])


def test_no_integer_depends_on_the_processor_s_instructions(make: Make, tmp_path: Path) -> None:
    encoder = make()
    captions = MANY[::3]
    there = in_another_process(encoder.name, captions, tmp_path)
    here = encoder.encode(captions)
    assert np.abs(there - here).max() < 1e-14
    np.testing.assert_array_equal(quantise(there), quantise(here))


def in_another_process(name: str, captions: Sequence[str], directory: Path) -> NDArray[np.float64]:
    """Encode captions in a process whose libraries use the instructions of an old processor."""
    (directory / "captions.json").write_text(json.dumps(captions))
    configs = [str(each) for each in open_clip.factory._MODEL_CONFIG_PATHS[1:]]
    program = (
        "import json, sys, numpy, open_clip; from pathlib import Path\n"
        "from worker.evidence.encoders import load_encoder; from worker.settings import WorkerSettings\n"
        "import torch; assert torch.backends.cpu.get_cpu_capability() == 'DEFAULT'\n"
        "directory = Path(sys.argv[1]); [open_clip.add_model_config(each) for each in sys.argv[3:]]\n"
        "settings = WorkerSettings(checkpoints=directory, device='cpu', threads=1)\n"
        "captions = json.loads((directory / 'captions.json').read_text())\n"
        "numpy.save(directory / 'rows.npy', load_encoder(sys.argv[2], settings).encode(captions))\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(directory), name, *configs], check=True, env=os.environ | OLD_PROCESSOR
    )
    rows: NDArray[np.float64] = np.load(directory / "rows.npy")
    return rows


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU with float64 is at hand")
def test_no_integer_depends_on_a_gpu(make: Make) -> None:
    expected, found = make().encode(MANY), make(device="cuda").encode(MANY)
    assert np.abs(found - expected).max() < 1e-13
    np.testing.assert_array_equal(quantise(found), quantise(expected))


def test_float32_does_not_pass_these_tests() -> None:
    """Or they could not fail."""
    rows = []
    for batch_size in (1, 32):
        settings = WorkerSettings(device="cpu", batch_size=batch_size, threads=1)
        rows.append(minilm.load("minilm", settings, dtype="float32").encode(MANY))
    assert (quantise(rows[0]) != quantise(rows[1])).any()

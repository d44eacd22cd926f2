import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.errors import Cancelled, EncoderError
from worker.evidence.encoders import ENCODERS, load_encoder
from worker.settings import WorkerSettings


@pytest.mark.parametrize("name", ["", "fake/", "Fake", "bert", "minilm ", "open_clips/ViT-L-14"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(EncoderError) as caught:
        load_encoder(name, WorkerSettings(device="cpu"))
    assert caught.value.code == "encoder_not_configured"


def test_an_unknown_name_is_told_all_forms() -> None:
    with pytest.raises(EncoderError) as caught:
        load_encoder("bert", WorkerSettings(device="cpu"))
    assert all(form in caught.value.detail for form in ENCODERS)


def test_the_last_encoder_is_kept(make_checkpoint: Callable[..., Path], settings: WorkerSettings) -> None:
    make_checkpoint("tiny")
    first = load_encoder("open_clip/tiny", settings)
    assert load_encoder("open_clip/tiny", settings) is first
    assert load_encoder("fake", settings).name == "fake"
    assert load_encoder("open_clip/tiny", settings) is not first


def test_an_encoder_that_does_not_load_is_tried_again(
    make_checkpoint: Callable[..., Path], settings: WorkerSettings
) -> None:
    with pytest.raises(EncoderError):
        load_encoder("open_clip/tiny", settings)
    make_checkpoint("tiny")
    assert load_encoder("open_clip/tiny", settings).dimensions == 24


def test_the_fake_needs_no_torch() -> None:
    program = (
        "import sys; from worker.evidence.encoders import load_encoder; from worker.settings import WorkerSettings; "
        "load_encoder('fake', WorkerSettings()).encode(['x']); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@given(st.lists(st.text(), max_size=20))
def test_the_fake_is_deterministic(captions: list[str]) -> None:
    fake = load_encoder("fake", WorkerSettings(device="cpu"))
    rows = fake.encode(captions)
    assert rows.shape == (len(captions), fake.dimensions)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    for caption, row in zip(captions, rows, strict=True):
        np.testing.assert_array_equal(fake.encode([caption])[0], row)
    assert len(np.unique(rows, axis=0)) == len(set(captions))


def test_the_fake_is_the_same_everywhere() -> None:
    row = load_encoder("fake", WorkerSettings(device="cpu")).encode(["A photo of a dog."])[0]
    np.testing.assert_allclose(row[:3], [0.03551923, 0.13249828, 0.09211594], atol=1e-7)


def test_the_fake_can_be_cancelled() -> None:
    def cancel(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        load_encoder("fake", WorkerSettings(device="cpu")).encode(["x"], report=cancel)

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.errors import Cancelled, EncoderError
from concept_orderings.evidence.encoder_names import ENCODERS
from worker.evidence.encoders import fake, load_encoder
from worker.evidence.encoders.base import file_sha256
from worker.settings import WorkerSettings

WITHOUT_WEIGHTS = [name for name, rest in ENCODERS.items() if not rest]
every_encoder_without_weights = pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
CAPTIONS = ["A photo of a dog.", "", "Ein Foto: äöü 𝔘", "A photo of a dog.", "a"]


@pytest.mark.parametrize(("dtype", "digits"), [("float64", 1e-14), ("float32", 1e-5)])
@every_encoder_without_weights
def test_every_encoder_gives_the_same_unit_rows_again(name: str, dtype: str, digits: float) -> None:
    encoder = load_encoder(name, WorkerSettings(device="cpu"), dtype=dtype)
    rows = encoder.encode(CAPTIONS)
    assert (encoder.name, rows.shape) == (name, (len(CAPTIONS), encoder.dimensions))
    assert rows.dtype == dtype
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=digits)
    np.testing.assert_allclose(rows[0], rows[3], atol=digits)
    np.testing.assert_allclose(encoder.encode(CAPTIONS[::-1])[::-1], rows, atol=digits)
    assert encoder.encode([]).shape == (0, encoder.dimensions)


@every_encoder_without_weights
def test_every_encoder_has_a_fingerprint_for_each_dtype(name: str) -> None:
    settings = WorkerSettings(device="cpu")
    dtypes = {"float64": 0.0, "float32": 1e-5, "bfloat16": 0.02}
    encoders = {dtype: load_encoder(name, settings, dtype=dtype) for dtype in dtypes}
    assert load_encoder(name, settings).dtype == "float64"
    assert {dtype: each.dtype for dtype, each in encoders.items()} == {dtype: dtype for dtype in dtypes}
    assert all(re.fullmatch("[0-9a-f]{64}", each.fingerprint) for each in encoders.values())
    assert len({each.fingerprint for each in encoders.values()}) == 3
    exact = encoders["float64"].encode(CAPTIONS)
    for dtype, difference in dtypes.items():
        np.testing.assert_allclose(encoders[dtype].encode(CAPTIONS), exact, atol=difference)


@every_encoder_without_weights
def test_every_encoder_is_held_to_the_pin(name: str) -> None:
    settings = WorkerSettings(device="cpu")
    assert load_encoder(name, settings, pinned=load_encoder(name, settings).weights_sha256).name == name
    for asked, pinned, code in [(name, "0" * 64, "weights_mismatch"), (f"{name}/x", "", "encoder_not_configured")]:
        with pytest.raises(EncoderError) as caught:
            load_encoder(asked, settings, pinned=pinned)
        assert caught.value.code == code


@every_encoder_without_weights
def test_every_encoder_stops_at_a_report(name: str) -> None:
    def cancel(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        load_encoder(name, WorkerSettings(device="cpu")).encode(["x"], report=cancel)


@pytest.mark.parametrize("name", ["", "fake/", "Fake", "bert", "minilm ", "open_clips/ViT-L-14"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(EncoderError) as caught:
        load_encoder(name, WorkerSettings(device="cpu"))
    assert caught.value.code == "encoder_not_configured"


def test_the_error_for_an_unknown_name_lists_all_encoders() -> None:
    with pytest.raises(EncoderError) as caught:
        load_encoder("bert", WorkerSettings(device="cpu"))
    missing = [name for name in ENCODERS if name not in caught.value.detail]
    assert not missing, f"name {missing} in the refusal in worker/evidence/encoders/__init__.py"


def test_the_last_encoder_is_kept(make_checkpoint: Callable[..., Path], settings: WorkerSettings) -> None:
    make_checkpoint("tiny")
    first = load_encoder("open_clip/tiny", settings)
    assert load_encoder("open_clip/tiny", settings) is first
    assert load_encoder("fake", settings).name == "fake"
    assert load_encoder("open_clip/tiny", settings) is not first


def test_each_dtype_is_an_encoder_of_its_own(make_checkpoint: Callable[..., Path], settings: WorkerSettings) -> None:
    make_checkpoint("tiny")
    first = load_encoder("open_clip/tiny", settings)
    other = load_encoder("open_clip/tiny", settings, dtype="bfloat16")
    assert (first.dtype, other.dtype) == ("float64", "bfloat16")
    assert load_encoder("open_clip/tiny", settings, dtype="bfloat16") is other


def test_a_pin_is_compared_with_the_weights_of_the_kept_encoder(
    make_checkpoint: Callable[..., Path], settings: WorkerSettings
) -> None:
    make_checkpoint("tiny")
    first = load_encoder("open_clip/tiny", settings)
    assert load_encoder("open_clip/tiny", settings, pinned=first.weights_sha256) is first
    other = file_sha256(make_checkpoint("tiny", seed=1))
    assert load_encoder("open_clip/tiny", settings) is first, "changed files are not looked at"
    assert load_encoder("open_clip/tiny", settings, pinned=other).weights_sha256 == other, "unless they are asked for"
    with pytest.raises(EncoderError) as caught:
        load_encoder("open_clip/tiny", settings, pinned=first.weights_sha256)
    assert caught.value.code == "weights_mismatch"


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
    assert rows.dtype == np.float64
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-15)
    for caption, row in zip(captions, rows, strict=True):
        np.testing.assert_array_equal(fake.encode([caption])[0], row)
    assert len(np.unique(rows, axis=0)) == len(set(captions))


def test_the_fake_is_the_same_everywhere() -> None:
    row = load_encoder("fake", WorkerSettings(device="cpu")).encode(["A photo of a dog."])[0]
    np.testing.assert_allclose(row[:3], [0.03551923, 0.13249828, 0.09211594], atol=1e-7)


@given(st.text())
def test_the_fake_in_bfloat16(caption: str) -> None:
    settings = WorkerSettings(device="cpu")
    exact, short = load_encoder("fake", settings), load_encoder("fake", settings, dtype="bfloat16")
    row = short.encode([caption])[0]
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(row, exact.encode([caption])[0], rtol=2**-7)
    assert short.fingerprint != exact.fingerprint
    assert short.overlong([caption * 1000]) == []


def test_the_fake_rounds_as_torch_does() -> None:
    import torch

    halves = np.array([1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -1 - 2**-8, 3.9999])
    values = np.concatenate([halves, np.random.default_rng(0).normal(size=1000) * 2.0**31])
    expected = torch.from_numpy(values).float().bfloat16().double().numpy()
    np.testing.assert_array_equal(fake._as_bfloat16(values), expected)


def test_the_fake_has_no_weights() -> None:
    settings = WorkerSettings(device="cpu")
    assert load_encoder("fake", settings, pinned=hashlib.sha256(b"").hexdigest()).name == "fake"
    with pytest.raises(EncoderError) as caught:
        load_encoder("fake", settings, pinned="0" * 64)
    assert caught.value.code == "weights_mismatch"


def test_the_fake_can_be_cancelled() -> None:
    def cancel(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        load_encoder("fake", WorkerSettings(device="cpu")).encode(["x"], report=cancel)

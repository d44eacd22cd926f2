import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from concept_orderings.errors import EncoderError
from tests.unit.worker.encoders.tiny import CAPTIONS
from worker.evidence.encoders import minilm
from worker.settings import WorkerSettings


@pytest.fixture(scope="module")
def encoder() -> minilm.MiniLM:
    return minilm.load("minilm", WorkerSettings(device="cpu", threads=1))


def test_equals_sentence_transformers(encoder: minilm.MiniLM) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm._model_dir()), device="cpu", local_files_only=True)
    expected = model.encode(CAPTIONS, normalize_embeddings=True)
    rows = encoder.encode(CAPTIONS)
    assert rows.shape == expected.shape == (len(CAPTIONS), encoder.dimensions)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, expected, atol=1e-5)


@hypothesis_settings(max_examples=10, deadline=None)
@given(captions=st.lists(st.text(max_size=40), max_size=5))
def test_an_embedding_does_not_depend_on_its_batch(encoder: minilm.MiniLM, captions: list[str]) -> None:
    rows = encoder.encode(captions)
    assert rows.shape == (len(captions), 384)
    for caption, row in zip(captions, rows, strict=True):
        np.testing.assert_allclose(encoder.encode([caption])[0], row, atol=1e-5)


def test_loads_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert minilm.load("minilm", WorkerSettings(device="cpu", threads=1)).encode(["x"]).shape == (1, 384)


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other")
    monkeypatch.setattr(minilm, "_model_dir", lambda: tmp_path)
    with pytest.raises(EncoderError) as caught:
        minilm.load("minilm", WorkerSettings(device="cpu", threads=1))
    assert caught.value.code == "encoder_mismatch"
    assert minilm.WEIGHTS_SHA256 in caught.value.detail


@pytest.mark.parametrize("name", ["minilm/", "minilm/2"])
def test_there_is_one_minilm(name: str) -> None:
    with pytest.raises(EncoderError, match="minilm"):
        minilm.load(name, WorkerSettings(device="cpu", threads=1))


def test_the_package_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    with pytest.raises(EncoderError) as caught:
        minilm.load("minilm", WorkerSettings(device="cpu", threads=1))
    assert caught.value.code == "encoder_not_configured"

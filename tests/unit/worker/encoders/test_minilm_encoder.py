import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from concept_orderings.errors import EncoderError
from worker.evidence.encoders import minilm
from worker.evidence.encoders.base import surely_fits
from worker.settings import WorkerSettings

from .tiny import AWKWARD, CAPTIONS


@pytest.fixture(scope="module")
def encoder() -> minilm.MiniLM:
    return minilm.load("minilm", WorkerSettings(device="cpu", threads=1), dtype="float32")


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


@pytest.mark.parametrize(
    ("caption", "is_unknown"),
    [
        ("A photo of a 😀.", True),
        ("獅子的照片。", True),
        ("x" * 101, True),
        ("x" * 100, False),
        ("A photo of a pêche.", False),
        (" ".join(map(chr, range(32, 127))), False),
        ("".join(map(chr, range(32, 127))) + "é", False),
        ("word " * 60, False),
    ],
)
def test_captions_with_unknown_text_are_found(encoder: minilm.MiniLM, caption: str, is_unknown: bool) -> None:
    assert encoder.unknown(["a dog", caption]) == ([1] if is_unknown else [])
    ids = encoder.tokeniser.encode(caption).ids
    assert (encoder.tokeniser.token_to_id("[UNK]") in ids) is is_unknown


def test_loads_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert minilm.load("minilm", WorkerSettings(device="cpu", threads=1)).encode(["x"]).shape == (1, 384)


@pytest.mark.parametrize(
    ("file", "code"), [("model.safetensors", "weights_mismatch"), ("config.json", "encoder_mismatch")]
)
@pytest.mark.parametrize("there", [True, False])
def test_other_files_are_refused(
    file: str, code: str, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(minilm._model_dir(), tmp_path, dirs_exist_ok=True)
    (tmp_path / file).write_bytes(b"other")
    if not there:
        (tmp_path / file).unlink()
    monkeypatch.setattr(minilm, "_model_dir", lambda: tmp_path)
    monkeypatch.setattr(minilm, "_model", None)
    with pytest.raises(EncoderError) as caught:
        minilm.load("minilm", WorkerSettings(device="cpu", threads=1))
    assert caught.value.code == code
    published = {"model.safetensors": minilm.WEIGHTS_SHA256, "config.json": minilm.CONFIG_SHA256}[file]
    assert published in caught.value.detail


def test_pinned_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = WorkerSettings(device="cpu", threads=1)
    assert minilm.load("minilm", cpu, pinned=minilm.WEIGHTS_SHA256).weights_sha256 == minilm.WEIGHTS_SHA256
    monkeypatch.setattr(minilm, "_model", None)
    with pytest.raises(EncoderError) as caught:
        minilm.load("minilm", cpu, pinned="0" * 64)
    assert caught.value.code == "weights_mismatch"
    assert minilm.WEIGHTS_SHA256 in caught.value.detail


def test_the_fingerprint_in_float32_stays_what_it_was(encoder: minilm.MiniLM) -> None:
    """Or all that is cached would be computed again."""
    assert encoder.fingerprint == "d3a7a351cbe916d162585bc0fafa5af45b376a45e59f99ca09d7d0d9a63733b6"


def test_bfloat16(encoder: minilm.MiniLM) -> None:
    short = minilm.load("minilm", WorkerSettings(device="cpu", threads=1), dtype="bfloat16")
    assert {parameter.dtype for parameter in short.model.parameters()} == {torch.bfloat16}
    assert short.dtype == "bfloat16"
    rows = short.encode(CAPTIONS)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert 1e-5 < np.abs(rows - encoder.encode(CAPTIONS)).max() < 0.03
    assert short.fingerprint != encoder.fingerprint


# ---- captions that are longer than what is read


def test_what_surely_fits_fits(encoder: minilm.MiniLM) -> None:
    untruncated = Tokenizer.from_str(encoder.tokeniser.to_str())
    untruncated.no_truncation()

    @hypothesis_settings(max_examples=500, deadline=None)
    @given(st.text(max_size=60) | st.text(AWKWARD, max_size=60))
    def check(caption: str) -> None:
        tokens = len(untruncated.encode(caption).ids) - 2
        assert tokens <= len(caption) or not surely_fits(caption, len(caption))

    check()


@pytest.mark.parametrize(
    ("caption", "cut"),
    [
        ("a " * 254, False),
        ("a " * 255, True),
        ("日" * 254, False),
        ("日" * 255, True),
        ("", False),
        # one word piece: unknown
        ("x" * 9999, False),
    ],
)
def test_captions_that_are_cut(encoder: minilm.MiniLM, caption: str, cut: bool) -> None:
    assert encoder.context_length == 256
    assert encoder.overlong(["a dog", caption, "a cat"]) == ([1] if cut else [])


@pytest.mark.parametrize("name", ["minilm/", "minilm/2"])
def test_there_is_one_minilm(name: str) -> None:
    with pytest.raises(EncoderError, match="minilm"):
        minilm.load(name, WorkerSettings(device="cpu", threads=1))


def test_the_package_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    with pytest.raises(EncoderError) as caught:
        minilm.load("minilm", WorkerSettings(device="cpu", threads=1))
    assert caught.value.code == "encoder_not_configured"

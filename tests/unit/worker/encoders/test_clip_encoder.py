import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from open_clip.transformer import TextTransformer
from safetensors.torch import load_file, save_file

from concept_orderings.errors import Cancelled, EncoderError
from worker.evidence.encoders import checkpoints, text_tower
from worker.evidence.encoders import open_clip as clip
from worker.evidence.encoders.base import fingerprint
from worker.settings import WorkerSettings

from .tiny import CAPTIONS, TEXT, encode_text, open_clip_model, random_state, reference

MakeCheckpoint = Callable[..., Path]
CUT = ["tiny", "tiny-quickgelu", "tiny-custom", "tiny-eos"]
WHOLE = ["tiny-bidirectional", "tiny-coca", "tiny-hf"]


@pytest.mark.parametrize(("dtype", "difference"), [("float64", 1e-14), ("float32", 1e-5)])
@pytest.mark.parametrize("model", [*CUT, *WHOLE])
def test_equals_open_clip(
    model: str, dtype: str, difference: float, make_checkpoint: MakeCheckpoint, settings: WorkerSettings
) -> None:
    checkpoint = make_checkpoint(model)
    encoder = clip.load(f"open_clip/{model}", settings, dtype=dtype)
    rows = encoder.encode(CAPTIONS)
    assert rows.shape == (len(CAPTIONS), encoder.dimensions) == (len(CAPTIONS), 24)
    assert rows.dtype == dtype
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=difference)
    np.testing.assert_allclose(rows, reference(model, checkpoint, CAPTIONS, dtype), atol=difference)
    # random weights must not make all captions alike, or the comparison says nothing
    assert np.abs(rows[0] - rows[3]).max() > 1e-2


def test_equals_open_clip_for_a_model_of_its_own(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    checkpoint = make_checkpoint("ViT-S-32-alt")
    rows = clip.load("open_clip/ViT-S-32-alt", settings).encode(CAPTIONS[:8])
    np.testing.assert_allclose(rows, reference("ViT-S-32-alt", checkpoint, CAPTIONS[:8]), atol=1e-5)


@pytest.mark.parametrize(("model", "cut"), [(model, True) for model in CUT] + [(model, False) for model in WHOLE])
def test_only_causal_towers_are_cut(
    model: str, cut: bool, make_checkpoint: MakeCheckpoint, settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_checkpoint(model)
    encoder = clip.load(f"open_clip/{model}", settings)
    ran_whole: list[bool] = []

    def noted(tower: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
        ran_whole.append(True)
        return text_tower.run_whole(tower, tokens)

    monkeypatch.setattr(clip, "run_whole", noted)
    encoder.encode(CAPTIONS)
    assert bool(ran_whole) is not cut


@pytest.mark.parametrize(
    ("captions", "tokens"),
    [
        # beginning, caption, end of text: nothing behind it
        (["x"], 3),
        (["x", "x"], 3),
        (["a b c d", "x"], 6 + 2),
        (["a b", "a b c d", "a b c"], 6 + 1 + 1),
        (["a b d", "x", "a b c"], 5 + 2 + 2),
    ],
)
def test_what_captions_begin_with_alike_is_computed_once(
    captions: list[str], tokens: int, make_checkpoint: MakeCheckpoint, settings: WorkerSettings
) -> None:
    make_checkpoint("tiny")
    encoder = clip.load("open_clip/tiny", settings)
    shapes: list[tuple[int, ...]] = []
    transformer = encoder.tower.transformer
    assert isinstance(transformer, torch.nn.Module)
    transformer.register_forward_pre_hook(lambda _, args: shapes.append(tuple(args[0].shape)))
    encoder.encode(captions)
    assert shapes == [(1, tokens, 32)]


LONGEST = "a " * 75

SETS_OF_CAPTIONS = {
    "alone": ["A photo of a dog."],
    "equal": ["A photo of a dog."] * 40,
    "prefixes of each other": ["a " * i for i in range(40)],
    "as long as the context": [LONGEST.strip(), LONGEST + "b", LONGEST + "b c d", LONGEST.replace("a", "b", 1)],
    "one end for all": [f"{name}, a type of bird." for name in ("kea", "owl", "kea", "tui")],
    "no beginning in common": [f"{i} dogs" for i in range(20)],
    "marks in the text": ["a <end_of_text> b", "a <end_of_text> c", "a", "<start_of_text> a", "!!!!", "!"],
    "empty": ["", "", " ", "a"],
}


@pytest.mark.parametrize("captions", SETS_OF_CAPTIONS.values(), ids=SETS_OF_CAPTIONS)
@pytest.mark.parametrize("model", ["tiny", "tiny-eos"])
def test_equals_open_clip_whatever_captions_share(
    model: str, captions: list[str], make_checkpoint: MakeCheckpoint, settings: WorkerSettings
) -> None:
    checkpoint = make_checkpoint(model)
    rows = clip.load(f"open_clip/{model}", settings).encode(captions)
    np.testing.assert_allclose(rows, reference(model, checkpoint, captions), atol=1e-5)


def test_equals_open_clip_for_any_captions(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    checkpoint = make_checkpoint("tiny")
    encoder = clip.load("open_clip/tiny", settings)
    whole = open_clip_model("tiny", checkpoint)
    words = st.lists(st.sampled_from(["a", "photo", "of", "dogs,", "naïve", "日本", "!"]), max_size=90).map(" ".join)

    @hypothesis_settings(max_examples=15, deadline=None)
    @given(st.lists(words | st.text(max_size=40), min_size=1, max_size=20))
    def check(captions: list[str]) -> None:
        np.testing.assert_allclose(encoder.encode(captions), encode_text("tiny", whole, captions), atol=1e-5)

    check()


@pytest.mark.parametrize("model", [*CUT, *WHOLE])
def test_bfloat16_equals_open_clip_in_bfloat16(
    model: str, make_checkpoint: MakeCheckpoint, settings: WorkerSettings
) -> None:
    checkpoint = make_checkpoint(model)
    encoder = clip.load(f"open_clip/{model}", settings, dtype="bfloat16")
    assert encoder.dtype == "bfloat16"
    floating = [each for each in [*encoder.tower.parameters(), *encoder.tower.buffers()] if each.is_floating_point()]
    assert {tensor.dtype for tensor in floating} == {torch.bfloat16}
    rows = encoder.encode(CAPTIONS)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    expected = reference(model, checkpoint, CAPTIONS, precision="pure_bf16")
    np.testing.assert_allclose(rows, expected, atol=0.03)
    exact = clip.load(f"open_clip/{model}", settings)
    assert 1e-5 < np.abs(rows - exact.encode(CAPTIONS)).max() < 0.03
    assert encoder.fingerprint != exact.fingerprint
    assert encoder.weights_sha256 == exact.weights_sha256


@pytest.mark.parametrize("model", ["tiny", "tiny-hf"])
def test_no_image_tower_is_built(
    model: str, make_checkpoint: MakeCheckpoint, settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_checkpoint(model)
    build, built = open_clip.model._build_vision_tower, set[str]()

    def building(*arguments: object, **options: object) -> torch.nn.Module:
        tower: torch.nn.Module = build(*arguments, **options)
        built.update(each.device.type for each in tower.parameters())
        return tower

    monkeypatch.setattr(open_clip.model, "_build_vision_tower", building)
    clip.load(f"open_clip/{model}", settings)
    assert built == {"meta"}, "it takes no memory"


def test_no_image_tower_is_kept(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    make_checkpoint("tiny")
    encoder = clip.load("open_clip/tiny", settings)
    assert type(encoder.tower) is TextTransformer
    assert {tensor.device.type for tensor in [*encoder.tower.parameters(), *encoder.tower.buffers()]} == {"cpu"}


def test_an_embedding_does_not_depend_on_its_batch(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    make_checkpoint("tiny")
    encoder = clip.load("open_clip/tiny", settings)

    @hypothesis_settings(max_examples=15, deadline=None)
    @given(st.lists(st.text(max_size=40), min_size=1, max_size=20))
    def check(captions: list[str]) -> None:
        alone = np.concatenate([encoder.encode([caption]) for caption in captions])
        np.testing.assert_allclose(encoder.encode(captions), alone, atol=1e-5)

    check()


def test_no_captions(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    make_checkpoint("tiny")
    assert clip.load("open_clip/tiny", settings).encode([]).shape == (0, 24)


def test_progress_between_batches(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    make_checkpoint("tiny")
    reports: list[tuple[int, int]] = []
    encoder = clip.load("open_clip/tiny", settings)
    encoder.encode(["x"] * 40, report=lambda done, total: reports.append((done, total)))
    assert reports == [(0, 40), (16, 40), (32, 40), (40, 40)]


def test_cancelled_passes(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    def cancel(done: int, total: int) -> None:
        raise Cancelled

    make_checkpoint("tiny")
    encoder = clip.load("open_clip/tiny", settings)
    with pytest.raises(Cancelled):
        encoder.encode(["x"], report=cancel)


def test_a_tower_that_uses_shorter_numbers_inside_is_refused_for_float64(
    make_checkpoint: MakeCheckpoint, settings: WorkerSettings
) -> None:
    make_checkpoint("tiny-mt5")
    with pytest.raises(EncoderError) as caught:
        clip.load("open_clip/tiny-mt5", settings)
    assert (caught.value.code, caught.value.pointers) == ("encoder_not_configured", ("/ordering/dtype",))
    assert "gives torch.float32" in caught.value.detail
    assert clip.load("open_clip/tiny-mt5", settings, dtype="float32").encode(["x"]).dtype == np.float32


# ---- weights


def load_error(name: str, settings: WorkerSettings) -> EncoderError:
    with pytest.raises(EncoderError) as caught:
        clip.load(name, settings)
    return caught.value


@pytest.mark.parametrize("form", ["plain", "legacy", "training", "text-only", "half"])
def test_forms_of_checkpoints(form: str, tmp_path: Path, settings: WorkerSettings) -> None:
    state = random_state("tiny", text_only=form == "text-only")
    if form == "half":
        state = {key: value.half() for key, value in state.items()}
    content = (
        {"epoch": 1, "state_dict": {f"module.{key}": v for key, v in state.items()}} if form == "training" else state
    )
    torch.save(content, tmp_path / "tiny.pt", _use_new_zipfile_serialization=form != "legacy")
    encoder = clip.load("open_clip/tiny", settings)
    whole = tmp_path / "whole.safetensors"
    save_file({**random_state("tiny"), **{key: value.float() for key, value in state.items()}}, whole)
    np.testing.assert_allclose(encoder.encode(CAPTIONS), reference("tiny", whole, CAPTIONS), atol=1e-5)
    assert {parameter.dtype for parameter in encoder.tower.parameters()} == {torch.float64}


@pytest.mark.parametrize("other", ["tiny-wide", "tiny-patch8", "tiny-coca"])
def test_a_checkpoint_of_another_model(other: str, make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    """Even if only the image tower differs: the name in the manifest would be wrong."""
    make_checkpoint(other, "tiny.safetensors")
    error = load_error("open_clip/tiny", settings)
    assert error.code == "encoder_mismatch"
    assert "tiny (" in error.detail
    assert "tiny.safetensors" in error.detail


def test_a_checkpoint_without_a_layer(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    checkpoint = make_checkpoint("tiny")
    state = load_file(checkpoint)
    del state["ln_final.weight"]
    save_file(state, checkpoint)
    error = load_error("open_clip/tiny", settings)
    assert error.code == "encoder_mismatch"
    assert "text.ln_final.weight is missing" in error.detail


class Malicious:
    def __reduce__(self) -> tuple[object, ...]:
        return (os.putenv, ("CONCEPT_ORDERINGS_TEST", "ran"))


def _malicious(path: Path) -> None:
    torch.save({"state_dict": Malicious()}, path)


def _script(path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)


def _list(path: Path) -> None:
    torch.save([torch.ones(2)], path)


def _pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"weights": 1}))


def _cut_short(path: Path) -> None:
    torch.save(random_state("tiny"), path)
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("write", [_malicious, _script, _list, _pickle, _cut_short])
def test_files_that_are_not_weights(write: Callable[[Path], None], tmp_path: Path, settings: WorkerSettings) -> None:
    write(tmp_path / "tiny.pt")
    assert load_error("open_clip/tiny", settings).code == "encoder_mismatch"


def test_a_damaged_safetensors_file(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    checkpoint = make_checkpoint("tiny")
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    assert load_error("open_clip/tiny", settings).code == "encoder_mismatch"


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("name", ["ln_final.weight", "transformer.resblocks.1.mlp.c_fc.bias", "text_projection"])
def test_weights_that_are_not_finite_are_found_when_they_are_loaded(
    name: str, bad: float, make_checkpoint: MakeCheckpoint, settings: WorkerSettings
) -> None:
    checkpoint = make_checkpoint("tiny")
    state = load_file(checkpoint)
    state[name].view(-1)[3] = bad
    save_file(state, checkpoint)
    error = load_error("open_clip/tiny", settings)
    assert error.code == "encoder_failed"
    assert name in error.detail
    assert str(checkpoint) in error.detail


def test_the_image_tower_may_be_damaged(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    checkpoint = make_checkpoint("tiny")
    rows = clip.load("open_clip/tiny", settings).encode(CAPTIONS)
    state = load_file(checkpoint)
    state["visual.proj"][0] = torch.nan
    save_file(state, checkpoint)
    np.testing.assert_array_equal(clip.load("open_clip/tiny", settings).encode(CAPTIONS), rows)


def test_not_a_number_in_the_output_alone(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    """Weights that are finite, and so large that what they are multiplied with is not."""
    checkpoint = make_checkpoint("tiny")
    state = load_file(checkpoint)
    state["text_projection"][:] = 3e38
    save_file(state, checkpoint)
    encoder = clip.load("open_clip/tiny", settings, dtype="float32")
    with pytest.raises(EncoderError) as caught:
        encoder.encode(["x"])
    assert caught.value.code == "encoder_failed"
    assert "open_clip/tiny" in caught.value.detail


def test_fingerprint(make_checkpoint: MakeCheckpoint, settings: WorkerSettings, tmp_path: Path) -> None:
    first = make_checkpoint("tiny")
    encoder = clip.load("open_clip/tiny", settings)
    assert encoder.weights_sha256 == sha256(first)
    assert clip.load("open_clip/tiny", settings).fingerprint == encoder.fingerprint
    first.rename(tmp_path / "tiny-quickgelu.safetensors")
    other_activation = clip.load("open_clip/tiny-quickgelu", settings)
    make_checkpoint("tiny", seed=1)
    other_weights = clip.load("open_clip/tiny", settings)
    assert len({encoder.fingerprint, other_activation.fingerprint, other_weights.fingerprint}) == 3


def test_the_fingerprint_in_float32_stays_what_it_was(
    make_checkpoint: MakeCheckpoint, settings: WorkerSettings
) -> None:
    """Or all that is cached would be computed again."""
    make_checkpoint("tiny")
    encoder = clip.load("open_clip/tiny", settings, dtype="float32")
    assert encoder.fingerprint == fingerprint(
        encoder="open_clip",
        version=1,
        text=TEXT,
        quick_gelu=False,
        dimensions=24,
        weights=encoder.weights_sha256,
        dtype="float32",
        tokeniser="SimpleTokenizer",
    )


# ---- pinned weights


@pytest.fixture
def nothing_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is refused now is refused before minutes of work."""

    def refuse(*args: object) -> None:
        raise AssertionError("a model was read or built")

    monkeypatch.setattr(clip, "_laid_out", refuse)
    monkeypatch.setattr(clip, "_read", refuse)


def test_weights_as_pinned(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    digest = sha256(make_checkpoint("tiny"))
    assert clip.load("open_clip/tiny", settings, pinned=digest).weights_sha256 == digest


@pytest.mark.usefixtures("nothing_built")
def test_other_weights_than_pinned(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    checkpoint = make_checkpoint("tiny")
    with pytest.raises(EncoderError) as caught:
        clip.load("open_clip/tiny", settings, pinned="0" * 64)
    assert caught.value.code == "weights_mismatch"
    assert all(part in caught.value.detail for part in (str(checkpoint), sha256(checkpoint), "0" * 64))


@pytest.mark.parametrize(
    "form",
    ["{digest}  {name}", "{digest} *{name}", "{digest}  ./{name}", "{digest}  /models/{name} ", "{upper}  {name}"],
)
@pytest.mark.parametrize("as_file", [False, True])
def test_a_list_of_sums(form: str, as_file: bool, make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    checkpoint = make_checkpoint("tiny")
    digest = sha256(checkpoint)
    line = form.format(digest=digest, upper=digest.upper(), name=checkpoint.name)
    sums = checkpoint.with_name("SHA256SUMS")
    sums.write_text(f"{'1' * 64}  other.pt\n{line}\n\n")
    if as_file:
        settings = settings.model_copy(update={"checkpoints": checkpoint})
    assert clip.load("open_clip/tiny", settings).weights_sha256 == digest
    make_checkpoint("tiny", seed=1)
    error = load_error("open_clip/tiny", settings)
    assert error.code == "weights_mismatch"
    assert all(part in error.detail for part in (str(sums), checkpoint.name, digest, sha256(checkpoint)))


@pytest.mark.usefixtures("nothing_built")
def test_a_list_with_two_sums_for_a_file_is_refused(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    checkpoint = make_checkpoint("tiny")
    lines = [f"{digest}  {checkpoint.name}\n" for digest in (sha256(checkpoint), "2" * 64)]
    checkpoint.with_name("SHA256SUMS").write_text("".join(lines))
    assert load_error("open_clip/tiny", settings).code == "weights_mismatch"


@pytest.mark.usefixtures("nothing_built")
def test_a_list_without_the_file_does_not_pin_it(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    """Such as one with a slip in the name: who pins weights is not to find out later that nothing was pinned."""
    checkpoint = make_checkpoint("tiny")
    checkpoint.with_name("SHA256SUMS").write_text(f"{sha256(checkpoint)}  not-{checkpoint.name}\n")
    error = load_error("open_clip/tiny", settings)
    assert error.code == "weights_mismatch"
    assert "does not list" in error.detail


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    "content",
    [b"tiny.safetensors", b"\xff\xfe", b"1234  tiny.safetensors", b"SHA256 (tiny.safetensors) = " + b"1" * 64],
)
def test_a_list_of_sums_in_another_form_is_refused(
    content: bytes, make_checkpoint: MakeCheckpoint, settings: WorkerSettings
) -> None:
    sums = make_checkpoint("tiny").with_name("SHA256SUMS")
    sums.write_bytes(content)
    error = load_error("open_clip/tiny", settings)
    assert error.code == "encoder_not_configured"
    assert str(sums) in error.detail


@pytest.mark.usefixtures("nothing_built")
def test_a_missing_device_is_reported_before_anything_is_loaded(
    make_checkpoint: MakeCheckpoint, settings: WorkerSettings
) -> None:
    make_checkpoint("tiny")
    error = load_error("open_clip/tiny", settings.model_copy(update={"device": "cuda:99"}))
    assert error.code == "encoder_not_configured"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---- names, and where weights are found


@pytest.mark.parametrize(
    "name",
    ["open_clip", "open_clip/", "open_clip/ViT-L14", "open_clip/tiny/", "open_clip/tiny/../tiny", "open_clip/tiny/a/b"],
)
def test_unknown_names(name: str, make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    make_checkpoint("tiny")
    error = load_error(name, settings)
    assert error.code == "encoder_not_configured"
    assert "open_clip/MODEL" in error.detail


def test_a_misspelled_model_gets_suggestions(settings: WorkerSettings) -> None:
    assert "ViT-L-14" in load_error("open_clip/ViT-L14", settings).detail


def test_checkpoints_may_be_a_file(make_checkpoint: MakeCheckpoint) -> None:
    checkpoint = make_checkpoint("tiny", "epoch_9.safetensors")
    encoder = clip.load("open_clip/tiny", WorkerSettings(checkpoints=checkpoint, device="cpu", threads=1))
    assert encoder.weights_sha256 == sha256(checkpoint)


def test_a_tag_has_its_own_file(make_checkpoint: MakeCheckpoint, settings: WorkerSettings) -> None:
    plain = make_checkpoint("tiny")
    assert load_error("open_clip/tiny/mine", settings).code == "encoder_not_configured"
    only_plain = settings.model_copy(update={"checkpoints": plain})
    assert load_error("open_clip/tiny/mine", only_plain).code == "encoder_not_configured", (
        "the file has no tag in its name"
    )
    tagged = make_checkpoint("tiny", "tiny.mine.safetensors", seed=1)
    assert clip.load("open_clip/tiny/mine", settings).weights_sha256 == sha256(tagged)
    assert clip.load("open_clip/tiny", settings).weights_sha256 == sha256(plain)


@pytest.mark.parametrize("there", [None, "", "nowhere"])
@pytest.mark.parametrize("name", ["open_clip/ViT-L-14", "open_clip/ViT-L-14/not-a-tag", "open_clip/ViT-L-14/openai"])
def test_no_weights_anywhere(there: str | None, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes before a model is built, and says what to set."""
    monkeypatch.setattr(checkpoints, "get_session", unreachable)
    monkeypatch.setattr(clip, "_laid_out", None)
    directory = None if there is None else tmp_path / there
    error = load_error(name, WorkerSettings(checkpoints=directory, device="cpu"))
    assert error.code == "encoder_not_configured"
    assert "CONCEPT_ORDERINGS_CHECKPOINTS" in error.detail


def unreachable() -> None:
    raise OSError("no internet")


class Hub:
    def head(self, url: str, *, timeout: float) -> None:
        assert url.startswith("http")
        assert timeout > 0


def test_pretrained_weights_are_downloaded(make_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = make_checkpoint("tiny")
    monkeypatch.setattr(checkpoints, "list_pretrained_tags_by_model", lambda model: ["openai"])
    monkeypatch.setattr(checkpoints, "get_pretrained_cfg", lambda model, tag: {"hf_hub": "x/", "quick_gelu": True})
    monkeypatch.setattr(checkpoints, "get_session", Hub)
    monkeypatch.setattr(checkpoints, "download_pretrained", lambda weights: str(checkpoint))
    encoder = clip.load("open_clip/tiny/openai", WorkerSettings(checkpoints=None, device="cpu", threads=1))
    # trained with QuickGELU, which the model's configuration does not say
    expected = reference("tiny", checkpoint, CAPTIONS, force_quick_gelu=True)
    np.testing.assert_allclose(encoder.encode(CAPTIONS), expected, atol=1e-5)
    assert np.abs(expected - reference("tiny", checkpoint, CAPTIONS)).max() > 1e-3


def test_a_download_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(weights: object) -> str:
        raise FileNotFoundError("403 from the hub")

    monkeypatch.setattr(checkpoints, "get_session", Hub)
    monkeypatch.setattr(checkpoints, "download_pretrained", fail)
    error = load_error("open_clip/ViT-L-14/openai", WorkerSettings(checkpoints=None, device="cpu", threads=1))
    assert error.code == "encoder_not_configured"
    assert "403 from the hub" in error.detail


@pytest.mark.parametrize(
    ("model", "tag", "wanted"),
    [("ViT-L-14", "openai", True), ("ViT-L-14", None, False), ("ViT-L-14", "mine", False), ("tiny", "openai", False)],
)
def test_quick_gelu_of_known_tags(model: str, tag: str | None, wanted: bool) -> None:
    assert checkpoints.wants_quick_gelu(model, tag) is wanted

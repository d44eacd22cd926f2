"""Encoders over HTTP: prompt ensembles, dtypes, cut captions, and unusable weights.

The model is open_clip's smallest, with random weights.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from concept_orderings.evidence import evidence_digest
from concept_orderings.path import quantise
from support.deployment import Deployment
from worker.evidence.encoders.base import file_sha256
from worker.evidence.encoders.fake import FakeEncoder

pytestmark = pytest.mark.slow

MODEL = "ViT-S-32-alt"
ENCODER = f"open_clip/{MODEL}"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of checkpoints of the text tower: a valid one, and others whose tag names their fault."""
    torch.manual_seed(0)
    whole = open_clip.create_model(MODEL, pretrained_text=False).state_dict()
    sound = {key: value for key, value in whole.items() if not key.startswith("visual.")}
    directory = tmp_path_factory.mktemp("checkpoints")
    save_file(sound, directory / f"{MODEL}.safetensors")
    save_file({**sound, "ln_final.weight": torch.full((256,), torch.nan)}, directory / f"{MODEL}.nan.safetensors")
    save_file({**sound, "ln_final.weight": torch.ones(7)}, directory / f"{MODEL}.shape.safetensors")
    (directory / f"{MODEL}.damaged.safetensors").write_bytes(b"no weights")
    save_file(sound, directory / f"{MODEL}.exchanged.safetensors")
    sums = {each.name: file_sha256(each) for each in directory.iterdir()}
    sums[f"{MODEL}.exchanged.safetensors"] = "0" * 64
    (directory / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    save_file(sound, directory / f"{MODEL}.unlisted.safetensors")
    return directory


@pytest.fixture(scope="module")
def service(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(tmp_path_factory.mktemp("encoders"), CONCEPT_ORDERINGS_CHECKPOINTS=str(weights)) as deployment:
        yield deployment.ready()


def request(name: str, datasets: list[dict[str, Any]] | None = None, **parameters: Any) -> dict[str, Any]:
    return {
        "name": name,
        "datasets": datasets or [{"name": "mine", "classes": ["cat", "dog", "owl"], "template": "A {}."}],
        "ordering": {"kind": "similarity", **parameters},
        "tasks": {"count": 1},
    }


def embeddings(service: Deployment, body: dict[str, Any]) -> dict[str, Any]:
    """Publish a request, and return the entry of its manifest on embeddings."""
    evidence: dict[str, Any] = service.http.get(service.publish(body)["url"]).json()["evidence"]["embeddings"]
    return evidence


def test_a_prompt_ensemble_is_the_unit_mean_of_its_captions(service: Deployment) -> None:
    def body(*templates: str) -> dict[str, Any]:
        own = {"name": "mine", "classes": ["cat", "dog"], "template": list(templates)}
        return request("ensemble", [own, {"name": "dtd", "classes": ["dotted"]}], encoder="fake")

    version = service.publish(body("a {}", "the {}", "{}"))
    assert service.publish(body("{}", "the {}", "a {}")) == version, "the order of templates has no meaning"
    manifest = service.http.get(version["url"]).json()
    assert manifest["request"]["datasets"] == [
        {"name": "DTD", "classes": ["dotted"], "template": "A photo of a {} texture."},
        {"name": "mine", "classes": ["cat", "dog"], "template": ["a {}", "the {}", "{}"]},
    ]
    fake = FakeEncoder(dtype="float64")
    rows = [fake.encode(["A photo of a dotted texture."])[0]]
    for name in ("cat", "dog"):
        total = np.zeros(64)
        for row in fake.encode([f"a {name}", f"the {name}", name]):
            total += row
        squares = 0.0
        for value in total.tolist():
            squares += value * value
        rows.append(total / np.sqrt(squares))
    assert manifest["evidence"]["embeddings"]["digest"] == evidence_digest(quantise(np.array(rows)))


@pytest.mark.parametrize("encoder", ["fake", "minilm", ENCODER])
def test_a_dtype_gives_embeddings_of_its_own(service: Deployment, encoder: str) -> None:
    name = "dtype-" + encoder.partition("/")[0].replace("_", "-")
    plain = embeddings(service, request(name, encoder=encoder))
    short = embeddings(service, request(name, encoder=encoder, dtype="bfloat16"))
    assert (plain["dtype"], short["dtype"]) == ("float64", "bfloat16")
    assert plain["encoder"] != short["encoder"]
    assert plain["digest"] != short["digest"]
    assert plain["weights"] == short["weights"]


def test_cut_captions_are_warned_about_also_with_embeddings_from_the_cache(service: Deployment) -> None:
    long = "dog " * 75 + "house"
    datasets = [{"name": "mine", "classes": ["cat", "owl", long], "template": "{}"}]
    bodies = [request("cut", datasets, encoder=ENCODER, seed=seed) for seed in (1, 2)]
    for body in bodies:
        (warning,) = service.publish(body)["warnings"]
        assert f"{ENCODER} reads 77 tokens" in warning
        assert "1 longer caption, those of 1 concept: 'mine+++dog dog " in warning
    first, second = (embeddings(service, body) for body in bodies)
    assert first == second


@pytest.mark.parametrize(
    ("classes", "template", "codes", "shared"),
    [
        (["😀", "🚗", "🐶", "🍕"], "A photo of a {}.", ["unknown_tokens", "equal_vectors"], [3, 3, 3, 3]),
        (["Crane", "crane", "CRANE", "bear"], "A photo of a {}.", ["look_alikes", "equal_vectors"], [2, 2, None, 2]),
        (["pêche", "peche"], "A photo of a {}.", ["equal_vectors"], [1, 1]),
        (["bear", "otter"], "A photo of a {}.", [], [None, None]),
    ],
)
def test_names_that_minilm_does_not_tell_apart_are_warned_of(
    service: Deployment, classes: list[str], template: str, codes: list[str], shared: list[int | None]
) -> None:
    dataset = {"name": "mine", "classes": classes, "template": template}
    ordering = {"kind": "typicality", "encoder": "minilm"}
    body = {"name": "not-told-apart", "datasets": [dataset], "ordering": ordering, "tasks": {"count": 1}}
    version = service.publish(body)
    [task] = [service.http.get(each["url"]).json()["concepts"] for each in version["tasks"]]
    evidence = {each["class"]: each["evidence"] for each in task}

    assert [each["code"] for each in version["warning_details"]] == codes
    assert [each["detail"] for each in version["warning_details"]] == version["warnings"]
    assert sorted(map(str, shared)) == sorted(str(each.get("shares_vector_with")) for each in evidence.values())
    assert {each["caption"] for each in evidence.values()} == {template.format(name) for name in classes}


def test_pinned_weights_are_in_the_manifest(service: Deployment, weights: Path) -> None:
    digest = file_sha256(weights / f"{MODEL}.safetensors")
    assert embeddings(service, request("pinned", encoder=ENCODER, weights=digest))["weights"] == digest


@pytest.mark.parametrize(
    ("parameters", "code", "words"),
    [
        ({"encoder": ENCODER, "weights": "1" * 64}, "weights_mismatch", "1" * 64),
        ({"encoder": "minilm", "weights": "1" * 64}, "weights_mismatch", "1" * 64),
        ({"encoder": f"{ENCODER}/exchanged"}, "weights_mismatch", "0" * 64),
        ({"encoder": f"{ENCODER}/unlisted"}, "weights_mismatch", "does not list"),
        ({"encoder": f"{ENCODER}/nan"}, "encoder_failed", "ln_final.weight"),
        ({"encoder": f"{ENCODER}/shape"}, "encoder_mismatch", "ln_final.weight"),
        ({"encoder": f"{ENCODER}/damaged"}, "encoder_mismatch", "damaged.safetensors"),
        ({"encoder": f"{ENCODER}/nowhere"}, "encoder_not_configured", "CONCEPT_ORDERINGS_CHECKPOINTS"),
        ({"encoder": "open_clip/ViT-L14"}, "encoder_not_configured", "ViT-L-14"),
    ],
)
def test_unusable_weights_fail_the_job_before_anything_is_encoded(
    service: Deployment, parameters: dict[str, Any], code: str, words: str
) -> None:
    job = service.post(request("wrong", **parameters)).headers["Location"]
    done = service.until_state(job, "failed", "succeeded")
    assert done["error"]["code"] == code
    assert words in done["error"]["detail"]
    assert done["error"]["pointers"] == ["/ordering/weights" if "weights" in parameters else "/ordering/encoder"]
    assert done["progress"]["done"] == 0


def test_a_device_that_does_not_exist_fails_the_job(weights: Path, tmp_path: Path) -> None:
    with Deployment(
        tmp_path, CONCEPT_ORDERINGS_CHECKPOINTS=str(weights), CONCEPT_ORDERINGS_DEVICE="cuda:99"
    ) as service:
        service.ready()
        job = service.post(request("nowhere", encoder=ENCODER)).headers["Location"]
        error = service.until_state(job, "failed", "succeeded")["error"]
    assert error["code"] == "encoder_not_configured"
    assert "CONCEPT_ORDERINGS_DEVICE" in error["detail"]

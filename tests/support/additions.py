"""What releases since 0.1.0 have added to the documents of a version.

Without the additions, and with the release patched, a document of today's software has the bytes that 0.1.0 wrote. So
a change of anything that 0.1.0 published shows, although manifests and tasks have grown.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from concept_orderings.canonical import canonical_json, sha256_hex


def _warnings(*codes: str) -> Callable[[dict[str, Any], Sequence[dict[str, Any]]], None]:
    """Return a function that takes the sentences of warnings of some codes out of a manifest."""

    def take_out(manifest: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> None:
        del tasks
        for each in manifest["warning_details"]:
            if each["code"] in codes:
                manifest["warnings"].remove(each["detail"])

    return take_out


def _warnings_as_objects(manifest: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> None:
    del tasks
    del manifest["warning_details"]


def _origin_of_scores(manifest: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> None:
    del tasks
    for name in ("model", "metric", "direction"):
        manifest["evidence"].get("scores", {}).pop(name, None)


def _ties_of_scores(manifest: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> None:
    del manifest
    for concept in (each for task in tasks for each in task["concepts"]):
        if "score" in concept["evidence"]:
            del concept["evidence"]["tie_group"]


def _unknown_tokens(manifest: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> None:
    added = [each["detail"] for each in manifest["warning_details"] if each["code"] == "unknown_tokens"]
    for sentence in added:
        manifest["evidence"]["embeddings"]["warnings"].remove(sentence)
    _warnings("unknown_tokens")(manifest, tasks)


def _zero_steps(manifest: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> None:
    del tasks
    for name in ("zero_steps", "share_of_zero_steps"):
        manifest["ordering"].get("diagnostics", {}).pop(name, None)


def _evidence_of_embeddings(manifest: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> None:
    del manifest
    for concept in (each for task in tasks for each in task["concepts"]):
        for name in ("caption", "captions", "step_to_next", "shares_vector_with"):
            concept["evidence"].pop(name, None)


def _evidence_files(manifest: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> None:
    del tasks
    del manifest["evidence_files"]


def _what_sources_read(manifest: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> None:
    codes = ("not_asked", "shared_words")
    for sentence in [each["detail"] for each in manifest["warning_details"] if each["code"] in codes]:
        manifest["evidence"]["counts"]["warnings"].remove(sentence)
    _warnings(*codes)(manifest, tasks)
    for concept in (each for task in tasks for each in task["concepts"]):
        concept["evidence"].pop("asked", None)


def _samples_of_tasks(manifest: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> None:
    for each in manifest["tasks"]:
        for name in ("samples", "samples_exact"):
            each.pop(name, None)
    _warnings("uneven_tasks")(manifest, tasks)


ADDITIONS: Mapping[str, Callable[[dict[str, Any], Sequence[dict[str, Any]]], None]] = {
    "the manifest warns of embeddings in float32 and bfloat16, which differ between machines": _warnings(
        "machine_embeddings"
    ),
    "the manifest warns of class names that look alike, and of characters that running text seldom has": _warnings(
        "look_alikes", "not_nfc", "unusual_characters"
    ),
    "names of which a source reads no word, or the same words, are warned of; tasks say what was not asked": (
        _what_sources_read
    ),
    "the manifest warns of scores that may be of several scales, or that tell few concepts apart": _warnings(
        "mixed_scores", "scores_like_shares", "odd_scores", "dataset_scores", "equal_scores"
    ),
    "the manifest names the model, the metric and the direction of scores": _origin_of_scores,
    "tasks say how many concepts have the score of a concept, as they do of counts": _ties_of_scores,
    "captions with text that the encoder has no token for are warned of": _unknown_tokens,
    "names that are not written as people write them are warned of, with queries that are": _warnings(
        "not_running_text"
    ),
    "concepts with equal captions or equal vectors are warned of: their order is random": _warnings(
        "equal_captions", "equal_vectors"
    ),
    "templates with a placeholder that is not replaced are warned of": _warnings("literal_placeholders"),
    "classes of a dataset that share a synonym or a spelling are warned of": _warnings("shared_synonyms"),
    "diagnostics count the steps of length 0, between concepts that are not told apart": _zero_steps,
    "a concept that has embeddings shows its captions, and how near the next one is": _evidence_of_embeddings,
    "the manifest lists the files of the evidence, from which the order can be made again": _evidence_files,
    "classes and datasets that the catalogue lacks, names alike and evaluation data are warned of": _warnings(
        "unknown_classes", "unknown_datasets", "alike_datasets", "evaluation_data"
    ),
    "the manifest has the training samples of each task, and warns if they differ by a factor of 2": _samples_of_tasks,
    "the manifest lists its warnings as objects, so that programs need not read sentences": _warnings_as_objects,
}
"""By the reason for an addition, a function that takes it out of a manifest and its tasks."""


def _decoded(document: bytes) -> Any:
    """Read canonical JSON, in which a large number without a point or an exponent is a float all the same."""
    return json.loads(document, parse_int=lambda digits: float(digits) if len(digits) > 15 else int(digits))


def without_additions(manifest: bytes, tasks: Sequence[bytes], *, release: str = "0.1.0") -> tuple[bytes, list[bytes]]:
    """Return the manifest and the tasks of a version as an earlier release would have written them.

    Parameters
    ----------
    manifest, tasks
        Canonical JSON.
    release
        What the manifest then names as the software's version.
    """
    bare, bare_tasks = _decoded(manifest), [_decoded(each) for each in tasks]
    assert [each["digest"] for each in bare["tasks"]] == [sha256_hex(each) for each in tasks]
    for take_out in ADDITIONS.values():
        take_out(bare, bare_tasks)
    bare["software"]["version"] = release
    written = [canonical_json(each) for each in bare_tasks]
    for entry, task in zip(bare["tasks"], written, strict=True):
        entry["digest"] = sha256_hex(task)
    return canonical_json(bare), written

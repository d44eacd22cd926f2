"""Test the verification of versions, above all of versions that were tampered with."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_orderings.bundles import read_bundle
from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.evidence.base import evidence_digest
from concept_orderings.evidence.tables import EvidenceFile, read_table
from concept_orderings.exporters.bundle import CHECKSUMS, Bundle
from concept_orderings.exporters.fomo import fomo_list
from concept_orderings.library import arrange_request
from concept_orderings.orderings import ORDERINGS
from concept_orderings.request import parse_request
from concept_orderings.verification import Code, Findings, Outcome, verify
from support.optional import needs_numba

Files = dict[str, bytes]

CLASSES = {"cifar100": ["bear", "otter", "wolf", "apple", "clock", "rose"], "mine": ["ant", "bee", "cat", "dog"]}
ORDERED = [f"CIFAR100+++{each}" for each in CLASSES["cifar100"]] + [f"mine+++{each}" for each in CLASSES["mine"]]
KINDS: Mapping[str, dict[str, Any]] = {
    "random": {"kind": "random", "seed": 4},
    "dataset": {"kind": "dataset"},
    "time": {"kind": "time", "reverse": True},
    "time within": {"kind": "time", "within": {"kind": "frequency"}},
    "dataset within": {"kind": "dataset", "within": {"kind": "similarity", "encoder": "fake"}},
    "given": {"kind": "given"},
    "performance": {"kind": "performance"},
    "frequency": {"kind": "frequency"},
    "ties": {"kind": "frequency", "ties": {"order": ORDERED[::-1]}},
    "published": {"kind": "published", "stream": "icarl/cifar100"},
    "typicality": {"kind": "typicality", "encoder": "fake"},
    "similarity": {"kind": "similarity", "encoder": "fake"},
    "similarity reversed": {"kind": "similarity", "encoder": "fake", "reverse": True},
    "similarity from one": {"kind": "similarity", "encoder": "fake", "starts": "mine+++ant"},
    "similarity refined": {"kind": "similarity", "encoder": "fake", "refine": 2},
    "similarity from three": {"kind": "similarity", "encoder": "fake", "starts": 3, "dtype": "float32"},
}
SPLITS: Mapping[str, dict[str, Any]] = {"count": {"count": 3}, "sizes": {"sizes": [1, 6, 3]}, "by": {"by": "dataset"}}


@cache
def files_of(kind: str, split: str = "count") -> Mapping[str, bytes]:
    """Return the files of a bundle."""
    counts = {name: 3 + i // 2 for i, name in enumerate([*CLASSES["cifar100"], *CLASSES["mine"]])}
    scores = {name: 50.5 - i // 2 for i, name in enumerate(counts)}
    datasets = [
        {
            "name": name,
            "classes": classes,
            "counts": {each: counts[each] for each in classes},
            "scores": {each: scores[each] for each in classes},
            "template": "A photo of a {}.",
            **({"year": 2020} if name == "mine" else {}),
        }
        for name, classes in CLASSES.items()
        if name == "cifar100" or kind != "published"
    ]
    request = parse_request(
        {
            "name": "v",
            "datasets": datasets,
            "ordering": KINDS[kind],
            "tasks": {"count": 3} if kind == "published" else SPLITS[split],
        }
    )
    rows = np.random.default_rng(0).integers(-3, 4, size=(len(request.concepts), 6)) + 0.25
    stream = arrange_request(request, embeddings=rows)
    if "fake" in json.dumps(KINDS[kind]):
        stream = from_encoder(stream)
    return read_bundle(Bundle().render(stream.published(1)), "v.zip")


def from_encoder(stream: Any) -> Any:
    """Return a stream whose embeddings were made by the encoder that the request names."""
    from dataclasses import replace

    gathered = dict(stream.gathered)
    ((need, each),) = [(need, each) for need, each in gathered.items() if need == "embeddings"]
    dtype = "float32" if "float32" in stream.request.canonical.decode() else "float64"
    origin = replace(each.provenance, source="fake", details={**each.provenance.details, "dtype": dtype})
    return replace(stream, gathered={**gathered, need: replace(each, provenance=origin)})


def codes(files: Mapping[str, bytes], **options: Any) -> set[str]:
    """Return the codes of what fails."""
    return {each.code for each in verify(files, **options).all() if each.outcome is Outcome.FAILED}


def redigested(files: Mapping[str, bytes]) -> Files:
    """Return files with all digests made anew, as somebody who hides a change would make them."""
    changed = dict(files)
    manifest = json.loads(changed["manifest.json"])
    for name, data in changed.items():
        if name.startswith("evidence/"):
            kind = read_table(data).kind
            for entry in manifest["evidence_files"]:
                if entry["kind"] == kind:
                    entry |= {"digest": sha256_hex(data), "bytes": len(data)}
    for i, entry in enumerate(manifest["tasks"]):
        entry["digest"] = sha256_hex(changed[f"tasks/{i}.json"])
    manifest["order_digest"] = sha256_hex(changed["order.json"])
    manifest["request_digest"] = sha256_hex(canonical_json(manifest["request"]))
    changed["manifest.json"] = canonical_json(manifest)
    digest = sha256_hex(changed["manifest.json"]).encode()
    changed["README.md"] = re.sub(rb"[0-9a-f]{64}", digest, changed["README.md"])
    changed.pop(CHECKSUMS)
    sums = "".join(f"{sha256_hex(data)}  {name}\n" for name, data in changed.items())
    return {**changed, CHECKSUMS: sums.encode()}


def edited(files: Mapping[str, bytes], name: str, edit: Callable[[Any], None]) -> Files:
    """Return files with the JSON of one edited."""
    value = json.loads(files[name])
    edit(value)
    return {**files, name: canonical_json(value)}


def swapped(files: Mapping[str, bytes], i: int, j: int) -> Files:
    """Return files with two concepts swapped in tasks and order, as far as they are in one or two tasks."""
    tasks = {name: json.loads(data) for name, data in files.items() if name.startswith("tasks/")}
    rows = {row["position"]: (task, at) for task in tasks.values() for at, row in enumerate(task["concepts"])}
    (one, a), (other, b) = rows[i], rows[j]
    one["concepts"][a], other["concepts"][b] = other["concepts"][b], one["concepts"][a]
    one["concepts"][a]["position"], other["concepts"][b]["position"] = i, j
    order = json.loads(files["order.json"])
    order[i], order[j] = order[j], order[i]
    return {**files, **{name: canonical_json(task) for name, task in tasks.items()}, "order.json": fomo_list(order)}


def with_vectors(files: Mapping[str, bytes], change: Callable[[Any], None]) -> Files:
    """Return files with other vectors, whose digests are those of the new ones."""
    from dataclasses import replace

    table = read_table(files["evidence/vectors.npz"])
    vectors = table.arrays["vectors"].copy()
    change(vectors)
    provenance = {**table.provenance, "digest": evidence_digest(vectors)}
    found = EvidenceFile.of(replace(table, arrays={"vectors": vectors}, provenance=provenance))
    manifest = json.loads(files["manifest.json"])
    manifest["evidence"]["embeddings"]["digest"] = provenance["digest"]
    return {**files, "evidence/vectors.npz": found.data, "manifest.json": canonical_json(manifest)}


# --- versions as they are


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("all_starts", [False, True])
def test_a_version_of_each_kind_is_verified(kind: str, all_starts: bool) -> None:
    if all_starts and "similarity" in json.dumps(KINDS[kind]):
        pytest.importorskip("numba")
    findings = verify(files_of(kind), all_starts=all_starts)

    assert [each for each in findings.all() if each.outcome is not Outcome.NOTED] == []
    assert findings.outcome is None
    believed = kind.startswith("similarity") and kind != "similarity from one" and not all_starts
    assert findings.has(Outcome.NOTED, Code.BEST_START_NOT_PROVEN) == believed


def test_all_orderings_are_verified() -> None:
    assert {each["kind"] for each in KINDS.values()} == set(ORDERINGS)


@pytest.mark.parametrize("split", SPLITS)
def test_a_version_of_each_split_is_verified(split: str) -> None:
    assert verify(files_of("dataset", split)).all() == []


@pytest.mark.parametrize("kind", ["random", "frequency", "similarity"])
def test_files_may_have_any_names_and_tasks_may_be_left_out(kind: str) -> None:
    files = files_of(kind)
    wanted = ["manifest.json", *(each for each in files if each.startswith("evidence/"))]
    loose = {f"download/{i}": files[name] for i, name in enumerate([*wanted, "order.json"])}
    findings = verify(loose)

    assert findings.outcome is None
    assert findings.has(Outcome.NOTED, Code.TASKS_NOT_GIVEN)


def test_the_cited_digest_is_compared() -> None:
    files = files_of("random")

    assert codes(files, digest=sha256_hex(files["manifest.json"])) == set()
    assert codes(files, digest="0f" * 32) == {Code.OTHER_VERSION}


# --- versions that were tampered with


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hidden", [False, True])
def test_swapped_concepts_fail_at_the_first_position(kind: str, hidden: bool) -> None:
    """Also if all digests are made anew."""
    files = swapped(files_of(kind), 2, 5)
    files = redigested(files) if hidden else files
    findings = verify(files)

    assert findings.outcome is Outcome.FAILED
    (differs,) = [each for each in findings.all() if each.code is Code.ORDER_DIFFERS]
    assert f"position {5 if kind == 'similarity reversed' else 2}," in differs.detail
    if not hidden:
        assert findings.has(Outcome.FAILED, Code.FILE_CHANGED)


@needs_numba
def test_another_start_fails_if_all_are_walked() -> None:
    whole = files_of("similarity")
    one = files_of("similarity from one")
    order = json.loads(one["order.json"])
    assert order != json.loads(whole["order.json"])
    # The path from another start is greedy, too: only all starts show that it is not the shortest.
    tasks = [json.loads(one[f"tasks/{i}.json"]) for i in range(3)]
    files = {**whole, **{f"tasks/{i}.json": canonical_json(task) for i, task in enumerate(tasks)}}
    files["order.json"] = fomo_list(order)
    stated, other = json.loads(whole["manifest.json"]), json.loads(one["manifest.json"])
    details = stated["ordering"]["details"]
    details |= {name: other["ordering"]["details"][name] for name in ("path_start", "total_distance")}
    details["start_totals"]["least"] = details["total_distance"]
    stated["ordering"]["diagnostics"] = other["ordering"]["diagnostics"]
    files["manifest.json"] = canonical_json(stated)
    files = redigested(files)

    assert codes(files) == set()
    assert Code.ORDER_DIFFERS in codes(files, all_starts=True)


@pytest.mark.parametrize("kind", ["typicality", "similarity", "similarity refined", "dataset within"])
def test_a_changed_vector_fails(kind: str) -> None:
    files = files_of(kind)

    def change(vectors: Any) -> None:
        vectors[3, 2] += 1

    assert Code.FILE_CHANGED in codes(with_vectors(files, change))
    hidden = codes(redigested(with_vectors(files, change)))
    # The distances to the next concept, and the figures of the path, are those of the vectors.
    assert hidden or kind == "typicality"
    archive = bytearray(files["evidence/vectors.npz"])
    archive[archive.index(b"\x93NUMPY") + 140] ^= 1
    assert codes({**files, "evidence/vectors.npz": bytes(archive)}) >= {Code.FILE_CHANGED, Code.FILE_UNREADABLE}


@pytest.mark.parametrize(
    ("kind", "column"), [("frequency", "count"), ("performance", "score"), ("time", "year"), ("ties", "place")]
)
def test_a_changed_value_fails(kind: str, column: str) -> None:
    files = files_of(kind)
    name = next(each for each in files if each.startswith("evidence/") and column in files[each].decode())

    def change(table: Any) -> None:
        table["rows"][4][column] += 1

    assert Code.FILE_CHANGED in codes(edited(files, name, change))
    assert Code.EVIDENCE_DIFFERS in codes(redigested(edited(files, name, change)))


def test_a_count_that_only_a_task_shows_fails() -> None:
    def change(task: Any) -> None:
        task["concepts"][0]["evidence"]["count"] += 1

    files = edited(files_of("frequency"), "tasks/1.json", change)
    assert codes(redigested(files)) == {Code.TASKS_DIFFER}


def test_a_moved_boundary_of_tasks_fails() -> None:
    files = dict(files_of("random"))
    first, second = json.loads(files["tasks/0.json"]), json.loads(files["tasks/1.json"])
    second["concepts"].insert(0, first["concepts"].pop())
    files |= {"tasks/0.json": canonical_json(first), "tasks/1.json": canonical_json(second)}

    def count(manifest: Any) -> None:
        manifest["tasks"][0]["concepts"] -= 1
        manifest["tasks"][1]["concepts"] += 1

    assert Code.TASKS_DIFFER in codes(files)
    hidden = verify(redigested(edited(files, "manifest.json", count)))
    details = [each.detail for each in hidden.all() if each.code is Code.TASKS_DIFFER]
    assert "Task 0 has 3 concepts, and the split of the request gives it 4." in details


@pytest.mark.parametrize(
    "name", ["manifest.json", "order.json", "tasks/1.json", "evidence/counts.json", "CITATION.cff"]
)
@pytest.mark.parametrize("hidden", [False, True])
def test_a_missing_file_fails(name: str, hidden: bool) -> None:
    files = {each: data for each, data in files_of("frequency").items() if each != name}
    if hidden:
        sums = files[CHECKSUMS].decode().splitlines(keepends=True)
        files[CHECKSUMS] = "".join(line for line in sums if not line.endswith(f"  {name}\n")).encode()
    if name == "manifest.json":
        with pytest.raises(Exception, match="no manifest"):
            verify(files)
    elif hidden and name == "CITATION.cff":
        assert codes(files) == set()
    else:
        assert Code.FILE_MISSING in codes(files)


FIELDS: Mapping[str, tuple[Code, Callable[[Any], None]]] = {
    "seed": (Code.ORDER_DIFFERS, lambda value: value["request"]["ordering"].update(seed=5)),
    "a count of the request": (
        Code.EVIDENCE_DIFFERS,
        lambda value: value["request"]["datasets"][0]["counts"].update(apple=99),
    ),
    "name": (Code.REQUEST_DIFFERS, lambda value: value.update(name="w")),
    "version": (Code.TASKS_DIFFER, lambda value: value.update(version=2)),
    "concepts": (Code.MANIFEST_DIFFERS, lambda value: value.update(concepts=11)),
    "source": (Code.EVIDENCE_DIFFERS, lambda value: value["evidence"]["counts"].update(source="c4")),
    "digest": (Code.EVIDENCE_DIFFERS, lambda value: value["evidence"]["counts"].update(digest="0f" * 32)),
    "kind": (Code.MANIFEST_DIFFERS, lambda value: value["ordering"].update(kind="performance")),
    "kinds of evidence": (Code.EVIDENCE_DIFFERS, lambda value: value["evidence"].update(scores={"source": "x"})),
    "no evidence": (Code.EVIDENCE_DIFFERS, lambda value: value["evidence"].pop("counts")),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_changed_field_of_the_manifest_fails(field: str) -> None:
    code, change = FIELDS[field]
    files = edited(files_of("frequency"), "manifest.json", change)

    assert Code.FILE_CHANGED in codes(files)
    assert code in codes(redigested(files))


def test_the_totals_of_a_path_are_compared() -> None:
    def change(manifest: Any) -> None:
        manifest["ordering"]["details"]["total_distance"] += 0.25

    assert codes(redigested(edited(files_of("similarity"), "manifest.json", change))) == {Code.MANIFEST_DIFFERS}


def test_json_that_is_not_canonical_fails() -> None:
    files = dict(files_of("random"))
    files["tasks/0.json"] += b"\n"
    assert codes(redigested(files)) == {Code.TASKS_DIFFER}


def test_software_warnings_and_added_fields_are_notes() -> None:
    def change(manifest: Any) -> None:
        manifest["software"]["version"] = "9.9.9"
        manifest["warnings"].append("A later release warns of this.")
        manifest["colour"] = "red"

    def grow(task: Any) -> None:
        task["concepts"][0]["evidence"]["colour"] = "red"

    files = redigested(edited(edited(files_of("random"), "manifest.json", change), "tasks/0.json", grow))
    findings = verify(files)

    assert findings.outcome is None
    assert {each.code for each in findings.all()} == {Code.OTHER_SOFTWARE, Code.OTHER_WARNINGS, Code.ADDED_FIELDS}


def test_an_order_whose_evidence_was_not_kept_is_not_verified() -> None:
    files = {name: data for name, data in files_of("similarity").items() if not name.startswith("evidence/")}
    files = edited(files, "manifest.json", lambda manifest: manifest.pop("evidence_files"))
    manifest = json.loads(files["manifest.json"])
    manifest["evidence_files"] = []
    files["manifest.json"] = canonical_json(manifest)
    findings = verify(redigested(files))

    assert findings.outcome is Outcome.UNPROVEN
    assert findings.has(Outcome.UNPROVEN, Code.EVIDENCE_NOT_KEPT)
    # Counts in the request need no file.
    counted = {name: data for name, data in files_of("frequency").items() if not name.startswith("evidence/")}
    without = edited(counted, "manifest.json", lambda manifest: manifest.update(evidence_files=[]))
    assert verify(redigested(without)).outcome is Outcome.FAILED
    dropped = edited(counted, "manifest.json", lambda manifest: manifest.pop("evidence_files"))
    loose = {name: data for name, data in dropped.items() if name not in {CHECKSUMS, "README.md"}}
    assert verify(loose).outcome is None


@pytest.mark.parametrize("name", ["CIFAR100+++rise", "CIFAR100+++bear", "mine+++ants"])
@pytest.mark.parametrize(
    ("kind", "parameter"),
    [("given", "order"), ("similarity from one", "starts"), ("dataset", "datasets_in_order")],
)
def test_a_request_whose_ordering_names_other_concepts_is_refused(kind: str, parameter: str, name: str) -> None:
    def change(manifest: Any) -> None:
        ordering = manifest["request"]["ordering"]
        changed = {
            "order": [*ordering.get("order", [])[:-1], name],
            "starts": f"{name}!",
            "datasets_in_order": ["CIFAR100", name],
        }
        ordering[parameter] = changed[parameter]

    files = redigested(edited(files_of(kind), "manifest.json", change))

    assert codes(files) >= {Code.REQUEST_DIFFERS}


def test_a_request_of_a_later_release_is_not_verified() -> None:
    files = edited(files_of("random"), "manifest.json", lambda value: value["request"]["ordering"].update(swirl=True))
    assert verify(redigested(files)).outcome is Outcome.UNPROVEN
    later = edited(files_of("random"), "manifest.json", lambda value: value.update(format=2))
    assert verify(redigested(later)).outcome is Outcome.UNPROVEN


@settings(max_examples=200)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_any_changed_byte_fails(kind: str, data: st.DataObject) -> None:
    files = dict(files_of(kind))
    name = data.draw(st.sampled_from(sorted(files)))
    at = data.draw(st.integers(0, len(files[name]) - 1))
    changed = bytearray(files[name])
    changed[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != changed[at]))
    files[name] = bytes(changed)

    assert failed_or_refused(files)


@settings(max_examples=200)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_any_value_of_another_type_is_refused_without_an_exception(kind: str, data: st.DataObject) -> None:
    files = dict(files_of(kind))
    name = data.draw(
        st.sampled_from([each for each in sorted(files) if each.endswith(".json") and "croissant" not in each])
    )
    value = json.loads(files[name])
    place = value
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not (isinstance(inner, dict | list) and inner) or data.draw(st.booleans()):
            break
        place = inner
    if isinstance(place, dict) and data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = data.draw(
            st.sampled_from([None, True, 7, "x", [], {}, [{}], {"name": "x"}]).filter(lambda new: new != inner)
        )
    files[name] = canonical_json(value)

    assert failed_or_refused(files)


def failed_or_refused(files: Mapping[str, bytes]) -> bool:
    from concept_orderings.errors import BadValue

    try:
        findings: Findings = verify(files)
    except BadValue:
        return True
    return findings.outcome is Outcome.FAILED


ONE_SIDED: Mapping[str, Callable[[Any], None]] = {
    "a field more": lambda manifest: manifest.update(colour="red"),
    "a field of a task more": lambda manifest: manifest["tasks"][0].update(training={"steps": 1}),
    "a field less": lambda manifest: manifest["tasks"][0].pop("samples"),
    "no name": lambda manifest: manifest.pop("name"),
    "no version": lambda manifest: manifest.pop("version"),
}


@pytest.mark.parametrize("change", ONE_SIDED)
def test_the_same_software_neither_adds_nor_leaves_out_fields(change: str) -> None:
    assert failed_or_refused(redigested(edited(files_of("published"), "manifest.json", ONE_SIDED[change])))


def test_the_same_software_shows_the_same_evidence_in_tasks() -> None:
    def less(task: Any) -> None:
        del task["concepts"][1]["evidence"]["count"]

    assert codes(redigested(edited(files_of("frequency"), "tasks/0.json", less))) == {Code.TASKS_DIFFER}


@pytest.mark.parametrize("name", ["a.json", "z.json"])
def test_two_orders_that_differ_fail(name: str) -> None:
    files = dict(files_of("random"))
    order = json.loads(files["order.json"])
    copies = {**files, name: files["order.json"]}
    assert codes(dict(sorted(copies.items()))) == set()
    copies[name] = fomo_list(order[::-1])
    assert Code.ORDER_DIFFERS in codes(dict(sorted(copies.items())))


def test_only_the_places_of_warnings_are_notes() -> None:
    def change(manifest: Any) -> None:
        manifest["evidence"]["counts"]["warnings"] = []
        manifest["warnings_of_mine"] = []

    assert codes(redigested(edited(files_of("frequency"), "manifest.json", change))) == {Code.MANIFEST_DIFFERS}


def test_a_bundle_is_an_archive_that_verifies_itself() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files_of("random").items():
            archive.writestr(name, data)
    assert verify(read_bundle(stream.getvalue(), "x")).outcome is None

"""Test published evidence: its bytes, and that an order is made again from them."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.errors import BadEvidence
from concept_orderings.evidence import EVIDENCE, Gathered, Need, Provenance, evidence_digest
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.base import parameters_of
from concept_orderings.evidence.captions import NeedsEmbeddings
from concept_orderings.evidence.quantised import embeddings_as_evidence
from concept_orderings.evidence.tables import EvidenceFile, EvidenceTable, gathered_of, margins_of, read_table, table_of
from concept_orderings.library import arrange_stream
from concept_orderings.orderings import ORDERINGS
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.stored_zip import stored_zip
from concept_orderings.stream import ArrangedStream
from concept_orderings.stream_warnings import StreamWarning, WarningCode
from unit.concept_orderings.request.bodies import changed, counted
from unit.concept_orderings.strategies import Body, embeddings_for, requests

DOUBT = StreamWarning.of(WarningCode.SOURCE_WARNING, "Nothing is true.", count=None, concepts=["A+++a"])


def similar(**ordering: object) -> StreamRequest:
    return parse_request(changed({"/ordering": {"kind": "similarity", "encoder": "fake", **ordering}}))


def embedded(request: StreamRequest) -> Gathered:
    """Return embeddings as a worker gathers them, with margins and a certificate unless the dtype is another one."""
    parameters = parameters_of(request.ordering, NeedsEmbeddings)
    rows = embeddings_for(request).astype(np.float64)
    facts = {"dtype": parameters.dtype, "weights": None}
    return embeddings_as_evidence(rows, parameters, request.concepts.ids, source="fake", facts=facts, warnings=(DOUBT,))


def arranged(request: StreamRequest) -> ArrangedStream:
    gathered = evidence_at_hand(request)
    return arrange_stream(request, {**gathered, **({Need.EMBEDDINGS: embedded(request)} if request.outside else {})})


def again(stream: ArrangedStream) -> ArrangedStream:
    """Return the stream that is made from the published files of another alone."""
    gathered = dict(gathered_of(read_table(each.data)) for each in stream.evidence_files)
    return arrange_stream(stream.request, gathered)


@given(requests())
def test_a_version_is_made_again_from_its_evidence(body: Body) -> None:
    # A search that its time limit ends may give another order each time.
    body["ordering"].pop("max_seconds", None)
    stream = arranged(parse_request(body))

    assert again(stream).documents(3) == stream.documents(3)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("kind", [each.kind for each in ORDERINGS.values() if Need.EMBEDDINGS in each.needs])
def test_a_version_is_made_again_from_vectors_of_any_dtype(kind: str, dtype: str) -> None:
    stream = arranged(similar(kind=kind, dtype=dtype))
    (file,) = stream.evidence_files

    assert (file.kind, file.media_type) == ("vectors", "application/zip")
    assert again(stream).documents(1) == stream.documents(1)


def test_ranks_are_published_under_their_name() -> None:
    body = {
        "name": "ranked",
        "datasets": [{"name": "cifar100", "classes": ["bear", "otter"]}],
        "ordering": {"kind": "frequency", "source": "fomo-c4-ranks"},
        "tasks": {"count": 1},
    }
    stream = arranged(parse_request(body))
    table = read_table(stream.evidence_files[0].data)

    assert (table.kind, table.values) == ("counts", "rank")
    assert again(stream).documents(1) == stream.documents(1)


def test_the_manifest_lists_the_files() -> None:
    stream = arranged(similar())
    manifest = json.loads(stream.documents(7)[2].data)

    (file,) = stream.evidence_files
    assert manifest["evidence_files"] == [
        {
            "kind": "vectors",
            "media_type": "application/zip",
            "url": "7/evidence/vectors",
            "digest": sha256_hex(file.data),
            "bytes": len(file.data),
        }
    ]


def test_streams_with_the_same_evidence_share_a_file() -> None:
    frequency = {"kind": "frequency"}
    one = arranged(parse_request(changed({"/ordering": frequency})))
    other = arranged(parse_request(changed({"/name": "other", "/ordering": {**frequency, "seed": 4, "reverse": True}})))
    changed_count = arranged(parse_request(changed({"/ordering": frequency, "/datasets/0/counts/a": 4})))

    assert [each.data for each in one.evidence_files] == [each.data for each in other.evidence_files]
    assert one.evidence_files[0].digest != changed_count.evidence_files[0].digest


def test_numpy_reads_the_vectors_and_json_the_rows() -> None:
    request = similar()
    gathered = embedded(request)
    file = EvidenceFile.of(table_of(Need.EMBEDDINGS, gathered, request.concepts))

    with np.load(io.BytesIO(file.data)) as archive:
        vectors, table = archive["vectors"], json.loads(archive["evidence.json"])
    assert vectors.dtype == np.int16
    assert np.array_equal(vectors, gathered.values)
    assert [each["concept"] for each in table["rows"]] == list(request.concepts.ids)
    assert table["templates"] == {"ONE": ["A {}."], "TWO": ["{}"]}
    assert table["arrays"]["vectors"] == evidence_digest(vectors) == gathered.provenance.digest
    assert table["ordering_details"]["certificate"]["coordinates"] == vectors.size
    assert canonical_json(table) == zipfile.ZipFile(io.BytesIO(file.data)).read("evidence.json")


def test_the_columns_of_a_source_of_counts_are_published() -> None:
    request = parse_request(counted())
    n = len(request.concepts)
    values = np.arange(n, dtype=np.int64)
    provenance = Provenance(
        source="c4",
        digest=evidence_digest(values),
        details={"unit": "documents", "counted": {"first": "2026-01-31T12:00:00Z", "last": "2026-01-31T12:00:00Z"}},
        warnings=(DOUBT,),
    )
    columns: dict[str, Sequence[Json]] = {
        "query": [["a", "b"], *["a"] * (n - 1)],
        "unit": ["documents"] * n,
        "approximate": [True, *[None] * (n - 1)],
    }
    gathered = Gathered(values, provenance, columns)
    table = read_table(EvidenceFile.of(table_of(Need.COUNTS, gathered, request.concepts)).data)

    assert table.as_json()["rows"] == [
        {"concept": "ONE+++a", "count": 0, "query": ["a", "b"], "unit": "documents", "approximate": True},
        *(
            {"concept": each, "count": i, "query": "a", "unit": "documents"}
            for i, each in enumerate(request.concepts.ids)
            if i
        ),
    ]
    need, read = gathered_of(table)
    assert need is Need.COUNTS
    assert read.provenance == provenance
    assert read.columns == columns
    assert np.array_equal(read.values, values)


def test_vectors_that_are_too_large_are_left_out() -> None:
    request = similar()
    gathered = embedded(request)
    streams = [
        arrange_stream(request, {Need.EMBEDDINGS: gathered}, most_vector_bytes=gathered.values.nbytes - less)
        for less in (0, 1)
    ]

    assert [len(each.evidence_files) for each in streams] == [1, 0]
    assert [each.evidence_left_out for each in streams] == [(), (Need.EMBEDDINGS,)]
    # The margins are small, and say how near to another order the embeddings are.
    assert [len(each.files_beside) for each in streams] == [1, 1]


def test_margins_are_published_to_the_last_bit() -> None:
    request = similar()
    gathered = embedded(request)
    margins = margins_of(gathered, request.concepts)
    assert margins is not None

    read = read_table(EvidenceFile.of(margins).data)
    assert gathered.margins is not None
    assert read.columns["margin"] == gathered.margins.tolist()
    assert margins_of(embedded(similar(dtype="float32")), request.concepts) is None


@pytest.mark.parametrize("need", Need)
def test_every_kind_says_how_it_is_published(need: Need) -> None:
    kind = EVIDENCE[need]

    assert kind.published_as
    assert kind.value_name
    assert np.dtype(kind.value_type).kind in "if"
    assert len({each.published_as for each in EVIDENCE.values()}) == len(EVIDENCE)


def fixed() -> dict[str, EvidenceFile]:
    request = similar()
    vectors = np.arange(-8, 12, dtype=np.int16).reshape(4, 5)
    details: dict[str, Any] = {"dtype": "float64", "weights": None}
    provenance = Provenance(source="fake", digest=evidence_digest(vectors), details=details)
    at_hand = evidence_at_hand(parse_request(changed({"/ordering": {"kind": "performance"}})))
    return {
        "vectors": EvidenceFile.of(table_of(Need.EMBEDDINGS, Gathered(vectors, provenance), request.concepts)),
        "scores": EvidenceFile.of(table_of(Need.SCORES, at_hand[Need.SCORES], request.concepts)),
    }


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        ("vectors", "43c9b733dc2b2c9e1c8de7660cfecf8655cbc035eed4fb285dc51df7dc972408"),
        ("scores", "436f34902d65789239e939ded41c7935c213edce604d285b02246b7546f52351"),
    ],
)
def test_the_bytes_never_change(kind: str, digest: str) -> None:
    assert fixed()[kind].digest == digest


def written(file: EvidenceFile) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(file.data)
    return table


def refused(data: bytes) -> str:
    with pytest.raises(BadEvidence) as refusal:
        gathered_of(read_table(data))
    return refusal.value.code


def test_a_changed_value_is_noticed() -> None:
    table = written(fixed()["scores"])
    table["rows"][1]["score"] = 0.75
    assert refused(json.dumps(table).encode()) == "evidence_damaged"

    vectors = bytearray(fixed()["vectors"].data)
    with zipfile.ZipFile(io.BytesIO(vectors)) as archive:
        members = {each.filename: archive.read(each) for each in archive.infolist()}
    members["vectors.npy"] = members["vectors.npy"][:-1] + b"\x01"
    assert refused(stored_zip(members)) == "evidence_damaged"
    # A flipped bit does not even have the checksum of its archive.
    vectors[vectors.index(b"NUMPY") + 140] ^= 1
    assert refused(bytes(vectors)) == "bad_evidence_file"


def without(name: str) -> bytes:
    table = written(fixed()["scores"])
    del table[name]
    return json.dumps(table).encode()


def with_rows(*rows: object) -> bytes:
    return json.dumps({**written(fixed()["scores"]), "rows": rows}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        b"PAR1",
        b"[]",
        b"7",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        without("provenance"),
        without("rows"),
        without("kind"),
        with_rows(7),
        with_rows({"score": 1}),
        with_rows({"concept": "A+++a"}),
        with_rows({"concept": "A+++a", "score": "high"}),
        with_rows({"concept": "A+++a", "score": True}),
        json.dumps({**written(fixed()["scores"]), "format": 2}).encode(),
        json.dumps({**written(fixed()["scores"]), "format": True}).encode(),
        json.dumps({**written(fixed()["scores"]), "kind": "moods"}).encode(),
        json.dumps({**written(fixed()["scores"]), "provenance": {}}).encode(),
        json.dumps({**written(fixed()["scores"]), "arrays": {"vectors": "0f"}}).encode(),
        stored_zip({}),
        stored_zip({"vectors.npy": b""}),
        stored_zip({"evidence.json": fixed()["scores"].data, "evidence.json/": b""})[:-3],
    ],
)
def test_other_files_are_refused(data: bytes) -> None:
    assert refused(data) == "bad_evidence_file"


@given(st.sampled_from(["vectors", "scores"]), st.data())
def test_damaged_files_are_refused_or_hold_the_same(kind: str, data: st.DataObject) -> None:
    """No damage raises another error, and none changes a value unnoticed."""
    damaged = bytearray(fixed()[kind].data)
    start = data.draw(st.integers(0, len(damaged) - 1))
    damaged[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        _, found = gathered_of(read_table(bytes(damaged)))
    except BadEvidence:
        return

    assert np.array_equal(found.values, gathered_of(read_table(fixed()[kind].data))[1].values)


@pytest.mark.parametrize(
    "values",
    [
        np.full((4, 5), 32767, dtype=np.int16),
        np.full((4, 5), -32768, dtype=np.int16),
        np.zeros((4, 0), dtype=np.int16),
        np.zeros((4, 4097), dtype=np.int16),
    ],
)
def test_vectors_without_an_order_are_refused(values: NDArray[np.int16]) -> None:
    """Their digests are right, so only their sizes tell."""
    provenance = Provenance(source="fake", digest=evidence_digest(values), details={})
    file = EvidenceFile.of(table_of(Need.EMBEDDINGS, Gathered(values, provenance), similar().concepts))

    assert refused(file.data) == "bad_evidence_file"


def of_two(kind: str, column: str, values: Sequence[float], digest: str) -> bytes:
    rows = [{"concept": f"A+++{i}", column: each} for i, each in enumerate(values)]
    provenance = {"source": "request", "digest": digest, "warnings": []}
    table = {"format": 1, "kind": kind, "values": column, "arrays": {}, "warning_details": [], "rows": rows}
    return json.dumps({**table, "provenance": provenance}).encode()


@pytest.mark.parametrize("first", [3.7, float("nan"), float("inf"), 1e300, 10**400])
def test_numbers_that_are_no_counts_are_refused(first: float) -> None:
    digest = evidence_digest(np.array([3, 1], dtype=np.int64))
    assert refused(of_two("counts", "count", [first, 1], digest)) == "evidence_damaged"


@pytest.mark.parametrize("first", [float("nan"), float("inf"), float("-inf")])
def test_scores_that_are_not_finite_are_refused(first: float) -> None:
    digest = evidence_digest(np.array([first, 1.0]))
    assert refused(of_two("scores", "score", [first, 1.0], digest)) == "evidence_damaged"


def test_values_of_the_wrong_shape_are_refused() -> None:
    column = evidence_digest(np.array([3, 1], dtype=np.int16))
    assert refused(of_two("vectors", "vectors", [3, 1], column)) == "bad_evidence_file"

    array = np.zeros((4, 2), dtype=np.int64)
    names = EvidenceTable("counts", "count", similar().concepts.ids, {}, {"count": array}, {"source": ""})
    stated = {**names.provenance, "digest": evidence_digest(array), "warnings": []}
    assert refused(EvidenceFile.of(replace(names, provenance=stated)).data) == "bad_evidence_file"


def test_compressed_archives_are_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("evidence.json", b" " * 10_000)

    assert refused(file.getvalue()) == "bad_evidence_file"


def test_members_that_share_their_bytes_are_refused() -> None:
    """A thousand of them would stand for a thousand times the size of the file."""
    data = fixed()["vectors"].data
    directory = data.index(b"PK\x01\x02")
    ending = data.index(b"PK\x05\x06")
    entries, end = data[directory:ending], bytearray(data[ending:])
    again = entries * 1000
    number = 1000 * int.from_bytes(end[8:10], "little")
    end[8:10] = end[10:12] = number.to_bytes(2, "little")
    end[12:16] = len(again).to_bytes(4, "little")

    with pytest.raises(BadEvidence, match="overlap"):
        read_table(data[:directory] + again + bytes(end))


def damaged_archive(*, encrypted: bool = False, changed: bool = False) -> bytes:
    """Return an archive that `zipfile` cannot read."""
    data = bytearray(stored_zip({"evidence.json": b"{}" * 30}))
    if encrypted:
        data[6] |= 1
        data[data.index(b"PK\x01\x02") + 8] |= 1
    if changed:
        data[data.index(b"{}")] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is not JSON from line 1, column 1 on"),
        (b'{"format": 1,\n oops}', "it is not JSON from line 2, column 2 on"),
        (b'{"a": "\xff"}', "it is not text in UTF-8"),
        (b"[" * 100_000, "it has values that are nested too deeply"),
        (b"{}", "it has no 'format'"),
        (b"[]", "a field of its table has another type than published evidence"),
        (b'{"format": 1, "arrays": 3, "kind": ""}', "a field of its table has another type than published evidence"),
        (b'{"format": 99}', "its format is 99, and this release reads 1"),
        (b"PK\x03\x04", "its archive is damaged or not complete; download it again"),
        (damaged_archive()[:-5], "its archive is damaged or not complete; download it again"),
        (damaged_archive(encrypted=True), "its archive is damaged or not complete; download it again"),
        (damaged_archive(changed=True), "its archive is damaged or not complete; download it again"),
        (stored_zip({"other.json": b"{}"}), "it has no 'evidence.json'"),
    ],
)
def test_what_is_no_evidence_is_said_in_plain_words(data: bytes, reason: str) -> None:
    with pytest.raises(BadEvidence) as caught:
        read_table(data)

    assert (caught.value.code, caught.value.detail) == (
        "bad_evidence_file",
        f"This is not published evidence: {reason}.",
    )

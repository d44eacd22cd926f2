"""Test published evidence as Parquet."""

import io
import sys
from typing import Any

import numpy as np
import pytest

from concept_orderings.errors import MissingLibrary
from concept_orderings.evidence import Gathered, Need, Provenance, evidence_digest
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.evidence.parquet import evidence_as_parquet
from concept_orderings.evidence.tables import EvidenceFile, EvidenceTable, margins_of, read_table, table_of
from concept_orderings.request import parse_request
from unit.concept_orderings.request.bodies import changed

parquet = pytest.importorskip("pyarrow.parquet")


def read(table: EvidenceTable) -> Any:
    """Return the Parquet of a table that was published and read again."""
    return parquet.read_table(io.BytesIO(evidence_as_parquet(read_table(EvidenceFile.of(table).data))))


def by(kind: str, need: Need, **changes: object) -> EvidenceTable:
    request = parse_request(changed({"/ordering": {"kind": kind}, **changes}))
    return table_of(need, evidence_at_hand(request)[need], request.concepts)


def test_vectors_are_lists_of_integers() -> None:
    changes = {"/datasets/1/template": ["{}", "A {}!"], "/datasets/1/synonyms": {"a": ["b"]}}
    request = parse_request(changed({"/ordering": {"kind": "similarity"}, **changes}))
    vectors = np.arange(12, dtype=np.int16).reshape(4, 3)
    provenance = Provenance(source="fake", digest=evidence_digest(vectors), details={})
    gathered = Gathered(vectors, provenance, margins=np.array([1.0, 2.0, 0.5, 1e-9]))
    found = read(table_of(Need.EMBEDDINGS, gathered, request.concepts))

    assert str(found.schema.field("vectors").type) == "fixed_size_list<element: int16>[3]"
    assert found.schema.metadata == {b"kind": b"vectors", b"digest": evidence_digest(vectors).encode()}
    assert found.column_names == ["concept", "dataset", "class", "captions", "vectors"]
    assert found.to_pylist()[3] == {
        "concept": "TWO+++a",
        "dataset": "TWO",
        "class": "a",
        "captions": ["A a!", "A b!", "a", "b"],
        "vectors": [9, 10, 11],
    }
    margins = margins_of(gathered, request.concepts)
    assert margins is not None
    assert read(margins).column("margin").to_pylist() == [1.0, 2.0, 0.5, 1e-9]


@pytest.mark.parametrize(
    ("kind", "need", "column", "type_name", "values"),
    [
        ("frequency", Need.COUNTS, "count", "int64", [3, 2, 1, 0]),
        # All integers, as canonical JSON writes them.
        ("performance", Need.SCORES, "score", "double", [1.0, 2.0, 3.0, 4.0]),
        ("time", Need.YEARS, "year", "int64", [2001, 2001, 2001, 2002]),
    ],
)
def test_columns_are_typed(kind: str, need: Need, column: str, type_name: str, values: list[object]) -> None:
    found = read(by(kind, need, **{"/datasets/0/scores": {"a": 1, "b": 2, "c": 3}}))

    assert found.column_names == ["concept", "dataset", "class", column]
    assert str(found.schema.field(column).type) == type_name
    assert found.column(column).to_pylist() == values


def test_without_pyarrow_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingLibrary, match="pip install"):
        evidence_as_parquet(by("time", Need.YEARS))

"""Published evidence: what an order was made from, as files that versions share and everyone can read.

Each kind of evidence is a table with a row for each concept in canonical order. Its file is the canonical JSON of the
table. A table with arrays, such as vectors, is an .npz file: ``evidence.json`` is that JSON, and each array lies beside
it as .npy. Equal evidence has the same bytes on every machine, with every release of Python and NumPy, so a file
is named by its SHA-256. docs/evidence.md describes the fields.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json, canonical_json, sha256_hex
from concept_orderings.concepts import Concepts
from concept_orderings.errors import BadEvidence
from concept_orderings.evidence import EVIDENCE, Gathered, Need, Provenance, evidence_digest
from concept_orderings.evidence.base import EvidenceField, Values
from concept_orderings.evidence.captions import TEMPLATE
from concept_orderings.evidence.class_synonyms import SYNONYMS
from concept_orderings.npy import npy_bytes, read_rows
from concept_orderings.stored_zip import stored_zip
from concept_orderings.stream_warnings import StreamWarning, details

TABLE_FORMAT = 1
"""The format number of tables, raised when a field changes its meaning; readers refuse unknown formats."""

JSON_TYPE, NPZ_TYPE = "application/json", "application/zip"
"""The media types of files."""

MARGINS = "margins"
"""The kind of the table of margins, which lies beside a version and outside its digest."""

TABLE_KINDS = (*(each.published_as for each in EVIDENCE.values()), MARGINS)
"""All kinds of tables, as they stand in URLs."""

TABLE_FILE = "evidence.json"
"""The name of the table in an .npz file."""

_CONCEPT = "concept"

_TEXT = {"type": "string"}
TABLE_SCHEMA: Mapping[str, Any] = {
    "title": "EvidenceTable",
    "description": "The evidence of one kind, a row for each concept in canonical order.",
    "type": "object",
    "properties": {
        "format": {"type": "integer"},
        "kind": _TEXT,
        "values": {"type": "string", "description": "The column, or the array, that has the values."},
        "provenance": {
            "type": "object",
            "description": "As in the manifest's field evidence.",
            "additionalProperties": True,
        },
        "warning_details": {"type": "array", "items": {"type": "object"}},
        "arrays": {"type": "object", "additionalProperties": _TEXT, "description": "SHA-256 of the numbers by array."},
        "ordering_details": {"type": "object", "description": "As in the manifest under ordering.details."},
        "templates": {"type": "object", "additionalProperties": {"type": "array", "items": _TEXT}},
        "synonyms": {"type": "object", "description": "By dataset and class, other names whose captions count, too."},
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {_CONCEPT: _TEXT},
                "required": [_CONCEPT],
                # The columns are those of the kind.
                "additionalProperties": True,
            },
        },
    },
    "required": ["format", "kind", "values", "provenance", "warning_details", "arrays", "rows"],
    "examples": [
        {
            "format": TABLE_FORMAT,
            "kind": "years",
            "values": "year",
            "provenance": {"source": "catalogue", "digest": "0f" * 32, "warnings": []},
            "warning_details": [],
            "arrays": {},
            "rows": [{"concept": "CIFAR100+++bear", "year": 2009}],
        }
    ],
}
"""The JSON schema of tables."""


@dataclass(frozen=True, eq=False)
class EvidenceTable:
    """The evidence of one kind for n concepts.

    Attributes
    ----------
    kind : str
        As versions publish it: ``vectors``, ``counts``, ``scores``, ``years``, ``ties`` or ``margins``.
    values : str
        The name of the column or the array that has the values.
    concepts : sequence of str
        ``DATASET+++class name``, (n,), in canonical order.
    columns : mapping of str to sequence, each (n,)
        By name; None where a concept has no value.
    arrays : mapping of str to ndarray, each (n, d)
        Of integers, by name.
    provenance : mapping
        The entry of this evidence in the manifest's ``evidence``.
    warnings : sequence of StreamWarning
        Its warnings, of which the provenance has the sentences.
    ordering_details : mapping
        What the manifest has of it under ``ordering.details``.
    templates : mapping of str to sequence of str
        The caption templates of each dataset, for vectors.
    synonyms : mapping of str to mapping of str to sequence of str
        For vectors: by dataset and class, the other names of the class whose captions were averaged with its own.
    """

    kind: str
    values: str
    concepts: Sequence[str]
    columns: Mapping[str, Sequence[Json]]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    provenance: Mapping[str, Json] = field(default_factory=dict)
    warnings: Sequence[StreamWarning] = ()
    ordering_details: Mapping[str, Json] = field(default_factory=dict)
    templates: Mapping[str, Sequence[str]] = field(default_factory=dict)
    synonyms: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """Return the table as JSON, without its arrays."""
        optional: dict[str, Json] = {
            "ordering_details": self.ordering_details,
            "templates": self.templates,
            "synonyms": self.synonyms,
        }
        return {
            "format": TABLE_FORMAT,
            "kind": self.kind,
            "values": self.values,
            "provenance": self.provenance,
            "warning_details": details(self.warnings),
            "arrays": {name: evidence_digest(each) for name, each in self.arrays.items()},
            "rows": self._rows(),
            **{name: value for name, value in optional.items() if value},
        }

    def _rows(self) -> list[Json]:
        names = [_CONCEPT, *self.columns]
        rows = zip(self.concepts, *self.columns.values(), strict=True)
        return [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]


@dataclass(frozen=True, eq=False)
class EvidenceFile:
    """The file of a table.

    Attributes
    ----------
    kind : str
        The kind of the table.
    media_type : str
        ``application/json``, or ``application/zip`` for an .npz file.
    data : bytes
    """

    kind: str
    media_type: str
    data: bytes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes, hexadecimal."""
        return sha256_hex(self.data)

    @classmethod
    def of(cls, table: EvidenceTable) -> "EvidenceFile":
        """Return the file of a table; it takes seconds for a million concepts."""
        written = canonical_json(table.as_json())
        if not table.arrays:
            return cls(table.kind, JSON_TYPE, written)
        arrays = {f"{name}.npy": npy_bytes(each) for name, each in table.arrays.items()}
        return cls(table.kind, NPZ_TYPE, stored_zip({TABLE_FILE: written, **arrays}))


def table_of(need: Need, gathered: Gathered, concepts: Concepts) -> EvidenceTable:
    """Return gathered evidence as the table that a version publishes.

    Parameters
    ----------
    need
        The kind of the evidence.
    gathered
        Its values and where they came from.
    concepts
        n concepts.
    """
    kind = EVIDENCE[need]
    values, name = kind.published(gathered.values), gathered.shown_as or kind.value_name
    return EvidenceTable(
        kind.published_as,
        name,
        concepts.ids,
        {**gathered.columns, **({} if values.ndim > 1 else {name: values.tolist()})},
        arrays={name: values} if values.ndim > 1 else {},
        provenance=gathered.provenance.as_json(),
        warnings=gathered.provenance.warnings,
        ordering_details=gathered.details,
        templates=_given(TEMPLATE, concepts) if need is Need.EMBEDDINGS else {},
        synonyms=_given(SYNONYMS, concepts) if need is Need.EMBEDDINGS else {},
    )


def margins_of(gathered: Gathered, concepts: Concepts) -> EvidenceTable | None:
    """Return the margins of quantised embeddings as a table; None for evidence that has none."""
    if gathered.margins is None:
        return None
    provenance = gathered.provenance.as_json()
    columns = {"margin": gathered.margins.tolist()}
    return EvidenceTable(MARGINS, "margin", concepts.ids, columns, provenance=provenance)


def gathered_of(table: EvidenceTable) -> tuple[Need, Gathered]:
    """Return the evidence of a table, as it was gathered.

    Raises
    ------
    BadEvidence
        ``bad_evidence_file``: no ordering needs its kind, it has no values, or its vectors are longer than unit vectors
        or have no dimensions. ``evidence_damaged``: the values do not have the digest that the table states, or are no
        numbers of their type.
    """
    need = next((need for need, kind in EVIDENCE.items() if kind.published_as == table.kind), None)
    if need is None:
        raise BadEvidence("bad_evidence_file", f"No ordering is made from evidence of the kind {table.kind!r}.")
    kind, entry = EVIDENCE[need], dict(table.provenance)
    values = _values(table, need)
    stated = entry.pop("digest")
    # That of an array is checked when it is read. Embeddings in float32 have a digest of their own numbers as well.
    if table.values not in table.arrays and evidence_digest(values) != stated:
        raise _damaged(table.kind)
    source = str(entry.pop("source"))
    entry.pop("warnings")
    provenance = Provenance(source=source, digest=str(stated), details=entry, warnings=tuple(table.warnings))
    columns = {name: each for name, each in table.columns.items() if name != table.values}
    shown_as = "" if table.values == kind.value_name else table.values
    return need, Gathered(values, provenance, columns, table.ordering_details, shown_as)


def read_table(data: bytes) -> EvidenceTable:
    """Return the table of a file; its arrays share the memory of the file.

    Raises
    ------
    BadEvidence
        ``bad_evidence_file``: it is not a file of evidence, or of a later format. ``evidence_damaged``: an array does
        not have the digest that the table states.
    """
    try:
        members = _members(data)
        return _table(json.loads(members.pop(TABLE_FILE)), members)
    except BadEvidence:
        raise
    except Exception as error:
        raise BadEvidence("bad_evidence_file", f"This is not published evidence: {_what_is_wrong(error)}.") from error


def _what_is_wrong(error: Exception) -> str:
    """Return what an error means for a reader, who does not know the libraries that raise it."""
    match error:
        case json.JSONDecodeError():
            return f"it is not JSON from line {error.lineno}, column {error.colno} on"
        case KeyError():
            return f"it has no {error.args[0]!r}"
    # For damaged archives `zipfile` raises many types, such as RuntimeError for one that claims to be encrypted. A
    # ValueError is raised here or by the reader of arrays.
    damaged = "its archive is damaged or not complete; download it again"
    return next((what or str(error) for types, what in _WRONG.items() if isinstance(error, types)), damaged)


_WRONG: Mapping[tuple[type[Exception], ...], str] = {
    (UnicodeDecodeError,): "it is not text in UTF-8",
    (RecursionError,): "it has values that are nested too deeply",
    (TypeError, AttributeError, IndexError): "a field of its table has another type than published evidence",
    (ValueError,): "",
}
"""What some types of errors mean; the first that fits counts, and an empty text is what the error says itself."""


def _given(evidence_field: EvidenceField[Any], concepts: Concepts) -> dict[str, Any]:
    """Return the values of a field that are not empty, by dataset."""
    return {each.name: value for each in concepts.datasets if (value := evidence_field.of(each))}


def _values(table: EvidenceTable, need: Need) -> Values:
    array = table.arrays.get(table.values)
    if (array is not None) != (need is Need.EMBEDDINGS):
        form = "a column" if array is not None else "an array"
        raise BadEvidence("bad_evidence_file", f"Published {table.kind} have {form}, which this file has not.")
    if array is not None:
        _check_vectors(array)
        return array
    column = table.columns.get(table.values)
    if column is None or any(isinstance(each, bool) or not isinstance(each, int | float) for each in column):
        raise BadEvidence("bad_evidence_file", f"The table has no {table.values} for some concept.")
    try:
        values: Values = np.array(column, dtype=EVIDENCE[need].value_type)
    except (OverflowError, ValueError) as error:
        raise _damaged(table.kind) from error
    # As integers, 3.7 would be 3.
    if not np.isfinite(values).all() or any(own != each for own, each in zip(values.tolist(), column, strict=True)):
        raise _damaged(table.kind)
    return values


def _check_vectors(vectors: NDArray[Any]) -> None:
    """Refuse vectors that no order can be made from."""
    # Imported here because programs that only render tables, such as the API, must not load numerical code.
    from concept_orderings.path.distances import check_vectors  # noqa: PLC0415

    try:
        check_vectors(vectors)
    except ValueError as error:
        raise BadEvidence("bad_evidence_file", f"An order cannot be made from its vectors: {error}.") from error


def _members(data: bytes) -> dict[str, bytes]:
    """Return the files in an .npz file by name, and the table alone for a JSON file."""
    if not data.startswith(b"PK"):
        return {TABLE_FILE: data}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        # A compressed member could stand for any number of bytes.
        if any(each.compress_type != zipfile.ZIP_STORED for each in entries):
            raise ValueError("it has compressed members, which published evidence never has")
        # So could many members that share their bytes.
        if sum(each.file_size for each in entries) > len(data):
            raise ValueError("its members overlap")
        return {each.filename: archive.read(each) for each in entries}


def _table(written: Any, members: Mapping[str, bytes]) -> EvidenceTable:
    if isinstance(written["format"], bool) or written["format"] != TABLE_FORMAT:
        raise ValueError(f"its format is {written['format']!r}, and this release reads {TABLE_FORMAT}")
    arrays = _arrays(written["arrays"], members, str(written["kind"]))
    rows: list[dict[str, Any]] = written["rows"]
    names = dict.fromkeys(name for row in rows for name in row)
    table = EvidenceTable(
        kind=str(written["kind"]),
        values=str(written["values"]),
        concepts=[str(row[_CONCEPT]) for row in rows],
        columns={name: [row.get(name) for row in rows] for name in names if name != _CONCEPT},
        arrays=arrays,
        provenance={**_object(written["provenance"])},
        warnings=tuple(StreamWarning.read(each) for each in written["warning_details"]),
        ordering_details=_object(written.get("ordering_details", {})),
        templates=_texts(written.get("templates", {})),
        synonyms={name: _texts(each) for name, each in _object(written.get("synonyms", {})).items()},
    )
    if any(len(each) != len(rows) for each in arrays.values()):
        raise ValueError(f"an array has another number of rows than the {len(rows)} of the table")
    if missing := {"source", "digest", "warnings"} - table.provenance.keys():
        raise ValueError(f"its provenance has no {min(missing)}")
    return table


def _arrays(stated: Any, members: Mapping[str, bytes], kind: str) -> dict[str, NDArray[Any]]:
    types = {each.published_as: each.value_type for each in EVIDENCE.values()}
    arrays = {name: read_rows(members[f"{name}.npy"], types[kind]) for name in _object(stated)}
    if any(evidence_digest(each) != stated[name] for name, each in arrays.items()):
        raise _damaged(kind)
    return arrays


def _texts(value: Any) -> dict[str, tuple[str, ...]]:
    return {name: tuple(map(str, each)) for name, each in _object(value).items()}


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("a field is no object")
    return value


def _damaged(kind: str) -> BadEvidence:
    return BadEvidence(
        "evidence_damaged",
        f"The {kind} do not have the SHA-256 that is stated with them: the file was changed, or is damaged. "
        "Download it again, and compare it with the digest in the manifest.",
    )

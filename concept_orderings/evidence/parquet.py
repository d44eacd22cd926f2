"""Published evidence as Parquet, for programs that read tables."""

from concept_orderings.concepts import SEPARATOR
from concept_orderings.evidence.tables import EvidenceTable
from concept_orderings.evidence.template_shape import PLACEHOLDER
from concept_orderings.exporters.rows import Column, Kind, evidence_columns
from concept_orderings.parquet import parquet_bytes

VERSION = 1
"""Raised if the columns change; the first rendering by each version is kept."""


def evidence_as_parquet(table: EvidenceTable) -> bytes:
    """Return a table as Parquet: ``concept``, ``dataset``, ``class``, its columns by name, then captions and vectors.

    Vectors are lists of int16, all of one length. The metadata of the file have the kind of evidence, and the SHA-256
    of the values that the manifest states.

    Raises
    ------
    MissingLibrary
        ``missing_library``: pyarrow is not installed.
    """
    split = [each.split(SEPARATOR, 1) for each in table.concepts]
    names = list(table.columns)
    rows = [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*table.columns.values(), strict=True)
    ]
    columns = [
        Column("concept", Kind.TEXT, list(table.concepts)),
        Column("dataset", Kind.TEXT, [dataset for dataset, _ in split]),
        Column("class", Kind.TEXT, [name for _, name in split]),
        *evidence_columns(rows),
    ]
    if table.templates:
        captions = [_captions(table, dataset, name) for dataset, name in split]
        columns.append(Column("captions", Kind.TEXTS, captions))
    metadata = {"kind": table.kind, "digest": str(table.provenance["digest"])}
    return parquet_bytes(columns, metadata, vectors=table.arrays)


def _captions(table: EvidenceTable, dataset: str, class_name: str) -> list[str]:
    names = (class_name, *table.synonyms.get(dataset, {}).get(class_name, ()))
    return sorted(each.replace(PLACEHOLDER, name) for each in table.templates.get(dataset, ()) for name in names)

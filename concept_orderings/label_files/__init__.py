"""Read class names from the files in which datasets, models and libraries have them: pure, from bytes to names.

The table in docs/commands.md lists all forms. A file that could be read in two ways, or only in part, is refused.
"""

from pathlib import PurePath

from concept_orderings.concepts import SEPARATOR
from concept_orderings.label_files.base import Body, Labels, unreadable
from concept_orderings.label_files.json_values import read_json, read_json_lines
from concept_orderings.label_files.lines import read_lines
from concept_orderings.label_files.tables import read_table
from concept_orderings.label_files.text import decode

__all__ = ["Body", "Labels", "are_concepts", "read_labels"]

_NOT_READ = frozenset(
    (".yaml", ".yml", ".toml", ".xml", ".html", ".pbtxt", ".py", ".mat", ".npy", ".npz", ".pkl", ".pt", ".parquet",
     ".arrow", ".xls", ".xlsx", ".ods", ".gz", ".zip", ".tar", ".bz2", ".xz")
)  # fmt: skip
_READ = "text with a class per line, CSV and TSV with a header, JSON, and JSON lines"


def read_labels(file: str, data: bytes, *, column: str | None = None) -> Labels | Body:
    """Read the content of a label file.

    Parameters
    ----------
    file
        The file's path; its suffix says how it is read, and errors name it.
    data
        Its content.
    column
        For tables: the column with the class names; by default the only one with a usual name.

    Returns
    -------
    Labels or Body
        Class names or concepts; or the body of a request.

    Raises
    ------
    BadValue
        ``bad_file`` or ``duplicate_field``.
    """
    suffix = PurePath(file).suffix.lower()
    if suffix in _NOT_READ:
        raise unreadable(file, f"is not read, because of its suffix {suffix}; what is read is {_READ}.")
    text = decode(file, data)
    match suffix:
        case ".json":
            return read_json(file, text, column)
        case ".jsonl" | ".ndjson":
            return read_json_lines(file, text, column)
        case ".csv":
            return read_table(file, text, ",", column)
        case ".tsv":
            return read_table(file, text, "\t", column)
        case _ if text.lstrip().startswith(("{", "[")):
            return read_json(file, text, column)
        case _:
            return read_lines(file, text, column)


def are_concepts(labels: Labels) -> bool:
    """Tell whether labels are concepts, each written ``DATASET+++class name``, and not class names."""
    return bool(labels.names) and all(SEPARATOR in name for name in labels.names)

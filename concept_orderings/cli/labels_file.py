"""Read labels for exports from a file: a JSON object with the list of each dataset, as ``PUT /v1/labels`` takes it."""

from pathlib import Path

from concept_orderings.cli.files import read_bytes
from concept_orderings.errors import BadValue
from concept_orderings.json_text import parse_json, why_not_json
from concept_orderings.labels import Labels, parse_labels


def read_labels_file(path: Path) -> Labels:
    """Return the labels of a file.

    Raises
    ------
    InvalidInput
        ``bad_file``: it cannot be read, or is not JSON; else as `concept_orderings.labels.parse_labels`.
    """
    try:
        return parse_json(read_bytes(path), parse_labels)
    except (ValueError, RecursionError) as error:
        raise BadValue("bad_file", f"{path} is not JSON: {why_not_json(error)}.") from error

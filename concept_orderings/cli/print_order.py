"""Print the concepts in canonical order, which rows without names have."""

from collections.abc import Sequence
from pathlib import Path

from concept_orderings.class_files import ClassFile, located, request_of
from concept_orderings.cli.output import write
from concept_orderings.errors import ConceptOrderingsError
from concept_orderings.request import parse_request


def print_order(files: Sequence[ClassFile], output: Path | None) -> int:
    """Write ``DATASET+++class name`` of each concept, one per line; return the exit status.

    Raises
    ------
    ConceptOrderingsError
        The class names are refused, or the output cannot be written.
    """
    try:
        # The canonical order depends on neither the ordering nor the split.
        request = parse_request(request_of(files, ordering={"kind": "random"}, tasks={"count": 1}))
    except ConceptOrderingsError as error:
        raise located(error, files) from error
    lines = "".join(f"{concept}\n" for concept in request.concepts.ids)
    write([(lines.encode(), output)])
    return 0

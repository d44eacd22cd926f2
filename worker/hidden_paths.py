"""Leave out the paths of this machine where clients see an error: the operator finds them in the log.

Errors name files in full, since the command line and the log show them to the operator. What is stored for
clients, with a job or for a source, has the last part of each path alone.
"""

import os
import re
from collections.abc import Mapping
from functools import cache

from concept_orderings.canonical import Json

_PATH = re.compile(r"(?<![\w.:/…~-])/(?:[^/\s'\"`,;:()\[\]]+/)*[^/\s'\"`,;:()\[\]]+/?")
"""An absolute path in a sentence, which ends at a space or a mark. One that a URL or a name contains is none."""


def without_paths(text: str) -> str:
    """Return a sentence for clients, in which ``/data/indexes/c4/index.json`` is ``…/index.json``.

    What begins like a path but names nothing at the root of this machine stays, such as ``/v1/sources`` and a JSON
    pointer.
    """
    return _PATH.sub(_shortened, text)


def error_without_paths(error: Mapping[str, Json]) -> dict[str, Json]:
    """Return an error as it is stored for clients (`ConceptOrderingsError.as_json`), without paths in its sentences."""
    shown = dict(error)
    if isinstance(detail := shown.get("detail"), str):
        shown["detail"] = without_paths(detail)
    if isinstance(others := shown.get("errors"), list):
        shown["errors"] = [error_without_paths(each) for each in others if isinstance(each, dict)]
    return shown


def _shortened(found: "re.Match[str]") -> str:
    path = found[0].rstrip(".")
    _, first, *rest = path.split("/")
    if not _is_at_root(first):
        return found[0]
    last = next((each for each in reversed([first, *rest]) if each), "")
    return f"…/{last}{found[0][len(path) :]}"


@cache
def _is_at_root(name: str) -> bool:
    return os.path.lexists(f"/{name}")

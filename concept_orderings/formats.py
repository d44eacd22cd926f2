"""The FoMo-in-Flux format: a stream is a JSON list of ``DATASET+++class name`` strings."""

import json
from collections.abc import Sequence


def fomo_export(concepts: Sequence[str]) -> bytes:
    """Return arranged concepts as the FoMo-in-Flux training code reads them: one indented JSON list, UTF-8.

    Non-ASCII characters are escaped, so that the file reads the same whatever encoding a cluster assumes.
    """
    return (json.dumps(list(concepts), indent=4) + "\n").encode("ascii")

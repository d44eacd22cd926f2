"""The text encoders by name: the one list that requests, settings and workers go by.

The code of an encoder stands in the worker, in ``worker/evidence/encoders/NAME.py`` for each name here.
"""

from collections.abc import Mapping

ENCODERS: Mapping[str, str] = {
    "minilm": "",
    "fake": "",
    "open_clip": r"/[A-Za-z0-9._-]{1,64}(/[A-Za-z0-9._-]{1,64})?",
}
"""Name → regular expression of what follows it: a model, for a library of models."""

PATTERN = "|".join(f"{name}{rest}" for name, rest in ENCODERS.items())
"""Regular expression of the whole of an encoder's name as requests have it."""

PAPER_ENCODER = "open_clip/ViT-L-14/openai"

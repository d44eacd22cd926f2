"""The names of the text encoders: the one list that requests, settings and workers read.

The code of an encoder is part of the worker, in ``worker/evidence/encoders/NAME.py`` for each name here.
"""

from collections.abc import Mapping

ENCODERS: Mapping[str, str] = {
    "minilm": "",
    "fake": "",
    "open_clip": r"/[A-Za-z0-9._-]{1,64}(/[A-Za-z0-9._-]{1,64})?",
}
"""By encoder, a regular expression for the text after its name: for a library of models, the model."""

ENCODER_PATTERN = "|".join(f"{name}{rest}" for name, rest in ENCODERS.items())
"""Regular expression for the whole name of an encoder in a request."""

PAPER_ENCODER = "open_clip/ViT-L-14/openai"
"""The encoder of the paper on FoMo-in-Flux (arXiv 2408.14471)."""

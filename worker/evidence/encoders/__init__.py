"""Text encoders: from a list of captions to a matrix of unit rows.

Requests choose an encoder by its name:

=============================  ==================================================================================
``minilm``                     all-MiniLM-L6-v2, installed with the worker; needs no download
``open_clip/MODEL``            any open_clip model, with weights from ``CONCEPT_ORDERINGS_CHECKPOINTS``
``open_clip/MODEL/PRETRAINED``  the same, with open_clip's pretrained weights of that tag, local or downloaded
``fake``                       unit vectors made from a hash, to try the service without a model
=============================  ==================================================================================

`concept_orderings.evidence.encoder_names` is the registry: a new encoder is one file here, named like the encoder, with
a ``load`` function (`base.Load`), and one line there.
"""

import importlib
import threading
from typing import cast

from concept_orderings.errors import EncoderError
from concept_orderings.evidence.encoder_names import ENCODERS, PAPER_ENCODER
from worker.evidence.encoders.base import Encoder, Load
from worker.settings import WorkerSettings

__all__ = ["Encoder", "load_encoder"]

_loaded: dict[tuple[str, WorkerSettings, str], Encoder] = {}
"""The encoder that this process loaded last, by its name, settings and dtype; empty or one entry."""
_loading = threading.Lock()


def load_encoder(name: str, settings: WorkerSettings, *, dtype: str = "float64", pinned: str = "") -> Encoder:
    """Load a text encoder, or return the one that this process loaded last if it is the same.

    It blocks for seconds, so call it in a thread. Weights that change on disk are loaded by a new process, or when
    `pinned` is not the digest of the loaded ones.

    Parameters
    ----------
    name : str
        A name of the table above.
    settings : WorkerSettings
        Where the weights are, and the device, batch size and threads to use.
    dtype : {"float64", "float32", "bfloat16"}
        Number format of the computation.
    pinned : str
        SHA-256 (hexadecimal) that the weights must have; empty for any weights.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: the name is unknown, weights or tokeniser are not found, or the machine lacks the
        device. ``weights_mismatch``: the digest of the weights is not the pinned one. ``encoder_mismatch``: the
        weights do not fit the model. ``encoder_failed``: the weights contain NaN or infinity.
    """
    key = (name, settings, dtype)
    with _loading:
        if key not in _loaded or pinned not in ("", _loaded[key].weights_sha256):
            # Before loading: there may not be memory for two models at once.
            _loaded.clear()
            _loaded[key] = _load(name, settings, dtype, pinned)
        return _loaded[key]


def _load(name: str, settings: WorkerSettings, dtype: str, pinned: str) -> Encoder:
    encoder = name.partition("/")[0]
    if encoder not in ENCODERS:
        raise EncoderError(
            "encoder_not_configured",
            f"There is no encoder {name!r}; the encoders are {', '.join(ENCODERS)}. With open_clip, "
            f"name a model, too: {PAPER_ENCODER}.",
        )
    # Imported here: torch is loaded with the first encoder that needs it, and never for the fake one.
    load = cast("Load", importlib.import_module(f"{__name__}.{encoder}").load)
    return load(name, settings, dtype=dtype, pinned=pinned)

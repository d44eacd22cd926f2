"""Text encoders: a list of captions in, a matrix of unit rows out. Nothing else in the project imports torch.

An encoder is asked for by name:

=============================  ==================================================================================
``minilm``                     all-MiniLM-L6-v2 as installed with the worker; needs no download
``open_clip/MODEL``            any open_clip model, with weights from ``CONCEPT_ORDERINGS_CHECKPOINTS``
``open_clip/MODEL/PRETRAINED``  the same, with open_clip's pretrained weights of that tag, local or downloaded
``fake``                       unit vectors from a hash; for trying the service without a model
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

_kept: dict[tuple[str, WorkerSettings, str], Encoder] = {}
_keeping = threading.Lock()


def load_encoder(name: str, settings: WorkerSettings, *, dtype: str = "float32", pinned: str = "") -> Encoder:
    """Load a text encoder, or return the one this process loaded last if it is the same.

    Takes seconds, so call it off the event loop. Changed weights on disk are noticed by a new process, or when other
    weights are asked for than those that were loaded.

    Parameters
    ----------
    name : str
        As in the module's table.
    settings : WorkerSettings
        Where weights are found, and the device, batch size and threads to use.
    dtype : {"float32", "bfloat16"}
        What to compute in.
    pinned : str
        SHA-256 (hexadecimal) that the weights must have; empty if any will do.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: an unknown name, weights or a tokeniser that are nowhere to be found, or a device
        that is not there. ``weights_mismatch``: weights whose digest is another than the pinned one.
        ``encoder_mismatch``: weights that are not those of the model. ``encoder_failed``: weights that hold
        not-a-number or infinity.
    """
    asked = (name, settings, dtype)
    with _keeping:
        if asked not in _kept or pinned not in ("", _kept[asked].weights_sha256):
            # before loading: two models at once may not fit
            _kept.clear()
            _kept[asked] = _load(name, settings, dtype, pinned)
        return _kept[asked]


def _load(name: str, settings: WorkerSettings, dtype: str, pinned: str) -> Encoder:
    encoder = name.partition("/")[0]
    if encoder not in ENCODERS:
        raise EncoderError(
            "encoder_not_configured",
            f"There is no encoder {name!r}; the encoders are {', '.join(ENCODERS)}. A model of open_clip is named too, "
            f"such as {PAPER_ENCODER}.",
        )
    # Here, not above: torch is loaded with the first encoder that needs it, and never for the fake one.
    load = cast("Load", importlib.import_module(f"{__name__}.{encoder}").load)
    return load(name, settings, dtype=dtype, pinned=pinned)

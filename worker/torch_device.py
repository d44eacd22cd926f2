"""The device that torch computes on, and what its errors say when it has no memory left."""

import torch

from concept_orderings.errors import EncoderError


def pick_device(setting: str) -> torch.device:
    """Return the device that the setting ``device`` names; ``auto`` is CUDA, then MPS, then CPU.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: the device is not there.
    """
    there = _devices()
    if setting == "auto":
        return torch.device(there[0])
    if setting not in there:
        raise EncoderError(
            "encoder_not_configured",
            f"CONCEPT_ORDERINGS_DEVICE is {setting!r}, which this machine does not have; it has {', '.join(there)}.",
        )
    return torch.device(setting)


def _devices() -> list[str]:
    """All devices of the machine, the best first."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cuda = ["cuda", *(f"cuda:{i}" for i in range(count))] if count else []
    return [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether a device, or the processor, had no room."""
    # MPS and the CPU raise a plain RuntimeError: "MPS backend out of memory", "not enough memory: you tried to …",
    # "can't allocate memory: you tried to …"
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        words in text for words in ("out of memory", "not enough memory", "can't allocate memory")
    )

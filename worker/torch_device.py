"""The device that torch computes on, and what its errors say when it has no memory left."""

import torch

from concept_orderings.errors import EncoderError


def pick_device(setting: str) -> torch.device:
    """Return the device of the setting ``device``; ``auto`` chooses CUDA, else MPS, else the CPU.

    Raises
    ------
    EncoderError
        ``encoder_not_configured``: the machine lacks the device.
    """
    available = _devices()
    if setting == "auto":
        return torch.device(available[0])
    if setting not in available:
        raise EncoderError(
            "encoder_not_configured",
            f"CONCEPT_ORDERINGS_DEVICE is {setting!r}, which this machine lacks; it has {', '.join(available)}.",
        )
    return torch.device(setting)


def _devices() -> list[str]:
    """Return the names of all devices of the machine, the best first."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cuda = ["cuda", *(f"cuda:{i}" for i in range(count))] if count else []
    return [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error says that a device or the processor has no memory left."""
    # MPS and the CPU raise a plain RuntimeError: "MPS backend out of memory", "not enough memory: you tried to …",
    # "can't allocate memory: you tried to …"
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        words in text for words in ("out of memory", "not enough memory", "can't allocate memory")
    )

import pytest
import torch

from concept_orderings.errors import EncoderError
from worker.torch_device import pick_device


@pytest.mark.parametrize("device", ["cuda:99", "banana", "meta", ""])
def test_a_device_that_the_machine_lacks_is_refused(device: str) -> None:
    with pytest.raises(EncoderError) as caught:
        pick_device(device)
    assert caught.value.code == "encoder_not_configured"
    assert "CONCEPT_ORDERINGS_DEVICE" in caught.value.detail


@pytest.mark.parametrize(
    ("cuda", "mps", "best"), [(2, True, "cuda"), (2, False, "cuda"), (0, True, "mps"), (0, False, "cpu")]
)
def test_auto_takes_the_best_device(cuda: int, mps: bool, best: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert pick_device("auto").type == best
    assert pick_device("cpu").type == "cpu"
    if cuda:
        assert pick_device("cuda:1") == torch.device("cuda:1")

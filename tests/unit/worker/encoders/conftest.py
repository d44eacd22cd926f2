import json
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
from safetensors.torch import save_file

from worker.settings import WorkerSettings

from .tiny import configs, random_state


@pytest.fixture(scope="session", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Make the tiny models known to open_clip."""
    directory = tmp_path_factory.mktemp("model_configs")
    for name, config in configs(directory).items():
        (directory / f"{name}.json").write_text(json.dumps({"embed_dim": 24, **config}))
    open_clip.add_model_config(directory)


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> Callable[..., Path]:
    def make(model: str, file: str = "", *, seed: int = 0, text_only: bool = False) -> Path:
        path = tmp_path / (file or f"{model}.safetensors")
        save_file(random_state(model, seed=seed, text_only=text_only), path)
        return path

    return make


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    """Weights are looked for in `tmp_path`; one thread, as threads of such small models only wait for each other."""
    return WorkerSettings(checkpoints=tmp_path, device="cpu", batch_size=16, threads=1)

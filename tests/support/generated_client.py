"""A Python client that openapi-python-client generates from the committed OpenAPI document."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from app import openapi

_GENERATOR = Path(sys.prefix) / "client-generator" / "bin"
_PACKAGE = "generated_client"


class GeneratedClient:
    """The package with the client: its models by name, and its operations by their ids.

    Parameters
    ----------
    directory
        An empty directory, where the package is generated.
    """

    def __init__(self, directory: Path) -> None:
        assert _GENERATOR.is_dir(), "make setup installs the generator"
        self.output = subprocess.run(
            [_GENERATOR / "openapi-python-client", "generate", "--path", openapi.PATH, "--meta", "none",
             "--output-path", directory / _PACKAGE],
            check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            # It formats what it writes with the ruff that is installed beside it.
            env={**os.environ, "PATH": f"{_GENERATOR}:{os.environ['PATH']}"},
        ).stdout  # fmt: skip
        sys.path.insert(0, str(directory))
        self.models: Any = self._module("models")
        self.types: Any = self._module("types")
        self.operations: dict[str, Any] = {
            each.stem: self._module(".".join(each.relative_to(directory / _PACKAGE).with_suffix("").parts))
            for each in (directory / _PACKAGE / "api").glob("*/*.py")
            if each.stem != "__init__"
        }

    def connect(self, url: str) -> Any:
        """Return the client's connection to a service."""
        client: Any = importlib.import_module(_PACKAGE)
        return client.Client(base_url=url, follow_redirects=True, raise_on_unexpected_status=True)

    def close(self) -> None:
        for each in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
            del sys.modules[each]
        sys.path.pop(0)

    def _module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{_PACKAGE}.{name}")

"""A new encoder is one file and one line: the two are held together here."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

from concept_orderings.evidence.encoder_names import ENCODERS
from worker.evidence import encoders
from worker.evidence.encoders.base import Load

FOLDER = Path(encoders.__file__).parent


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_has_a_module_with_load(name: str) -> None:
    path = FOLDER / f"{name}.py"
    assert path.is_file(), f"add {path.name} to worker/evidence/encoders: `ENCODERS` names that encoder"

    load = getattr(importlib.import_module(f"worker.evidence.encoders.{name}"), "load", None)
    assert load is not None, f"give worker/evidence/encoders/{path.name} a function `load`, as `base.Load` describes"
    wanted = list(inspect.signature(Load.__call__).parameters)[1:]
    assert list(inspect.signature(load).parameters) == wanted


def test_every_module_with_load_is_an_encoder() -> None:
    found = {path.stem for path in FOLDER.glob("*.py") if "load" in _functions(path)}

    assert found == set(ENCODERS), "name the encoder in concept_orderings/evidence/encoder_names.py"


def _functions(path: Path) -> set[str]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {each.name for each in body if isinstance(each, ast.FunctionDef)}

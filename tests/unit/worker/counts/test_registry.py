"""A new kind of source of counts is one file and one line: the two are held together here."""

import importlib
import inspect
import pkgutil
from typing import get_args

import pytest
from pydantic import BaseModel

from worker.evidence import counts
from worker.evidence.counts.settings import KINDS, SourceSettings


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_settings_that_are_of_it_and_open_it(kind: str) -> None:
    module, name = KINDS[kind]
    settings = getattr(importlib.import_module(module), name)

    assert get_args(settings.model_fields["kind"].annotation) == (kind,)
    wanted = list(inspect.signature(SourceSettings.open).parameters)
    assert list(inspect.signature(settings.open).parameters)[: len(wanted)] == wanted


def test_all_settings_of_a_source_are_listed() -> None:
    modules = [
        importlib.import_module(each.name) for each in pkgutil.walk_packages(counts.__path__, f"{counts.__name__}.")
    ]
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, BaseModel) and "kind" in value.model_fields
    }
    listed = {getattr(importlib.import_module(module), name) for module, name in KINDS.values()}

    assert found == listed, "add the kind to `KINDS` in worker/evidence/counts/settings.py"

"""Avalanche and Continuum without what their packages import: data sets, loggers, models.

That takes ten seconds and forty packages. To be imported before either of them, in a process of its own.
"""

import importlib
import importlib.util
import sys
import types
from pathlib import Path


def _without_its_init(name: str) -> types.ModuleType:
    """Make a package importable without running its ``__init__``."""
    parent, _, last = name.rpartition(".")
    if parent:
        places = [str(Path(place) / last) for place in sys.modules[parent].__path__]
    else:
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.submodule_search_locations is not None
        places = list(found.submodule_search_locations)
    package = types.ModuleType(name)
    package.__path__ = places
    sys.modules[name] = package
    return package


for each in ("avalanche", "avalanche.benchmarks", "continuum"):
    _without_its_init(each)
_scenarios, _datasets = _without_its_init("continuum.scenarios"), _without_its_init("continuum.datasets")
_datasets.__dict__.update(vars(importlib.import_module("continuum.datasets.base")))
_scenarios.__dict__.update(vars(importlib.import_module("continuum.scenarios.base")))
_scenarios.__dict__.update(vars(importlib.import_module("continuum.scenarios.class_incremental")))

"""Orderings of concepts and task streams for continual pretraining: in which order a model meets new concepts.

>>> from concept_orderings import arrange
>>> stream = arrange({
...     "name": "first-steps",
...     "datasets": [{"name": "cifar100", "classes": ["apple", "bear", "clock"]}],
...     "ordering": {"kind": "random"},
...     "tasks": {"count": 2},
... })
>>> [len(task) for task in stream]
[2, 1]
"""

from concept_orderings.library import arrange
from concept_orderings.version import __version__

__all__ = ["__version__", "arrange"]

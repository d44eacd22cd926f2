"""Compare two orders: how far they agree, what only one of them has, and what they were made from."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json, sha256_hex
from concept_orderings.exporters.fomo import fomo_list
from concept_orderings.json_differences import Difference, as_text, differences
from concept_orderings.published import VersionDocuments
from concept_orderings.rank_correlation import kendall_tau_b, spearman_rho

MOST_CONCEPTS = 100
"""The most concepts of one side alone that are listed."""

MOST_MOVERS = 20
"""The most concepts that are listed as those that moved furthest."""

MOST_DIFFERENCES = 100
"""The most differences of requests, and of evidence, that are listed."""

MOST_CELLS = 65_536
"""The most cells of the matrix of tasks, such as those of 256 times 256 tasks."""

_VALUES: Mapping[str, Sequence[str]] = {
    "frequency": ("count", "rank"),
    "performance": ("mean_rank", "score"),
    "time": ("year",),
}
"""By kind of ordering, the names in tasks of the values by which concepts are sorted."""

_DECIDES_TIES = ("ties", "within")
"""The parameters that decide the order of concepts with equal values, which then is no chance."""


@dataclass(frozen=True)
class Side:
    """One of two orders.

    Attributes
    ----------
    name : str
        What it is called in the comparison.
    concepts_by_task : sequence of sequence of str
        For each task, ``DATASET+++class name`` of its concepts, in order; no concept twice.
    manifest : mapping or None
        That of a version; None for a bare order.
    digest : str
        The digest of the version; empty for a bare order.
    value : str
        The name of the value by which concepts are sorted and some are tied; empty if there are no ties.
    places : sequence of int
        The place of each concept, (n,), in which those with equal values share one; empty if there are no ties.
    """

    name: str
    concepts_by_task: Sequence[Sequence[str]]
    manifest: Mapping[str, Any] | None = None
    digest: str = ""
    value: str = ""
    places: Sequence[int] = field(default=(), repr=False)

    @classmethod
    def of_version(cls, name: str, documents: VersionDocuments) -> "Side":
        """Return a published version from its documents, which the caller has checked against their digests."""
        manifest: dict[str, Any] = json.loads(documents.manifest)
        tasks = [json.loads(each)["concepts"] for each in documents.tasks]
        concepts = [[entry["concept"] for entry in task] for task in tasks]
        value, places = _ties(manifest["ordering"], [entry["evidence"] for task in tasks for entry in task])
        return cls(name, concepts, manifest, sha256_hex(documents.manifest), value, places)

    @cached_property
    def concepts(self) -> list[str]:
        """All concepts in order, (n,)."""
        return list(chain.from_iterable(self.concepts_by_task))

    @cached_property
    def task_of_each(self) -> NDArray[np.int64]:
        """The number of the task of each concept, (n,) int64."""
        return np.repeat(np.arange(len(self.concepts_by_task)), [len(each) for each in self.concepts_by_task])

    def as_json(self) -> dict[str, Json]:
        """Return what the comparison says of the side itself."""
        manifest = self.manifest or {}
        return {
            "name": self.name,
            "stream": manifest.get("name"),
            "version": manifest.get("version"),
            "digest": self.digest or None,
            "order_digest": sha256_hex(fomo_list(self.concepts)),
            "concepts": len(self.concepts),
            "tasks": len(self.concepts_by_task),
        }


def compare(a: Side, b: Side) -> dict[str, Json]:
    """Compare two orders.

    Parameters
    ----------
    a, b
        The two sides.

    Returns
    -------
    dict
        JSON with the fields that docs/compare.md explains. Correlations are exact up to the rounding of their last
        division, and None for fewer than two shared concepts.
    """
    place_in_b = {concept: i for i, concept in enumerate(b.concepts)}
    of_a = [i for i, concept in enumerate(a.concepts) if concept in place_in_b]
    # The positions of the shared concepts, (m,), in the order of a.
    in_a = np.array(of_a, dtype=np.int64)
    in_b = np.array([place_in_b[a.concepts[i]] for i in of_a], dtype=np.int64)
    shared = {a.concepts[i] for i in of_a}
    return {
        "a": a.as_json(),
        "b": b.as_json(),
        "same_order": a.concepts == b.concepts,
        "same_tasks": [*map(list, a.concepts_by_task)] == [*map(list, b.concepts_by_task)],
        "shared": len(in_a),
        "kendall_tau": kendall_tau_b(in_a, in_b),
        "spearman": spearman_rho(in_a, in_b),
        "with_ties": _with_ties(a, b, in_a, in_b),
        "only_in_a": _listed(each for each in a.concepts if each not in place_in_b),
        "only_in_b": _listed(each for each in b.concepts if each not in shared),
        "shared_between_tasks": _matrix(a, b, in_a, in_b),
        "largest_movers": _movers(a, b, in_a, in_b),
        "differences": _differences(a.manifest, b.manifest),
    }


def _ties(ordering: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]]) -> tuple[str, list[int]]:
    """Return the name of the value that ties concepts, and the place of each; nothing if no two are tied."""
    if any(ordering.get(each) is not None for each in _DECIDES_TIES):
        return "", []
    names = _VALUES.get(str(ordering["kind"]), ())
    name = next((name for name in names if all(name in each for each in evidence)), "")
    if not name or not evidence:
        return "", []
    values = [each[name] for each in evidence]
    changes = [0, *(values[i] != values[i - 1] for i in range(1, len(values)))]
    places: list[int] = np.cumsum(changes).tolist()
    return (name, places) if places[-1] < len(places) - 1 else ("", [])


def _with_ties(a: Side, b: Side, in_a: NDArray[np.int64], in_b: NDArray[np.int64]) -> Json:
    if not a.value and not b.value:
        return None
    ranks_a = np.asarray(a.places, dtype=np.int64)[in_a] if a.value else in_a
    ranks_b = np.asarray(b.places, dtype=np.int64)[in_b] if b.value else in_b
    return {
        "kendall_tau": kendall_tau_b(ranks_a, ranks_b),
        "spearman": spearman_rho(ranks_a, ranks_b),
        "a": _tied(a.value, ranks_a),
        "b": _tied(b.value, ranks_b),
    }


def _tied(value: str, ranks: NDArray[np.int64]) -> Json:
    if not value:
        return None
    _, sizes = np.unique(ranks, return_counts=True)
    return {"value": value, "tied": int(sizes[sizes > 1].sum())}


def _listed(concepts: Iterable[str]) -> Json:
    found = list(concepts)
    return {"total": len(found), "concepts": found[:MOST_CONCEPTS]}


def _matrix(a: Side, b: Side, in_a: NDArray[np.int64], in_b: NDArray[np.int64]) -> Json:
    """Return the matrix as an array for each task of a; None if it has more than `MOST_CELLS` cells."""
    rows, columns = len(a.concepts_by_task), len(b.concepts_by_task)
    if rows * columns > MOST_CELLS:
        return None
    cells = np.bincount(a.task_of_each[in_a] * columns + b.task_of_each[in_b], minlength=rows * columns)
    matrix: list[list[int]] = cells.reshape(rows, columns).tolist()
    return matrix


def _movers(a: Side, b: Side, in_a: NDArray[np.int64], in_b: NDArray[np.int64]) -> Json:
    """Return the shared concepts whose rank among the shared ones changes most; of equal moves, the first in a."""
    ranks_b = np.empty(len(in_b), dtype=np.int64)
    ranks_b[np.argsort(in_b)] = np.arange(len(in_b))
    moves = ranks_b - np.arange(len(in_b))
    furthest = np.argsort(-np.abs(moves), kind="stable")[:MOST_MOVERS]
    return [
        {
            "concept": a.concepts[in_a[i]],
            "moved": int(moves[i]),
            "position_in_a": int(in_a[i]),
            "position_in_b": int(in_b[i]),
            "task_in_a": int(a.task_of_each[in_a[i]]),
            "task_in_b": int(b.task_of_each[in_b[i]]),
        }
        for i in furthest.tolist()
        if moves[i]
    ]


def _differences(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> Json:
    if a is None or b is None:
        return None
    # Of two streams, the names differ; they decide nothing.
    first, second = ({name: value for name, value in each["request"].items() if name != "name"} for each in (a, b))
    return {
        "request": _first_of(differences(first, second, "/request")),
        "evidence": _first_of(differences(a["evidence"], b["evidence"], "/evidence")),
    }


def _first_of(found: Iterator[Difference]) -> Json:
    listed: list[Json] = [
        {"pointer": each.pointer, "a": as_text(each.first), "b": as_text(each.second)}
        for each in islice(found, MOST_DIFFERENCES)
    ]
    return {"total": len(listed) + sum(1 for _ in found), "differences": listed}

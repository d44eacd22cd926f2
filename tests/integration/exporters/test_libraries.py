"""Avalanche and Continuum make the tasks of a stream from its exports."""

import json
from dataclasses import replace
from typing import Any

import pytest

from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.exporters import EXPORTERS
from concept_orderings.labels import Labels
from concept_orderings.library import arrange_stream
from concept_orderings.published import PublishedVersion
from concept_orderings.request import parse_request
from support.exporting_libraries import run_with

LISTS = {"pets": tuple(f"pet {i}" for i in (3, 1, 4, 0, 2)), "tools": tuple(f"tool {i}" for i in (5, 2, 6, 1, 0, 4, 3))}


def version(leave_out: int, sizes: list[int]) -> PublishedVersion:
    """Return a stream without the first classes of each list, whose tasks have these sizes."""
    body: Any = {
        "name": "libraries",
        "datasets": [{"name": name, "classes": classes[leave_out:]} for name, classes in LISTS.items()],
        "ordering": {"kind": "random", "seed": 3},
        "tasks": {"sizes": sizes},
    }
    request = parse_request(body)
    return replace(arrange_stream(request, evidence_at_hand(request)).published(1), labels=Labels(LISTS))


@pytest.mark.slow
def test_avalanche_and_continuum_make_the_tasks_of_the_stream() -> None:
    versions = [version(0, [3, 4, 3, 2]), version(2, [1, 5, 2])]
    given = [
        {
            "labels": each.labelled.total,
            **{name: json.loads(EXPORTERS[name]().render(each)) for name in ("avalanche", "continuum")},
        }
        for each in versions
    ]
    found = run_with("run_on_libraries.py", given)

    for each, made in zip(versions, found, strict=True):
        label = dict(zip(each.concepts, each.labelled.old_of_new, strict=True))
        expected = [sorted(label[concept] for concept in task) for task in each.concepts_by_task]
        assert made == dict.fromkeys(made, expected)
    assert [sorted(made) for made in found] == [
        ["class_incremental_benchmark", "continuum", "nc_benchmark"],
        ["continuum", "nc_benchmark"],
    ]

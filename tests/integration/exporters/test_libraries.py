"""Avalanche and Continuum make the tasks of a stream from its exports; mlcroissant loads it; its citation is valid."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.exporters import EXPORTERS
from concept_orderings.labels import Labels
from concept_orderings.library import arrange_stream
from concept_orderings.published import PublishedVersion
from concept_orderings.request import parse_request
from support.exporting_libraries import folder_of, run_with, run_with_pybtex

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


@pytest.mark.slow
def test_mlcroissant_validates_a_bundle_and_loads_the_order(tmp_path: Path) -> None:
    scores = {"bear": 1, "otter": 0.5, "wolf": 3}
    body: Any = {
        "name": "loaded",
        "datasets": [{"name": "cifar100", "classes": list(scores), "scores": scores}],
        "ordering": {"kind": "performance"},
        "tasks": {"sizes": [1, 2]},
    }
    request = parse_request(body)
    published = replace(arrange_stream(request, evidence_at_hand(request)).published(2), published_on="2026-01-31")
    with zipfile.ZipFile(io.BytesIO(EXPORTERS["bundle"]().render(published))) as archive:
        archive.extractall(tmp_path)
    [found] = run_with("load_croissant.py", [str(tmp_path / "croissant.json")])

    assert found["errors"] == []
    records = found["records"]
    assert [each["concept"] for each in records["order"]] == published.concepts
    assert [(each["task"], each["concepts"]) for each in records["tasks"]] == [(0, 1), (1, 2)]
    found_scores = {each["concept"]: each["score"] for each in records["evidence-scores"]}
    assert found_scores == {f"CIFAR100+++{name}": score for name, score in scores.items()}


@pytest.mark.parametrize("address", ["", "https://orderings.example.org"])
def test_the_citation_is_valid_citation_file_format(address: str) -> None:
    schema = folder_of("cffconvert") / "schemas" / "1.2.0" / "schema.json"
    published = replace(version(0, [6, 6]), published_on="2026-01-31", public_url=address)
    citation = yaml.safe_load(EXPORTERS["cff"]().render(published))

    Draft7Validator(json.loads(schema.read_text())).validate(citation)


@pytest.mark.parametrize("address", ["", "https://example.org/~lab/a_b%20c/d&e=$1"])
def test_pybtex_reads_the_citation(address: str) -> None:
    names = ["libraries", "a_b__c", "v1.0-rc.1", "0_-._"]
    published = [
        replace(version(0, [3, 4, 3, 2]), stream=name, published_on="2026-01-31", public_url=address) for name in names
    ]
    found = run_with_pybtex("parse_bibtex.py", [EXPORTERS["bibtex"]().render(each).decode() for each in published])

    for name, each, entries in zip(names, published, found, strict=True):
        [(key, entry)] = entries.items()
        assert key == f"{name}-v1-{each.digest[:12]}"
        assert (entry["type"], entry["authors"], entry["fields"]["year"]) == ("misc", ["{concept-orderings}"], "2026")
        assert name.replace("_", r"\_") in entry["fields"]["title"]
        assert entry["fields"]["note"].endswith(each.digest)
        expected = rf"\url{{{address}/v1/streams/{name}/versions/1}}" if address else None
        assert entry["fields"].get("howpublished") == expected

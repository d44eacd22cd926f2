"""Test the formats without a class order: configurations of the benchmark, Parquet, citations, streams of samples."""

import csv
import io
import json
import math
import posixpath
import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given

from concept_orderings.canonical import sha256_hex
from concept_orderings.catalogue import find_dataset
from concept_orderings.class_lists import class_list
from concept_orderings.errors import CannotExpress
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.exporters import EXPORTERS
from concept_orderings.exporters.budget import samples_of_a_task
from concept_orderings.labels import Labels
from concept_orderings.library import arrange_stream
from concept_orderings.published import PUBLIC_URL, PublishedVersion
from concept_orderings.request import parse_request
from concept_orderings.training import POOLS
from unit.concept_orderings.strategies import Body, trainings

yaml = pytest.importorskip("yaml")

BEARS = ["bear", "beaver", "dolphin", "otter", "wolf", "apple", "clock"]


def version(
    tasks: dict[str, Any], datasets: list[Any] | None = None, training: object = None, **ordering: Any
) -> PublishedVersion:
    body = {
        "name": "first_steps",
        "datasets": datasets or [{"name": "cifar100", "classes": BEARS}],
        "ordering": {"kind": "random", "seed": 1, **ordering},
        "tasks": tasks,
        "training": training,
    }
    request = parse_request(body)
    published = arrange_stream(request, evidence_at_hand(request)).published(3)
    return replace(published, published_on="2026-01-31")


def render(name: str, published: PublishedVersion) -> bytes:
    return EXPORTERS[name]().render(published)


# --- fomo-config


def test_a_split_of_the_benchmark_is_one_override_file() -> None:
    data = render("fomo-config", version({"count": 3}))

    assert EXPORTERS["fomo-config"]().media_type_of(data) == "application/yaml"
    assert data.startswith(b"# @package _global_\n")
    assert yaml.safe_load(data) == {
        "experiment": {
            "dataset": {"sequence": "first_steps-v3-fomo.json"},
            "task": {
                "num": 3,
                "n_samples": samples_of_a_task(3),
                "batch_size": 512,
                "data_mixture": {"pretraining": 0.33, "update": 0.34, "buffer": 0.33},
            },
        }
    }


def test_other_splits_are_a_run_for_each_task() -> None:
    published = version({"sizes": [2, 3, 2]})
    exporter = EXPORTERS["fomo-config"]()
    data = exporter.render(published)

    assert exporter.media_type_of(data) == "application/zip"
    assert exporter.file_name("first_steps", 3, "application/zip") == "first_steps-v3-fomo-config.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == [f"task-{i}.{suffix}" for i in range(3) for suffix in ("yaml", "json")]
        for i, concepts in enumerate(published.concepts_by_task):
            settings = yaml.safe_load(archive.read(f"task-{i}.yaml"))["experiment"]
            assert (settings["dataset"]["sequence"], settings["task"]["num"]) == (f"task-{i}.json", 1)
            assert json.loads(archive.read(f"task-{i}.json")) == concepts


def test_whole_datasets_are_named() -> None:
    datasets = [{"name": name, "classes": list(class_list(known) or ())} for name in ("mnist", "cifar10")
                if (known := find_dataset(name))]  # fmt: skip
    published = version({"by": "dataset"}, datasets, kind="dataset")
    settings = yaml.safe_load(render("fomo-config", published))["experiment"]

    assert settings["task"]["dataset_incremental"] is True
    assert sorted(settings["dataset"]["name"]) == ["cifar10", "mnist"]
    names = [find_dataset(each) for each in settings["dataset"]["name"]]
    assert [each.name for each in names if each] == [task[0].split("+++")[0] for task in published.concepts_by_task]
    assert "num" not in settings["task"]
    assert "sequence" not in settings["dataset"]


def test_what_the_benchmark_lacks_cannot_be_expressed() -> None:
    datasets = [{"name": "cifar100", "classes": ["bear", "aple"]}, {"name": "pets", "classes": ["cat"]}]
    with pytest.raises(CannotExpress) as caught:
        render("fomo-config", version({"count": 1}, datasets))

    assert "2 of its concepts ('" in caught.value.detail
    assert "CIFAR100+++aple" in caught.value.detail
    assert "pets+++cat" in caught.value.detail


@pytest.mark.parametrize(("tasks", "steps"), [(20, 1420), (50, 568), (100, 284), (200, 142)])
def test_the_budget_is_that_of_the_benchmark(tasks: int, steps: int) -> None:
    assert samples_of_a_task(tasks) == steps * 512


def batch_of_the_benchmark(task: Mapping[str, Any], *, first: bool) -> dict[str, int]:
    """Return the batch that the benchmark's code computes from its settings, step by step, with its doubles."""
    size, mixture = task["batch_size"], task["data_mixture"]
    batch: dict[str, int] = {pool: int(size * mixture[pool]) for pool in POOLS}
    left = size - sum(batch.values())
    for pool in POOLS[:left]:
        batch[pool] += 1
    if first:
        pools = 1 + int(batch["pretraining"] > 0)
        batch["update"] += batch["buffer"] // pools + batch["buffer"] % pools
        batch = {"pretraining": size - batch["update"], "update": batch["update"], "buffer": 0}
    return batch


@given(trainings())
def test_the_benchmark_computes_the_batches_of_the_version(training: Body) -> None:
    published = version({"count": 2}, training=training)
    try:
        settings = yaml.safe_load(render("fomo-config", published))["experiment"]["task"]
    except CannotExpress:
        assert training["rule"] == "largest-remainder"
        return
    expected = [task["training"] for task in published.manifest["tasks"]]

    assert [settings["n_samples"] // settings["batch_size"]] * 2 == [each["steps"] for each in expected]
    assert abs(sum(settings["data_mixture"].values()) - 1) < 1e-6
    assert [batch_of_the_benchmark(settings, first=first) for first in (True, False)] == [
        each["batch"] for each in expected
    ]


def test_a_share_that_doubles_cut_wrongly_is_the_next_double() -> None:
    training = {"batch_size": 100, "mixture": {"pretraining": 0.2, "update": 0.51, "buffer": 0.29}}
    settings = yaml.safe_load(render("fomo-config", version({"count": 2}, training=training)))["experiment"]["task"]

    assert int(100 * 0.29) == 28
    assert settings["data_mixture"] == {"pretraining": 0.2, "update": 0.51, "buffer": math.nextafter(0.29, 1)}
    assert batch_of_the_benchmark(settings, first=False) == {"pretraining": 20, "update": 51, "buffer": 29}


def test_a_first_batch_that_the_benchmark_cuts_otherwise_cannot_be_expressed() -> None:
    thirds = {"batch_size": 9, "mixture": {"pretraining": "1/3", "update": "1/3", "buffer": "1/3"}}
    training = {**thirds, "rule": "largest-remainder"}
    with pytest.raises(CannotExpress, match=r"4 samples of update, .* gives 5"):
        render("fomo-config", version({"count": 2}, training=training))

    assert render("fomo-config", version({"count": 2}, training=thirds))


def test_the_default_budget_of_20_tasks_is_the_benchmark_s() -> None:
    given, absent = (
        yaml.safe_load(render("fomo-config", version({"count": 7}, training=each)))["experiment"]["task"]
        for each in ({"samples_per_task": samples_of_a_task(7)}, None)
    )

    assert given == absent


# --- streaming


def test_an_epoch_has_the_samples_of_the_version() -> None:
    published = version({"count": 2}, training={"samples_per_task": 1_000, "batch_size": 8})

    assert [each["epoch_size"] for each in json.loads(render("streaming", published))["tasks"]] == [1_000, 1_000]


def test_a_task_streams_each_of_its_classes() -> None:
    datasets = [{"name": "FGVCAircraft", "classes": ["F-16A/B", "DC-10"]}, {"name": "pets", "classes": ["émeu", "a%b"]}]
    published = version({"sizes": [3, 1]}, datasets)
    tasks = json.loads(render("streaming", published))["tasks"]

    assert [each["epoch_size"] for each in tasks] == [samples_of_a_task(2)] * 2
    for task, concepts in zip(tasks, published.concepts_by_task, strict=True):
        folders = [each["remote"].split("/") for each in task["streams"]]
        assert ["+++".join(map(unquote, folder)) for folder in folders] == concepts
        assert all(each == {"remote": each["remote"], "local": each["remote"], "proportion": 1.0}
                   for each in task["streams"])  # fmt: skip


def test_names_of_dots_are_folders_of_their_own() -> None:
    published = version(
        {"count": 1}, [{"name": "..", "classes": [".", "..", "..."]}, {"name": "a", "classes": ["v.1"]}]
    )
    [task] = json.loads(render("streaming", published))["tasks"]

    remotes = [each["remote"] for each in task["streams"]]
    assert {posixpath.normpath(each) for each in remotes} == {"%2E%2E/" + "%2E" * n for n in (1, 2, 3)} | {"a/v.1"}
    assert ["+++".join(map(unquote, each.split("/"))) for each in remotes] == published.concepts


# --- parquet


def test_parquet_has_typed_columns_and_the_digest() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    datasets = [{"name": "cifar100", "classes": ["bear", "otter"], "scores": {"bear": 3, "otter": 0.5}},
                {"name": "pets", "classes": ["cat"], "scores": 2}]  # fmt: skip
    body = {"name": "t", "datasets": datasets, "ordering": {"kind": "performance"}, "tasks": {"sizes": [2, 1]}}
    request = parse_request(body)
    published = arrange_stream(request, evidence_at_hand(request)).published(1)
    published = replace(published, labels=Labels({"CIFAR100": ("otter", "bear"), "pets": ("cat",)}))
    table = parquet.read_table(io.BytesIO(render("parquet", published)))

    assert table.to_pylist() == [json.loads(line) for line in render("jsonl", published).splitlines()]
    types = {each.name: str(each.type) for each in table.schema}
    assert (types["score"], types["position"], types["concept"]) == ("double", "int64", "string")
    metadata = {name.decode(): value.decode() for name, value in table.schema.metadata.items()}
    assert metadata["digest"] == published.digest
    assert metadata["labels_digest"] == published.labelled.labels.digest
    assert json.loads(metadata["offsets"]) == dict(published.labelled.offsets)


# --- citations


def test_a_citation_has_all_digits_of_the_digest() -> None:
    published = version({"count": 2})
    entry, citation = render("bibtex", published).decode(), yaml.safe_load(render("cff", published))

    assert re.fullmatch(r"@misc\{[a-z0-9_.-]+,\n(  [a-z]+ = \{.*\},?\n)+\}\n", entry)
    assert published.digest in entry
    assert "year = {2026}" in entry
    assert r"Task stream first\_steps, version 3" in entry
    assert citation["identifiers"][0]["value"] == f"sha256:{published.digest}"
    assert (citation["version"], citation["date-released"]) == ("3", "2026-01-31")
    assert "url" not in citation
    assert "howpublished" not in entry


def test_a_citation_says_what_orders_the_concepts_inside_groups() -> None:
    lists = [{"name": "cifar100", "classes": ["bear", "otter"]}]
    ordering = {"kind": "time", "within": {"kind": "performance"}}
    request = parse_request({"name": "mine", "datasets": lists, "ordering": ordering, "tasks": {"count": 1}})
    published = arrange_stream(request, evidence_at_hand(request)).published(1)

    assert b"ordered by time, and inside groups by performance" in render("bibtex", published)


def test_a_citation_has_the_address_that_the_service_is_given() -> None:
    published = replace(version({"count": 2}), public_url="https://orderings.example.org")
    address = "https://orderings.example.org/v1/streams/first_steps/versions/3"

    assert rf"\url{{{address}}}" in render("bibtex", published).decode()
    assert yaml.safe_load(render("cff", published))["url"] == address


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/a{b", "https://exämple.org", "https://example.org/a b", "https://example.org\\a",
        "https://example.org/", "https://example.org/?a", "ftp://example.org", "https://",
    ],
)  # fmt: skip
def test_an_address_has_the_characters_of_a_uri(address: str) -> None:
    assert PUBLIC_URL.fullmatch("https://[::1]:8000/a_b/~c/%7B?".rstrip("?"))
    assert not PUBLIC_URL.fullmatch(address)


# --- rows


def test_rows_hold_all_that_is_said_of_labels() -> None:
    published = replace(
        version(
            {"sizes": [2, 1]}, [{"name": "pets", "classes": ["cat", "emu"]}, {"name": "tools", "classes": ["saw"]}]
        ),
        labels=Labels({"pets": ("emu", "dog", "cat"), "tools": ("axe", "saw")}),
    )
    labels: Any = published.labelled.as_json()
    for rows in (
        [json.loads(line) for line in render("jsonl", published).splitlines()],
        list(csv.DictReader(io.StringIO(render("csv", published).decode("utf-8-sig")))),
    ):
        assert {row["labels_digest"] for row in rows} == {labels["labels_digest"]}
        offsets = {row["dataset"]: int(row["global_label"]) - int(row["label"]) for row in rows}
        assert list(offsets.items()) == list(labels["offsets"].items())
        assert [int(row["global_label"]) for row in rows] == labels["old_of_new"]
        places = {int(row["global_label"]): int(row["position"]) for row in rows}
        assert [places.get(label) for label in range(len(labels["new_of_old"]))] == labels["new_of_old"]


# --- croissant and bundle


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {each.date_time for each in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        return {each: archive.read(each) for each in archive.namelist()}


def with_years() -> PublishedVersion:
    return version({"sizes": [2, 1]}, [{"name": "cifar100", "classes": BEARS[:3]}], kind="time")


def test_a_bundle_is_all_that_a_version_is() -> None:
    published = with_years()
    files = unpacked(render("bundle", published))
    documents = published.documents()

    assert list(files) == [
        "README.md", "CITATION.cff", "croissant.json", "manifest.json", "order.json", "tasks/0.json", "tasks/1.json",
        "evidence/years.json", "SHA256SUMS",
    ]  # fmt: skip
    assert files["manifest.json"] == documents.manifest
    assert [files[f"tasks/{i}.json"] for i in range(2)] == list(documents.tasks)
    lines = [line.split("  ") for line in files.pop("SHA256SUMS").decode().splitlines()]
    sums = {name: digest for digest, name in lines}
    assert sums == {name: sha256_hex(data) for name, data in files.items()}
    assert sha256_hex(files["order.json"]) == published.manifest["order_digest"]
    assert published.digest.encode() in files["CITATION.cff"]
    assert b"published on 2026-01-31" in files["README.md"]


def test_a_bundle_has_no_address_unless_the_service_knows_its_own() -> None:
    published = with_years()
    known = replace(published, public_url="https://orderings.example.org")

    assert b"example.org" not in render("bundle", published)
    assert b"<https://orderings.example.org/v1/streams/first_steps/versions/3>" in render("bundle", known)
    # Files in a bundle stay relative.
    files = json.loads(unpacked(render("bundle", known))["croissant.json"])["distribution"]
    assert all(not each["contentUrl"].startswith("http") for each in files)


def test_a_bundle_is_the_same_each_time() -> None:
    assert render("bundle", with_years()) == render("bundle", with_years())


@pytest.mark.parametrize("address", ["", "https://orderings.example.org"])
def test_croissant_names_each_file_with_its_digest(address: str) -> None:
    published = replace(with_years(), public_url=address)
    body = json.loads(render("croissant", published))
    base = f"{address}/v1/streams/first_steps/versions/3/export/croissant"
    urls = {each["name"]: urljoin(base, each["contentUrl"]) for each in body["distribution"]}
    version_url = f"{address}/v1/streams/first_steps/versions/3"

    assert urls == {
        "manifest-file": version_url,
        "order-file": f"{version_url}/export/fomo",
        "task-0-file": f"{version_url}/tasks/0",
        "task-1-file": f"{version_url}/tasks/1",
        "evidence-years-file": f"{version_url}/evidence/years",
    }
    digests = {each["name"]: each["sha256"] for each in body["distribution"]}
    assert digests["manifest-file"] == published.digest
    assert digests["task-1-file"] == sha256_hex(published.documents().tasks[1])
    assert digests["evidence-years-file"] == sha256_hex(published.evidence()["years"])


def test_croissant_says_what_it_is_and_where_it_came_from() -> None:
    published = with_years()
    body = json.loads(render("croissant", published))

    assert body["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert (body["version"], body["datePublished"]) == ("3.0.0", "2026-01-31")
    assert published.digest in body["citeAs"]
    assert [each["name"] for each in body["recordSet"]] == ["order", "tasks", "evidence-years"]
    origin = body["prov:wasGeneratedBy"]
    assert origin["prov:type"] == "ordering time, version 1"
    assert json.loads(origin["prov:value"])["seed"] == 1
    used = {each["name"]: each["sha256"] for each in origin["prov:used"]}
    assert used == {
        "request": published.manifest["request_digest"],
        "years from catalogue": published.manifest["evidence"]["years"]["digest"],
    }

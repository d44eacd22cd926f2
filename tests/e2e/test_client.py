"""The client of training jobs against a real service: asking, following, cancelling, labels."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from concept_orderings.catalogue import find_dataset
from concept_orderings.class_lists import class_list
from concept_orderings.client import AsyncClient, Client, JobFailed, ServiceError, WrongDigest
from concept_orderings.exporters import EXPORTERS
from support.deployment import Deployment
from support.requests import random_request


def classes_of(name: str) -> list[str]:
    """Return the classes of a dataset as a loader of it lists them."""
    dataset = find_dataset(name)
    assert dataset is not None
    return list(class_list(dataset) or ())


@pytest.fixture
def client(controlled: Deployment, tmp_path: Path) -> Iterator[Client]:
    with Client(str(controlled.http.base_url), cache=tmp_path / "cache") as client:
        yield client


def test_a_version_is_asked_for_checked_and_labelled(controlled: Deployment, client: Client) -> None:
    controlled.ready()
    lists = {"pets": ["dog", "cat", "emu"], "cifar100": classes_of("cifar100")}
    request = {
        "name": "labelled",
        "datasets": [{"name": "pets", "classes": ["cat", "dog"]}, {"name": "cifar100", "classes": ["otter", "bear"]}],
        "ordering": {"kind": "random", "seed": 5},
        "tasks": {"sizes": [3, 1]},
    }
    stream = client.arrange(request)
    again = client.stream("labelled", 1, stream.digest)

    assert (again.concepts, stream.sizes) == (stream.concepts, (3, 1))
    stream.verify()
    labels = stream.labels(lists)
    stored = controlled.http.put("/v1/labels", json=lists).json()["labels_digest"]
    assert labels.digest == stored
    for name in ("pycil", "mammoth", "avalanche"):
        exported = controlled.http.get(f"/v1/streams/labelled/versions/1/export/{name}?labels={stored}").json()
        assert labels.old_of_new.tolist() == exported["old_of_new"]
        assert [None if each < 0 else each for each in labels.new_of_old.tolist()] == exported["new_of_old"]
        assert labels.offsets == exported["offsets"]
    own = controlled.http.get("/v1/streams/labelled/versions/1/export/tasks")
    assert EXPORTERS["tasks"]().render(stream.published()) == own.content
    with pytest.raises(WrongDigest):
        client.stream("labelled", 1, "0" * 64)
    assert [each.name for each in client.streams()] == ["labelled"]
    assert [each.digest for each in client.versions("labelled")] == [stream.digest]


def test_a_job_is_followed_over_a_restart_of_the_service(controlled: Deployment, client: Client) -> None:
    controlled.hold(41)
    controlled.ready()
    seen: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            client.arrange, random_request("followed", seed=41), progress=lambda job: seen.append(job.state)
        )
        controlled.until_begun(41)
        controlled.api.process.kill()
        controlled.api.start()
        controlled.release(41)
        assert asked.result(60).version == 1

    assert seen[-1] == "succeeded"
    assert "running" in seen


def test_versions_with_several_seeds_are_asked_for_at_once(controlled: Deployment, client: Client) -> None:
    controlled.ready()
    request = random_request("seeds", seed=3)
    first, second = client.arrange_variants({**request, "variants": 2})

    assert (first.name, second.name) == ("seeds-1", "seeds-2")
    assert first.concepts != second.concepts
    again = client.arrange_variants({**request, "variants": 2})
    assert [each.digest for each in again] == [first.digest, second.digest]


def test_a_job_is_cancelled(controlled: Deployment, client: Client) -> None:
    async def ask() -> None:
        async with AsyncClient(client.url, cache=False) as other:
            await other.arrange(random_request("cancelled", seed=42))

    controlled.hold(42)
    controlled.ready()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(asyncio.run, ask())
        controlled.until_begun(42)
        [job] = [each for each in client.jobs() if each.name == "cancelled"]
        assert (job.state, client.job(job.id).state) == ("running", "running")
        client.cancel(job)
        with pytest.raises(JobFailed) as failed:
            asked.result(60)

    assert failed.value.code == "cancelled"
    with pytest.raises(ServiceError) as refused:
        client.arrange(
            {"name": "No", "datasets": [{"name": "mine", "classes": ["a", "a"]}], "ordering": {}, "tasks": 3}
        )
    assert len(refused.value.faults) > 2
    assert json.dumps(refused.value.as_json())

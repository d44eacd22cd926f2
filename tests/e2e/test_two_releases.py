"""Workers of this release and of a later one share a queue while a service is upgraded: nothing is lost or doubled."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from store.runs import JOB
from support.deployment import Deployment
from support.keys import KEYS
from support.later_release import LATER_PHASE
from support.processes import ROOT, Process
from support.requests import random_request
from support.waiting import until

LATER = ROOT / "tests" / "support" / "later_release.py"
THIS = ("-m", "worker")

DATASETS = [
    {"name": "cifar100", "classes": ["bear", "otter", "clock"]},
    {
        "name": "own",
        "classes": ["smart ring", "console"],
        "year": 2024,
        "scores": {"smart ring": 1.5, "console": 88.2},
        "template": "A product photo of a {}.",
    },
]


def by_kind(kind: str, name: str, **parameters: object) -> dict[str, Any]:
    ordering = {"kind": kind, **parameters}
    return {"name": name, "datasets": DATASETS, "ordering": ordering, "tasks": {"count": 2}}


def captioned(name: str, seed: int) -> dict[str, Any]:
    """Return a request of a later release whose captions no other request has."""
    datasets = [{"name": "own", "classes": [f"thing {seed}", f"stuff {seed}", "all"], "template": "A {}."}]
    return {
        "name": name,
        "datasets": datasets,
        "ordering": {"kind": "leftmost", "encoder": "fake"},
        "tasks": {"count": 2},
    }


# What a request of each sort is, and whether a worker of this release can read it.
SORTS: dict[str, tuple[bool, Callable[[int], dict[str, Any]]]] = {
    "random": (True, lambda seed: random_request(f"random-{seed}", seed=seed, concepts=40)),
    "time": (True, lambda seed: by_kind("time", f"time-{seed}", seed=seed)),
    "embedded": (True, lambda seed: by_kind("typicality", f"embedded-{seed}", encoder="fake", seed=seed)),
    "parameter": (False, lambda seed: random_request(f"parameter-{seed}", seed=seed, rotate=2)),
    "kind": (False, lambda seed: by_kind(("newest", "hardest")[seed % 2], f"kind-{seed}")),
    "captions": (False, lambda seed: captioned(f"captions-{seed}", seed)),
}


@pytest.fixture
def upgraded(tmp_path: Path) -> Iterator[Deployment]:
    """The API of a later release; each test starts the workers."""
    with Deployment(tmp_path, script=LATER, CONCEPT_ORDERINGS_MAX_ACTIVE_JOBS="2000") as deployment:
        yield deployment


def accepted(service: Deployment, sort: str, seeds: Sequence[int]) -> dict[str, str]:
    """Post requests of a sort; return the URLs of their jobs by the name of the stream."""
    bodies = [SORTS[sort][1](seed) for seed in seeds]
    answers = {body["name"]: service.post(body) for body in bodies}
    assert {each.status_code for each in answers.values()} == {202}, [each.text for each in answers.values()][:1]
    return {name: each.headers["Location"] for name, each in answers.items()}


def states(service: Deployment, jobs: dict[str, str]) -> list[str]:
    return [service.job(url)["state"] for url in jobs.values()]


def noted(service: Deployment, url: str) -> dict[str, Any] | None:
    """Return a job if it says why it waits."""
    job = service.job(url)
    return job if job["note"] else None


def document(service: Deployment, name: str) -> tuple[bytes, list[bytes]]:
    """Return the manifest and the tasks of a stream's only version."""
    listed = service.http.get(f"/v1/streams/{name}").json()["versions"]
    assert [each["version"] for each in listed] == [1]
    answer = service.http.get(listed[0]["url"])
    assert answer.status_code == 200
    return answer.content, [
        service.http.get(f"{listed[0]['url']}/tasks/{task}").content for task in range(len(answer.json()["tasks"]))
    ]


def test_a_job_that_no_worker_can_read_waits_and_says_why(upgraded: Deployment) -> None:
    workers = [upgraded.start_worker(*THIS) for _ in range(2)]
    waiting = {**accepted(upgraded, "kind", range(3)), **accepted(upgraded, "parameter", range(3))}
    for url in waiting.values():
        job = until(partial(noted, upgraded, url), "a job that waits for a later release says so")
        assert job is not None
        assert (job["state"], job["error"], job["attempt"]) == ("queued", None, 0)
        assert job["note"]["code"] == "request_of_later_release"
        assert job["note"]["detail"].startswith("The job waits for a worker of a later release. ")
    # Others do not wait behind them.
    for name, url in accepted(upgraded, "random", range(20)).items():
        assert upgraded.until_state(url, "succeeded", "failed")["state"] == "succeeded", name
    # The second worker tries each of them once, too.
    until(lambda: all(upgraded.job(url)["note"] for url in waiting.values()), "all of them wait again")
    assert set(states(upgraded, waiting)) == {"queued"}
    # Each worker has tried each job once at most, and logged it once.
    with upgraded.valkey.client() as client:
        for url in waiting.values():
            identifier = url.rpartition("/")[2]
            assert client.xlen(KEYS.events(JOB.name, identifier)) <= 1 + 2 * len(workers)
            assert sum(each.text().count(f"{identifier} stays queued") for each in workers) <= len(workers)
    assert not any("Traceback" in each.text() for each in workers)
    # A waiting job can be cancelled; a worker of the later release does the others.
    cancelled, *others = waiting.values()
    assert upgraded.http.delete(cancelled).json()["state"] == "cancelled"
    upgraded.start_worker()
    for url in others:
        job = upgraded.until_state(url, "succeeded", "failed")
        assert (job["state"], job["note"], job["attempt"]) == ("succeeded", None, 1)
    assert upgraded.job(cancelled)["state"] == "cancelled"


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "most"), [(range(8), 2), pytest.param(range(40), 8, marks=pytest.mark.faults)])
def test_a_mixed_load_with_kills_of_workers_of_both_releases(
    seeds: range, most: int, upgraded: Deployment, tmp_path: Path
) -> None:
    workers: dict[str, list[Process]] = {"this": [], "later": []}
    programs = {"this": THIS, "later": ()}
    for release in ("this", "this", "later"):
        workers[release].append(upgraded.start_worker(*programs[release]))
    jobs: dict[str, str] = {}
    for sort in SORTS:
        jobs |= accepted(upgraded, sort, seeds[: len(seeds) // 2])
    chance = random.Random(7)
    kills = 0
    rest = iter(SORTS)
    over = {"succeeded", "failed", "cancelled"}
    while kills < most or len(jobs) < len(seeds) * len(SORTS) or not set(states(upgraded, jobs)) <= over:
        if kills < most:
            # One worker of each release in turn is killed in the middle of its work, and replaced.
            release = ("this", "later")[kills % 2]
            victim = workers[release].pop(chance.randrange(len(workers[release])))
            victim.kill()
            kills += 1
            workers[release].append(upgraded.start_worker(*programs[release]))
        for sort in islice(rest, 1):
            jobs |= accepted(upgraded, sort, seeds[len(seeds) // 2 :])
        time.sleep(0.5)
    assert kills == most
    assert len(jobs) == len(seeds) * len(SORTS)
    assert {name: url for name, url in jobs.items() if upgraded.job(url)["state"] != "succeeded"} == {}
    assert upgraded.process_is_well()

    lone = tmp_path / "lone"
    lone.mkdir()
    with Deployment(lone, script=LATER) as service:
        service.ready()
        for name in jobs:
            sort, _, seed = name.rpartition("-")
            service.publish(SORTS[sort][1](int(seed)))
        assert {name: document(upgraded, name) for name in jobs} == {name: document(service, name) for name in jobs}


def test_an_api_of_this_release_shows_what_workers_of_a_later_one_record(tmp_path: Path) -> None:
    with Deployment(tmp_path) as service:
        service.start_worker(str(LATER), "worker")
        url = service.post(random_request("shown", concepts=500)).headers["Location"]
        assert service.until_state(url, "succeeded", "failed")["state"] == "succeeded"
        with service.http.stream("GET", f"{url}/events") as events:
            text = "".join(events.iter_text())
        assert f'"phase":"{LATER_PHASE}"' in text
        assert '"state":"succeeded"' in text
        assert service.process_is_well()

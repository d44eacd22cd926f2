"""Jobs in one worker: delivered twice, late, after a crash, and while Redis is away."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from concept_orderings import catalogue
from concept_orderings.evidence import Need
from concept_orderings.library import arrange_stream, foreseen_warnings
from concept_orderings.machine import Machine
from concept_orderings.orderings import ORDERINGS
from concept_orderings.progress import Phase
from concept_orderings.request import StreamRequest, parse_request
from store.count_cache import CountCache
from store.embedding_cache import EmbeddingCache
from store.jobs import job_id, job_of, version_of
from store.objects import LocalObjects
from store.runs import ATTEMPTS, JOB, Runs, State
from store.versions import VersionRecord, Versions
from support.keys import KEYS
from support.requests import random_request
from worker.evidence.encoders import load_encoder
from worker.evidence.gathering import EvidenceStores
from worker.monitor import Monitor
from worker.publish_stream import PublishStream
from worker.runner import Runner
from worker.settings import WorkerSettings

pytestmark = pytest.mark.anyio

REQUEST = parse_request(random_request("s"))
ID = job_id(REQUEST)


def similar(n: int) -> StreamRequest:
    classes = [f"thing {i}" for i in range(n)]
    return parse_request(
        {
            "name": "similar",
            "datasets": [{"name": "things", "classes": classes, "template": "A photo of a {}."}],
            "ordering": {"kind": "similarity", "encoder": "fake"},
            "tasks": {"count": 2},
        }
    )


@pytest.fixture
def jobs(redis: Redis) -> Runs:
    return Runs(redis, KEYS, JOB)


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions(LocalObjects(tmp_path))


@pytest.fixture
def stores(redis: Redis, tmp_path: Path) -> EvidenceStores:
    return EvidenceStores(
        embeddings=EmbeddingCache(redis, KEYS),
        counts=CountCache(redis, KEYS),
        objects=LocalObjects(tmp_path / "objects"),
    )


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def runner(jobs: Runs, versions: Versions, stores: EvidenceStores, stopping: threading.Event) -> Runner:
    return Runner(jobs, PublishStream(WorkerSettings(), versions=versions, stores=stores), stopping)


async def submit(jobs: Runs, request: StreamRequest = REQUEST) -> int:
    run = await jobs.submit(job_of(request), most_active=10)
    assert run is not None
    return run


async def state(jobs: Runs) -> State:
    job = await jobs.get(ID)
    assert job is not None
    return job.state


async def test_vectors_above_the_setting_are_not_kept(
    jobs: Runs, versions: Versions, stores: EvidenceStores, stopping: threading.Event
) -> None:
    request = similar(4)
    runner = Runner(jobs, PublishStream(WorkerSettings(max_vectors_mb=0), versions=versions, stores=stores), stopping)
    await runner.deliver(job_id(request), await submit(jobs, request))
    record = await versions.find("similar", request.digest)
    assert record is not None
    assert record.evidence is not None
    assert record.evidence.left_out == ("vectors",)
    assert [each.kind for each in record.evidence.files] == ["margins"]
    assert VersionRecord.from_bytes(record.to_bytes()) == record


async def failure(jobs: Runs) -> str:
    job = await jobs.get(ID)
    assert job is not None
    assert job.state is State.FAILED
    assert job.error is not None
    return str(job.error["code"])


async def test_a_job_makes_its_version(runner: Runner, jobs: Runs, versions: Versions) -> None:
    run = await submit(jobs)
    await runner.deliver(ID, run)
    job = await jobs.get(ID)
    assert job is not None
    assert (job.state, version_of(job)) == (State.SUCCEEDED, 1)
    assert await versions.find("s", REQUEST.digest) is not None


async def test_a_queued_request_is_done_as_it_was_written_though_rules_for_bodies_have_changed(
    runner: Runner, jobs: Runs, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {
        "name": "dated",
        "datasets": [{"name": "cifar100", "classes": ["apple", "bear"]}],
        "ordering": {"kind": "time"},
        "tasks": {"count": 2},
    }
    request = parse_request(body)
    run = await submit(jobs, request)
    cifar100 = catalogue.find_dataset("cifar100")
    assert cifar100 is not None
    renamed = replace(cifar100, name="CIFAR-100", year=1990)
    monkeypatch.setattr(catalogue, "_BY_NAME", dict.fromkeys(["cifar100", "CIFAR100", "CIFAR-100"], renamed))
    assert parse_request(body).digest != request.digest
    await runner.deliver(job_id(request), run)
    assert await versions.find("dated", request.digest) is not None


async def test_a_large_request_is_said_to_be_read(runner: Runner, jobs: Runs) -> None:
    request = parse_request(random_request("large", concepts=100_000))
    run = await submit(jobs, request)
    await runner.deliver(job_id(request), run)
    job = await jobs.get(job_id(request))
    assert job is not None
    phases = [then.phase for _, then in await jobs.events(job, "0")]
    assert list(dict.fromkeys(phases)) == [None, "reading the request", "arranging", "publishing"]


async def test_delivering_an_unknown_run_does_nothing(runner: Runner, jobs: Runs, versions: Versions) -> None:
    await runner.deliver(ID, 1)
    assert await jobs.get(ID) is None
    assert await versions.streams() == []


async def test_a_second_delivery_changes_nothing(runner: Runner, jobs: Runs, versions: Versions) -> None:
    run = await submit(jobs)
    await runner.deliver(ID, run)
    before = await jobs.get(ID)
    await runner.deliver(ID, run)
    assert await jobs.get(ID) == before
    assert await versions.numbers("s") == [1]


async def test_concurrent_deliveries_make_one_version(runner: Runner, jobs: Runs, versions: Versions) -> None:
    run = await submit(jobs)
    await asyncio.gather(*(runner.deliver(ID, run) for _ in range(ATTEMPTS)))
    assert await state(jobs) is State.SUCCEEDED
    assert await versions.numbers("s") == [1]


async def test_a_worker_killed_after_publishing_finds_its_version(
    runner: Runner, jobs: Runs, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await submit(jobs)

    async def die(*_: object, **__: object) -> None:
        raise RedisConnectionError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(Runs, "succeed", die)
        with pytest.raises(RedisConnectionError):
            await runner.deliver(ID, run)

    async def never(*_: object, **__: object) -> None:
        raise AssertionError("nothing is gathered for a version that is there")

    monkeypatch.setattr("worker.publish_stream.gather", never)
    await runner.deliver(ID, run)
    assert await state(jobs) is State.SUCCEEDED
    assert await versions.numbers("s") == [1]


async def test_a_run_fails_after_three_deaths_of_its_worker(runner: Runner, jobs: Runs, versions: Versions) -> None:
    run = await submit(jobs)
    for _ in range(ATTEMPTS):
        await jobs.start(ID, run)
    await runner.deliver(ID, run)
    assert await failure(jobs) == "job_crashed"
    assert await versions.streams() == []


async def test_a_job_without_its_request_fails(runner: Runner, jobs: Runs, redis: Redis) -> None:
    run = await submit(jobs)
    await redis.delete(KEYS.request("job", ID))
    await runner.deliver(ID, run)
    assert await failure(jobs) == "job_crashed"


async def test_a_stopping_worker_gives_the_job_back(
    runner: Runner, jobs: Runs, versions: Versions, stopping: threading.Event
) -> None:
    run = await submit(jobs)
    stopping.set()
    with pytest.raises(asyncio.CancelledError):
        await runner.deliver(ID, run)
    assert await state(jobs) is State.QUEUED
    assert await versions.streams() == []
    stopping.clear()
    await runner.deliver(ID, run)
    assert await state(jobs) is State.SUCCEEDED


async def test_progress_that_cannot_be_written_does_not_fail_the_job(
    runner: Runner, jobs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise RedisConnectionError("away")

    monkeypatch.setattr(Runs, "progress", away)
    monkeypatch.setattr(Runs, "keep", away)
    run = await submit(jobs)
    await runner.deliver(ID, run)
    assert await state(jobs) is State.SUCCEEDED


async def test_a_damaged_version_fails_its_own_job_alone(
    runner: Runner, jobs: Runs, versions: Versions, tmp_path: Path
) -> None:
    await runner.deliver(ID, await submit(jobs))
    record: VersionRecord | None = await versions.record("s", 1)
    assert record is not None
    (tmp_path / "streams/s/versions/00000001.json").write_text("damaged")
    other = parse_request(random_request("s", seed=2))
    await runner.deliver(job_id(other), await submit(jobs, other))
    assert await versions.numbers("s") == [1, 2]
    [run] = await jobs.submit_each([job_of(REQUEST)], most_active=10, again={ID})
    assert run is not None
    await runner.deliver(ID, run)
    assert await failure(jobs) == "version_damaged"


async def test_progress_never_decreases(jobs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write of the monitor's task is still in flight when the next phase begins."""
    arrived: list[tuple[Phase, int]] = []
    slow = asyncio.Event()

    async def progress(self: Runs, job: str, run: int, phase: Phase, done: int, total: int) -> None:
        if done == 5:
            await slow.wait()
        arrived.append((phase, done))

    await jobs.start(ID, await submit(jobs))
    monkeypatch.setattr(Runs, "progress", progress)
    monkeypatch.setattr("worker.monitor._INTERVAL_SECONDS", 0.01)
    async with Monitor(jobs, ID, 1, threading.Event()) as monitor:
        await monitor.enter(Phase.EMBEDDING, 10)
        monitor.report(5, 10)
        await asyncio.sleep(0.05)
        entering = asyncio.create_task(monitor.enter(Phase.ARRANGING, 10))
        await asyncio.sleep(0.05)
        slow.set()
        await entering
    assert arrived == [(Phase.EMBEDDING, 0), (Phase.EMBEDDING, 5), (Phase.ARRANGING, 0)]


async def test_a_job_that_ends_while_its_progress_is_written_ends(jobs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """redis-py may swallow a cancellation that arrives with an answer, so the job must not depend on one."""
    monkeypatch.setattr("worker.monitor._INTERVAL_SECONDS", 0.0005)
    await jobs.start(ID, await submit(jobs))
    for i in range(300):
        async with Monitor(jobs, ID, 1, threading.Event()) as monitor:
            await monitor.enter(Phase.EMBEDDING, 10)
            monitor.report(5, 10)
            await asyncio.sleep(i / 100_000)


async def test_too_little_memory_is_found_before_anything_is_embedded(
    redis: Redis, jobs: Runs, versions: Versions, stores: EvidenceStores, stopping: threading.Event
) -> None:
    request = similar(2000)
    settings = WorkerSettings(memory_mb=10)
    runner = Runner(jobs, PublishStream(settings, versions=versions, stores=stores), stopping)
    run = await submit(jobs, request)

    await runner.deliver(job_id(request), run)

    job = await jobs.get(job_id(request))
    assert job is not None
    assert job.state is State.FAILED
    assert job.error is not None
    assert job.error["code"] == "not_enough_memory"
    assert "CONCEPT_ORDERINGS_MEMORY_MB" in str(job.error["detail"])
    assert [key async for key in redis.scan_iter("*embeddings*")] == []


async def test_a_path_search_may_use_the_memory_that_the_encoder_leaves(
    jobs: Runs, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = similar(20)
    loaded, given = list[str](), list[int | None]()

    def loading(name: str, *arguments: object, **options: object) -> object:
        loaded.append(name)
        return load_encoder(name, *arguments, **options)  # type: ignore[arg-type]

    def arranging(*arguments: object, machine: Machine, **options: object) -> object:
        given.append(machine.memory)
        return arrange_stream(*arguments, machine=machine, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("worker.evidence.gather_embeddings.load_encoder", loading)
    monkeypatch.setattr("worker.evidence.gather_embeddings.this_machine", lambda _: Machine(memory=10**9 - len(loaded)))
    monkeypatch.setattr("worker.publish_stream.arrange_stream", arranging)
    run = await submit(jobs, request)
    await runner.deliver(job_id(request), run)

    assert (loaded, given) == (["fake"], [10**9 - 1])


async def test_a_job_that_is_cancelled_while_an_encoder_loads_ends(
    jobs: Runs, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = similar(2)
    begun, over = threading.Event(), threading.Event()

    def loading(*arguments: object, **options: object) -> object:
        begun.set()
        over.wait(60)
        return load_encoder("fake", WorkerSettings())

    monkeypatch.setattr("worker.evidence.gather_embeddings.load_encoder", loading)
    publishing = asyncio.create_task(runner.deliver(job_id(request), await submit(jobs, request)))
    try:
        await asyncio.to_thread(begun.wait, 60)
        await jobs.cancel(job_id(request))
        await asyncio.wait_for(publishing, 30)
    finally:
        over.set()
    job = await jobs.get(job_id(request))
    assert job is not None
    assert job.state is State.CANCELLED


async def test_a_job_whose_store_does_not_answer_is_cancelled(
    runner: Runner, jobs: Runs, stores: EvidenceStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store hangs while the worker searches for a counts file with the source's name."""
    asked = asyncio.Event()

    async def names(self: LocalObjects, folder: str, **_: object) -> list[str]:
        asked.set()
        return await asyncio.Future[list[str]]()

    monkeypatch.setattr(LocalObjects, "names", names)
    body = {**random_request("counted"), "ordering": {"kind": "frequency", "source": "mine"}}
    request = parse_request(body)
    run = await submit(jobs, request)
    publishing = asyncio.create_task(runner.deliver(job_id(request), run))
    await asked.wait()
    await jobs.cancel(job_id(request))
    async with asyncio.timeout(30):
        await publishing
    job = await jobs.get(job_id(request))
    assert job is not None
    assert job.state is State.CANCELLED


@pytest.mark.parametrize("kind", ORDERINGS)
async def test_no_setting_of_a_worker_changes_a_byte_of_a_version(
    kind: str, redis: Redis, stores: EvidenceStores, stopping: threading.Event, tmp_path: Path
) -> None:
    encoder = {"encoder": "fake"} if Need.EMBEDDINGS in ORDERINGS[kind].needs else {}
    datasets = [
        {
            "name": name,
            "classes": [f"{name} {i}" for i in range(40)],
            "year": 2001 + k,
            "template": "A {}.",
            "scores": 1 - k,
            "counts": {f"{name} {i}": i // 9 for i in range(40)},
        }
        for k, name in enumerate(["cats", "dogs"])
    ]
    body = {"name": "s", "datasets": datasets, "ordering": {"kind": kind, **encoder}, "tasks": {"by": "dataset"}}
    if ORDERINGS[kind].has_own_concepts:
        body = {"name": "s", "ordering": {"kind": kind, "stream": "icarl/cifar100"}, "tasks": {"by": "dataset"}}
    request = parse_request(body)
    made: list[VersionRecord] = []
    for settings in (WorkerSettings(), WorkerSettings(threads=1, batch_size=3, device="cpu", memory_mb=100)):
        await redis.flushall()
        jobs = Runs(redis, KEYS, JOB)
        versions = Versions(LocalObjects(tmp_path / str(len(made))))
        run = await submit(jobs, request)
        work = PublishStream(settings, versions=versions, stores=stores)
        await Runner(jobs, work, stopping).deliver(job_id(request), run)
        found = await versions.find("s", request.digest)
        assert found is not None
        made.append(found)
    one, other = made

    assert (one.digest, one.order_digest, one.tasks) == (other.digest, other.order_digest, other.tasks)
    assert foreseen_warnings(request) == ([] if request.outside else list(one.warnings))

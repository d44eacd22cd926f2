"""Test both runners against a real server that cuts, delays, packs and redirects its answers."""

import asyncio
import math
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from concept_orderings.client import (
    AsyncClient,
    BadAnswer,
    BadArgument,
    Client,
    NotCached,
    ServiceError,
    Unavailable,
    WrongDigest,
    connection,
)
from concept_orderings.client.cache import Cache, Claim
from support.lying_server import LyingServer, cut, die, drip, half, keep_silent, pack, pack_half, status
from support.scripted_service import Documents, ScriptedService
from support.waiting import until

pytest.importorskip("httpx", reason="the client needs httpx")

V1 = "/v1/streams/job-1/versions/1"
TASK = f"{V1}/tasks/0"

Read = Callable[..., tuple[str, ...]]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FIRST_PAUSE", 0.01)


@pytest.fixture(scope="module")
def documents() -> Documents:
    return ScriptedService().publish("job-1", concepts=6, tasks=3)


@pytest.fixture
def server() -> Iterator[LyingServer]:
    service = ScriptedService()
    service.publish("job-1", concepts=6, tasks=3)
    with LyingServer(service) as server:
        yield server


def read(url: str, digest: str | None = None, **options: Any) -> tuple[str, ...]:
    with Client(url, **{"cache": False, **options}) as client:
        return client.stream("job-1", 1, digest).concepts


def read_asynchronously(url: str, digest: str | None = None, **options: Any) -> tuple[str, ...]:
    async def work() -> tuple[str, ...]:
        async with AsyncClient(url, **{"cache": False, **options}) as client:
            stream = await client.stream("job-1", 1, digest)
            await stream.verify()
            assert (await stream.task(-1)).task == 2
            with pytest.raises(IndexError, match="3 tasks, and no 3"):
                await stream.task(3)
            return (await stream.load()).concepts

    return asyncio.run(work())


@pytest.fixture(params=[read, read_asynchronously])
def reading(request: pytest.FixtureRequest) -> Read:
    function: Read = request.param
    return function


@pytest.mark.parametrize(
    "lie",
    [cut, half, die, pack, pack_half, status(503, retry_after="0"), status(503), status(429, retry_after="0")],
    ids=lambda lie: getattr(lie, "__name__", "status"),
)
def test_a_lie_is_never_taken_for_a_task(server: LyingServer, reading: Read, lie: Any) -> None:
    for path in (V1, TASK):
        server.lie(path, lie)

    assert len(reading(server.url)) == 6
    assert server.lies[V1] == server.lies[TASK] == []


def test_a_body_that_is_cut_each_time_is_no_answer(server: LyingServer, reading: Read) -> None:
    server.lie(TASK, *[cut] * 50)
    with pytest.raises(Unavailable, match=rf"GET {server.url}{TASK}: .*RemoteProtocolError"):
        reading(server.url, patience=0.4)


def test_half_a_body_each_time_is_the_wrong_digest(server: LyingServer, reading: Read) -> None:
    server.lie(TASK, *[half] * 3)
    with pytest.raises(WrongDigest, match="Task 0 of version 1 of the stream job-1"):
        reading(server.url)


def test_a_server_that_keeps_silent_is_left(server: LyingServer, reading: Read) -> None:
    server.lie(V1, keep_silent)
    assert len(reading(server.url, timeout=0.2)) == 6

    server.lie(V1, keep_silent)
    with pytest.raises(Unavailable, match=r"no answer within 0\.2 s \(ReadTimeout\)"):
        reading(server.url, timeout=0.2, patience=0.1)


def test_a_server_that_sends_a_byte_now_and_then_is_left(server: LyingServer, reading: Read) -> None:
    server.lie(TASK, drip)
    assert len(reading(server.url, timeout=0.2)) == 6

    server.lie(V1, drip)
    # Longer than a busy machine takes to begin an answer.
    with pytest.raises(Unavailable, match=r"too slow, \d+ bytes in \d+\.\d s \(TooSlow\).*tried once"):
        reading(server.url, timeout=1.0, patience=0.1)


def test_an_answer_that_broke_after_the_patience_is_tried_again(server: LyingServer, reading: Read) -> None:
    server.lie(TASK, cut, cut)
    assert len(reading(server.url, patience=0.0)) == 6

    server.lie(TASK, cut, cut, cut)
    with pytest.raises(Unavailable, match="tried 3 times"):
        reading(server.url, patience=0.0)
    server.lie(TASK, die)
    with pytest.raises(Unavailable, match="tried once"):
        reading(server.url, patience=0.0)


def test_a_token_goes_to_the_service_alone(server: LyingServer, reading: Read) -> None:
    with LyingServer(server.service) as other:
        server.lie(V1, status(307, location=f"{other.url}{V1}"))
        with pytest.raises(BadAnswer, match=f"redirects to {other.url}"):
            reading(server.url, token="secret")
        assert other.seen == []

    server.lie(V1, status(307, location=f"{V1}?again"))
    server.lie(f"{V1}?again", status(308, location=V1))
    assert len(reading(server.url, token="secret")) == 6
    assert {each.headers["Authorization"] for each in server.seen} == {"Bearer secret"}


def test_content_of_a_known_digest_comes_from_another_host_without_the_token(
    server: LyingServer, reading: Read
) -> None:
    with LyingServer(server.service) as other:
        server.lie(TASK, status(307, location=f"{other.url}{TASK}"))
        assert len(reading(server.url, token="secret")) == 6
        assert other.paths() == [TASK]
        assert all("Authorization" not in each.headers for each in other.seen)

        server.lie(TASK, *[status(307, location=f"{other.url}{V1}/tasks/1")] * 3)
        with pytest.raises(WrongDigest, match="Task 0 of version 1 of the stream job-1"):
            reading(server.url, token="secret")


def test_a_proxy_is_asked(server: LyingServer, reading: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of a request to a proxy is the whole address."""
    for name in ("HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "no_proxy", "all_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ServiceError):
        reading("http://orders.invalid", proxy=server.url)
    monkeypatch.setenv("HTTP_PROXY", server.url)
    with pytest.raises(ServiceError):
        reading("http://orders.invalid")

    assert server.paths() == [f"http://orders.invalid{V1}"] * 2


def test_nothing_that_listens_is_unavailable(reading: Read) -> None:
    with pytest.raises(Unavailable, match="ConnectError"):
        reading("http://127.0.0.1:1", patience=0.0)


UNCLOSED = """
import sys
from concept_orderings.client import Client

print(Client(sys.argv[1], cache=False).stream("job-1", 1).concepts)
stream = Client(sys.argv[1], cache=False).stream("job-1", 1)
stream.concepts
"""


def test_a_client_that_is_not_closed_leaves_no_connection(server: LyingServer) -> None:
    """Neither one that is dropped, nor one at the end of the program."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", UNCLOSED, server.url]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)

    assert ran.stderr == ""


def test_an_awaited_client_outlives_its_event_loop(server: LyingServer) -> None:
    client = AsyncClient(server.url, cache=False)

    async def read_task() -> int:
        return len((await (await client.stream("job-1", 1)).task(0)).concepts)

    assert asyncio.run(read_task()) == asyncio.run(read_task()) == 2
    asyncio.run(client.close())


def test_a_task_that_is_cancelled_while_it_claims_gives_up_the_claim(
    server: LyingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, claim = threading.Event(), threading.Event(), Cache.claim

    def slow(cache: Cache, key: str) -> Claim | None:
        begun.set()
        go_on.wait(60)
        return claim(cache, key)

    monkeypatch.setattr(Cache, "claim", slow)

    async def work() -> None:
        async with AsyncClient(server.url, cache=tmp_path) as client:
            task = asyncio.ensure_future(client.stream("job-1", 1))
            await asyncio.to_thread(begun.wait, 60)
            for _ in range(2):
                task.cancel()
                await asyncio.sleep(0)
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(work())
    assert list((tmp_path / "claims").iterdir()) == []
    assert server.seen == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"proxy": "nonsense"}, "Look at proxy"),
        ({"proxy": 5}, "are strings"),
        ({"token": "geh\u00e9im"}, "printable ASCII"),
        ({"token": "two\nlines"}, "printable ASCII"),
        ({"timeout": -1}, "timeout is a number"),
        ({"timeout": "5"}, "timeout is a number"),
        ({"patience": math.nan}, "patience is a number"),
        ({"patience": "a minute"}, "patience is a number"),
        ({"url": b"http://a"}, "are strings"),
        ({"url": "http://a\x01b"}, "is no address"),
        ({"url": "http://xn--a"}, "is no address"),
    ],
)
def test_arguments_that_no_connection_can_have_are_named(reading: Read, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(BadArgument, match=named) as refused:
        reading(**{"url": "http://127.0.0.1:1", "patience": 0.0, **arguments})
    assert "\u00e9" not in str(refused.value), "a token stands in no message"


@pytest.mark.parametrize("host", ["a..b", "a" * 300])
def test_a_host_that_no_name_can_be_is_an_error_of_the_client(reading: Read, host: str) -> None:
    with pytest.raises((BadArgument, Unavailable), match="http://a"):
        reading(f"http://{host}", patience=0.0)


def test_certificates_that_are_missing_are_named(reading: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")

    with pytest.raises(BadArgument, match="SSL_CERT_FILE"):
        reading("https://127.0.0.1:1")


WARM = """
import sys
from concept_orderings.client import Client

url, cache, digest = sys.argv[1:]
assert len(Client(url, cache=cache).stream("job-1", 1, digest).concepts) == 6
assert "httpx" not in sys.modules, "its import takes longer than all else"
"""


def test_a_warm_cache_needs_no_server_and_does_not_import_httpx(
    server: LyingServer, documents: Documents, tmp_path: Path
) -> None:
    read(server.url, cache=tmp_path)
    seen = len(server.seen)
    subprocess.run([sys.executable, "-c", WARM, server.url, tmp_path, documents.digest], check=True)

    assert len(server.seen) == seen


def test_a_client_is_set_up_by_its_environment(
    server: LyingServer, documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCEPT_ORDERINGS_URL", f"{server.url}/")
    monkeypatch.setenv("CONCEPT_ORDERINGS_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("CONCEPT_ORDERINGS_TOKEN", "secret")
    assert len(Client().stream("job-1", 1).concepts) == 6
    assert {each.headers["Authorization"] for each in server.seen} == {"Bearer secret"}
    assert len([each for each in (tmp_path / "own" / "sha256").rglob("*") if each.is_file()]) == 4

    server.seen.clear()
    monkeypatch.setenv("CONCEPT_ORDERINGS_OFFLINE", "1")
    assert Client().stream("job-1").digest == documents.digest
    assert len(Client().stream("job-1", 1).concepts) == 6
    with pytest.raises(NotCached):
        Client().stream("job-1", 2)
    with pytest.raises(NotCached, match="only the service can answer"):
        Client().streams()
    assert server.seen == []
    assert len(Client(offline=False).stream("job-1", 1).concepts) == 6
    assert len(server.seen) == 1


def test_threads_and_copies_share_a_client(server: LyingServer, tmp_path: Path) -> None:
    client = Client(server.url, cache=tmp_path)
    stream = client.stream("job-1", 1)
    copy = pickle.loads(pickle.dumps(stream))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda each: each.concepts, [stream, copy, client.stream("job-1", 1)]))

    assert len(set(found)) == 1
    assert copy.digest == stream.digest


RANKS = 24

FORK = """
import os, sys
from concept_orderings.client import Client, ServiceError

url, cache, digest, ranks = sys.argv[1:]
client = Client(url, cache=cache or False)
try:
    client.stream("another", 1)
except ServiceError:
    pass
start_read, start_write = os.pipe()
children = []
for _ in range(int(ranks)):
    child = os.fork()
    if child == 0:
        os.close(start_write)
        os.read(start_read, 1)
        stream = client.stream("job-1", 1, digest or None)
        os._exit(0 if len(stream.tasks[0].concepts) == 2 else 1)
    children.append(child)
os.close(start_write)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize("is_pinned", [True, False])
def test_the_ranks_of_a_host_fetch_each_document_once(
    server: LyingServer, documents: Documents, tmp_path: Path, is_pinned: bool
) -> None:
    """They are forked from a process that has used the client: connections are not shared."""
    digest = documents.digest if is_pinned else ""
    command = [sys.executable, "-c", FORK, server.url, str(tmp_path), digest, str(RANKS)]
    subprocess.run(command, check=True)

    assert sorted(server.paths()) == sorted(["/v1/streams/another/versions/1", V1, TASK])
    assert list((tmp_path / "claims").iterdir()) == []
    if not is_pinned:
        server.seen.clear()
        subprocess.run(command, check=True)
        assert set(server.paths()[1:]) == {V1}
        assert len(server.paths()) < RANKS, "those that begin at once ask once"


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_forked_processes_open_connections_of_their_own(server: LyingServer, documents: Documents) -> None:
    """Two that read from one socket would take each other's answers."""
    subprocess.run([sys.executable, "-c", FORK, server.url, "", documents.digest, "8"], check=True)

    assert sorted(server.paths()) == sorted(["/v1/streams/another/versions/1", *[V1] * 8, *[TASK] * 8])
    assert len(server.connections) == 9


def test_a_task_that_is_cancelled_gives_up_its_claim(server: LyingServer, tmp_path: Path) -> None:
    server.lie(V1, keep_silent)

    async def work() -> None:
        async with AsyncClient(server.url, cache=tmp_path) as client:
            task = asyncio.ensure_future(client.stream("job-1", 1))
            await asyncio.to_thread(until, lambda: server.seen, "the request is received")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert list((tmp_path / "claims").iterdir()) == []
            assert (await client.stream("job-1", 1)).version == 1

    asyncio.run(work())
    assert threading.active_count() < 50

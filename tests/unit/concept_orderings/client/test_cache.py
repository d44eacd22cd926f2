"""Test the cache on disk: claims, damage, removal, and disks that are full or read-only."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from concept_orderings.client import cache as cache_module
from concept_orderings.client.cache import (
    Cache,
    CacheWarning,
    Claim,
    Watch,
    default_directory,
    environment_says_offline,
    limit_of,
)
from concept_orderings.client.errors import BadArgument
from support.scripted_service import ScriptedService, sha256
from support.waiting import until

KEY = "0f" * 32


def test_one_process_at_a_time_has_the_claim(tmp_path: Path) -> None:
    mine, other = Cache(tmp_path), Cache(tmp_path)
    claim = mine.claim(KEY)
    assert claim is not None
    assert other.claim(KEY) is None
    assert other.claim("another") is not None

    claim.release()
    assert other.claim(KEY) is not None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_claim_without_a_sign_of_life_is_taken_over(tmp_path: Path) -> None:
    """Only the clock of the process that waits counts: the times of the file are those of a host in another century."""
    cache, clock = Cache(tmp_path), Clock()
    path = tmp_path / "claims" / KEY
    path.parent.mkdir()
    path.write_text("owner 0\n")
    watch = Watch(path, 20.0, clock)
    for moment, number in ((0.0, 0), (19.0, 1), (38.0, 2), (57.9, 2)):
        clock.now = moment
        path.write_text(f"owner {number}\n")
        os.utime(path, (moment * 1e8, 4e9 - moment * 1e8))
        assert not watch.look()
    assert cache.claim(KEY) is None

    clock.now = 58.1
    assert watch.look()
    assert cache.claim(KEY) is not None
    assert Watch(tmp_path / "none", 20.0, clock).look()


def test_the_claim_of_a_process_of_this_host_that_is_dead_is_taken_over_at_once(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        Cache(tmp_path).claim(KEY)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    path = tmp_path / "claims" / KEY
    host, left = path.read_text().split(" ", 1)
    for other in (
        f"{host}-2 {left}",
        f"{host} {os.getpid()} {left}",
        f"{host} 1 x",
        f"{host} {10**30} x",
        f"{host} ²",
        "",
    ):
        path.write_text(other)
        assert not Watch(path, 20.0).look(), other
    path.write_text(f"{host} {left}")
    assert Watch(path, 20.0).look()
    assert Cache(tmp_path).claim(KEY) is not None


def test_the_owner_shows_that_it_lives(tmp_path: Path) -> None:
    claim = Cache(tmp_path, beat=0.01).claim(KEY)
    assert claim is not None
    path = tmp_path / "claims" / KEY
    first = path.read_bytes()

    until(lambda: path.read_bytes() not in (first, b""), "the content of the claim changes")
    claim.release()
    assert not path.exists()


def test_an_owner_that_lost_its_claim_leaves_it_to_the_new_one(tmp_path: Path) -> None:
    claim = Cache(tmp_path, beat=0.01).claim(KEY)
    assert claim is not None
    path = tmp_path / "claims" / KEY
    path.unlink()
    path.write_text("another owner 0\n")

    claim.release()
    assert path.read_text() == "another owner 0\n"


def test_a_damaged_document_is_no_document(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write(b"a document")
    digest = sha256(b"a document")
    assert cache.read(digest) == b"a document"

    (path,) = tmp_path.rglob(digest)
    path.write_bytes(b"a documenT")
    assert cache.read(digest) is None
    assert not path.exists()


@pytest.mark.parametrize("entry", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"digest": "0f"}'])
def test_a_damaged_entry_of_a_number_is_none(tmp_path: Path, entry: bytes) -> None:
    cache = Cache(tmp_path)
    cache.learn("http://a", "job-1", 3, KEY)
    first = cache.known("http://a", "job-1", 3)
    assert first is not None
    assert (first.digest, cache.newest("http://a", "job-1")) == (KEY, 3)
    assert cache.known("http://b", "job-1", 3) is None
    assert cache.newest("http://b", "job-1") is None

    (path,) = tmp_path.rglob("3")
    path.write_bytes(entry)
    assert cache.known("http://a", "job-1", 3) is None
    cache.learn("http://a", "job-1", 3, KEY)
    second = cache.known("http://a", "job-1", 3)
    assert second is not None
    assert second.digest == KEY
    assert second.mark != first.mark, "a process that waits sees that the service was asked"


def test_what_was_not_read_for_longest_is_removed(tmp_path: Path) -> None:
    documents = [bytes([i]) * 100 for i in range(10)]
    cache = Cache(tmp_path, limit=450)
    for moment, each in enumerate(documents[:4]):
        cache.write(each)
        (path,) = tmp_path.rglob(sha256(each))
        os.utime(path, (moment, moment))
    left = next(tmp_path.rglob(sha256(documents[0]))).with_name(".left.tmp")
    left.write_bytes(b"")
    os.utime(left, (0, 0))
    assert cache.read(sha256(documents[0])) is not None
    for each in documents[4:6]:
        cache.write(each)

    kept = [i for i, each in enumerate(documents) if cache.read(sha256(each)) is not None]
    assert kept == [0, 3, 4, 5]
    assert not left.exists(), "what a killed process left is removed"


@pytest.fixture
def service() -> ScriptedService:
    service = ScriptedService()
    service.publish("job-1")
    return service


def read_all(service: ScriptedService, cache: Cache | Path) -> tuple[str, ...]:
    """Read the stream through a cache."""
    from concept_orderings.client.reading import Wanted
    from concept_orderings.client.stream import Stream

    reader = service.reader(cache if isinstance(cache, Path) else cache.root)
    return Stream(reader, service.run(reader.find(Wanted.of("job-1", 1, None))), service.run).concepts


def test_where_no_directory_can_be_made_there_is_one_warning_and_no_cache(
    service: ScriptedService, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(CacheWarning, match=r"/file/cache cannot be written: .*CONCEPT_ORDERINGS_CACHE") as given:
        assert len(read_all(service, tmp_path / "file" / "cache")) == 4

    assert len(given) == 1
    assert service.paths() == [f"/v1/streams/job-1/versions/1{part}" for part in ("", "/tasks/0", "/tasks/1")]


@pytest.mark.parametrize("kind", ["dangling", "loop", "claims", "long"])
def test_a_directory_that_cannot_be_made_is_not_waited_for(service: ScriptedService, tmp_path: Path, kind: str) -> None:
    """Such as the link to a disk that is not mounted: what stands there is no claim of another process."""
    root = tmp_path / ("x" * 300 if kind == "long" else "cache")
    if kind == "claims":
        root.mkdir()
        (root / "claims").write_text("")
    elif kind != "long":
        root.symlink_to(root if kind == "loop" else tmp_path / "nowhere")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheWarning)
        assert len(read_all(service, root)) == 4

    assert service.pauses == []
    with pytest.raises(BadArgument, match=r"U\+0000"):
        Cache(Path("a\0b"))


def in_a_child(work: Callable[[], None]) -> int:
    """Run a function in a forked process; return its exit status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(sys.platform == "win32", reason="limits of processes")
def test_a_full_disk_is_no_cache(service: ScriptedService, tmp_path: Path) -> None:
    """A process that may write no byte into a file is as good as a full disk."""

    def work() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        with pytest.warns(CacheWarning, match="cannot be written"):
            assert len(read_all(service, tmp_path)) == 4

    assert in_a_child(work) == 0
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [], "nothing is left half-written"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="becomes another user")
def test_a_cache_of_another_user_is_read_and_not_written(service: ScriptedService) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        read_all(service, Path(folder))
        (task,) = Path(folder).rglob(sha256(service.answer_of("/v1/streams/job-1/versions/1/tasks/0")))
        task.unlink()
        service.paths()

        def work() -> None:
            os.setuid(65534)
            with pytest.warns(CacheWarning, match="cannot be written"):
                assert len(read_all(service, Path(folder))) == 4
            assert service.paths() == [f"/v1/streams/job-1/versions/1{part}" for part in ("", "/tasks/0")]

        assert in_a_child(work) == 0


def write_large(root: Path) -> None:
    cache, data = Cache(root, beat=0.05), bytearray(64_000_000)
    for _ in range(100):
        data[:8] = os.urandom(8)
        cache.claim("writing")
        cache.write(bytes(data))


def test_a_writer_that_is_killed_damages_nothing(tmp_path: Path) -> None:
    for _ in range(3):
        before = set(tmp_path.rglob("*.tmp"))
        child = os.fork()
        if child == 0:
            write_large(tmp_path)
        while set(tmp_path.rglob("*.tmp")) == before:
            assert os.waitpid(child, os.WNOHANG) == (0, 0)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    documents = [each for each in (tmp_path / "sha256").rglob("*") if each.is_file()]
    assert any(each.suffix == ".tmp" for each in documents), "one was killed while it wrote"
    whole = [each for each in documents if each.suffix != ".tmp"]
    assert all(sha256(each.read_bytes()) == each.name for each in whole)
    assert Cache(tmp_path).watch("writing").look(), "the claim of the last one is taken over"
    assert Cache(tmp_path).claim("writing") is not None


def test_the_directory_is_given_or_that_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CONCEPT_ORDERINGS_CACHE", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "concept-orderings"
    monkeypatch.setenv("CONCEPT_ORDERINGS_CACHE", str(tmp_path / "own"))
    assert default_directory() == tmp_path / "own"
    monkeypatch.delenv("CONCEPT_ORDERINGS_CACHE")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert default_directory() == tmp_path / "concept-orderings" / "Cache"


def test_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCEPT_ORDERINGS_CACHE_BYTES", "17")
    assert (limit_of(None), limit_of(18)) == (17, 18)
    monkeypatch.setenv("CONCEPT_ORDERINGS_CACHE_BYTES", "5 GB")
    with pytest.raises(BadArgument, match="a number of bytes, and not '5 GB'"):
        limit_of(None)
    for value, expected in (("1", True), ("yes", True), ("0", False), ("", False)):
        assert environment_says_offline({"CONCEPT_ORDERINGS_OFFLINE": value}) == expected
    assert not environment_says_offline({})


WITHOUT_POSIX = """
import os, sys
sys.modules.update(dict.fromkeys(["fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"]))
for name in ("fork", "getuid", "geteuid", "getgid", "killpg", "setsid", "chown", "mkfifo"):
    delattr(os, name)
from pathlib import Path
from concept_orderings.client import Client
from concept_orderings.client.cache import Cache
cache = Cache(Path(sys.argv[1]))
claim = cache.claim("0f" * 32)
cache.write(b"data")
assert not cache.watch("0f" * 32).look()
claim.release()
assert cache.watch("0f" * 32).look()
"""


def test_nothing_of_posix_is_needed_to_import_and_use_it(tmp_path: Path) -> None:
    """What Windows lacks: the modules, and functions of `os`."""
    subprocess.run([sys.executable, "-c", WITHOUT_POSIX, tmp_path], check=True)

    assert Cache(tmp_path).read(sha256(b"data")) == b"data"


def test_names_of_files_are_such_as_every_file_system_takes(service: ScriptedService, tmp_path: Path) -> None:
    """Lower-case hexadecimal digits: no name is reserved by Windows, and none differs from another by case alone."""
    read_all(service, Cache(tmp_path))
    Cache(tmp_path).learn("http://orders:8000/base?x=<>|", "job-1", 7, "0f" * 32)
    claim = Cache(tmp_path).claim(KEY)
    assert claim is not None
    names = [part for each in tmp_path.rglob("*") for part in each.relative_to(tmp_path).parts[1:]]
    claim.release()

    assert KEY in names
    assert all(re.fullmatch(r"[0-9a-f]{1,64}", each) for each in names)


def test_a_process_is_never_signalled_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, `os.kill` with 0 ends the process."""
    claim = Claim(None, 1.0).content
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a signal was sent"))
    monkeypatch.setattr(os, "name", "nt")

    is_dead = cache_module._is_dead(claim)

    monkeypatch.undo()
    assert not is_dead


def test_a_file_that_windows_does_not_replace_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not while another process reads it. Where there is none, the cache cannot be written."""
    cache = Cache(tmp_path)
    cache.write(b"data")

    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.write(b"data")
    with pytest.warns(CacheWarning, match="cannot be written: Permission denied"):
        cache.write(b"other")
    assert [each.name for each in tmp_path.rglob("*.tmp")] == []


@pytest.mark.parametrize(("platform", "has_claim"), [("win32", False), ("linux", True)])
def test_a_claim_that_windows_is_removing_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, has_claim: bool
) -> None:
    """Elsewhere, the same error means that no claim can be made: every process fetches."""
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / KEY).touch()

    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(sys, "platform", platform)

    assert (Cache(tmp_path).claim(KEY) is not None) == has_claim


def test_a_cache_can_be_sent_to_another_process(tmp_path: Path) -> None:
    import pickle

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pickle.loads(pickle.dumps(Cache(tmp_path))).root == tmp_path

"""The cache on disk: documents by their SHA-256, and which number of a stream has which digest.

Many processes of many hosts may share a directory, also on NFS. A document is written beside its place and then
renamed, and its digest is checked at each reading, so that no reader ever takes a part of one: what is damaged is
removed and fetched again. Nothing here needs the file to be on the disk when a machine loses power, so nothing waits
for that.

Claims keep several processes from fetching the same document at once. They save requests and decide nothing: where a
claim is lost, a document is fetched twice. A claim is a file that only one process can create; its owner writes a
larger number into it every two seconds. A process that waits takes over when it has seen the same content for twenty
seconds of its own clock, or at once if the owner was a process of its host that is dead. Clocks of hosts are never
compared.
"""

import contextlib
import errno
import json
import os
import secrets
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from concept_orderings.canonical import sha256_hex
from concept_orderings.client.errors import BadArgument

CACHE_VARIABLE = "CONCEPT_ORDERINGS_CACHE"
LIMIT_VARIABLE = "CONCEPT_ORDERINGS_CACHE_BYTES"

DEFAULT_LIMIT = 5_000_000_000
"""The most bytes of documents that the cache keeps."""

_DOCUMENTS, _NUMBERS, _CLAIMS = "sha256", "versions", "claims"
_OLD_TEMPORARY = 86_400.0


class CacheWarning(UserWarning):
    """The cache cannot be used as it should; versions are read without it."""


@dataclass(frozen=True)
class Known:
    """What the cache knows of a number of a stream, of one service.

    Attributes
    ----------
    digest : str
        The digest that the service gave to it.
    mark : str
        Another one for each answer of the service, so that a process that waits sees that another one has asked.
    """

    digest: str
    mark: str


def default_directory() -> Path:
    """Return the directory of the environment, or else that of this system's caches.

    Raises
    ------
    RuntimeError
        There is no home directory.
    """
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base or Path.home() / "AppData" / "Local") / "concept-orderings" / "Cache"
    home = os.environ.get("XDG_CACHE_HOME")
    return Path(home or Path.home() / ".cache") / "concept-orderings"


def limit_of(given: int | None) -> int:
    """Return the limit in bytes: as given, or that of the environment, or the default.

    Raises
    ------
    BadArgument
    """
    text = os.environ.get(LIMIT_VARIABLE, "") if given is None else str(given)
    if not text:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit()):
        raise BadArgument.of(f"The limit of the cache is a number of bytes, and not {text[:80]!r}.")
    return int(text)


class Cache:
    """A directory of documents.

    Parameters
    ----------
    root
        The directory; it is made when something is written.
    limit
        The most bytes of documents to keep. Beyond it, those that were not read for the longest time are removed.
    beat, stale
        Seconds between two signs of life of a claim's owner, and without one until others take over.

    Raises
    ------
    BadArgument
        `root` is no name of a directory.
    """

    def __init__(self, root: Path, *, limit: int = DEFAULT_LIMIT, beat: float = 2.0, stale: float = 20.0) -> None:
        if "\0" in str(root):
            raise BadArgument.of("The directory of the cache has the character U+0000, which no file name has.")
        self.root = root
        self.limit = limit
        self._beat, self._stale = beat, stale
        self._written_since_removal: int | None = None
        self._has_warned = False

    def read(self, digest: str) -> bytes | None:
        """Return the document with a digest; None if the cache has none that is undamaged."""
        path = self._document(digest)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if sha256_hex(data) != digest:
            self.forget(digest)
            return None
        with contextlib.suppress(OSError):
            # The time of the file system, not of this host: it says which document was not read for longest.
            os.utime(path)
        return data

    def write(self, data: bytes) -> None:
        """Keep a document; without room, or in a directory that cannot be written, warn once and keep nothing."""
        self._replace(self._document(sha256_hex(data)), data)
        if self._written_since_removal is None or self._written_since_removal > self.limit // 16:
            self._written_since_removal = 0
            with contextlib.suppress(OSError):
                self._remove_oldest()
        self._written_since_removal += len(data)

    def forget(self, digest: str) -> None:
        """Remove a document, if the cache can."""
        with contextlib.suppress(OSError):
            self._document(digest).unlink()

    def known(self, url: str, name: str, number: int) -> Known | None:
        """Return what the cache knows of a number of a stream; None if that is nothing."""
        try:
            known = json.loads((self._numbers(url, name) / str(number)).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        expected = {"url": url, "name": name, "version": number}
        if not isinstance(known, dict) or {**known, **expected} != known:
            return None
        digest = known.get("digest")
        is_digest = isinstance(digest, str) and len(digest) == 64
        return Known(str(digest), str(known.get("mark"))) if is_digest else None

    def learn(self, url: str, name: str, number: int, digest: str) -> None:
        """Keep the digest that a service has just given to a number of a stream."""
        entry = {"url": url, "name": name, "version": number, "digest": digest, "mark": secrets.token_hex(8)}
        self._replace(self._numbers(url, name) / str(number), json.dumps(entry).encode())

    def newest(self, url: str, name: str) -> int | None:
        """Return the largest number of a stream that the cache knows of a service."""
        try:
            names = [each.name for each in self._numbers(url, name).iterdir()]
        except OSError:
            return None
        return max((int(each) for each in names if each.isascii() and each.isdigit()), default=None)

    def claim(self, key: str) -> "Claim | None":
        """Claim the right to fetch something; None while another process has it.

        Where no claim can be made, such as on a full disk, every process gets one.
        """
        path = self.root / _CLAIMS / key
        claim = Claim(path, self._beat)
        try:
            # A dangling link, say, exists and is no directory: that is no claim of another process.
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            return Claim(None, self._beat)
        try:
            with path.open("xb") as file:
                file.write(claim.content)
        except FileExistsError:
            return None
        except PermissionError:
            # Windows answers so for a file that is being removed.
            return None if sys.platform == "win32" and _exists(path) else Claim(None, self._beat)
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink()
            return Claim(None, self._beat)
        claim.start()
        return claim

    def watch(self, key: str, clock: Callable[[], float] = time.monotonic) -> "Watch":
        """Return a watch on a claim of another process, by the clock of this one."""
        return Watch(self.root / _CLAIMS / key, self._stale, clock)

    def _document(self, digest: str) -> Path:
        return self.root / _DOCUMENTS / digest[:2] / digest

    def _numbers(self, url: str, name: str) -> Path:
        # Names and addresses have characters that not all file systems take.
        return self.root / _NUMBERS / sha256_hex(f"{url}\n{name}".encode())[:32]

    def _replace(self, path: Path, data: bytes) -> None:
        # Not of `tempfile`, whose files no other user may read.
        temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                file.write(data)
            temporary.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            # Windows does not replace a file that another process reads: it has the same content.
            if not _exists(path):
                self._warn(error)

    def _warn(self, error: OSError) -> None:
        if not self._has_warned:
            self._has_warned = True
            room = f"; {LIMIT_VARIABLE} limits its size" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            warnings.warn(
                f"The cache {self.root} cannot be written: {error.strerror or error}. Versions are read without it; "
                f"name another directory in {CACHE_VARIABLE}{room}.",
                CacheWarning,
                stacklevel=2,
            )

    def _remove_oldest(self) -> None:
        found = sorted(self._entries(), key=lambda each: each.read_at)
        newest = found[-1].read_at if found else 0.0
        total = sum(each.size for each in found)
        for each in found:
            # What a killed process left. Both times are those of the file system.
            is_left = each.path.suffix == ".tmp" and newest - each.read_at > _OLD_TEMPORARY
            if total > self.limit or is_left:
                with contextlib.suppress(OSError):
                    each.path.unlink()
                total -= each.size

    def _entries(self) -> Iterator["_Entry"]:
        for folder in (self.root / _DOCUMENTS).iterdir():
            for path in folder.iterdir():
                with contextlib.suppress(OSError):
                    status = path.stat()
                    yield _Entry(status.st_mtime, status.st_size, path)


@dataclass(frozen=True)
class _Entry:
    read_at: float
    size: int
    path: Path


class Claim:
    """The right to fetch something; `release` gives it up. The owner shows that it lives until then."""

    def __init__(self, path: Path | None, beat: float) -> None:
        self._path = path
        self._beat = beat
        self._owner = f"{_host()} {os.getpid()} {secrets.token_hex(8)}"
        self._number = 0
        self._end = threading.Event()

    @property
    def content(self) -> bytes:
        """What the file says: the owner, and a number that grows."""
        return f"{self._owner} {self._number}\n".encode()

    def start(self) -> None:
        """Begin to show that the owner lives."""
        threading.Thread(target=self._show_life, name="claim", daemon=True).start()

    def release(self) -> None:
        """Remove the claim, unless another process has taken it over."""
        self._end.set()
        if self._path is not None:
            with contextlib.suppress(OSError):
                if self._is_own():
                    self._path.unlink()

    def _show_life(self) -> None:
        while not self._end.wait(self._beat):
            try:
                if not self._is_own():
                    return
                self._number += 1
                with self._path.open("r+b") as file:  # type: ignore[union-attr]
                    file.write(self.content)
            except OSError:
                return

    def _is_own(self) -> bool:
        assert self._path is not None
        return self._path.read_bytes().startswith(self._owner.encode())


@dataclass
class Watch:
    """What a process that waits has seen of another process' claim.

    Attributes
    ----------
    path : Path
    stale : float
        Seconds without a change after which the owner counts as dead.
    clock : callable
        The clock of the process that waits.
    """

    path: Path
    stale: float
    clock: Callable[[], float] = time.monotonic
    _seen: bytes | None = None
    _since: float = field(default=0.0)

    def look(self) -> bool:
        """Look at the claim; remove it if it is stale. Return whether it is gone."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return True
        except OSError:
            content = b""
        if content != self._seen:
            self._seen, self._since = content, self.clock()
        if self.clock() - self._since < self.stale and not _is_dead(content):
            return False
        # Another process may have removed it, and a third claimed anew: then a document is fetched twice.
        with contextlib.suppress(OSError):
            self.path.unlink()
        return True


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, say
        return False


def _host() -> str:
    # A name with spaces would not be read back.
    return "-".join(socket.gethostname().split())


def _is_dead(content: bytes) -> bool:
    """Tell whether a claim names a process of this host that does not exist.

    Containers may share the name of a host and not its processes: then a document is fetched twice.
    """
    host, _, rest = content.decode("utf-8", "replace").partition(" ")
    number = rest.partition(" ")[0]
    # On Windows, the call would end the process.
    if host != _host() or os.name != "posix" or not (number.isascii() and number.isdigit()):
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def environment_says_offline(environment: Mapping[str, str] | None = None) -> bool:
    """Tell whether CONCEPT_ORDERINGS_OFFLINE is set, to anything but 0 and the empty string."""
    found: Mapping[str, Any] = os.environ if environment is None else environment
    return found.get("CONCEPT_ORDERINGS_OFFLINE", "0") not in ("", "0")

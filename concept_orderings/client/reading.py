"""Read a version: find it, fetch its documents once per host, and check every digest."""

import base64
import binascii
import operator
import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import SupportsIndex

from concept_orderings.canonical import sha256_hex
from concept_orderings.client.cache import Cache, CacheWarning, Claim, Known
from concept_orderings.client.connection import Connection, exchange
from concept_orderings.client.documents import EvidenceFile, Manifest, Task, read_manifest, read_task
from concept_orderings.client.errors import BadAnswer, BadArgument, NotCached, Unavailable, WrongDigest
from concept_orderings.client.steps import Reply, Request, Steps, call, sleep
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE

LATEST = "latest"

_DIGEST = re.compile(r"[0-9a-f]{12,64}")
_ENTITY_TAG = re.compile(r'"sha256-([0-9a-f]{64})"')
_NUMBER_IN_URL = re.compile(r"/versions/([1-9][0-9]{0,8})/?$")
_MOST_FETCHES = 3
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 0.5


@dataclass(frozen=True)
class Wanted:
    """The version that a caller asks for.

    Attributes
    ----------
    name : str
    version : int or "latest"
    digest : str
        All 64 digits of the version's digest or at least the first 12; empty if the caller does not pin it.
    """

    name: str
    version: int | str
    digest: str

    @classmethod
    def of(cls, name: object, version: object, digest: object) -> "Wanted":
        """Check what a caller asks for.

        Raises
        ------
        BadArgument
        """
        if not isinstance(name, str) or not URL_NAME.fullmatch(name):
            raise BadArgument.of(f"{name!r} is not the name of a stream, which {URL_NAME_RULE}.")
        number = _number(version)
        if not 0 < number < 10**9 and not (isinstance(version, str) and version == LATEST):
            raise BadArgument.of(f"{version!r} is not a version: give its number, from 1, or {LATEST!r}.")
        if digest is not None and not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise BadArgument.of(
                f"{digest!r} is not the digest of a version: give its 64 hexadecimal digits, or at least the first 12."
            )
        return cls(name, number or LATEST, digest if isinstance(digest, str) else "")

    def __str__(self) -> str:
        return f"version {self.version} of the stream {self.name}"


@dataclass(frozen=True)
class Found:
    """A version that was found: its manifest, and the digest of its bytes."""

    manifest: Manifest
    digest: str
    data: bytes

    def __str__(self) -> str:
        return f"version {self.manifest.version} of the stream {self.manifest.name}"

    @property
    def path(self) -> str:
        """The path of the version at the service."""
        return _path(self.manifest.name, self.manifest.version)


@dataclass(frozen=True)
class Reader:
    """Reads versions of one service.

    Attributes
    ----------
    connection : Connection
    cache : Cache or None
    offline : bool
        Whether to read from the cache alone.
    clock : callable
    """

    connection: Connection
    cache: Cache | None
    offline: bool = False
    clock: Callable[[], float] = time.monotonic

    def find(self, wanted: Wanted) -> Steps[Found]:
        """Find a version; see `concept_orderings.client.Client.stream`."""
        if wanted.version == LATEST:
            wanted = replace(wanted, version=(yield from self._latest(wanted.name)))
        if len(wanted.digest) == 64:
            data = yield from self._cached(wanted.digest)
            if data is not None:
                return self._checked(wanted, data)
        known = yield from self._known(wanted)
        if self.offline:
            return self._checked(wanted, (yield from self._offline(wanted, known)))
        return (yield from self._online(wanted, known))

    def task(self, found: Found, number: int) -> Steps[Task]:
        """Read a task of a version, and check it against the manifest."""
        listed, where = found.manifest.tasks[number], f"task {number} of {found}"
        data = yield from self.document(f"{found.path}/tasks/{number}", listed.digest, where)
        task = read_task(data, where)
        if task.task != number or len(task.concepts) != listed.concepts:
            raise BadAnswer(
                "bad_answer",
                f"The document of {where} is task {task.task} with {len(task.concepts)} concepts, and the manifest has "
                f"{listed.concepts} for task {number}.",
            )
        return task

    def all_tasks(self, found: Found) -> Steps[tuple[bytes, ...]]:
        """Return the documents of all tasks of a version."""
        documents = []
        for each in found.manifest.tasks:
            path, where = f"{found.path}/tasks/{each.task}", f"task {each.task} of {found}"
            documents.append((yield from self.document(path, each.digest, where)))
        return tuple(documents)

    def evidence(self, found: Found, file: EvidenceFile) -> Steps[bytes]:
        """Return a file of evidence of a version."""
        path = f"{found.path}/evidence/{file.kind}"
        return (yield from self.document(path, file.digest, f"the evidence {file.kind} of {found}"))

    def check_evidence(self, found: Found) -> Steps[None]:
        """Read the files of evidence that the cache has, which removes damaged ones."""
        for each in found.manifest.evidence_files:
            yield from self._cached(each.digest)

    def document(self, path: str, digest: str, what: str) -> Steps[bytes]:
        """Return the document with a digest, from the cache or else from a path of the service.

        Parameters
        ----------
        path
            Where the service has it.
        digest
            SHA-256, 64 hexadecimal digits.
        what
            What it is, for errors.

        Raises
        ------
        WrongDigest
            The service answers with other bytes.
        """
        data = yield from self._cached(digest)
        if data is not None:
            return data
        if self.offline:
            raise self._not_cached(what)
        return (
            yield from self._once_per_host(
                digest, lambda: self._cached(digest), lambda: self._download(path, digest, what)
            )
        )

    def _latest(self, name: str) -> Steps[int]:
        if self.offline:
            cache, url = self.cache, self.connection.url
            newest = (yield from call(lambda: cache.newest(url, name))) if cache is not None else None
            if newest is None:
                raise self._not_cached(f"any version of the stream {name}")
            return newest
        path = _path(name, LATEST)
        # Not followed: the number is all that is needed, and where a proxy serves the API at another path, the service
        # does not know it.
        reply = yield from exchange(self.connection, Request("GET", path), clock=self.clock, follow=False)
        named = _NUMBER_IN_URL.search(reply.headers.get("location", ""))
        if named is None:
            where = self.connection.full(path)
            raise BadAnswer("bad_answer", f"{where} answered {reply.status} and not with the number of a version.")
        return int(named[1])

    def _known(self, wanted: Wanted) -> Steps[Known | None]:
        """Return what the cache knows of the number."""
        cache, number = self.cache, int(wanted.version)
        if cache is None:
            return None
        return (yield from call(lambda: cache.known(self.connection.url, wanted.name, number)))

    def _offline(self, wanted: Wanted, known: Known | None) -> Steps[bytes]:
        if known is not None and wanted.digest and not known.digest.startswith(wanted.digest):
            raise WrongDigest.of(_sentence(wanted), expected=wanted.digest, found=known.digest)
        data = None if known is None else (yield from self._cached(known.digest))
        if data is None:
            raise self._not_cached(str(wanted))
        return data

    def _online(self, wanted: Wanted, known: Known | None) -> Steps[Found]:
        kept = None if known is None else (yield from self._cached(known.digest))
        if kept is not None and wanted.digest and sha256_hex(kept).startswith(wanted.digest):
            return self._checked(wanted, kept)
        if len(wanted.digest) == 64:
            key, look = wanted.digest, lambda: self._cached(wanted.digest)
        else:
            # Its number is no pin: whether the service still means the same version takes one short answer, to the
            # first of the processes that want to know it now.
            mark = None if kept is None or known is None else known.mark
            key = sha256_hex(f"{self.connection.url}\n{wanted}".encode())
            look = lambda: self._cached_number(wanted, mark)  # noqa: E731
        fetch = self._manifest if kept is None or wanted.digest else self._still
        data = yield from self._once_per_host(key, look, lambda: fetch(wanted, kept))
        return self._checked(wanted, data)

    def _still(self, wanted: Wanted, kept: bytes | None) -> Steps[bytes]:
        """Ask whether a number still has the manifest that the cache has; if the service is away, take that one."""
        assert kept is not None
        try:
            return (yield from self._manifest(wanted, kept))
        except Unavailable as error:
            warnings.warn(
                f"{error.detail} So {wanted} is taken from the cache, as it was: digest {sha256_hex(kept)}. Pin the "
                "digest, and the service is not asked.",
                CacheWarning,
                stacklevel=2,
            )
            return kept

    def _cached_number(self, wanted: Wanted, mark: str | None) -> Steps[bytes | None]:
        """Return the manifest of a number, if the service was asked for it since the entry with a mark."""
        known = yield from self._known(wanted)
        return None if known is None or known.mark == mark else (yield from self._cached(known.digest))

    def _manifest(self, wanted: Wanted, kept: bytes | None) -> Steps[bytes]:
        """Fetch the manifest of a number, unless the service says that it is the one that is `kept`."""
        path, headers = _path(wanted.name, wanted.version), dict(_AS_IT_IS)
        if kept is not None:
            headers["If-None-Match"] = f'"sha256-{sha256_hex(kept)}"'
        for left in reversed(range(_MOST_FETCHES)):
            reply = yield from exchange(self.connection, Request("GET", path, headers), clock=self.clock)
            if reply.status == 304 and kept is not None:
                yield from self._learn(self._checked(wanted, kept))
                return kept
            stated, found = stated_digest(reply), sha256_hex(reply.content)
            if stated in (None, found):
                try:
                    version = self._checked(wanted, reply.content)
                except (BadAnswer, WrongDigest):
                    # Nothing else tells that a compressed body was cut.
                    if stated is None and left:
                        continue
                    raise
                yield from self._keep(reply.content)
                yield from self._learn(version)
                return reply.content
        raise WrongDigest.of(
            f"The answer of {self.connection.full(path)}",
            expected=str(stated),
            found=found,
            hint=f"The service stated the expected one with its answer, {_MOST_FETCHES} times.",
        )

    def _download(self, path: str, digest: str, what: str) -> Steps[bytes]:
        for _ in range(_MOST_FETCHES):
            # It may come from a bucket: the digest decides, not the host.
            reply = yield from exchange(self.connection, Request("GET", path), clock=self.clock, elsewhere=True)
            found = sha256_hex(reply.content)
            if found == digest:
                yield from self._keep(reply.content)
                return reply.content
            if stated_digest(reply) == found:
                # It came as the service sent it, so that it would come again.
                break
        raise WrongDigest.of(
            f"{what[0].upper()}{what[1:]}, as {self.connection.full(path)} answers it,",
            expected=digest,
            found=found,
        )

    def _checked(self, wanted: Wanted, data: bytes) -> Found:
        """Return the version of a manifest, if it is the one that the caller asks for."""
        found = sha256_hex(data)
        if not found.startswith(wanted.digest):
            raise WrongDigest.of(_sentence(wanted), expected=wanted.digest, found=found)
        manifest = read_manifest(data, str(wanted))
        if (manifest.name, manifest.version) != (wanted.name, wanted.version):
            other = _of(manifest)
            if wanted.digest:
                raise WrongDigest(
                    "wrong_digest",
                    f"The digest {wanted.digest} is that of {other}, and {wanted} was asked for.",
                    expected=wanted.digest,
                    found=found,
                )
            raise BadAnswer("bad_answer", f"The service answered with {other} where {wanted} was asked for.")
        return Found(manifest, found, data)

    def _once_per_host(
        self, key: str, look: Callable[[], Steps[bytes | None]], fetch: Callable[[], Steps[bytes]]
    ) -> Steps[bytes]:
        """Fetch a document, unless another process of this host fetches it just now: then wait for that.

        Parameters
        ----------
        key
            What the processes claim.
        look
            Looks whether the cache has the document.
        fetch
            Fetches it into the cache.
        """
        cache = self.cache
        if cache is None:
            return (yield from fetch())
        until, wait, watch = self.clock() + self.connection.patience, _FIRST_WAIT, cache.watch(key, self.clock)
        # Not the result of the call: a task that is cancelled meanwhile never gets it.
        claims: list[Claim] = []
        try:
            while self.clock() < until:
                if (yield from call(lambda: _claimed(cache, key, claims))):
                    # It may have come between the last look and the claim.
                    data = yield from look()
                    return data if data is not None else (yield from fetch())
                yield from sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
                data = yield from look()
                if data is not None:
                    return data
                yield from call(watch.look)
        finally:
            for each in claims:
                each.release()
        # The other process is patient with a service that does not answer, or it is slow.
        return (yield from fetch())

    def _cached(self, digest: str) -> Steps[bytes | None]:
        cache = self.cache
        return None if cache is None else (yield from call(lambda: cache.read(digest)))

    def _keep(self, data: bytes) -> Steps[None]:
        cache = self.cache
        if cache is not None:
            yield from call(lambda: cache.write(data))

    def _learn(self, found: Found) -> Steps[None]:
        cache, manifest = self.cache, found.manifest
        if cache is not None:
            yield from call(lambda: cache.learn(self.connection.url, manifest.name, manifest.version, found.digest))

    def _not_cached(self, what: str) -> NotCached:
        where = "There is no cache" if self.cache is None else f"The cache {self.cache.root} does not have {what}"
        return NotCached("not_cached", f"{where}, and the client is offline. Fetch it once with a connection.")


def _claimed(cache: Cache, key: str, claims: list[Claim]) -> bool:
    """Claim the right to fetch something, add the claim to `claims`, and tell whether there is one."""
    claim = cache.claim(key)
    if claim is not None:
        claims.append(claim)
    return claim is not None


def stated_digest(reply: Reply) -> str | None:
    """Return the SHA-256 that an answer states of its bytes; None without one, or if it was sent compressed.

    What is stated of a compressed answer is the digest of the compressed bytes.
    """
    if "content-encoding" in reply.headers:
        return None
    tag = _ENTITY_TAG.fullmatch(reply.headers.get("etag", ""))
    if tag is not None:
        return tag[1]
    value = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", reply.headers.get("repr-digest", ""))
    try:
        return base64.b64decode(value[1], validate=True).hex() if value is not None else None
    except binascii.Error:
        return None


_AS_IT_IS = {"Accept-Encoding": "identity"}


def _number(version: object) -> int:
    """Return a version's number, also one of NumPy; 0 if it is none."""
    try:
        return operator.index(version) if isinstance(version, SupportsIndex) and not isinstance(version, bool) else 0
    except TypeError:  # such as an array of several numbers
        return 0


def _path(name: str, version: int | str) -> str:
    return f"/v1/streams/{name}/versions/{version}"


def _of(manifest: Manifest) -> str:
    return f"version {manifest.version} of the stream {manifest.name}"


def _sentence(wanted: Wanted) -> str:
    return f"Version {wanted.version} of the stream {wanted.name}"

"""The client that blocks; `concept_orderings.client.asynchronous` has its twin."""

import os
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, TypeVar

from concept_orderings.client import asking
from concept_orderings.client.asking import Counted, Job, StreamSummary, VersionSummary, Watch, no_count
from concept_orderings.client.cache import (
    CACHE_VARIABLE,
    Cache,
    CacheWarning,
    default_directory,
    environment_says_offline,
    limit_of,
)
from concept_orderings.client.connection import Connection
from concept_orderings.client.job_progress import watch_of
from concept_orderings.client.reading import LATEST, Reader, Wanted
from concept_orderings.client.runners import Blocking
from concept_orderings.client.steps import Steps
from concept_orderings.client.stream import Stream
from concept_orderings.errors import MissingLibrary

_Result = TypeVar("_Result")

CachePlace: TypeAlias = str | os.PathLike[str] | Literal[False] | None


class Client:
    """Reads versions from a service, and asks it for new ones. Threads and forked processes may share it.

    Parameters
    ----------
    url
        The address of the service; by default that in the variable ``CONCEPT_ORDERINGS_URL``.
    token
        The token of a key, or a bearer token for a proxy in front of the service; by default that in the variable
        ``CONCEPT_ORDERINGS_TOKEN``.
    proxy
        The address of a proxy; by default that of the variables ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and
        ``NO_PROXY``.
    timeout
        Seconds that one answer may keep silent.
    patience
        Seconds after which a call gives up where the service does not answer, or asks to be tried again.
    min_speed
        Bytes per second that an answer has on average, after the first `timeout` seconds; 0 for no limit. By default
        those in ``CONCEPT_ORDERINGS_MIN_SPEED``, or 10,000.
    cache
        The directory of the cache; by default that in ``CONCEPT_ORDERINGS_CACHE``, or a directory
        ``concept-orderings`` among the caches of the user. False: no cache.
    cache_bytes
        The most bytes that the cache keeps; by default those in ``CONCEPT_ORDERINGS_CACHE_BYTES``, or 5 GB.
    offline
        Whether to read from the cache alone; by default whether ``CONCEPT_ORDERINGS_OFFLINE`` is 1.

    Raises
    ------
    BadArgument
        There is no address, or it is none.
    MissingLibrary
        ``missing_library``: httpx is not installed.
    """

    def __init__(  # noqa: PLR0913
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        proxy: str | None = None,
        timeout: float = 30.0,
        patience: float = 60.0,
        min_speed: float | None = None,
        cache: CachePlace = None,
        cache_bytes: int | None = None,
        offline: bool | None = None,
    ) -> None:
        connection = Connection.of(
            url, token=token, proxy=proxy, timeout=timeout, patience=patience, min_speed=min_speed
        )
        self._reader = make_reader(connection, cache, cache_bytes, offline)
        self._runner = Blocking(self._reader.connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        # Connections stay with their process: a copy opens its own.
        return (client_of, (self._reader,))

    @property
    def url(self) -> str:
        """The address of the service."""
        return self._reader.connection.url

    def stream(self, name: str, version: int | str = LATEST, digest: str | None = None) -> Stream:
        """Read a version of a stream, and check it.

        Parameters
        ----------
        name
            The stream's name.
        version
            Its number, or ``latest``, which is asked for once: the stream that is returned keeps its number. Two
            ranks may find different latest versions; pin the number.
        digest
            The version's digest, or at least its first 12 digits. With all 64 and a warm cache, nothing is sent.

        Raises
        ------
        WrongDigest
            The version has another digest, or the digest is that of another version.
        ServiceError
            ``unknown_stream``, ``unknown_version`` and others.
        Unavailable
            The service does not answer; `NotCached` if the client is offline and the cache does not have the version.
        BadAnswer
            The answer is not one of this service.
        BadArgument
            A name, number or digest that cannot be one.
        """
        found = self.run(self._reader.find(Wanted.of(name, version, digest)))
        return Stream(self._reader, found, self.run)

    def arrange(self, request: Mapping[str, Any], *, progress: bool | Watch = False) -> Stream:
        """Ask for a version, wait for it, and read it. The same request has the same version.

        Parameters
        ----------
        request
            The body of a ``POST /v1/streams``.
        progress
            Whether to show on standard error what the job is at; or a function, which is called with each change of
            the job.

        Raises
        ------
        ServiceError
            The request is refused, with all its faults; `JobFailed` if the job failed or was cancelled.
        Unavailable
            The queue is full, or the service does not answer. The job goes on, and asking again finds it.
        """
        return Stream(self._reader, self.run(asking.arrange(self._reader, request, watch_of(progress))), self.run)

    def arrange_variants(self, request: Mapping[str, Any], *, progress: bool | Watch = False) -> list[Stream]:
        """Ask for versions with several seeds, wait for them, and read them, in the order of their seeds.

        Parameters
        ----------
        request
            The body of a ``POST /v1/streams`` with ``variants``.
        progress
            As for `arrange`; the jobs are followed one after the other.

        Raises
        ------
        ServiceError, Unavailable
            See `arrange`; `JobFailed` for the first job that failed. The others go on.
        """
        found = self.run(asking.arrange_variants(self._reader, request, watch_of(progress)))
        return [Stream(self._reader, each, self.run) for each in found]

    def cancel(self, job: str | Job) -> Job:
        """Cancel a job, by its id: a queued one at once, a running one within about a second.

        Raises
        ------
        ServiceError
            ``unknown_job``, or ``job_finished``.
        """
        return self.run(asking.cancel(self._reader, job.id if isinstance(job, Job) else job))

    def follow(self, job: str | Job, *, progress: bool | Watch = False) -> Job:
        """Follow a job to its end, however it ends.

        Parameters
        ----------
        job
            The job, or its id.
        progress
            As for `arrange`.

        Raises
        ------
        ServiceError
            ``unknown_job``.
        Unavailable
            Nothing was heard of the job for as long as the client is patient. It goes on.
        """
        identifier = job.id if isinstance(job, Job) else job
        return self.run(asking.follow_job(self._reader, identifier, watch_of(progress)))

    def job(self, identifier: str) -> Job:
        """Return a job, by its id."""
        return self.run(asking.get_job(self._reader, identifier))

    def jobs(self, most: int = 100) -> list[Job]:
        """Return active jobs in the order of the queue, then those that finished last."""
        return self.run(asking.list_jobs(self._reader, most))

    def streams(self, *, progress: Counted = no_count) -> list[StreamSummary]:
        """Return all streams by name.

        Parameters
        ----------
        progress
            Called with the number of streams so far, after each page of 1,000 but the last.
        """
        return self.run(asking.list_streams(self._reader, progress))

    def versions(self, name: str, *, progress: Counted = no_count) -> list[VersionSummary]:
        """Return all versions of a stream, oldest first; for `progress` see `Client.streams`."""
        return self.run(asking.list_versions(self._reader, name, progress))

    def close(self) -> None:
        """Close all connections; a later call opens new ones."""
        self._runner.close()

    def run(self, steps: Steps[_Result]) -> _Result:
        """Run steps of the client's own modules, and return their result."""
        return self._runner.run(steps)


def make_reader(connection: Connection, cache: CachePlace, cache_bytes: int | None, offline: bool | None) -> Reader:
    """Return the reader of a client, for the arguments of `Client`.

    Raises
    ------
    BadArgument, MissingLibrary
        See `Client`.
    """
    if find_spec("httpx") is None:
        raise MissingLibrary(
            "missing_library", "The client needs httpx: pip install 'concept-orderings[client]' installs it."
        )
    is_offline = environment_says_offline() if offline is None else offline
    return Reader(connection, _cache_of(cache, limit_of(cache_bytes)), is_offline)


def _cache_of(place: CachePlace, limit: int) -> Cache | None:
    if place is False:
        return None
    try:
        return Cache(default_directory() if place is None else Path(place).expanduser(), limit=limit)
    except RuntimeError as error:
        warnings.warn(f"There is no cache: {error}. Name a directory in {CACHE_VARIABLE}.", CacheWarning, stacklevel=3)
        return None


def client_of(reader: Reader) -> Client:
    """Return a client with a reader."""
    client = Client.__new__(Client)
    client._reader, client._runner = reader, Blocking(reader.connection)
    return client

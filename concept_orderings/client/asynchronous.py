"""The client that awaits: the twin of `concept_orderings.client.client.Client`, with the same steps."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from concept_orderings.client import asking, checking
from concept_orderings.client.asking import Counted, Job, StreamSummary, VersionSummary, Watch, no_count
from concept_orderings.client.client import CachePlace, client_of, make_reader
from concept_orderings.client.connection import Connection
from concept_orderings.client.documents import Task, read_task
from concept_orderings.client.job_progress import watch_of
from concept_orderings.client.reading import LATEST, Found, Reader, Wanted
from concept_orderings.client.runners import Awaiting
from concept_orderings.client.steps import Steps
from concept_orderings.client.stream import Stream, Version
from concept_orderings.evidence.tables import EvidenceTable, read_table

_Result = TypeVar("_Result")


class AsyncClient:
    """Reads versions from a service without blocking, on asyncio; for the parameters see `Client`."""

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
        self._runner = Awaiting(self._reader.connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """The address of the service."""
        return self._reader.connection.url

    async def stream(self, name: str, version: int | str = LATEST, digest: str | None = None) -> "AsyncStream":
        """Read a version of a stream, and check it; see `Client.stream`."""
        return AsyncStream(self, self._reader, await self.run(self._reader.find(Wanted.of(name, version, digest))))

    async def arrange(self, request: Mapping[str, Any], *, progress: bool | Watch = False) -> "AsyncStream":
        """Ask for a version, wait for it, and read it; see `Client.arrange`."""
        found = await self.run(asking.arrange(self._reader, request, watch_of(progress)))
        return AsyncStream(self, self._reader, found)

    async def arrange_variants(
        self, request: Mapping[str, Any], *, progress: bool | Watch = False
    ) -> "list[AsyncStream]":
        """Ask for versions with several seeds, wait for them, and read them; see `Client.arrange_variants`."""
        found = await self.run(asking.arrange_variants(self._reader, request, watch_of(progress)))
        return [AsyncStream(self, self._reader, each) for each in found]

    async def cancel(self, job: str | Job) -> Job:
        """Cancel a job, by its id; see `Client.cancel`."""
        return await self.run(asking.cancel(self._reader, job.id if isinstance(job, Job) else job))

    async def follow(self, job: str | Job, *, progress: bool | Watch = False) -> Job:
        """Follow a job to its end, however it ends; see `Client.follow`."""
        identifier = job.id if isinstance(job, Job) else job
        return await self.run(asking.follow_job(self._reader, identifier, watch_of(progress)))

    async def job(self, identifier: str) -> Job:
        """Return a job, by its id."""
        return await self.run(asking.get_job(self._reader, identifier))

    async def jobs(self, most: int = 100) -> list[Job]:
        """Return active jobs in the order of the queue, then those that finished last."""
        return await self.run(asking.list_jobs(self._reader, most))

    async def streams(self, *, progress: Counted = no_count) -> list[StreamSummary]:
        """Return all streams by name; see `Client.streams`."""
        return await self.run(asking.list_streams(self._reader, progress))

    async def versions(self, name: str, *, progress: Counted = no_count) -> list[VersionSummary]:
        """Return all versions of a stream, oldest first; for `progress` see `Client.streams`."""
        return await self.run(asking.list_versions(self._reader, name, progress))

    async def close(self) -> None:
        """Close all connections; a later call opens new ones."""
        await self._runner.close()

    async def run(self, steps: Steps[_Result]) -> _Result:
        """Run steps of the client's own modules, and return their result."""
        return await self._runner.run(steps)


class AsyncStream(Version):
    """A version whose tasks are awaited."""

    def __init__(self, client: AsyncClient, reader: Reader, found: Found) -> None:
        super().__init__(reader, found)
        self._client = client

    async def task(self, number: int) -> Task:
        """Return a task, checked against the manifest; negative numbers count from the end."""
        numbers = range(len(self.manifest.tasks))
        try:
            which = numbers[number]
        except IndexError:
            raise IndexError(f"there are {len(numbers)} tasks, and no {number}") from None
        return await self._client.run(self._reader.task(self._found, which))

    async def load(self) -> Stream:
        """Read all tasks, and return the stream with its labels, samples and cursors, which then need no service.

        What it has not read, such as evidence, it reads with blocking calls.
        """
        documents = await self._client.run(self._reader.all_tasks(self._found))
        tasks = {i: read_task(each, f"task {i} of {self._found}") for i, each in enumerate(documents)}
        return Stream(self._reader, self._found, client_of(self._reader).run, tasks)

    async def evidence(self, kind: str) -> EvidenceTable:
        """Return a file of evidence; see `Stream.evidence`."""
        return read_table(await self._client.run(self._reader.evidence(self._found, self._file(kind))))

    async def verify(self) -> None:
        """Check the whole version anew; see `Stream.verify`."""
        await self._client.run(checking.verify(self._reader, self._found))

"""Do a run of any kind that the queue delivers: start it, monitor it, and record its end."""

import asyncio
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import ClassVar, Never

from concept_orderings.canonical import Json
from concept_orderings.errors import Cancelled, ConceptOrderingsError, JobCrashed, StoreError, UnreadableRequest
from store.runs import ATTEMPTS, Runs, State, Taken, Verdict
from worker.hidden_paths import error_without_paths
from worker.left_runs import LeftForLater, LeftRuns, NoRoom
from worker.monitor import Monitor
from worker.run_figures import RunFigures

_log = logging.getLogger(__name__)

# The codes of errors that may pass within a minute; every other error would occur again on a retry.
_MAY_PASS = frozenset({"source_unavailable", "store_unavailable", "store_full"})

_FULL_PAUSE_SECONDS = 5.0
"""How long a run pauses that waits for room on the disk."""
_FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 300.0


class TryAgain(Exception):
    """A run that is tried again after a pause, because its error may pass.

    Attributes
    ----------
    seconds : float
        The pause.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the run is tried again in {seconds:g} s")
        self.seconds = seconds


class Work(ABC):
    """The work of the runs of a kind.

    Attributes
    ----------
    noun : str
        The name of a run of this kind in errors and logs.
    after_crashes : str
        What a client should do if its run crashed the worker: the end of a sentence.
    tries_again : bool
        Whether a run is tried again after an error that may pass, at most `ATTEMPTS` times in all. If not, the client
        gets the error at once, and can submit the request again.
    """

    noun: ClassVar[str]
    after_crashes: ClassVar[str]
    tries_again: ClassVar[bool]

    def turn(self, about: Mapping[str, Json]) -> AbstractAsyncContextManager[None]:
        """Return the context in which a run is done; entering it may wait. By default it does nothing.

        Raises
        ------
        asyncio.CancelledError
            While entering, if the worker is stopping.
        """
        del about
        return nullcontext()

    @abstractmethod
    async def do(self, request: bytes, monitor: Monitor) -> bytes:
        """Return the result for a canonical request.

        Raises
        ------
        Cancelled
            If `monitor` raises it.
        ConceptOrderingsError
            The error that the client gets.
        """


class Runner:
    """Does the runs of one kind.

    The queue delivers a run at least once; a second delivery of a finished run changes nothing. A run whose request
    only a later release can read stays queued for a worker of that release.

    Parameters
    ----------
    runs
        The records.
    work
        The work of a run.
    stopping
        Set while the worker is stopping.
    longest_pause
        The longest time in seconds after which the queue delivers a run again that this worker has left.
    check_room
        Raises StoreError ``store_full`` while there is no room for results: runs then stay queued. It may block.
    """

    def __init__(
        self,
        runs: Runs,
        work: Work,
        stopping: threading.Event,
        *,
        longest_pause: float = 30.0,
        check_room: Callable[[], None] = lambda: None,
    ) -> None:
        self._runs = runs
        self._work = work
        self._stopping = stopping
        self._left = LeftRuns(longest_pause=longest_pause)
        self._check_room = check_room
        self._without_room: set[tuple[str, int]] = set()
        self._full_pause = min(longest_pause, _FULL_PAUSE_SECONDS)

    async def deliver(self, identifier: str, run: int) -> None:
        """Do a run that the queue delivered, and record how it ended.

        Raises
        ------
        asyncio.CancelledError
            If the worker is stopping: the queue delivers the run again.
        LeftForLater
            If the run stays queued, for a worker of a later release or until there is room on the disk: the queue
            delivers it again after the pause.
        TryAgain
            If the run is to be offered again after the pause.
        """
        try:
            record = await self._runs.get(identifier)
        except StoreError as error:
            # What is wrong may pass with the next run, for which a client has to submit the request again.
            if await self._runs.start(identifier, run) > 0:
                await self._fail(identifier, run, error)
            return
        if record is None or record.run != run or record.state.final:
            self._left.forget(identifier, run)
            return
        # Not started again: that would look to clients as if the run began.
        self._left.leave_again(identifier, run)
        if (identifier, run) in self._without_room and await self._no_room() is not None:
            raise LeftForLater(self._full_pause)
        self._without_room.discard((identifier, run))
        async with self._work.turn(record.about):
            await self._run(identifier, run, RunFigures(record.about))

    async def do_taken(self, taken: Taken) -> None:
        """Do a run that was taken from its lane, and record how it ended; raises what `deliver` raises."""
        self._without_room.discard((taken.id, taken.run))
        try:
            about = taken.read_about()
        except StoreError as error:
            await self._fail(taken.id, taken.run, error)
            return
        figures = RunFigures(about)
        figures.waited(taken.waited_seconds)
        await self._attempt(taken.id, taken.run, taken.attempt, partial(self._taken_request, taken), figures)

    def has_left(self, identifier: str, run: int) -> bool:
        """Return whether this worker has left a run to a worker of a later release."""
        return self._left.has_left(identifier, run)

    async def has_room(self) -> bool:
        """Return whether there is room for results."""
        return await self._no_room() is None

    async def _run(self, identifier: str, run: int, figures: RunFigures) -> None:
        attempt = await self._runs.start(identifier, run)
        if attempt > 0:
            await self._attempt(identifier, run, attempt, partial(self._request, identifier), figures)

    async def _attempt(
        self,
        identifier: str,
        run: int,
        attempt: int,
        request: Callable[[], Awaitable[bytes]],
        figures: RunFigures,
    ) -> None:
        if attempt > ATTEMPTS:
            await self._fail(identifier, run, _crashed(self._work))
            figures.ended(State.FAILED)
            return
        if (full := await self._no_room()) is not None:
            await self._wait_for_room(identifier, run, full)
        monitor = Monitor(self._runs, identifier, run, self._stopping)
        try:
            async with monitor:
                result = await self._work.do(await request(), monitor)
        except Cancelled:
            await self._stop(identifier, run, monitor.verdict)
            if monitor.verdict is Verdict.STOP:
                figures.ended(State.CANCELLED)
        except asyncio.CancelledError:
            await self._runs.give_back(identifier, run, counted=False)
            raise
        except UnreadableRequest as error:
            await self._leave(identifier, run, error)
        except Exception as error:
            await self._failed(identifier, run, attempt, error)
            figures.ended(State.FAILED)
        else:
            await self._runs.succeed(identifier, run, result, progress=monitor.report.state)
            figures.ended(State.SUCCEEDED)
        finally:
            figures.phases(monitor.report.seconds())

    async def _request(self, identifier: str) -> bytes:
        request = await self._runs.request(identifier)
        if request is None:
            raise self._is_gone()
        return request

    async def _taken_request(self, taken: Taken) -> bytes:
        if taken.request is None:
            raise self._is_gone()
        return await self._runs.decompressed(taken.request)

    def _is_gone(self) -> JobCrashed:
        return JobCrashed("job_crashed", f"The request of this {self._work.noun} is gone from Redis; post it again.")

    async def _stop(self, identifier: str, run: int, verdict: Verdict) -> None:
        if verdict is Verdict.LEAVE:
            _log.info(
                "%s %s: run %d is over, another worker's, or no client asks for it", self._work.noun, identifier, run
            )
            return
        if self._stopping.is_set():
            await self._runs.give_back(identifier, run, counted=False)
            # Raised, so that the queue keeps the message for the next worker.
            raise asyncio.CancelledError
        await self._runs.end_cancelled(identifier, run)

    async def _leave(self, identifier: str, run: int, error: UnreadableRequest) -> None:
        _log.warning("%s %s stays queued: %s", self._work.noun, identifier, error.detail)
        note: dict[str, Json] = {
            "code": error.code,
            "detail": f"The {self._work.noun} waits for a worker of a later release. {error.detail}",
        }
        await self._runs.give_back(identifier, run, counted=False, note=note)
        self._left.leave(identifier, run)

    async def _no_room(self) -> StoreError | None:
        try:
            await asyncio.to_thread(self._check_room)
        except StoreError as error:
            return error
        return None

    async def _wait_for_room(self, identifier: str, run: int, error: StoreError) -> Never:
        """Put a run back until there is room: it is no attempt."""
        _log.warning("%s %s stays queued: %s", self._work.noun, identifier, error.detail)
        note: dict[str, Json] = {
            "code": error.code,
            "detail": f"The {self._work.noun} waits until there is room. {error.detail}",
        }
        await self._runs.give_back(identifier, run, counted=False, note=note, pause_seconds=self._full_pause)
        self._without_room.add((identifier, run))
        raise NoRoom(self._full_pause)

    async def _failed(self, identifier: str, run: int, attempt: int, error: Exception) -> None:
        # Of a result that does not fit although there is room, the client must hear.
        if isinstance(error, StoreError) and error.code == "store_full" and await self._no_room() is not None:
            await self._wait_for_room(identifier, run, error)
        may_pass = not isinstance(error, ConceptOrderingsError) or error.code in _MAY_PASS
        if self._work.tries_again and may_pass and attempt < ATTEMPTS:
            pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            _log.warning("%s %s is tried again in %g s", self._work.noun, identifier, pause, exc_info=error)
            await self._runs.give_back(identifier, run, counted=True, pause_seconds=pause)
            raise TryAgain(pause) from error
        if not isinstance(error, ConceptOrderingsError):
            _log.error("%s %s failed", self._work.noun, identifier, exc_info=error)
            error = _internal_error(error, attempt)
        await self._fail(identifier, run, error)

    async def _fail(self, identifier: str, run: int, error: ConceptOrderingsError) -> None:
        _log.warning("%s %s failed: %s: %s", self._work.noun, identifier, error.code, error.detail)
        await self._runs.fail(identifier, run, error_without_paths(error.as_json()))


def _crashed(work: Work) -> ConceptOrderingsError:
    return JobCrashed(
        "job_crashed",
        f"The worker died {ATTEMPTS} times while it did this {work.noun}, perhaps for lack of memory: see its log, "
        f"then {work.after_crashes}.",
    )


def _internal_error(error: Exception, attempt: int) -> ConceptOrderingsError:
    times = "" if attempt == 1 else f" {attempt} times"
    return ConceptOrderingsError(
        "internal_error",
        # Without the text of the error, which may hold a secret; the log has it.
        f"The worker failed{times} with {type(error).__name__}; its log says where. Report it with the log.",
    )

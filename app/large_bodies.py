"""Let a process of its own work on a large body: its memory is limited, and ends with it.

A body of 64 MB may stand for more than a gigabyte of values, and Python keeps the memory of a process. One such process
runs at a time, over all processes of the API.
"""

import asyncio
import fcntl
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias

from app.bodies import Body, NoRoom, TooHeavy
from app.large_messages import Order, Outcome, read_error
from app.settings import AppSettings
from store.memory import memory
from store.request_id import REQUEST_ID

if TYPE_CHECKING:
    from fastapi.responses import Response

    from app.service import Answered, Service

_ROOT = Path(__file__).parents[1]
_LEAST_MEMORY = 100_000_000
_KEPT_FREE = 64_000_000
_MOST_SECONDS = 300

_log = logging.getLogger(__name__)

_Arguments = ParamSpec("_Arguments")

Work: TypeAlias = Callable[Concatenate["Service", Body, _Arguments], Awaitable["Response | Answered"]]
"""A function of a module; its arguments are JSON values."""


class LargeBodies:
    """Works on large bodies, one at a time.

    Parameters
    ----------
    settings
        Those of the service; the process has the same.
    lock
        A file that all processes of the API lock while they let such a process run. If it cannot be made, each of
        them runs one.
    """

    def __init__(self, settings: AppSettings, lock: Path) -> None:
        self._settings = settings
        self._lock = lock
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="large-body")
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    async def run(
        self,
        work: Work[_Arguments],
        body: Body,
        *arguments: _Arguments.args,
        **named: _Arguments.kwargs,
    ) -> dict[str, Any]:
        """Return what `work` returns for a service and the body, in a process of its own, as JSON.

        Raises
        ------
        NoRoom
            If there is too little free memory at this moment.
        TooHeavy
            If the memory that the settings allow does not suffice.
        Exception
            What `work` raises, if it is an error of the project, of Redis or of HTTP.
        """
        assert not named, "names of arguments are not passed on"
        loop = asyncio.get_running_loop()
        order = Order(
            settings=self._settings.model_dump(mode="json"),
            module=work.__module__,
            function=work.__name__,
            arguments=list(arguments),
            file=body.descriptor,
            memory=self._settings.parsing_mb * 1_000_000,
            request_id=REQUEST_ID.get(),
        )
        return await loop.run_in_executor(self._threads, self._run, order)

    def close(self) -> None:
        """Stop; a process that runs is killed."""
        self._is_closed = True
        if self._process is not None:
            self._process.kill()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, order: Order) -> dict[str, Any]:
        with self._locked() as lock:
            allowed = min(order.memory, memory().free - _KEPT_FREE)
            if allowed < _LEAST_MEMORY or self._is_closed:
                raise NoRoom("its machine or its container has too little free memory")
            outcome = self._outcome(replace(order, memory=allowed), [order.file, *lock])
        if outcome.lacked_memory:
            if allowed < order.memory:
                raise NoRoom(f"with {allowed // 1_000_000} MB of free memory it cannot parse it")
            raise TooHeavy(f"Parsing the body takes more than {self._settings.parsing_mb} MB of memory")
        if outcome.error is not None:
            raise read_error(outcome.error)
        return outcome.result

    def _outcome(self, order: Order, files: list[int]) -> Outcome:
        command = [sys.executable, "-m", "app.large_process"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=files,
            env=_environment(),
        )
        with self._process as process:
            try:
                answer, _ = process.communicate(order.to_bytes(), timeout=_MOST_SECONDS)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise NoRoom(f"it could not parse it in {_MOST_SECONDS} seconds") from error
        if process.returncode == 0:
            return Outcome.from_bytes(answer)
        if process.returncode > 0:
            raise RuntimeError(f"the process for a large body ended with {process.returncode}; the log has its error")
        _log.warning("the process for a large body was ended by signal %d", -process.returncode)
        if process.returncode == -signal.SIGKILL:
            raise NoRoom("the system ended the process that parsed it, because memory was short")
        # Libraries may crash without memory.
        return Outcome({}, lacked_memory=True)

    @contextmanager
    def _locked(self) -> Iterator[list[int]]:
        """Wait for the other processes of the API; yield the descriptor of the lock, which the process inherits."""
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:
            yield []
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield [file]
        finally:
            os.close(file)


def _environment() -> Mapping[str, str]:
    return {
        **os.environ,
        # It imports what this process does, from the same places.
        "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)]),
        # Their threads would reserve memory for nothing.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }

"""Cutting the documents of a shard into tokens in several processes, while this process indexes them.

Reading JSON and cutting texts hold Python's global lock, so threads would be no faster. Chunks are sent and returned
over pipes, in order, and each process has one at a time: so memory is bounded, and the two ends of a pipe cannot wait
for each other. A process ends when its pipe is closed, also when the build was killed.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

from concept_orderings.errors import SourceError
from worker.evidence.local_index import cutting, shards
from worker.evidence.local_index.shards import BadLine, Chunk

MOST = max(1, min(4, (os.cpu_count() or 1) // 4))
"""Number of processes; more would wait for this process to decompress and for the threads that index."""

Cut = tuple[Chunk, list[str]]


class Cutters:
    """Cuts chunks into tokens in other processes.

    Parameters
    ----------
    connections : list of Connection
        A pipe to each process; if the list is empty, chunks are cut in this process.
    """

    def __init__(self, connections: list[Connection]) -> None:
        self._idle = deque(connections)

    def cut(self, chunks: Iterable[Chunk]) -> Generator[Cut]:
        """Yield each chunk with its documents' texts, cut by `cutting.cut`, in the order of the chunks.

        Raises
        ------
        BadLine
            A line is not a document.
        DamagedShard
            From `chunks`; a bad line before the damage may then not be found.
        SourceError
            ``source_unavailable``: a process has ended.
        """
        if not self._idle:
            yield from ((chunk, cut(chunk)) for chunk in chunks)
            return
        busy: deque[tuple[Chunk, Connection]] = deque()
        try:
            for chunk in chunks:
                finished = [self._receive(busy)] if not self._idle else []
                connection = self._idle.popleft()
                connection.send(chunk)
                busy.append((chunk, connection))
                yield from finished
            while busy:
                yield self._receive(busy)
        except (EOFError, ConnectionError) as error:
            raise SourceError(
                "source_unavailable",
                "A process that cuts documents into tokens was killed, perhaps for lack of memory. The index has all "
                "shards that were finished; run the build again for the others.",
            ) from error
        finally:
            # These chunks belong to a shard that is given up; the next shard must not get their answers.
            with suppress(EOFError, ConnectionError):
                while busy:
                    busy[0][1].recv()
                    self._idle.append(busy.popleft()[1])

    def _receive(self, busy: deque[tuple[Chunk, Connection]]) -> Cut:
        chunk, connection = busy.popleft()
        answer: list[str] | BadLine = connection.recv()
        self._idle.append(connection)
        if isinstance(answer, BadLine):
            raise answer
        return chunk, answer


@contextmanager
def started(processes: int) -> Iterator[Cutters]:
    """Start processes that cut, and end them with the block."""
    # Not forked: the threads of the index library may hold locks, for which a forked process would wait for ever.
    context = multiprocessing.get_context("spawn")
    connections: list[Connection] = []
    running = []
    try:
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            connections.append(ours)
            running.append(process)
        yield Cutters(connections)
    finally:
        for connection in connections:
            connection.close()
        for process in running:
            process.join()


def cut(chunk: Chunk) -> list[str]:
    """Return the documents of a chunk, cut by `cutting.cut`; raise `BadLine` for a line that is not a document."""
    return cutting.cut(shards.texts(chunk))


def _serve(connection: Connection) -> None:
    # Ctrl-C in a terminal goes to this process, too; the process of the build handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            chunk: Chunk = connection.recv()
        except (EOFError, ConnectionError):
            return
        try:
            answer: list[str] | BadLine = cut(chunk)
        except BadLine as bad:
            answer = bad
        try:
            connection.send(answer)
        except ConnectionError:
            return

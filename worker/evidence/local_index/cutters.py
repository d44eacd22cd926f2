"""Cutting the documents of a shard into tokens in processes of their own, beside the one that indexes them.

Reading JSON and cutting texts hold Python's global lock, so threads would not do. Chunks go out and come back over
pipes, in order and one at a time for each process: what is in memory at once is bounded, and neither side of a pipe
can wait for the other to read. A process ends when its pipe does, also when the build was killed.
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
"""Processes that keep up with one that decompresses and threads that index; more would wait."""

Cut = tuple[Chunk, list[str]]


class Cutters:
    """Processes that cut chunks into tokens.

    Parameters
    ----------
    connections : list of Connection
        A pipe to each; if there are none, chunks are cut where they are asked for.
    """

    def __init__(self, connections: list[Connection]) -> None:
        self._idle = deque(connections)

    def cut(self, chunks: Iterable[Chunk]) -> Generator[Cut]:
        """Yield each chunk with its documents' texts, cut by `cutting.cut`, in the order of the chunks.

        Raises
        ------
        BadLine
            A line is no document.
        DamagedShard
            From `chunks`; no bad line before it is named then.
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
                "A process that cuts documents into tokens has ended, perhaps for want of memory. What was finished "
                "before is in the index; run the build again for the rest.",
            ) from error
        finally:
            # What is still out belongs to a shard that is given up; the next one must not get it.
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
    """Start that many processes, and end them."""
    # Not forked: the index library's threads may hold locks that a copy of this process would wait for.
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
    """Return the chunk's documents as `cutting.cut` does, or raise BadLine."""
    return cutting.cut(shards.texts(chunk))


def _serve(connection: Connection) -> None:
    # Whoever interrupts the build from a terminal interrupts this too; it is the build that has to decide.
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

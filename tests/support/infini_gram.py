"""An infini-gram endpoint for tests: its count call over given documents, with its operators, limits and failures.

Like the public one: errors come with status 200, 400 and 500; `` AND `` and `` OR `` in capitals are operators;
the empty query is the whole corpus; counts are of tokens, so capitals matter and a query matches whole tokens only.
"""

import itertools
import json
import re
import sys
import threading
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

INDEX = "v4_c4train_llama"
MOST_CHARACTERS = 1000
MOST_TOKENS = 500
MOST_CLAUSES = 4
MOST_APART = 100

_WORD_OR_CHARACTER = re.compile(r"[A-Za-z0-9]+|\S")


@dataclass(frozen=True)
class Answer:
    """A fault: an answer other than the count."""

    status: int
    body: object
    headers: dict[str, str] = field(default_factory=dict)


class Drop:
    """A fault: the connection is closed without an answer."""


class Hang:
    """A fault: no answer until `over` is set, at the latest when the server is mended or closed.

    Parameters
    ----------
    then
        The answer then; without one, the connection is dropped.
    """

    def __init__(self, then: Answer | None = None) -> None:
        self.over = threading.Event()
        self.then = then


Fault = Answer | Drop | Hang


def tokens_of(text: str) -> list[bytes]:
    """Cut a text into words of ASCII; each byte of other characters is a token, as in the worst tokeniser."""
    found: list[bytes] = []
    for part in _WORD_OR_CHARACTER.findall(text):
        found += [part.encode()] if part.isascii() else [bytes([byte]) for byte in part.encode()]
    return found


class Corpus:
    """The tokens of all documents in order, and the positions of each token."""

    def __init__(self, documents: Iterable[str]) -> None:
        self.tokens: list[bytes] = []
        self._ends: list[int] = []
        for text in documents:
            self.tokens += tokens_of(text)
            self._ends.append(len(self.tokens))
        self._places: dict[bytes, list[int]] = {}
        for place, token in enumerate(self.tokens):
            self._places.setdefault(token, []).append(place)

    def count(self, clauses: Sequence[Sequence[Sequence[bytes]]]) -> int:
        """Count how often a term of each clause stands near a term of the clause before it in the same document."""
        first, *others = [sorted(place for term in clause for place in self._matches(term)) for clause in clauses]
        ways = [1] * len(first)
        for here in others:
            sums = [0, *itertools.accumulate(ways)]
            near = [(bisect_left(first, low), bisect_left(first, high)) for low, high in map(self._near, here)]
            first, ways = here, [sums[high] - sums[low] for low, high in near]
        return sum(ways)

    def _matches(self, term: Sequence[bytes]) -> list[int]:
        """Return the positions at which a term begins; the empty term begins at every token."""
        if not term:
            return list(range(len(self.tokens)))
        rarest = min(range(len(term)), key=lambda at: len(self._places.get(term[at], ())))
        begins = [place - rarest for place in self._places.get(term[rarest], ())]
        return [place for place in begins if self._has(place, list(term))]

    def _has(self, place: int, term: list[bytes]) -> bool:
        # Both ends are in the same document if the same number of documents end before them.
        last = place + len(term) - 1
        in_one = place >= 0 and bisect_right(self._ends, place) == bisect_right(self._ends, last)
        return in_one and self.tokens[place : last + 1] == term

    def _near(self, place: int) -> tuple[int, int]:
        document = bisect_right(self._ends, place)
        begin = self._ends[document - 1] if document else 0
        return max(begin, place - MOST_APART), min(self._ends[document], place + MOST_APART + 1)


class InfiniGram:
    """A server on a free port of this machine, for as long as it is entered.

    Parameters
    ----------
    documents
        The texts of the corpus.
    index
        The only index that it has.
    approximate_above
        Counts above this are approximate, as those of the real server are for clauses with too many matches.
    states_tokens
        Whether an answer lists the tokens of the query, which has no operators then.
    """

    def __init__(
        self,
        documents: Iterable[str] = (),
        *,
        index: str = INDEX,
        approximate_above: int | None = None,
        states_tokens: bool = False,
    ) -> None:
        self._corpus = Corpus(documents)
        self._index = index
        self._approximate_above = approximate_above
        self._states_tokens = states_tokens
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._hanging: list[Hang] = []
        self._faults: deque[Fault] = deque()
        self._faults_of: dict[str, deque[Fault]] = {}
        self._in_flight = 0
        self.most_in_flight = 0
        self.queries: list[str] = []
        """Every query that was received, whatever its answer."""
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> "InfiniGram":
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.mend()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(self, *faults: Fault, query: str | None = None) -> None:
        """Answer the next requests, or the next requests of one query, with faults."""
        with self._lock:
            (self._faults if query is None else self._faults_of.setdefault(query, deque())).extend(faults)

    def mend(self) -> None:
        """Drop the faults that have not happened, and wait until all requests are answered."""
        with self._lock:
            self._faults.clear()
            self._faults_of.clear()
            for each in self._hanging:
                each.over.set()
            self._hanging.clear()
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait until all requests are answered."""
        with self._idle:
            assert self._idle.wait_for(lambda: not self._in_flight, timeout=60)

    def count(self, query: str) -> int:
        """Count as the server does, without a request."""
        return int(self._counted(query)["count"])

    def begin(self, query: object) -> Fault | None:
        """Note a request, and return its fault."""
        with self._lock:
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            self.queries.append(str(query))
            faults = self._faults_of.get(str(query)) or self._faults
            fault = faults.popleft() if faults else None
            self._hanging += [fault] if isinstance(fault, Hang) else []
            return fault

    def end(self) -> None:
        """Note that a request is answered."""
        with self._idle:
            self._in_flight -= 1
            self._idle.notify_all()

    def answer(self, body: Any) -> tuple[int, dict[str, Any]]:
        """Return status and answer for the body of a request."""
        if not isinstance(body, dict) or not {"index", "query_type", "query"} <= set(body):
            return 400, {"error": "[Flask] Missing required field"}
        if body["index"] != self._index:
            return 400, {"error": f"[Flask] Invalid index: {body['index']}"}
        if body["query_type"] != "count":
            return 400, {"error": f"[Flask] Invalid query_type: {body['query_type']}"}
        if not isinstance(body["query"], str):
            return 200, {"error": "query must be a string!"}
        try:
            return 200, self._counted(body["query"])
        except ValueError as error:
            return 200, {"error": str(error)}

    def _counted(self, query: str) -> dict[str, Any]:
        if len(query) > MOST_CHARACTERS:
            raise ValueError(f"Please limit your input to <= {MOST_CHARACTERS} characters!")
        clauses = [[tokens_of(term) for term in clause.split(" OR ")] for clause in query.split(" AND ")]
        if sum(len(term) for clause in clauses for term in clause) > MOST_TOKENS:
            raise ValueError(f"Please limit your input to <= {MOST_TOKENS} tokens!")
        if len(clauses) > MOST_CLAUSES:
            raise ValueError(f"Please enter at most {MOST_CLAUSES} disjunctive clauses!")
        if any(len(clause) > MOST_CLAUSES for clause in clauses):
            raise ValueError(f"Please enter at most {MOST_CLAUSES} terms in each disjunctive clause!")
        count = self._corpus.count(clauses)
        approximate = self._approximate_above is not None and count > self._approximate_above
        answer: dict[str, Any] = {"count": count, "approx": approximate, "latency": 0.5}
        if not self._states_tokens:
            return answer
        [[tokens]] = clauses
        return {**answer, "token_ids": [int.from_bytes(each) for each in tokens], "tokens": list(map(repr, tokens))}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, fake: InfiniGram) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that disconnects is not an error
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Headers and body are sent in two parts; with Nagle's algorithm the second waits until the first is acknowledged.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(data)
        fake = self.server.fake
        fault = fake.begin(body.get("query") if isinstance(body, dict) else None)
        try:
            self._answer(fault if fault is not None else Answer(*fake.answer(body)))
        finally:
            fake.end()

    def _answer(self, what: Fault) -> None:
        if isinstance(what, Hang):
            what.over.wait(60)
            what = what.then or Drop()
        if not isinstance(what, Answer):
            self.close_connection = True
            return
        data = what.body if isinstance(what.body, bytes) else json.dumps(what.body).encode()
        self.send_response(what.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in what.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass

"""A service in memory, for the client's steps: it answers with a version's documents, or as a test says.

Time is that of the test: a step that sleeps moves `now` on.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from concept_orderings.client.cache import Cache
from concept_orderings.client.connection import Connection
from concept_orderings.client.reading import Reader
from concept_orderings.client.steps import Call, Failed, Hear, Listen, Reply, Request, Send, Sleep, Steps
from concept_orderings.library import arrange_request
from concept_orderings.request import parse_request
from support.requests import random_request

_Result = TypeVar("_Result")

URL = "http://orders:8000"


@dataclass(frozen=True)
class Documents:
    """The documents of a version, and the digest of its manifest."""

    manifest: bytes
    tasks: tuple[bytes, ...]
    evidence: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return sha256(self.manifest)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def version(body: object, number: int = 1) -> Documents:
    """Arrange a version as the service does."""
    arranged = arrange_request(parse_request(body))
    tasks, _, manifest = arranged.documents(number)
    evidence = {each.kind: each.data for each in arranged.evidence_files}
    return Documents(manifest.data, tuple(each.data for each in tasks), evidence)


def stated(data: bytes, digest: str = "") -> Reply:
    """Return the answer with a document, and the entity tag that the service gives it."""
    headers = {"etag": f'"sha256-{digest or sha256(data)}"', "content-type": "application/json"}
    return Reply(200, headers, data)


@dataclass
class ScriptedService:
    """Answers requests, and records them.

    Attributes
    ----------
    answers : mapping of str to list
        By path, the answers that are given before the usual one, each once.
    events : list
        What a stream of events brings, in order: bytes, `Failed`, or None for its end.
    requests : list of Request
    pauses : list of float
        How long steps have slept.
    now : float
    before_sleep : callable
        Called each time before steps sleep: what other processes do meanwhile.
    """

    answers: dict[str, list[Reply | Failed]] = field(default_factory=lambda: defaultdict(list))
    events: list[bytes | Failed | None] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    now: float = 0.0
    before_sleep: Callable[[], object] = field(default=lambda: None)
    _documents: dict[str, bytes] = field(default_factory=dict)
    _latest: dict[str, int] = field(default_factory=dict)

    def publish(self, name: str, number: int = 1, **parameters: Any) -> Documents:
        """Publish a version; a later one of the same number replaces it, as no real service does."""
        return self.publish_request(random_request(name, **parameters), number)

    def publish_request(self, body: Mapping[str, Any], number: int = 1) -> Documents:
        """Publish the version of a request."""
        name, documents = body["name"], version(body, number)
        path = f"/v1/streams/{name}/versions/{number}"
        self._documents[path] = documents.manifest
        self._documents |= {f"{path}/tasks/{i}": each for i, each in enumerate(documents.tasks)}
        self._documents |= {f"{path}/evidence/{kind}": each for kind, each in documents.evidence.items()}
        self._latest[name] = max(number, self._latest.get(name, 0))
        return documents

    def reader(self, cache: Path | None = None, *, offline: bool = False, patience: float = 60.0) -> Reader:
        connection = Connection(URL, patience=patience)
        return Reader(connection, None if cache is None else Cache(cache), offline, clock=lambda: self.now)

    def paths(self) -> list[str]:
        """Return the paths of the requests so far, and forget them."""
        found = [each.path for each in self.requests]
        self.requests.clear()
        return found

    def run(self, steps: Steps[_Result]) -> _Result:
        """Run steps to their end."""
        try:
            effect = next(steps)
            while True:
                try:
                    result = self._do(effect)
                except Exception as error:
                    effect = steps.throw(error)
                else:
                    effect = steps.send(result)
        except StopIteration as end:
            found: _Result = end.value
            return found

    def _do(self, effect: object) -> Any:
        match effect:
            case Send(request) | Listen(request):
                self.requests.append(request)
                waiting = self.answers[request.path]
                return waiting.pop(0) if waiting and isinstance(waiting[0], Failed) else self.answer(request)
            case Hear():
                return self.events.pop(0)
            case Sleep(seconds):
                self.before_sleep()
                self.pauses.append(seconds)
                self.now += seconds
                return None
            case Call(function):
                return function()
        raise AssertionError(f"no such effect: {effect}")

    def answer_of(self, path: str) -> bytes:
        """Return the document at a path."""
        return self._documents[path]

    def answer(self, request: Request) -> Reply:
        """Return what is answered to a request: what a test has said, or else the usual."""
        waiting = self.answers[request.path]
        if waiting:
            answer = waiting.pop(0)
            assert isinstance(answer, Reply)
            return answer
        stream, slash, rest = request.path.partition("/versions/latest")
        if slash:
            name = stream.rpartition("/")[2]
            return Reply(307, {"location": f"{stream}/versions/{self._latest[name]}{rest}"}, b"")
        data = self._documents.get(request.path)
        if data is None:
            return problem(404, "unknown_version", "There is no such version.")
        if request.headers.get("If-None-Match") == f'"sha256-{sha256(data)}"':
            return Reply(304, {}, b"")
        return stated(data)


def problem(status: int, code: str, detail: str, **headers: str) -> Reply:
    """Return an answer of the service with one fault."""
    body = f'{{"code": "{code}", "detail": "{detail}", "pointers": []}}'
    return Reply(status, {**headers, "content-type": "application/problem+json"}, body.encode())

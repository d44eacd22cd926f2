"""The history of a service: every answer that any client got, and what the store must have at the end because of it."""

import json
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

_PROBLEM = "application/problem+json"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer as a client got it; of a connection that broke, the status is 0 and the text says how."""

    method: str
    url: str
    body: Any
    status: int
    media_type: str
    location: str
    retry_after: str
    digest: str
    text: str

    @property
    def value(self) -> Any:
        return json.loads(self.text)


class History:
    """A file of answers to which many clients append; an answer is on disk before its client goes on.

    Attributes
    ----------
    read : int
        The number of answers so far that are a document of a version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read = 0
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def ask(self, http: httpx.Client, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        """Make a request, and append its answer."""
        try:
            found = http.request(method, url, json=body, headers=headers)
        except httpx.TransportError as error:
            answer = Answer(
                method=method, url=url, body=body, status=0, media_type="", location="", retry_after="", digest="",
                text=repr(error),
            )  # fmt: skip
        else:
            answer = Answer(
                method=method,
                url=url,
                body=body,
                status=found.status_code,
                media_type=found.headers.get("Content-Type", "").partition(";")[0],
                location=found.headers.get("Location", ""),
                retry_after=found.headers.get("Retry-After", ""),
                digest=sha256(found.content).hexdigest(),
                text=found.text,
            )
        self.append(answer)
        return answer

    def append(self, answer: Answer) -> None:
        """Append an answer, durably."""
        line = json.dumps(asdict(answer)).encode() + b"\n"
        with self._lock:
            os.write(self._file, line)
            os.fsync(self._file)
            self.read += _is_document(answer)

    def close(self) -> None:
        os.close(self._file)

    def __iter__(self) -> Iterator[Answer]:
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                yield Answer(**json.loads(line))


@dataclass
class Verdict:
    """What a history and the store at the end say of each other.

    Attributes
    ----------
    answers, jobs, requests, documents : int
        How many answers, accepted jobs, different requests and documents the history has.
    lost : list of str
        Accepted jobs that have not succeeded, and versions and documents that are gone.
    doubled : list of str
        Requests with more than one version, and versions without a request of their own.
    changed : list of str
        Documents with other bytes.
    bare : list of str
        Errors that are no problem documents, faults of the service, and refusals for a while without `Retry-After`.
    """

    answers: int
    jobs: int
    requests: int
    documents: int
    lost: list[str]
    doubled: list[str]
    changed: list[str]
    bare: list[str]

    @property
    def faults(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.changed, *self.bare]

    def __str__(self) -> str:
        found = {name: len(getattr(self, name)) for name in ("lost", "doubled", "changed", "bare")}
        made = f"{self.answers} answers, {self.jobs} jobs, {self.requests} requests, {self.documents} documents"
        return f"{made}: " + ", ".join(f"{number} {name}" for name, number in found.items())


def judge(history: History, http: httpx.Client) -> Verdict:
    """Compare a history with a service that is whole again.

    Requests in it are for streams of their own name, whose orders need no evidence: each must get one version.
    """
    answers = list(history)
    jobs = {each.location for each in answers if each.method == "POST" and each.status == 202}
    lost = [f"{job}: {state}" for job in sorted(jobs) if (state := _end_of(http, job)) != "succeeded"]
    versions = _versions_by_request(answers)
    doubled = [f"{request} has {len(found)} versions: {found}" for request, found in versions.items() if len(found) > 1]
    documents = _digests_by_url(answers)
    changed = [f"{url} had {len(found)} contents" for url, found in documents.items() if len(found) > 1]
    for request, found in versions.items():
        again = http.post("/v1/streams", json=json.loads(request))
        now = (again.json()["url"], again.json()["digest"]) if again.status_code == 200 else None
        if now is None:
            lost.append(f"{request} has no version: {again.text}")
        elif found - {now}:
            doubled.append(f"{request} had {found} and has {now}")
    for url, digests in documents.items():
        stored = http.get(url)
        if stored.status_code != 200:
            lost.append(f"{url}: {stored.status_code}")
        elif digests != {sha256(stored.content).hexdigest()}:
            changed.append(url)
    doubled += _without_request(http, answers, versions)
    bare = [
        f"{each.method} {each.url}: {each.status} {each.media_type} {each.text[:300]}"
        for each in answers
        if _is_bare(each)
    ]
    return Verdict(len(answers), len(jobs), len(versions), len(documents), lost, doubled, changed, bare)


def _end_of(http: httpx.Client, job: str) -> str:
    answer = http.get(job)
    return str(answer.json()["state"]) if answer.status_code == 200 else f"status {answer.status_code}"


def _versions_by_request(answers: list[Answer]) -> dict[str, set[tuple[str, str]]]:
    """Return the versions that clients were told of each request that was accepted."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for each in answers:
        if each.method == "POST" and each.status in (200, 201, 202):
            versions = found[_request(each)]
            if each.status != 202:
                versions.add((each.value["url"], each.value["digest"]))
    return dict(found)


def _digests_by_url(answers: list[Answer]) -> dict[str, set[str]]:
    """Return the SHA-256 of each answer to GET of a manifest or a task."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in answers:
        if _is_document(each):
            found[each.url].add(each.digest)
    return dict(found)


def _is_document(answer: Answer) -> bool:
    return answer.method == "GET" and answer.status == 200 and "/versions/" in answer.url


def _without_request(http: httpx.Client, answers: list[Answer], versions: Mapping[str, object]) -> Iterator[str]:
    """Yield the streams that have more versions than requests, or one order twice.

    A request whose answer did not reach its client may have a version or none.
    """
    posted = Counter(json.loads(each)["name"] for each in {_request(each) for each in answers if each.method == "POST"})
    accepted = Counter(json.loads(request)["name"] for request in versions)
    for name, most in posted.items():
        found = http.get(f"/v1/streams/{name}", params={"limit": 1000}).json().get("versions", [])
        if len({each["digest"] for each in found}) < len(found):
            yield f"{name} has a version twice"
        if [each["version"] for each in found] != list(range(1, len(found) + 1)):
            yield f"{name} lacks a number"
        if not accepted[name] <= len(found) <= most:
            yield f"{name} has {len(found)} versions of {accepted[name]} to {most} requests"


def _request(answer: Answer) -> str:
    return json.dumps(answer.body, sort_keys=True)


def _is_bare(answer: Answer) -> bool:
    if answer.status < 400:
        return False
    if answer.media_type != _PROBLEM or answer.status == 500:
        return True
    return answer.status == 503 and not answer.retry_after

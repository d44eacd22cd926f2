"""Ask the service for a version, follow its job, and list what the service has."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

from concept_orderings.client.connection import Pauses, accepted, decode, exchange, may_pass, why
from concept_orderings.client.documents import typed
from concept_orderings.client.errors import BadAnswer, BadArgument, JobFailed, NotCached, Unavailable
from concept_orderings.client.reading import Found, Reader, Wanted
from concept_orderings.client.steps import Failed, Reply, Request, Steps, hear, listen, sleep
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE

_FINAL = frozenset({"succeeded", "failed", "cancelled"})
_JOB_ID_LENGTH = 32
_MOST_JOBS = 1000
_JOB_EVENT = "job"
_LONGEST_EVENT = 1 << 24

_Summary = TypeVar("_Summary")


@dataclass(frozen=True)
class Job:
    """A job of the service: it makes one version.

    Attributes
    ----------
    id : str
    state : str
        queued, running, succeeded, failed or cancelled.
    phase : str
        What it is at; empty before the first phase. Later releases of the service may add phases.
    done, total : int
        Steps of the phase; 0 where they are not counted.
    ahead : int or None
        How many jobs are ahead of it in the queue, while it waits.
    name : str
        The stream that it makes a version of; empty where the service does not say.
    version : int or None
        The number of the version, once the job has succeeded.
    error : str
        The code of its error, if it failed.
    document : mapping
        All that the service says of it.
    """

    id: str
    state: str
    phase: str
    done: int
    total: int
    ahead: int | None
    name: str
    version: int | None
    error: str
    document: Mapping[str, Any] = field(repr=False)

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.state in _FINAL


@dataclass(frozen=True)
class StreamSummary:
    """A stream of the service, with what its newest version is.

    Attributes
    ----------
    name : str
    latest_version : int
    ordering : str
    concepts, tasks : int
    created_at : str
    damaged : bool
        Whether a part of the newest version is damaged in the store. The service says no more of it then than its
        number: the other fields are empty or 0.
    """

    name: str
    latest_version: int
    ordering: str
    concepts: int
    tasks: int
    created_at: str
    damaged: bool = False


@dataclass(frozen=True)
class VersionSummary:
    """A version in the list of a stream.

    Attributes
    ----------
    name : str
    version : int
    digest, order_digest : str
    ordering : str
    concepts : int
    created_at : str
    damaged : bool
        Whether a part of it is damaged in the store. The service says no more of it then than its number: the other
        fields are empty or 0.
    """

    name: str
    version: int
    digest: str
    order_digest: str
    ordering: str
    concepts: int
    created_at: str
    damaged: bool = False


_UNKNOWN = {"digest": "", "order_digest": "", "ordering": "", "concepts": 0, "tasks": 0, "created_at": ""}
"""The fields of damaged entries of lists, which have no more than a number."""

Watch: TypeAlias = Callable[[Job], None]
"""Called with each change of a job."""

Counted: TypeAlias = Callable[[int], None]
"""Called with the number of entries of a list that were read, after each page but the last."""


def arrange(reader: Reader, body: Mapping[str, Any], watch: Watch) -> Steps[Found]:
    """Ask for a version and wait for it; see `concept_orderings.client.client.Client.arrange`."""
    if _as_object(body).get("variants") is not None:
        raise BadArgument.of("This asks for one version, and the request for several: call arrange_variants.")
    status, answer = yield from _post(reader, body)
    version, job = (None, answer) if status == 202 else (answer, None)
    return (yield from _awaited(reader, version, job, watch))


def arrange_variants(reader: Reader, body: Mapping[str, Any], watch: Watch) -> Steps[list[Found]]:
    """Ask for several versions and wait for them; see `concept_orderings.client.client.Client.arrange_variants`."""
    if _as_object(body).get("variants") is None:
        raise BadArgument.of("This asks for several versions: give variants=N, their number, in the request.")
    _, answer = yield from _post(reader, body)
    with _reading(_posted_to(reader)):
        variants = [(each["version"], each["job"]) for each in answer["variants"]]
    found = []
    for version, job in variants:
        found.append((yield from _awaited(reader, version, job, watch)))
    return found


def follow(reader: Reader, job: Job, watch: Watch) -> Steps[Job]:
    """Follow a job to its end, by server-sent events; a broken connection goes on where it was.

    Raises
    ------
    Unavailable
        Nothing was heard of the service for as long as the connection is patient.
    ServiceError
        ``unknown_job``: it ended more than 7 days ago, or the service has lost it.
    """
    connection, path = reader.connection, f"/v1/jobs/{job.id}/events"
    last, heard, pauses = "", reader.clock(), Pauses()
    watch(job)
    while not job.is_final:
        # A compressed stream may be held back until a block is full.
        headers = {
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            **({"Last-Event-ID": last} if last else {}),
        }
        answer = yield from listen(Request("GET", path, headers))
        if isinstance(answer, Reply) and answer.status == 204:
            return (yield from get_job(reader, job.id))
        if isinstance(answer, Reply) and not may_pass(answer):
            accepted(connection, Request("GET", path), answer)
            events, answer = Events(), Failed("the stream of events ended")
            while isinstance(data := (yield from hear()), bytes):
                heard, pauses = reader.clock(), Pauses()
                for event in events.feed(data):
                    last = event.id or last
                    # Later releases may send other kinds.
                    if event.kind == _JOB_EVENT:
                        job = _same_job(job, event.json(), connection.full(path))
                        watch(job)
                    if job.is_final:
                        return job
            answer = data if isinstance(data, Failed) else answer
        pause = pauses.next(answer)
        if reader.clock() + pause - heard > connection.patience:
            raise Unavailable(
                "unavailable",
                f"GET {connection.full(path)}: {why(answer)}. Nothing was heard of the job for "
                f"{reader.clock() - heard:.0f} s. It goes on without the client: post the request again to follow it.",
            )
        yield from sleep(pause)
    return job


def follow_job(reader: Reader, identifier: str, watch: Watch) -> Steps[Job]:
    """Follow a job by its id; see `follow`."""
    return (yield from follow(reader, (yield from get_job(reader, identifier)), watch))


def get_job(reader: Reader, identifier: str) -> Steps[Job]:
    """Return a job."""
    return (yield from _call_job(reader, "GET", identifier))


def cancel(reader: Reader, identifier: str) -> Steps[Job]:
    """Cancel a job."""
    return (yield from _call_job(reader, "DELETE", identifier))


def list_jobs(reader: Reader, most: int) -> Steps[list[Job]]:
    """Return active jobs, then those that finished last, at most `most`."""
    if not isinstance(most, int) or not 1 <= most <= _MOST_JOBS:
        raise BadArgument.of(f"The most jobs that are listed are 1 to {_MOST_JOBS:,}, and not {most!r}.")
    value, where = yield from _get(reader, f"/v1/jobs?limit={int(most)}")
    with _reading(where):
        return [_job(each, where) for each in value["jobs"]]


def list_streams(reader: Reader, counted: Counted) -> Steps[list[StreamSummary]]:
    """Return all streams by name."""
    entries = yield from _pages(reader, "/v1/streams", "streams", counted)
    with _reading(reader.connection.full("/v1/streams")):
        return [_summary(StreamSummary, each) for each in entries]


def list_versions(reader: Reader, name: str, counted: Counted) -> Steps[list[VersionSummary]]:
    """Return all versions of a stream, oldest first."""
    if not isinstance(name, str) or not URL_NAME.fullmatch(name):
        raise BadArgument.of(f"{name!r} is not the name of a stream, which {URL_NAME_RULE}.")
    entries = yield from _pages(reader, f"/v1/streams/{name}", "versions", counted)
    with _reading(reader.connection.full(f"/v1/streams/{name}")):
        return [_summary(VersionSummary, {**each, "name": name}) for each in entries]


@dataclass(frozen=True)
class Event:
    """A server-sent event.

    Attributes
    ----------
    id : str
        That of the last event with one; empty before.
    kind : str
    data : str
    """

    id: str
    kind: str
    data: str

    def json(self) -> Any:
        """Return the JSON value of the data; None if it is none."""
        try:
            return json.loads(self.data)
        except (ValueError, RecursionError):
            return None


class Events:
    """A parser of server-sent events (the HTML standard, 9.2.6), for what this service sends.

    An event that is not complete when the connection breaks is not given out.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._id = self._kind = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the next bytes, and yield the events that they complete.

        Raises
        ------
        BadAnswer
            An event has no end.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) + sum(len(each) + 1 for each in self._data) > _LONGEST_EVENT:
            raise BadAnswer("bad_answer", f"The service sends an event of more than {_LONGEST_EVENT:,} bytes.")
        for each in lines:
            line = each.removesuffix(b"\r").decode("utf-8", "replace")
            name, _, value = line.partition(":")
            if name == "id":
                self._id = value.removeprefix(" ")
            elif name == "event":
                self._kind = value.removeprefix(" ")
            elif name == "data":
                self._data.append(value.removeprefix(" "))
            elif not line:
                if self._data:
                    yield Event(self._id, self._kind, "\n".join(self._data))
                self._kind, self._data = "", []


def _post(reader: Reader, body: Mapping[str, Any]) -> Steps[tuple[int, Any]]:
    """Post a request for versions; return the status and the JSON value of the answer."""
    _check_online(reader)
    request = Request("POST", "/v1/streams", {"Content-Type": "application/json"}, _encoded(body))
    reply = yield from exchange(reader.connection, request, clock=reader.clock)
    return reply.status, decode(reply, _posted_to(reader))


def _posted_to(reader: Reader) -> str:
    return reader.connection.full("/v1/streams")


def _awaited(reader: Reader, version: Any, job: Any, watch: Watch) -> Steps[Found]:
    """Return a version that was asked for: one that exists, or else that of a job, which is followed."""
    where = _posted_to(reader)
    if version is None:
        return (yield from _made_by(reader, (yield from follow(reader, _job(job, where), watch))))
    with _reading(where):
        wanted = Wanted.of(version["name"], version["version"], version["digest"])
    return (yield from reader.find(wanted))


def _made_by(reader: Reader, job: Job) -> Steps[Found]:
    if job.state != "succeeded":
        error = job.document.get("error") or {"code": job.state, "detail": f"The job {job.id} was {job.state}."}
        raise JobFailed.of_problem(error)
    if job.version is None or not job.name:
        raise BadAnswer("bad_answer", f"The job {job.id} has succeeded, and names no version.")
    return (yield from reader.find(Wanted.of(job.name, job.version, None)))


def _call_job(reader: Reader, method: str, identifier: str) -> Steps[Job]:
    _check_online(reader)
    if not (isinstance(identifier, str) and identifier.isalnum() and len(identifier) == _JOB_ID_LENGTH):
        raise BadArgument.of(f"{identifier!r} is not the id of a job, which has {_JOB_ID_LENGTH} hexadecimal digits.")
    path = f"/v1/jobs/{identifier}"
    reply = yield from exchange(reader.connection, Request(method, path), clock=reader.clock)
    where = reader.connection.full(path)
    return _job(decode(reply, where), where)


def _pages(reader: Reader, path: str, key: str, counted: Counted) -> Steps[list[Mapping[str, Any]]]:
    found: list[Mapping[str, Any]] = []
    cursor: str | None = ""
    seen = set[str]()
    while cursor is not None:
        after = f"&cursor={quote(cursor)}" if cursor else ""
        value, where = yield from _get(reader, f"{path}?limit=1000{after}")
        with _reading(where):
            found += value[key]
            cursor = value["next_cursor"]
        if cursor in seen:
            raise BadAnswer("bad_answer", f"{where} answers with the cursor of an earlier page: the list has no end.")
        if cursor is not None:
            seen.add(cursor)
            counted(len(found))
    return found


def _get(reader: Reader, path: str) -> Steps[tuple[Any, str]]:
    _check_online(reader)
    reply = yield from exchange(reader.connection, Request("GET", path), clock=reader.clock)
    where = reader.connection.full(path)
    return decode(reply, where), where


def _job(value: Any, where: str) -> Job:
    with _reading(where):
        progress, stream, error = value["progress"], value["stream"] or {}, value["error"] or ""
        ahead, version = (value.get("queue") or {}).get("ahead"), stream.get("version")
        return Job(
            id=typed(str, value["id"]),
            state=typed(str, value["state"]),
            phase=typed(str, progress["phase"] or ""),
            done=typed(int, progress["done"]),
            total=typed(int, progress["total"]),
            ahead=None if ahead is None else typed(int, ahead),
            name=typed(str, value.get("name") or stream.get("name", "")),
            version=None if version is None else typed(int, version),
            error=typed(str, error if isinstance(error, str) else error["code"]),
            document=value,
        )


def _same_job(job: Job, value: Any, where: str) -> Job:
    """Return the news of a job; they are not those of another one."""
    news = _job(value, where)
    if news.id != job.id:
        raise BadAnswer("bad_answer", f"{where} answers with the job {news.id[:80]!r}.")
    return news


def _summary(kind: type[_Summary], entry: Mapping[str, Any]) -> _Summary:
    """Return an entry of a list as a dataclass, whose fields have plain types."""
    given = {"damaged": False, **(_UNKNOWN if entry.get("damaged") else {}), **entry}
    return kind(**{each.name: typed(each.type, given[each.name]) for each in fields(kind)})  # type: ignore[arg-type]


@contextmanager
def _reading(where: str) -> Iterator[None]:
    """Turn the errors of reading an answer of another shape into `BadAnswer`."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, BadArgument) as error:
        raise BadAnswer(
            "bad_answer",
            f"The answer of {where} is not what this service answers. Is it the address of the service?",
        ) from error


def _as_object(body: object) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise BadArgument.of(f"A request is a JSON object (a dict), and not a {type(body).__name__}.")
    return body


def _encoded(body: object) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise BadArgument.of(f"The request is not JSON: {error}.") from error


def _check_online(reader: Reader) -> None:
    if reader.offline:
        raise NotCached("not_cached", "The client is offline, and only the service can answer this.")


def no_watch(job: Job) -> None:
    """Ignore the changes of a job."""


def no_count(number: int) -> None:
    """Ignore how many entries were read."""

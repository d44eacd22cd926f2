"""Test how versions are asked for and jobs followed, without a network."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.client import asking
from concept_orderings.client.asking import Events, Job
from concept_orderings.client.errors import BadAnswer, BadArgument, JobFailed, NotCached, ServiceError, Unavailable
from concept_orderings.client.job_progress import JobProgress, watch_of
from concept_orderings.client.reading import Found
from concept_orderings.client.steps import Failed, Reply
from support.scripted_service import ScriptedService, problem

ID = "0f" * 16
EVENTS = f"/v1/jobs/{ID}/events"
STREAM = Reply(200, {"content-type": "text/event-stream"}, b"")


def job(state: str, phase: str | None = None, done: int = 0, total: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "state": state,
        "progress": {"phase": phase, "done": done, "total": total},
        "queue": None,
        "stream": {"name": "job-1", "version": 1} if state == "succeeded" else None,
        "error": None,
        **more,
    }


def event(number: int, value: dict[str, Any]) -> bytes:
    return f"id: {number}-0\r\nevent: job\r\ndata: {json.dumps(value)}\r\n\r\n".encode()


@pytest.fixture
def service() -> ScriptedService:
    service = ScriptedService()
    service.publish("job-1")
    service.answers["/v1/streams"] = [Reply(202, {}, json.dumps(job("queued")).encode())]
    service.answers[EVENTS] = [STREAM] * 9
    return service


def arrange(service: ScriptedService, seen: list[str] | None = None, *, offline: bool = False) -> Found:
    def watch(each: Job) -> None:
        if seen is not None:
            seen.append(f"{each.state} {each.phase} {each.done}/{each.total}")

    return service.run(asking.arrange(service.reader(offline=offline), {"name": "job-1"}, watch))


def test_a_job_is_followed_to_its_end(service: ScriptedService) -> None:
    seen: list[str] = []
    data = event(1, job("running", "counting", 1, 3)) + b": ping\r\n\r\n" + event(2, job("succeeded"))
    service.events = [data[:10], data[10:57], data[57:], None]

    assert arrange(service, seen).manifest.version == 1
    assert seen == ["queued  0/0", "running counting 1/3", "succeeded  0/0"]
    posted, followed, *_ = service.requests
    assert (posted.method, json.loads(posted.content or b"")) == ("POST", {"name": "job-1"})
    assert followed.headers["Accept"] == "text/event-stream"


@pytest.mark.parametrize("end", [None, Failed("reset")])
def test_a_broken_connection_goes_on_where_it_was(service: ScriptedService, end: Failed | None) -> None:
    whole = event(8, job("running", "arranging", 2, 3))
    service.events = [
        event(7, job("running", "arranging", 1, 3)) + whole[:-2],
        end,
        whole,
        end,
        event(9, job("succeeded")),
    ]
    service.events.append(None)

    assert arrange(service).digest
    assert [each.headers.get("Last-Event-ID") for each in service.requests if each.path == EVENTS] == [
        None,
        "7-0",
        "8-0",
    ]


def test_a_service_that_restarts_is_waited_for(service: ScriptedService) -> None:
    service.answers[EVENTS] = [Failed("refused"), Reply(503, {"retry-after": "3"}, b""), STREAM]
    service.events = [event(1, job("succeeded")), None]

    assert arrange(service).digest
    assert service.pauses[1] == 3.0


def test_a_job_that_ended_meanwhile_is_asked_for(service: ScriptedService) -> None:
    service.answers[EVENTS] = [Reply(204, {}, b"")]
    service.answers[f"/v1/jobs/{ID}"] = [Reply(200, {}, json.dumps(job("succeeded")).encode())]

    assert arrange(service).digest


def test_pings_show_that_the_service_lives(service: ScriptedService) -> None:
    """A queued job may have no news for hours."""

    def pass_time() -> None:
        service.now += 10.0

    service.before_sleep = pass_time
    for _ in range(20):
        service.events += [b": ping\r\n\r\n", Failed("reset")]
    service.answers[EVENTS] = [STREAM] * 22
    service.events += [event(1, job("succeeded")), None]

    assert arrange(service).digest


def test_silence_ends_the_patience(service: ScriptedService) -> None:
    service.answers[EVENTS] = [Failed("refused")] * 99
    with pytest.raises(Unavailable, match=r"refused\. Nothing was heard of the job for .* post the request again"):
        arrange(service)


@pytest.mark.parametrize(
    ("state", "error", "code"),
    [
        ("failed", {"code": "source_unavailable", "detail": "No answer.", "pointers": []}, "source_unavailable"),
        ("cancelled", None, "cancelled"),
    ],
)
def test_a_job_without_a_version_is_an_error(service: ScriptedService, state: str, error: Any, code: str) -> None:
    service.events = [event(1, job(state, error=error)), None]
    with pytest.raises(JobFailed) as failed:
        arrange(service)

    assert failed.value.code == code


def test_a_version_that_exists_is_answered_at_once(service: ScriptedService) -> None:
    digest = service.publish("job-1").digest
    body = json.dumps({"name": "job-1", "version": 1, "digest": digest}).encode()
    for status in (200, 201):
        service.answers["/v1/streams"] = [Reply(status, {}, body)]
        assert arrange(service).digest == digest


def test_variants_are_waited_for_each(service: ScriptedService) -> None:
    """One exists, one has a job; each is read in the order of the answer."""
    existing = service.publish("job-2")
    version = {"name": "job-2", "version": 1, "digest": existing.digest}
    variants = [{"version": None, "job": job("queued")}, {"version": version, "job": None}]
    service.answers["/v1/streams"] = [Reply(202, {}, json.dumps({"variants": variants}).encode())]
    service.events = [event(1, job("succeeded")), None]
    body = {"name": "job", "variants": 2}

    found = service.run(asking.arrange_variants(service.reader(), body, lambda job: None))

    assert [each.manifest.name for each in found] == ["job-1", "job-2"]
    assert json.loads(service.requests[0].content or b"") == body
    for refused in ({"variants": [{"version": None, "job": None}]}, {"variants": 3}, version):
        service.answers["/v1/streams"] = [Reply(201, {}, json.dumps(refused).encode())]
        with pytest.raises(BadAnswer):
            service.run(asking.arrange_variants(service.reader(), body, lambda job: None))
    with pytest.raises(BadArgument, match="give variants=N"):
        service.run(asking.arrange_variants(service.reader(), {"name": "job"}, lambda job: None))


def test_several_versions_in_one_call_are_refused(service: ScriptedService) -> None:
    with pytest.raises(BadArgument, match="call arrange_variants"):
        service.run(asking.arrange(service.reader(), {"name": "job-1", "variants": 5}, print))


def test_a_full_queue_is_waited_for(service: ScriptedService) -> None:
    full = problem(429, "queue_full", "1,000 jobs are active.", **{"retry-after": "5"})
    service.answers["/v1/streams"].insert(0, full)
    service.events = [event(1, job("succeeded")), None]

    assert arrange(service).digest
    assert service.pauses == [5.0]


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"name": "job-1", "version": 1}', b"<html>"])
def test_answers_of_something_else_are_refused(service: ScriptedService, body: bytes) -> None:
    for status in (200, 202):
        service.answers["/v1/streams"] = [Reply(status, {}, body)]
        with pytest.raises(BadAnswer):
            arrange(service)


def test_what_cannot_be_asked(service: ScriptedService) -> None:
    reader = service.reader()
    with pytest.raises(NotCached):
        arrange(service, offline=True)
    with pytest.raises(BadArgument, match="not JSON"):
        service.run(asking.arrange(reader, {"a": object()}, asking.no_watch))
    for body in (["a"], None, "a"):
        for ask in (asking.arrange, asking.arrange_variants):
            with pytest.raises(BadArgument, match="A request is a JSON object"):
                service.run(ask(reader, body, asking.no_watch))  # type: ignore[arg-type]
    for most in (0, -1, 1001, "1&cursor=a", None):
        with pytest.raises(BadArgument, match="are 1 to 1,000"):
            service.run(asking.list_jobs(reader, most))  # type: ignore[arg-type]
    for identifier in ("", "../streams", "0" * 31, 7):
        with pytest.raises(BadArgument, match="is not the id of a job"):
            service.run(asking.cancel(reader, identifier))  # type: ignore[arg-type]
    service.answers[f"/v1/jobs/{ID}"] = [problem(409, "job_finished", "It has succeeded.")]
    with pytest.raises(ServiceError) as finished:
        service.run(asking.cancel(reader, ID))
    assert finished.value.code == "job_finished"


def test_lists_are_read_page_by_page(service: ScriptedService) -> None:
    def page(names: str, cursor: str | None) -> Reply:
        entry = {"latest_version": 2, "ordering": "random", "concepts": 4, "tasks": 2, "created_at": "2026", "url": ""}
        body = {"streams": [{"name": name, **entry} for name in names], "next_cursor": cursor}
        return Reply(200, {}, json.dumps(body).encode())

    service.answers["/v1/streams?limit=1000"] = [page("ab", "b")]
    service.answers["/v1/streams?limit=1000&cursor=b"] = [page("c", None)]

    counts: list[int] = []

    assert [each.name for each in service.run(asking.list_streams(service.reader(), counts.append))] == ["a", "b", "c"]
    assert counts == [2]

    service.answers["/v1/streams?limit=1000"] = [page("ab", "b")]
    service.answers["/v1/streams?limit=1000&cursor=b"] = [page("c", "d")]
    service.answers["/v1/streams?limit=1000&cursor=d"] = [page("b", "b")]
    with pytest.raises(BadAnswer, match="has no end"):
        service.run(asking.list_streams(service.reader(), asking.no_count))
    service.answers["/v1/streams?limit=1000"] = [Reply(200, {}, b'{"streams": [{"name": 1}], "next_cursor": null}')]
    with pytest.raises(BadAnswer, match="not what this service answers"):
        service.run(asking.list_streams(service.reader(), asking.no_count))


@pytest.mark.parametrize(
    "change",
    [
        {"id": "1f" * 16},
        {"state": 7},
        {"progress": {"phase": "counting", "done": "1", "total": 3}},
        {"progress": None},
        {"queue": {"ahead": "two"}},
        {"stream": {"name": "job-1", "version": "1"}},
        {"error": {"detail": "no code"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_event_that_is_not_one_of_the_job_is_refused(service: ScriptedService, change: dict[str, Any]) -> None:
    service.events = [event(1, {**job("running"), **change}), None]

    with pytest.raises(BadAnswer):
        arrange(service)


def test_events_that_repeat_skip_or_go_back_end_at_the_end(service: ScriptedService) -> None:
    seen: list[str] = []
    service.events = [
        event(5, job("running", "arranging", 1, 3)) * 3,
        event(2, job("running", "counting", 1, 3)),
        b"id: 9-0\n\n" + event(90, job("running", "arranging", 2, 3)) + b"event: another\ndata: {}\n\n",
        Failed("reset"),
        event(90, job("running", "arranging", 2, 3)) + event(91, job("succeeded")) + event(92, job("running")),
        None,
    ]

    assert arrange(service, seen).manifest.version == 1
    assert service.requests[2].headers["Last-Event-ID"] == "90-0"
    assert seen.count("succeeded  0/0") == 1


@pytest.mark.parametrize("part", [b"x" * (1 << 20), b"data: " + b"x" * (1 << 20) + b"\n", b"data\n" * (1 << 20)])
def test_an_event_without_an_end_is_refused(part: bytes) -> None:
    events = Events()

    with pytest.raises(BadAnswer, match="an event of more than"):
        [event for _ in range(20) for event in events.feed(part)]


@given(
    st.lists(st.tuples(st.text("a1-", max_size=3), st.text("xyz{}é", min_size=1))),
    st.randoms(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_events_are_the_same_however_they_are_cut(events: list[tuple[str, str]], random: Any, end: str) -> None:
    text = "".join(
        f"id: {name}{end}: ping{end}data:{value}{end}data: 2{end}retry: 7{end}{end}" for name, value in events
    )
    data, parser = text.encode(), Events()
    found: list[asking.Event] = []
    while data:
        size = random.randint(1, 9)
        found += parser.feed(data[:size])
        data = data[size:]

    assert [(each.id, each.data) for each in found] == [(name, f"{value}\n2") for name, value in events]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def jobs() -> list[Job]:
    values = [
        job("queued", queue={"ahead": 2}),
        job("queued", queue={"ahead": 2}),
        job("running"),
        job("running", "counting", 1, 3),
        job("running", "counting", 3, 3),
        job("succeeded", "publishing", 2, 2),
    ]
    return [asking._job(each, "here") for each in values]


def test_a_bar_on_a_terminal_is_one_line() -> None:
    terminal = Terminal()
    bar = JobProgress(terminal)
    for each in jobs():
        bar(each)

    shown = terminal.getvalue().replace("\x1b[K", "").split("\r")
    assert shown[1:] == [
        "queued, 2 ahead",
        "running",
        "counting [" + "#" * 10 + "." * 20 + "] 1 of 3",
        "counting [" + "#" * 30 + "] 3 of 3",
        "succeeded\n",
    ]


def test_a_log_has_a_line_for_each_phase() -> None:
    log = io.StringIO()
    bar = JobProgress(log)
    for each in jobs():
        bar(each)

    assert log.getvalue() == "queued, 2 ahead\nrunning\ncounting\nsucceeded\n"


def test_progress_may_be_a_function_or_nothing() -> None:
    assert watch_of(print) is print
    assert watch_of(False) is asking.no_watch
    assert isinstance(watch_of(True), JobProgress)

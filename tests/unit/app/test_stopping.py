"""A request that is cancelled because the server stops gets an answer, unless its answer has begun."""

import asyncio
import json

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.stopping import AnswersWhenStopped
from store.request_id import REQUEST_ID

START: Message = {"type": "http.response.start", "status": 200, "headers": []}


def cancelled(*, has_begun: bool) -> list[Message]:
    """Return what is sent for a request that is cancelled, before or after its answer has begun."""
    sent: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if has_begun:
            await send(START)
        await asyncio.Event().wait()

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing reads the request")

    async def cancel() -> None:
        REQUEST_ID.set("the-id")
        scope = {"type": "http", "method": "GET", "path": "/a\nb", "raw_path": b"/a%0ab"}
        request = asyncio.create_task(AnswersWhenStopped(application)(scope, receive, send))
        await asyncio.sleep(0)
        request.cancel("the server stops")
        await request

    if has_begun:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(cancel())
    else:
        asyncio.run(cancel())
    return sent


def test_a_request_without_an_answer_gets_503_and_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    start, body = cancelled(has_begun=False)
    assert start["status"] == 503
    assert dict(start["headers"])[b"retry-after"] == b"5"
    answer = json.loads(body["body"])
    assert (answer["code"], answer["request_id"]) == ("stopping", "the-id")
    assert caplog.messages == ["GET /a%0ab was not answered in time, because the service stops"]


def test_an_answer_that_has_begun_is_not_followed_by_another() -> None:
    assert cancelled(has_begun=True) == [START]

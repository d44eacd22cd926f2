"""Test how requests are counted whose answer does not come from the application."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.observed import Observed
from store.figures.counted import COUNTED
from store.figures.declared import REQUESTS


def counted(messages: list[Message], error: type[Exception] | None) -> dict[tuple[str, ...], float]:
    """Return how a request is counted whose application sends some messages and then fails."""

    async def application(connection: Scope, receive: Receive, send: Send) -> None:
        for each in messages:
            await send(each)
        if error is not None:
            raise error

    async def receive() -> Any:
        raise AssertionError("nothing reads the request")

    async def send(message: Message) -> None:
        pass

    COUNTED.take()
    asyncio.run(_answer(Observed(application), receive, send))
    return {tuple(labels): by for (name, _, *labels), by in COUNTED.take().items() if name == REQUESTS.name}


async def _answer(app: Observed, receive: Receive, send: Send) -> None:
    with suppress(ZeroDivisionError):
        await app({"type": "http", "method": "GET", "headers": []}, receive, send)


START: Message = {"type": "http.response.start", "status": 404, "headers": []}


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_an_answer_is_counted_with_its_status(error: type[Exception] | None) -> None:
    assert counted([START], error) == {("other", "GET", "404"): 1}


def test_a_failure_without_an_answer_is_counted_as_the_500_that_the_server_sends() -> None:
    assert counted([], ZeroDivisionError) == {("other", "GET", "500"): 1}

"""The client's logic without input and output: generators that yield what is to be done.

`Client` and `AsyncClient` run the same generators. A generator yields an effect, and is sent its result: one runner
does that with blocking calls, the other with ``await``. So retries, checks of digests and the cache exist once, and
tests run them without a network and without waiting.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Request:
    """A call of the service.

    Attributes
    ----------
    method : str
    path : str
        From the address of the service, such as ``/v1/streams``, with its query.
    headers : mapping of str to str
    content : bytes or None
    elsewhere : str
        The whole URL, if the service has redirected to another host: that gets no token. Else empty.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    elsewhere: str = ""


@dataclass(frozen=True)
class Reply:
    """An answer, received to its end.

    Attributes
    ----------
    status : int
    headers : mapping of str to str
        By lower-case name.
    content : bytes
        Without its content encoding; empty for a stream of events, which is read by `hear`.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Failed:
    """No answer, or not all of it.

    Attributes
    ----------
    reason : str
        The end of a sentence.
    received : int
        How many bytes of the answer's body came before its connection broke.
    """

    reason: str
    received: int = 0


@dataclass(frozen=True)
class Send:
    """Send a request; the result is a `Reply` or `Failed`."""

    request: Request


@dataclass(frozen=True)
class Listen:
    """Send a request whose answer is a stream of events; the result is a `Reply` or `Failed`."""

    request: Request


@dataclass(frozen=True)
class Hear:
    """Wait for the next bytes of the stream of events; the result is bytes, None at its end, or `Failed`."""


@dataclass(frozen=True)
class Sleep:
    """Wait; the result is None."""

    seconds: float


@dataclass(frozen=True)
class Call:
    """Call a function that may wait for the disk; the result is what it returns."""

    function: Callable[[], Any]


Effect: TypeAlias = Send | Listen | Hear | Sleep | Call
Steps: TypeAlias = Generator[Effect, Any, _Result]


def send(request: Request) -> Steps[Reply | Failed]:
    """Send a request and return the answer."""
    answer: Reply | Failed = yield Send(request)
    return answer


def listen(request: Request) -> Steps[Reply | Failed]:
    """Begin to receive a stream of events, and return the head of the answer."""
    answer: Reply | Failed = yield Listen(request)
    return answer


def hear() -> Steps[bytes | Failed | None]:
    """Return the next bytes of the stream of events; None at its end."""
    heard: bytes | Failed | None = yield Hear()
    return heard


def sleep(seconds: float) -> Steps[None]:
    """Wait."""
    yield Sleep(seconds)


def call(function: Callable[[], _Result]) -> Steps[_Result]:
    """Call a function that may wait for the disk, and return its result."""
    result: _Result = yield Call(function)
    return result

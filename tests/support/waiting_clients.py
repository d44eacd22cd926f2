"""Many clients that each post a request with ``Prefer: wait`` and read the answer, from one thread."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Answer:
    """What a client got.

    Attributes
    ----------
    status : int
        Of the answer; 0 if the connection broke before.
    fields : dict
        Of the header, in lower case.
    body : str
        The rest, until the connection was closed.
    """

    status: int
    fields: Mapping[str, str]
    body: str


Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def begin_to_post(port: int, bodies: Sequence[Any]) -> list[Connection]:
    """Post each body on a connection of its own, and return the connections in order."""
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in bodies]
    for (_, writer), body in zip(connections, bodies, strict=True):
        writer.write(_request(json.dumps(body).encode()))
    return connections


async def read_all(connections: Sequence[Connection]) -> list[Answer]:
    """Return the answers that came on connections, which the server closes."""
    return await asyncio.gather(*(_read(reader, writer) for reader, writer in connections))


def _request(body: bytes) -> bytes:
    return (
        b"POST /v1/streams HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nPrefer: wait=300\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    try:
        whole = (await reader.read()).decode()
    except ConnectionError:
        whole = ""
    writer.close()
    head, _, body = whole.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split()[1]) if first else 0, fields, body)

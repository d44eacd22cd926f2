"""Check and get answers of the API."""

import socket

import httpx

from support.deployment import Deployment


def assert_problem(answer: httpx.Response) -> None:
    """Check that an answer is a problem document (RFC 9457) with the fields that this service adds."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {
        "type",
        "title",
        "status",
        "code",
        "detail",
        "pointers",
        "errors",
        "errors_left_out",
        "request_id",
    }
    assert body["type"] == f"urn:concept-orderings:problem:{body['code']}"
    assert body["status"] == answer.status_code
    assert body["detail"].endswith(".")
    assert body["errors"][0] == {name: body[name] for name in ("code", "detail", "pointers")}


def raw(service: Deployment, request: bytes) -> httpx.Response:
    """Send bytes unchanged, which a client library would correct first."""
    with socket.create_connection(("127.0.0.1", service.api.port), timeout=60) as connection:
        connection.sendall(request)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return httpx.Response(int(status.split()[1]), headers=headers, content=body)

"""A stand-in for the API: it answers each request with 200 if the stand-in for the worker runs, else with 503.

It answers with its process id, and writes the signals that it gets into the data directory.
STAND_IN_API=broken makes it fail at once.
"""

import argparse
import os
import select
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

DATA = Path(os.environ["CONCEPT_ORDERINGS_DATA_DIR"])


def stop(number: int, frame: FrameType | None) -> None:
    with (DATA / "events").open("a") as file:
        file.write(f"api {signal.Signals(number).name}\n")
    sys.exit(0)


def answer(server: socket.socket) -> None:
    try:
        connection, _ = server.accept()
    except BlockingIOError:
        return  # another process has it
    with connection:
        connection.recv(4096)
        status = "200 OK" if (DATA / "worker.json").exists() else "503 Service Unavailable"
        body = str(os.getpid())
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall((head + body).encode())


if os.environ.get("STAND_IN_API") == "broken":
    sys.exit("the API is broken")
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, stop)
parser = argparse.ArgumentParser()
parser.add_argument("--host")
parser.add_argument("--port")
parser.add_argument("--fd", type=int, action="append")
servers = [socket.socket(fileno=each) for each in parser.parse_args().fd]
for one in servers:
    one.setblocking(False)
    one.listen()
while True:
    for one in select.select(servers, [], [])[0]:
        answer(one)

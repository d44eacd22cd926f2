"""A stand-in for the API: it answers each request with 200 if the stand-in for the worker runs, else with 503.

It writes its process id and the signals that it gets into the data directory.
"""

import os
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


for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, stop)
_, _, host, _, port = sys.argv
(DATA / "api.pid").write_text(str(os.getpid()))
with socket.create_server((host, int(port))) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            status = "200 OK" if (DATA / "worker.json").exists() else "503 Service Unavailable"
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

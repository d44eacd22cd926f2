"""A stand-in for the worker: it sends heartbeats, and writes its environment and signals to the data directory.

STAND_IN_WORKER=broken makes it fail at once; STAND_IN_WORKER=stubborn makes it ignore SIGTERM.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from urllib.parse import unquote, urlsplit

DATA = Path(os.environ["CONCEPT_ORDERINGS_DATA_DIR"])
MODE = os.environ.get("STAND_IN_WORKER")


def store_answers() -> bool:
    url = urlsplit(os.environ["REDIS_URL"])
    if url.scheme != "unix":
        return False
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(unquote(url.path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16) == b"+PONG\r\n"
    except OSError:
        return False


def record(event: str) -> None:
    with (DATA / "events").open("a") as file:
        file.write(f"{event}\n")


def stop(number: int, frame: FrameType | None) -> None:
    record(f"worker {signal.Signals(number).name}, store {'answers' if store_answers() else 'is away'}")
    if MODE != "stubborn":
        (DATA / "worker.json").unlink(missing_ok=True)
        sys.exit(0)


if MODE == "broken":
    sys.exit("the worker is broken")
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, stop)
(DATA / "worker.json").write_text(json.dumps({"pid": os.getpid(), **os.environ}))
while True:
    with contextlib.suppress(BlockingIOError):
        os.write(int(os.environ["HEARTBEAT_FD"]), b".")
    with (DATA / "beats").open("a") as beats:
        beats.write(".")
    time.sleep(0.1)

"""A bucket in the stand-in for S3 that others wrote: moto, as a server, in an environment of its own."""

import asyncio
import socket
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import S3Store

from support.processes import Process
from support.waiting import until

_PROGRAM = Path(sys.prefix) / "moto" / "bin" / "moto_server"
_NAME = "streams"


class MotoBucket:
    """A new bucket, as long as it is entered; it keeps objects in memory."""

    def __init__(self) -> None:
        assert _PROGRAM.is_file(), "make setup installs it"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self.settings: dict[str, Any] = {
            "CONCEPT_ORDERINGS_STREAMS_URL": f"s3://{_NAME}/test",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="co-bucket-")
        command = [str(_PROGRAM), "-H", "127.0.0.1", "-p", str(self._port)]
        self._process = Process("moto", command, {}, Path(self._directory.name))
        until(self._is_made, "the stand-in for S3 has a bucket")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._directory.cleanup()

    def _is_made(self) -> bool:
        self._process.check()
        try:
            return httpx.put(f"{self.endpoint}/{_NAME}").status_code == 200
        except httpx.TransportError:
            return False

    def creators(self, key: str, contents: list[bytes]) -> list[int]:
        """Create an object with each of several contents at the same time; return the places of those that did it."""
        store = S3Store(
            _NAME,
            endpoint=self.endpoint,
            access_key_id="test",
            secret_access_key="test",
            region="us-east-1",
            client_options={"allow_http": True},
        )

        async def create(data: bytes) -> bool:
            try:
                await obstore.put_async(store, key, data, mode="create")
            except AlreadyExistsError:
                return False
            return True

        async def create_all() -> list[bool]:
            return await asyncio.gather(*map(create, contents))

        created = asyncio.run(create_all())
        return [place for place, was_first in enumerate(created) if was_first]

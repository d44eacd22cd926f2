"""A bucket on this machine: the part of S3 that the service uses, in memory."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

NAME = "streams"


class Bucket:
    """A bucket that takes requests which are signed, in the header or in the URL; it does not check who signed them.

    Attributes
    ----------
    objects : dict of str to bytes
        By key.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.guard = threading.Lock()
        self._http = _Http(self)

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables of a service that keeps its streams here."""
        return {
            "CONCEPT_ORDERINGS_STREAMS_URL": f"s3://{NAME}/below",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._http.server_address[1]}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "here",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        super().__init__(("127.0.0.1", 0), _Answering)


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def do_GET(self) -> None:
        key, query = self._target()
        if "list-type" in query:
            return self._list(query["prefix"][0])
        # One or the other: S3 refuses both.
        if ("X-Amz-Signature" in query) == ("Authorization" in self.headers):
            return self._answer(403)
        data = self.server.bucket.objects.get(key)
        return self._answer(404) if data is None else self._answer(200, data)

    do_HEAD = do_GET  # noqa: N815  # as the base class calls it

    def do_PUT(self) -> None:
        key, _ = self._target()
        data = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.bucket.guard:
            is_taken = self.headers.get("If-None-Match") == "*" and key in self.server.bucket.objects
            if not is_taken:
                self.server.bucket.objects[key] = data
        self._answer(412 if is_taken else 200)

    def _target(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        return unquote(parts.path).removeprefix(f"/{NAME}/"), parse_qs(parts.query, keep_blank_values=True)

    def _list(self, prefix: str) -> None:
        below = sorted(each for each in self.server.bucket.objects if each.startswith(prefix))
        names = [each.removeprefix(prefix).partition("/") for each in below]
        folders = sorted({f"{prefix}{name}/" for name, slash, _ in names if slash})
        keys = [prefix + name for name, slash, _ in names if not slash]
        contents = "".join(
            f"<Contents><Key>{escape(each)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;1&quot;</ETag><Size>{len(self.server.bucket.objects[each])}</Size></Contents>"
            for each in keys
        )
        prefixes = "".join(f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in folders)
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{prefixes}</ListBucketResult>"
        self._answer(200, text.encode())

    def _answer(self, status: int, data: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.md5(data).hexdigest()}"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Log nothing."""

"""The log of a program: lines for people or JSON for programs, each with the id of the request that it is about."""

import json
import logging
import sys
from datetime import UTC, datetime

from store.request_id import REQUEST_ID

TEXT, JSON = "text", "json"

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
"""Characters that would act on the terminal of a reader: paths of requests may have them. Tracebacks have lines."""


def configure_logs(level: str, form: str) -> None:
    """Write all records of this process to standard error.

    Parameters
    ----------
    level
        ``debug``, ``info``, ``warning`` or ``error``.
    form
        `TEXT` or `JSON`.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == JSON else Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class Lines(logging.Formatter):
    """Lines for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name in logging
        """Return the line of a record, without the traceback."""
        line = super().formatMessage(record).translate(_CONTROLS)
        return f"{line} [request {request}]" if (request := REQUEST_ID.get()) else line


class JsonLines(logging.Formatter):
    """One JSON object a line.

    It has ``time`` (UTC, ISO 8601), ``level``, ``logger`` and ``message``, and where they are known ``request_id`` and
    ``exception`` (a traceback).
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := REQUEST_ID.get():
            fields["request_id"] = request
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)

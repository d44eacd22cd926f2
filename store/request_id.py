"""The id of a request, by which its answer, the lines of all logs and the job that it asked for can be found."""

from contextvars import ContextVar

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that the present task answers, or whose job it does; empty elsewhere."""

"""What a key allows, and what a request needs."""

from enum import StrEnum

from starlette.types import Scope as Connection


class Scope(StrEnum):
    """What a key allows; each includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        """Return whether this scope allows all that another one allows."""
        return _RANK[self] >= _RANK[other]


_RANK = {scope: rank for rank, scope in enumerate(Scope)}

_READING = frozenset(["GET", "HEAD", "OPTIONS"])


def is_open(connection: Connection) -> bool:
    """Return whether a request needs no key: health checks, which programs ask that have none."""
    path: str = connection["path"]
    return path == "/health" or path.startswith("/health/")


def needed_scope(connection: Connection) -> Scope:
    """Return the scope that a request needs as far as its method shows.

    Routes ask for more where it depends on what they find, such as who owns a job.
    """
    return Scope.READ if connection["method"] in _READING else Scope.WRITE

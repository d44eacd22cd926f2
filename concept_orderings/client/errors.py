"""What can go wrong when a version is read, asked for or used, each with a stable code.

::

    ClientError              a fault on this side of the service
    ├── BadArgument          bad_argument: a name, number, digest or address that cannot be one
    ├── WrongDigest          wrong_digest: bytes or a version with another digest than the expected one
    ├── WrongState           wrong_state: a saved state that belongs to another run
    ├── BadAnswer            bad_answer, redirected: an answer that is not one of this service
    ├── ServiceError         the code of the service: it refused a call
    │   └── JobFailed        the code of the job: it failed or was cancelled
    └── Unavailable          unavailable: no usable answer within the client's patience
        └── NotCached        not_cached: the client is offline and the cache does not have it

Labels and samples that do not fit a stream are `concept_orderings.errors.InvalidInput`, with the codes of the service.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from concept_orderings.errors import ConceptOrderingsError, Fault


class ClientError(ConceptOrderingsError):
    """Base of the errors of the client."""

    def __reduce__(self) -> tuple[object, ...]:
        # Workers of a loader send their errors to the process that trains.
        return (type(self), (self.code, self.detail, self.pointers), dict(self.__dict__))


class BadArgument(ClientError, ValueError):
    """A name, a number, a digest or an address that cannot be one."""

    @classmethod
    def of(cls, detail: str) -> "BadArgument":
        """Return the error with one sentence."""
        return cls("bad_argument", detail)


class WrongDigest(ClientError):
    """A version, or bytes, with another digest than the expected one.

    Attributes
    ----------
    expected, found : str
        SHA-256 in hexadecimal; an expected one may be the first digits.
    """

    def __init__(
        self, code: str, detail: str, pointers: Iterable[str] = (), *, expected: str = "", found: str = ""
    ) -> None:
        super().__init__(code, detail, pointers)
        self.expected = expected
        self.found = found

    @classmethod
    def of(cls, what: str, *, expected: str, found: str, hint: str = "") -> "WrongDigest":
        """Return the error for `what`, the beginning of a sentence, such as "Version 2 of job-1"."""
        detail = f"{what} has the digest {found}, and {expected} was expected.{' ' if hint else ''}{hint}"
        return cls("wrong_digest", detail, expected=expected, found=found)


class WrongState(ClientError):
    """A saved state that belongs to another version, seed or plan."""

    @classmethod
    def of(cls, detail: str) -> "WrongState":
        """Return the error with one sentence that names what was expected and what was found."""
        return cls("wrong_state", detail)


class BadAnswer(ClientError):
    """An answer that is not one of this service: an error page of a proxy, say, or a redirection elsewhere."""


class ServiceError(ClientError):
    """The service refused a call.

    Attributes
    ----------
    code : str
        The service's stable code, such as ``unknown_version``; ``http_403`` and the like for an answer without one.
    status : int
        The HTTP status; 0 for a job.
    """

    def __init__(self, code: str, detail: str, pointers: Iterable[str] = (), *, status: int = 0) -> None:
        super().__init__(code, detail, pointers)
        self.status = status

    @classmethod
    def of_problem(cls, problem: Mapping[str, Any], status: int = 0) -> "ServiceError":
        """Return the error for a problem document, or for the ``error`` of a job, with all its faults."""
        faults = [_fault(each) for each in problem.get("errors") or [problem]]
        error = cls(faults[0].code, faults[0].detail, faults[0].pointers, status=status)
        error.others = tuple(faults[1:])
        error.left_out = dict(problem.get("errors_left_out") or {})
        return error


class JobFailed(ServiceError):
    """A job failed, or was cancelled."""


class Unavailable(ClientError):
    """No usable answer came within the client's patience."""


class NotCached(Unavailable):
    """The client is offline, and the cache does not have what was asked for."""


def _fault(problem: Mapping[str, Any]) -> Fault:
    return Fault(str(problem["code"]), str(problem["detail"]), tuple(map(str, problem.get("pointers") or ())))

"""Reading the count from the answer to a search.

Only a complete answer is a count: status 200, in time, from every shard of every cluster, and exact. Any other answer
becomes `NotCounted`, which has the reason and whether a retry may help.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAY_PASS = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses of a server that is busy, lost a shard or is starting. Any other error status means a wrong request."""

_LONGEST_REASON = 200


@dataclass(frozen=True, kw_only=True)
class NotCounted:
    """The reason why there is no count.

    Attributes
    ----------
    code : str
        Code of the error that it becomes. A retry may help after ``source_unavailable``, and after no other code.
    reason : str
        The end of a sentence for readers, such as "it answers 503: busy".
    retry_after : float, optional
        Seconds to wait before a retry, as the server requests.
    too_slow : bool
        Whether the answer took longer than the timeout: a retry should send fewer searches at once.
    """

    code: str
    reason: str
    retry_after: float | None = None
    too_slow: bool = False

    @property
    def may_pass(self) -> bool:
        """Whether a retry may help."""
        return self.code == "source_unavailable"


def may_pass(reason: str, *, retry_after: float | None = None, too_slow: bool = False) -> NotCounted:
    """Return a reason after which a retry may help."""
    return NotCounted(code="source_unavailable", reason=reason, retry_after=retry_after, too_slow=too_slow)


def by_status(status: int, error: object, *, retry_after: float | None = None) -> NotCounted:
    """Return the reason in an error status, of a whole response or of the answer to one search in it."""
    reason = f"it answers {status}: {_shown(error)}"
    match status:
        case _ if status in MAY_PASS:
            return may_pass(reason, retry_after=retry_after)
        case 404:
            return NotCounted(code="source_not_configured", reason=reason)
        case 401 | 403:
            return NotCounted(code="source_refused", reason=f"{reason} (check that the key or user may read the index)")
        case _:
            return NotCounted(code="source_refused", reason=reason)


def counted(answer: Any) -> int | NotCounted:
    """Return the count in the answer to one search, or the reason why there is none."""
    match answer:
        case {"error": error}:
            status = answer.get("status")
            return by_status(status, error) if isinstance(status, int) else may_pass(f"it answers {_shown(error)}")
        case {"status": int(status)} if status != 200:
            return by_status(status, answer)
        case {"timed_out": False, "_shards": Mapping() as shards, "hits": {"total": Mapping() as total}}:
            return _partial(answer, shards) or _total(total)
        case {"timed_out": True}:
            return may_pass("a search timed out in the server")
        case _:
            return may_pass(f"it answers with something other than a search result: {_shown(answer)}")


def _partial(answer: Mapping[str, Any], shards: Mapping[str, Any]) -> NotCounted | None:
    """Return the reason why an answer is incomplete, or None if it is complete.

    The server skips a shard only after a check that no document in it can match. A skipped cluster was not searched.
    """
    if answer.get("terminated_early"):
        return may_pass("a search ended early")
    if shards.get("failed") != 0 or shards.get("successful") != shards.get("total") or not shards.get("total"):
        return may_pass(
            f"{shards.get('successful')} of {shards.get('total')} shards answered ({_first_failure(shards)})"
        )
    match answer.get("_clusters", {}):
        case Mapping() as clusters if clusters.get("successful") == clusters.get("total"):
            return None
        case clusters:
            return may_pass(f"not all clusters answered: {_shown(clusters)}")


def _first_failure(shards: Mapping[str, Any]) -> str:
    match shards:
        case {"failures": [{"reason": reason}, *_]}:
            return _shown(reason)
    return "no reason is given"


def _total(total: Mapping[str, Any]) -> int | NotCounted:
    match total:
        case {"value": int(value), "relation": "eq"} if value >= 0 and not isinstance(value, bool):
            return value
    return may_pass(f"its count is not exact: {_shown(total)}")


def _shown(error: object) -> str:
    """Return an error in words: its type and its reason where it has them."""
    match error:
        case {"type": str(kind), "reason": str(reason)}:
            text = f"{kind}: {reason}"
        case {"type": str(kind)}:
            text = kind
        case {"error": Mapping() as inner}:
            return _shown(inner)
        case _:
            text = " ".join(str(error).split())
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"

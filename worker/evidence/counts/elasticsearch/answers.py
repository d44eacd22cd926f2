"""What is a count, and what is only part of one, or none.

A count is the whole answer to one search: status 200, in time, from every shard of every cluster, and exact. Anything
else is `NotCounted`, with the reason, and whether it is worth asking again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAY_PASS = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses of a server that is busy, or loses a shard, or starts: others say that the question is at fault."""

_LONGEST_REASON = 200


@dataclass(frozen=True, kw_only=True)
class NotCounted:
    """Why there is no count.

    Attributes
    ----------
    code : str
        Of the error that it becomes: ``source_unavailable`` is worth asking again, the others are not.
    reason : str
        For a reader; the end of a sentence.
    retry_after : float, optional
        Seconds after which the server wants to be asked again.
    too_slow : bool
        Whether the answer took longer than is waited for: less should be asked at once.
    """

    code: str
    reason: str
    retry_after: float | None = None
    too_slow: bool = False

    @property
    def may_pass(self) -> bool:
        """Whether it is worth asking again."""
        return self.code == "source_unavailable"


def may_pass(reason: str, *, retry_after: float | None = None, too_slow: bool = False) -> NotCounted:
    """Return what is worth asking again."""
    return NotCounted(code="source_unavailable", reason=reason, retry_after=retry_after, too_slow=too_slow)


def by_status(status: int, error: object, *, retry_after: float | None = None) -> NotCounted:
    """Return what an error status means, of a whole answer or of the answer to one search."""
    reason = f"it answers {status}: {_shown(error)}"
    match status:
        case _ if status in MAY_PASS:
            return may_pass(reason, retry_after=retry_after)
        case 404:
            return NotCounted(code="source_not_configured", reason=reason)
        case 401 | 403:
            return NotCounted(code="source_refused", reason=f"{reason} (may this key, or user, read the index?)")
        case _:
            return NotCounted(code="source_refused", reason=reason)


def counted(answer: Any) -> int | NotCounted:
    """Return the count in the answer to one search of several, or why there is none."""
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
            return may_pass(f"it answers what is no search result: {_shown(answer)}")


def _partial(answer: Mapping[str, Any], shards: Mapping[str, Any]) -> NotCounted | None:
    """Say what an answer leaves out, if anything.

    Shards that are skipped have been looked at: nothing in them can match. Clusters that are skipped have not.
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
    """Return an error for a reader: its type and its reason, where it has them."""
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

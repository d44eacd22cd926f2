"""Times from which counts are wanted: written and read in one way, ``2026-01-31T12:00:00Z``."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from concept_orderings.errors import BadParameter

PATTERN = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
"""How a time is written. `strptime` also reads a month of one digit; here one time has one form."""

NO_SUCH_TIME = "There is no such time as counted_since names; give one as 2026-01-31T12:00:00Z."

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_CLOCKS_DIFFER = timedelta(minutes=1)


def refreshed_since(now: datetime) -> str:
    """Return what `counted_since` is for a refresh at this moment: the next whole second.

    Times are whole seconds, and what was counted earlier in this one is to be counted again, too.
    """
    return (now.astimezone(UTC) + timedelta(seconds=1)).strftime(_FORMAT)


def time_of(counted_since: str) -> datetime | None:
    """Return the time that is meant; None if it is none, or is not written as times are here."""
    if not re.fullmatch(PATTERN, counted_since):
        return None
    try:
        return datetime.strptime(counted_since, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def check_is_past(counted_since: str, now: datetime, *pointers: str) -> None:
    """Refuse a time to come: no count would ever be new enough. Clocks may differ by a minute.

    Parameters
    ----------
    counted_since
        A time, or an empty string for none.
    now
        The time.
    *pointers
        Where the field stands in the request, if it does.

    Raises
    ------
    BadParameter
        ``bad_parameter``.
    """
    time = time_of(counted_since)
    if time is not None and time > now + _CLOCKS_DIFFER:
        raise BadParameter(
            "bad_parameter",
            f"counted_since is {counted_since}, which is to come; leave it out, or say refresh: true.",
            pointers,
        )


@lru_cache(maxsize=4096)
def written_time(seconds: int) -> str:
    """Return seconds since 1970 as a time is written here."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORMAT)

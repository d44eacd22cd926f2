"""The times of `counted_since`, written as ``2026-01-31T12:00:00Z``."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from concept_orderings.errors import BadParameter

TIME_PATTERN = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
"""Regular expression for a time. `strptime` also accepts a month of one digit, but a time must have only one form."""

NO_SUCH_TIME = "counted_since is not a time that exists; write it like 2026-01-31T12:00:00Z."

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_CLOCKS_DIFFER = timedelta(minutes=1)  # tolerated difference between the clocks of machines


def refreshed_since(now: datetime) -> str:
    """Return the `counted_since` of a refresh at the time `now`: the next whole second.

    Times are whole seconds, and a refresh also replaces counts from earlier in the current second.
    """
    return (now.astimezone(UTC) + timedelta(seconds=1)).strftime(_FORMAT)


def parse_time(counted_since: str) -> datetime | None:
    """Return the time that a text names; None if it does not have the right form, or the time does not exist."""
    if not re.fullmatch(TIME_PATTERN, counted_since):
        return None
    try:
        return datetime.strptime(counted_since, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def check_is_past(counted_since: str, now: datetime, *pointers: str) -> None:
    """Refuse a time more than a minute in the future, because no count would be recent enough.

    Parameters
    ----------
    counted_since
        A time, or an empty string.
    now
        The present time.
    *pointers
        JSON pointers to the field in the request.

    Raises
    ------
    BadParameter
        ``bad_parameter``.
    """
    time = parse_time(counted_since)
    if time is not None and time > now + _CLOCKS_DIFFER:
        raise BadParameter(
            "bad_parameter",
            f"counted_since is {counted_since}, which is in the future; leave it out, or set refresh to true.",
            pointers,
        )


@lru_cache(maxsize=4096)
def format_time(seconds: int) -> str:
    """Format seconds since 1970 in UTC as a time of `counted_since`."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORMAT)

"""Counts kept in Redis, so that a query is counted once, by whichever worker; and who is counting what just now."""

from redis.asyncio import Redis


class CountsCache:
    """Counts by source fingerprint and query.

    Parameters
    ----------
    redis : redis.asyncio.Redis
        A client that returns bytes (``decode_responses`` off).
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

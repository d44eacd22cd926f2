"""A Redis that is not there."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def unreachable_redis() -> Redis:
    """Return a client of a server that does not exist; each of its commands fails at once."""
    return Redis(port=1, retry=Retry(NoBackoff(), 0), socket_connect_timeout=1)

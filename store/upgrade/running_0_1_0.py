"""See whether programs of release 0.1.0 are running beside this one.

They know nothing of other releases, so all that they do here is what they do anyway: their workers send heartbeats to
Docket, and their APIs listen to a channel.
"""

import asyncio
from typing import Any, NamedTuple

from redis.asyncio import Redis

from store.keys import KeysOfRelease010

_WATCHED_SECONDS = 7.0
"""More than three of Docket's heartbeats, of which there is one every two seconds."""
_LOOK_SECONDS = 0.25
_OLDEST_SECONDS = 60.0
"""A heartbeat that is older is not watched: the clocks of two machines hardly differ by more."""


class Running(NamedTuple):
    """Programs of release 0.1.0.

    Attributes
    ----------
    workers : tuple of str
        The names of its workers, with machine and process, sorted.
    apis : int
        How many APIs listen.
    """

    workers: tuple[str, ...]
    apis: int

    @property
    def warnings(self) -> list[str]:
        """What to tell the person who upgrades."""
        found = []
        if self.workers:
            found.append(
                f"Workers of release 0.1.0 are running: {', '.join(self.workers)}. They go on with the jobs that "
                "programs of 0.1.0 have taken, which are moved to this release once the last of these workers is "
                "stopped."
            )
        if self.apis:
            found.append(
                f"{self.apis} APIs of release 0.1.0 are running. The jobs that they take are done, but an API of 0.1.0 "
                "shows no job that this release has moved: stop it."
            )
        return found


NONE = Running((), 0)


async def find_running(redis: Redis) -> Running:
    """Return the programs of release 0.1.0 that are running; this takes seconds if one was killed just before.

    A worker runs if its heartbeat moves. One that was killed leaves a heartbeat behind, and its clock need not agree
    with that of this machine, so the time in the heartbeat says little.

    Raises
    ------
    redis.RedisError
        If Redis is away.
    """
    listeners: Any = await redis.pubsub_numsub(KeysOfRelease010.changes)
    apis = sum(number for _, number in listeners)
    seconds, _ = await redis.time()
    first = {name: beat for name, beat in (await _heartbeats(redis)).items() if beat > seconds - _OLDEST_SECONDS}
    deadline = asyncio.get_running_loop().time() + _WATCHED_SECONDS
    while first and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_LOOK_SECONDS)
        now = await _heartbeats(redis)
        if any(beat > first.get(name, 0.0) for name, beat in now.items()):
            # Names that are new, and those that have not moved yet, may run, too.
            return Running(tuple(sorted({_name(name) for name in now})), apis)
    return Running((), apis)


async def _heartbeats(redis: Redis) -> dict[tuple[str, bytes], float]:
    """Return the time of the last heartbeat of each worker, by its queue and name."""
    found: dict[tuple[str, bytes], float] = {}
    for key in KeysOfRelease010.workers:
        heartbeats: Any = await redis.zrange(key, 0, -1, withscores=True)
        found |= {(key, name): beat for name, beat in heartbeats}
    return found


def _name(heartbeat: tuple[str, bytes]) -> str:
    return heartbeat[1].decode(errors="replace")[:100]

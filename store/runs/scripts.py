"""The Lua scripts of a run, and their arguments.

Every change of a run is one script, so that a record, the set of active records and the history never disagree. A
script is ``shared.lua`` and a file of its own; `store.lua` checks both against the declarations here.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Generic, TypeVar

from redis.asyncio import Redis

from store.lua import Script, read_lua
from store.runs.kinds import Policy

LUA = Path(__file__).with_name("lua")

_Arguments = TypeVar("_Arguments")


@dataclass(frozen=True, kw_only=True)
class RunKeys:
    """The keys of a run: ``KEYS`` of every script."""

    record: str
    active: str
    request: str
    events: str
    lease: str
    last_run: str


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When a script runs, and for which record: the first arguments of every script."""

    now: str
    seconds: int
    id: str
    changes: str


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """No arguments of its own."""


@dataclass(frozen=True, kw_only=True)
class Submit:
    """Arguments of ``submit.lua``."""

    most_active: int
    again: bool
    client: str
    lane: str
    about: bytes
    canonical: bytes
    steps: int


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Arguments of ``start.lua`` and ``keep.lua``."""

    run: int
    holder: str
    lease_milliseconds: int


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Arguments of ``progress.lua``."""

    run: int
    phase: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class GiveBack:
    """Arguments of ``give_back.lua``."""

    run: int
    counted: bool


@dataclass(frozen=True, kw_only=True)
class Finish:
    """Arguments of ``finish.lua``."""

    run: int
    final: str
    field: str
    value: bytes


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """Arguments of ``fetched.lua``."""

    run: int


@dataclass(frozen=True)
class RunScript(Generic[_Arguments]):
    """A script of a run, and what its own arguments are."""

    script: Script

    async def run(self, redis: Redis, keys: RunKeys, moment: Moment, policy: Policy, arguments: _Arguments) -> int:
        """Run the script.

        Raises
        ------
        redis.RedisError
            If Redis is away.
        """
        return await self.script.run(redis, keys, moment, policy, arguments)


def load(name: str, arguments: type[_Arguments], folder: Path = LUA) -> RunScript[_Arguments]:
    """Read a script and check that its files name their arguments as declared.

    Raises
    ------
    store.lua.BadScript
        If they do not.
    """
    shared = read_lua(folder / "shared.lua", keys=RunKeys, arguments=[Moment, Policy])
    first = len(fields(Moment)) + len(fields(Policy)) + 1
    return RunScript(Script(shared + read_lua(folder / f"{name}.lua", keys=None, arguments=[arguments], first=first)))


SUBMIT = load("submit", Submit)
START = load("start", Hold)
KEEP = load("keep", Hold)
PROGRESS = load("progress", Progress)
GIVE_BACK = load("give_back", GiveBack)
FINISH = load("finish", Finish)
CANCEL = load("cancel", Nothing)
FETCHED = load("fetched", Fetched)

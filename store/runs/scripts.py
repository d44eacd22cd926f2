"""The Lua scripts that change a run, and the declarations of their arguments.

Every change of a run is one script, so that a record, the set of active records and the history always agree. The
source of a script is ``time.lua``, ``shared.lua`` and a file of its own; `store.lua` checks them against the
declarations here. All times are those of the Redis server, so the clocks of the programs need not agree.
"""

from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from redis.asyncio import Redis

from store.lua import Script, read_lua
from store.runs.kinds import Policy

LUA = Path(__file__).with_name("lua")

_Arguments = TypeVar("_Arguments", bound=NamedTuple)


class RunKeys(NamedTuple):
    """The keys of a run: ``KEYS`` of every script."""

    record: str
    active: str
    request: str
    events: str
    lease: str
    last_run: str
    recent: str


class Subject(NamedTuple):
    """The record and the channel of its changes: the first arguments of every script."""

    id: str
    changes: str


class Nothing(NamedTuple):
    """Arguments of a script that has none of its own."""


class Submit(NamedTuple):
    """Arguments of ``submit.lua``."""

    most_active: int
    again: bool
    client: str
    lane: str
    about: bytes
    canonical: bytes
    steps: int


class Hold(NamedTuple):
    """Arguments of ``start.lua`` and ``keep.lua``."""

    run: int
    holder: str
    lease_milliseconds: int


class Progress(NamedTuple):
    """Arguments of ``progress.lua``."""

    run: int
    holder: str
    phase: str
    done: int
    total: int


class GiveBack(NamedTuple):
    """Arguments of ``give_back.lua``."""

    run: int
    holder: str
    counted: bool
    note: bytes


class Finish(NamedTuple):
    """Arguments of ``finish.lua``."""

    run: int
    holder: str
    final: str
    field: str
    value: bytes


class Fetched(NamedTuple):
    """Arguments of ``fetched.lua``."""

    run: int


class RunScript(Generic[_Arguments]):
    """A script that changes a run, and the type of its own arguments."""

    def __init__(self, script: Script) -> None:
        self.script = script

    async def run(self, redis: Redis, keys: RunKeys, subject: Subject, policy: Policy, arguments: _Arguments) -> int:
        """Run the script.

        Raises
        ------
        redis.RedisError
            If Redis is away.
        """
        return await self.script.run(redis, keys, subject, policy, arguments)


def load(name: str, arguments: type[_Arguments], folder: Path = LUA) -> RunScript[_Arguments]:
    """Read a script, and check that its files name their arguments as declared.

    Raises
    ------
    store.lua.BadScript
        If they do not.
    """
    time = read_lua(folder / "time.lua", keys=None, arguments=[])
    shared = read_lua(folder / "shared.lua", keys=RunKeys, arguments=[Subject, Policy])
    first = len(Subject._fields) + len(Policy._fields) + 1
    own = read_lua(folder / f"{name}.lua", keys=None, arguments=[arguments], first=first)
    return RunScript(Script(time + shared + own))


SUBMIT = load("submit", Submit)
START = load("start", Hold)
KEEP = load("keep", Hold)
PROGRESS = load("progress", Progress)
GIVE_BACK = load("give_back", GiveBack)
FINISH = load("finish", Finish)
CANCEL = load("cancel", Nothing)
FETCHED = load("fetched", Fetched)
TIDY = load("tidy", Nothing)

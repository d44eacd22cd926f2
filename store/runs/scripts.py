"""The Lua scripts that change a run, and the declarations of their arguments.

Every change of a run is one script, so that a record, the set of active records and the history always agree. The
source of a script is ``shared.lua`` followed by a file of its own; `store.lua` checks both against the declarations
here.
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


class Moment(NamedTuple):
    """The time, the record and the channel: the first arguments of every script."""

    now: str
    seconds: int
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
    phase: str
    done: int
    total: int


class GiveBack(NamedTuple):
    """Arguments of ``give_back.lua``."""

    run: int
    counted: bool


class Finish(NamedTuple):
    """Arguments of ``finish.lua``."""

    run: int
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

    async def run(self, redis: Redis, keys: RunKeys, moment: Moment, policy: Policy, arguments: _Arguments) -> int:
        """Run the script.

        Raises
        ------
        redis.RedisError
            If Redis is away.
        """
        return await self.script.run(redis, keys, moment, policy, arguments)


def load(name: str, arguments: type[_Arguments], folder: Path = LUA) -> RunScript[_Arguments]:
    """Read a script, and check that both its files name their arguments as declared.

    Raises
    ------
    store.lua.BadScript
        If they do not.
    """
    shared = read_lua(folder / "shared.lua", keys=RunKeys, arguments=[Moment, Policy])
    first = len(Moment._fields) + len(Policy._fields) + 1
    return RunScript(Script(shared + read_lua(folder / f"{name}.lua", keys=None, arguments=[arguments], first=first)))


SUBMIT = load("submit", Submit)
START = load("start", Hold)
KEEP = load("keep", Hold)
PROGRESS = load("progress", Progress)
GIVE_BACK = load("give_back", GiveBack)
FINISH = load("finish", Finish)
CANCEL = load("cancel", Nothing)
FETCHED = load("fetched", Fetched)

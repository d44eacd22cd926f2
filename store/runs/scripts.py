"""The Lua scripts that change a run, and the declarations of their arguments.

Every change of a run is one script, so that a record, the set of active records and the history always agree. The
source of a script is ``time.lua``, ``shared.lua`` and a file of its own; `store.lua` checks them against the
declarations here. All times are those of the Redis server, so the clocks of the programs need not agree.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from redis.asyncio import Redis

from store.lua import Script, read_lua
from store.runs.kinds import Policy

LUA = Path(__file__).with_name("lua")

_LOOKED_AT_ONCE = 500
"""How many runs ``take.lua`` looks at in one call: some 10 ms."""
_MORE = [b""]

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
    waiting: str


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
    most_of_client: int
    trial: bool = False


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
    pause_milliseconds: int


class Offer(NamedTuple):
    """Arguments of ``offer.lua``."""

    run: int


class Take(NamedTuple):
    """Arguments of ``take.lua``, after those that all scripts take."""

    lane: str
    holder: str
    lease_milliseconds: int


class Finish(NamedTuple):
    """Arguments of ``finish.lua``."""

    run: int
    holder: str
    final: str
    field: str
    value: bytes
    phase: str
    done: int
    total: int


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
    return RunScript(Script(_time(folder) + _one(name, arguments, folder)))


class SubmitEach:
    """The script ``each.lua``, which submits several requests: all, or none.

    Raises
    ------
    store.lua.BadScript
        If one of its files does not name its arguments as declared.
    """

    def __init__(self, folder: Path = LUA) -> None:
        arguments = (*Subject._fields, *Policy._fields, *Submit._fields)
        places = {
            "keys_each": len(RunKeys._fields),
            "arguments_each": len(arguments),
            "active_at": RunKeys._fields.index("active") + 1,
            "most_active_at": arguments.index("most_active") + 1,
            "last_run_at": RunKeys._fields.index("last_run") + 1,
            "trial_at": arguments.index("trial") + 1,
            "client_at": arguments.index("client") + 1,
            "most_of_client_at": arguments.index("most_of_client") + 1,
        }
        # The names KEYS and ARGV in the function are its parameters: those of one request.
        submit = f"local function submit(KEYS, ARGV)\n{_one('submit', Submit, folder)}\nend\n"
        numbers = "".join(f"local {name} = {value}\n" for name, value in places.items())
        each = (folder / "each.lua").read_text(encoding="utf-8")
        self.script = Script(_time(folder) + submit + numbers + each)

    async def run(self, redis: Redis, policy: Policy, requests: Sequence[tuple[RunKeys, Subject, Submit]]) -> list[int]:
        """Run the script.

        Parameters
        ----------
        redis
            A client.
        policy
            That of all requests.
        requests
            At least one, of one kind and with one limit; their keys and ids differ.

        Returns
        -------
        list of int
            For each request what ``submit.lua`` returns; -2 instead of 0 if the client's share is full, and not the
            queue. If one of these numbers is 0 or less, nothing was recorded.

        Raises
        ------
        redis.RedisError
            If Redis is away.
        """
        keys = [each for each, _, _ in requests]
        arguments: list[NamedTuple] = []
        for _, subject, submit in requests:
            arguments += (subject, policy, submit)
        return await self.script.run_for_list(redis, keys, arguments)


class TakeNext:
    """The script ``take.lua``, which starts the next run of a lane.

    Raises
    ------
    store.lua.BadScript
        If one of its files does not name its arguments as declared.
    """

    def __init__(self, folder: Path = LUA) -> None:
        # The names KEYS and ARGV in the function are its parameters: those of one run.
        start = f"local function start(KEYS, ARGV)\n{_one('start', Hold, folder)}\nend\n"
        shared = (*Subject._fields, *Policy._fields)
        by_id = ", ".join(str(RunKeys._fields.index(each) + 1) for each in ("record", "request", "events"))
        places = {
            **{f"{each}_at": RunKeys._fields.index(each) + 1 for each in ("record", "request", "lease", "waiting")},
            "by_id": f"{{{by_id}}}",
            "shared_arguments": len(shared),
            "lane_at": len(shared) + 1,
            "looked_at_once": _LOOKED_AT_ONCE,
        }
        numbers = "".join(f"local {name} = {value}\n" for name, value in places.items())
        take = (folder / "take.lua").read_text(encoding="utf-8")
        self.script = Script(_time(folder) + start + numbers + take)

    async def run(
        self, redis: Redis, keys: RunKeys, subject: Subject, policy: Policy, arguments: Take
    ) -> tuple[str, int, int, bytes | None, bytes | None, bytes | None, bytes | None] | None:
        """Run the script.

        Parameters
        ----------
        redis
            A client.
        keys, subject
            Those of a record with an empty id and the run 0: the script puts id and run at their ends.
        policy
            That of the kind.
        arguments
            The lane and the holder.

        Returns
        -------
        tuple of (str, int, int, bytes, bytes, bytes, bytes), optional
            The id, the number of the run, that of the attempt, and what the record has: the request, what it is about,
            and when it was submitted and started. None if no run waits; None for a field that is gone.

        Raises
        ------
        redis.RedisError
            If Redis is away.
        """
        found: list[Any] = _MORE
        while found == _MORE:
            found = await self.script.run_for_values(redis, keys, subject, policy, arguments)
        if not found:
            return None
        identifier, run, attempt, *fields = found
        return identifier.decode(), int(run), int(attempt), *fields


def _time(folder: Path) -> str:
    return read_lua(folder / "time.lua", keys=None, arguments=[])


def _one(name: str, arguments: type[NamedTuple], folder: Path) -> str:
    """Return the source of a script that changes one run, without ``time.lua``."""
    shared = read_lua(folder / "shared.lua", keys=RunKeys, arguments=[Subject, Policy])
    first = len(Subject._fields) + len(Policy._fields) + 1
    return shared + read_lua(folder / f"{name}.lua", keys=None, arguments=[arguments], first=first)


SUBMIT_EACH = SubmitEach()
START = load("start", Hold)
KEEP = load("keep", Hold)
PROGRESS = load("progress", Progress)
GIVE_BACK = load("give_back", GiveBack)
FINISH = load("finish", Finish)
CANCEL = load("cancel", Nothing)
OFFER = load("offer", Offer)
TAKE = TakeNext()
FETCHED = load("fetched", Fetched)
TIDY = load("tidy", Nothing)

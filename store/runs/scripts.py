"""The Lua scripts of a run: each a file whose header names its arguments, checked against a declaration here.

Every change of a run is one script, so that a record, the set of active records and the history never disagree. A
script is ``shared.lua`` and a file of its own. The header of a file is its first lines, up to the first empty one:
comments, and bindings of ``KEYS`` and ``ARGV`` to names. They must be the names of the declared dataclass, in its order
and with its types; the rest of the file uses the names alone. A file of which this is not true cannot be loaded.
"""

import re
from dataclasses import dataclass, fields
from itertools import zip_longest
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from store.runs.kinds import Policy

LUA = Path(__file__).with_name("lua")

_FORMS = {str: "ARGV[{}]", bytes: "ARGV[{}]", int: "tonumber(ARGV[{}])", bool: "ARGV[{}] == '1'"}


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


class BadScript(Exception):
    """A Lua file does not name its arguments as they are declared."""


_Arguments = TypeVar("_Arguments")


class Script(Generic[_Arguments]):
    """A script that was checked.

    Parameters
    ----------
    lua
        The whole source.
    """

    def __init__(self, lua: str) -> None:
        self.lua = lua
        # As bytes, for which it needs no client; each run names the one to use.
        self._script = AsyncScript(cast("Redis", None), lua.encode())

    async def run(self, redis: Redis, keys: RunKeys, moment: Moment, policy: Policy, arguments: _Arguments) -> int:
        """Run the script.

        Raises
        ------
        redis.RedisError
            If Redis is away.
        """
        return int(await self._script(_values(keys), _values(moment, policy, arguments), client=redis))


def load(name: str, arguments: type[_Arguments], folder: Path = LUA) -> Script[_Arguments]:
    """Read a script and check that its files name their arguments as declared.

    Raises
    ------
    BadScript
        Naming the file, the line and what should stand there.
    """
    shared = [*_bindings(RunKeys, {str: "KEYS[{}]"}), *_bindings(Moment, _FORMS)]
    shared += _bindings(Policy, _FORMS, first=len(fields(Moment)) + 1)
    own = _bindings(arguments, _FORMS, first=len(fields(Moment)) + len(fields(Policy)) + 1)
    return Script(_checked(folder / "shared.lua", shared) + _checked(folder / f"{name}.lua", own))


def _values(*arguments: Any) -> list[str | bytes]:
    """Return declared arguments as a script takes them."""
    found = (getattr(each, field.name) for each in arguments for field in fields(each))
    # A bool as 1 or 0: it is an int.
    return [str(int(value)) if isinstance(value, int) else value for value in found]


def _bindings(declared: type, forms: dict[type, str], *, first: int = 1) -> list[str]:
    """Return the lines by which a header binds the declared arguments."""
    found: list[str] = []
    for index, field in enumerate(fields(declared), first):
        assert isinstance(field.type, type)  # no declaration here writes one as a string
        found.append(f"local {field.name} = {forms[field.type].format(index)}")
    return found


def _checked(path: Path, expected: list[str]) -> str:
    lua = path.read_text(encoding="utf-8")
    header, _, body = lua.partition("\n\n")
    lines = [line for line in header.splitlines() if not line.startswith("--")]
    for line, declared in zip_longest(lines, expected):
        if line is None:
            raise BadScript(f"{path.name}: the header lacks {declared!r}")
        if declared is None:
            raise BadScript(f"{path.name}: the header has {line!r}, which is no declared argument")
        if line != declared:
            raise BadScript(f"{path.name}: the header has {line!r} where {declared!r} is declared")
    if used := re.search(r"\b(KEYS|ARGV)\b", body):
        raise BadScript(f"{path.name}: uses {used[0]} below its header; name the argument there")
    return lua


SUBMIT = load("submit", Submit)
START = load("start", Hold)
KEEP = load("keep", Hold)
PROGRESS = load("progress", Progress)
GIVE_BACK = load("give_back", GiveBack)
FINISH = load("finish", Finish)
CANCEL = load("cancel", Nothing)
FETCHED = load("fetched", Fetched)

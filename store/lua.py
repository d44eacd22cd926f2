"""Lua scripts whose arguments have names, checked against a declaration when they are loaded.

The header of a file is the lines before its first empty line: comments, and one binding of ``KEYS[n]`` or ``ARGV[n]``
to a name for each field of the declared named tuples, in their order and with their types. The rest of the file uses
the names alone. Loading a file fails if its header differs from the declaration.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

_KEYS = {str: "KEYS[{}]"}
_ARGUMENTS = {str: "ARGV[{}]", bytes: "ARGV[{}]", int: "tonumber(ARGV[{}])", bool: "ARGV[{}] == '1'"}


class BadScript(Exception):
    """The header of a Lua file differs from the declaration of its arguments."""


class Script:
    """A Lua script whose header was checked by `read_lua`.

    Parameters
    ----------
    lua
        The whole source.
    """

    def __init__(self, lua: str) -> None:
        self.lua = lua
        # Given bytes, AsyncScript needs no client to encode the source; `run` passes the client to use.
        self._script = AsyncScript(cast("Redis", None), lua.encode())

    async def run(self, redis: Redis, keys: NamedTuple, *arguments: NamedTuple) -> int:
        """Run the script.

        Parameters
        ----------
        redis
            A client.
        keys, arguments
            Instances of the named tuples that the header was checked against, in the same order.

        Returns
        -------
        int
            What the script returns.

        Raises
        ------
        redis.RedisError
            If Redis is away.
        """
        return int(await self._script(_values(keys), _values(*arguments), client=redis))

    async def run_for_list(
        self, redis: Redis, keys: Sequence[NamedTuple], arguments: Sequence[NamedTuple]
    ) -> list[int]:
        """Run a script that returns a table of integers; parameters and errors as of `run`."""
        return [int(each) for each in await self._script(_values(*keys), _values(*arguments), client=redis)]

    async def run_for_values(self, redis: Redis, keys: NamedTuple, *arguments: NamedTuple) -> list[Any]:
        """Run a script that returns a table of texts and integers; parameters and errors as of `run`."""
        return list(await self._script(_values(keys), _values(*arguments), client=redis))


def read_lua(
    path: Path, *, keys: type[NamedTuple] | None, arguments: Sequence[type[NamedTuple]], first: int = 1
) -> str:
    """Read a Lua file and check its header.

    Parameters
    ----------
    path
        The file.
    keys
        Declares ``KEYS``; None if another file binds them.
    arguments
        Declare ``ARGV``.
    first
        The index in ``ARGV`` of the first argument that this file binds.

    Raises
    ------
    BadScript
        Naming the file, the line of its header that is wrong, and the declared one.
    """
    expected = _bindings([keys] if keys is not None else [], _KEYS, 1) + _bindings(arguments, _ARGUMENTS, first)
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


def _bindings(declared: Sequence[type[NamedTuple]], forms: Mapping[Any, str], first: int) -> list[str]:
    """Return the lines by which a header binds declared keys or arguments."""
    declarations = chain.from_iterable(each.__annotations__.items() for each in declared)
    return [f"local {name} = {forms[kind].format(index)}" for index, (name, kind) in enumerate(declarations, first)]


def _values(*declared: NamedTuple) -> list[str | bytes]:
    """Return keys or arguments as Redis sends them to a script."""
    # A bool is an int too: True becomes "1".
    return [str(int(value)) if isinstance(value, int) else value for value in chain.from_iterable(declared)]

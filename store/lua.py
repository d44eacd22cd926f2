"""Lua scripts whose arguments have names, checked against a declaration when they are loaded.

The header of a file is its first lines, up to the first empty one: comments, and bindings of ``KEYS`` and ``ARGV`` to
names. They must be the names of the declared dataclasses, in their order and with their types; the rest of the file
uses the names alone. A file of which this is not true cannot be loaded.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

_KEYS = {str: "KEYS[{}]"}
_ARGUMENTS = {str: "ARGV[{}]", bytes: "ARGV[{}]", int: "tonumber(ARGV[{}])", bool: "ARGV[{}] == '1'"}


class BadScript(Exception):
    """A Lua file does not name its arguments as they are declared."""


class Script:
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

    async def run(self, redis: Redis, keys: object, *arguments: object) -> int:
        """Run the script.

        Parameters
        ----------
        redis
            A client.
        keys, arguments
            Of the dataclasses that it was checked against, in their order.

        Returns
        -------
        int
            What it returns.

        Raises
        ------
        redis.RedisError
            If Redis is away.
        """
        return int(await self._script(_values(keys), _values(*arguments), client=redis))


def read_lua(path: Path, *, keys: type | None, arguments: Sequence[type], first: int = 1) -> str:
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
        The number of the first argument that this file binds.

    Raises
    ------
    BadScript
        Naming the file, what stands there, and what should.
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


def _bindings(declared: Sequence[type], forms: Mapping[Any, str], first: int) -> list[str]:
    """Return the lines by which a header binds declared keys or arguments."""
    found: list[str] = []
    for index, field in enumerate((field for each in declared for field in fields(each)), first):
        assert isinstance(field.type, type)  # no declaration writes one as a string
        found.append(f"local {field.name} = {forms[field.type].format(index)}")
    return found


def _values(*declared: Any) -> list[str | bytes]:
    """Return keys or arguments as a script takes them."""
    found = (getattr(each, field.name) for each in declared for field in fields(each))
    # A bool as 1 or 0: it is an int.
    return [str(int(value)) if isinstance(value, int) else value for value in found]

"""The headers of Lua files are checked against the declared arguments when they are loaded."""

from pathlib import Path
from typing import NamedTuple

import pytest

from store.lua import BadScript
from store.runs import scripts
from store.runs.scripts import LUA, load


class Example(NamedTuple):
    run: int
    counted: bool
    text: str
    data: bytes


HEADER = """-- An example.
local run = tonumber(ARGV[12])
local counted = ARGV[13] == '1'
local text = ARGV[14]
local data = ARGV[15]
"""
BODY = "\nreturn run\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shared.lua").write_text((LUA / "shared.lua").read_text())
    return tmp_path


def loaded(folder: Path, lua: str) -> None:
    (folder / "example.lua").write_text(lua)
    load("example", Example, folder)


def test_a_header_as_declared_is_accepted(folder: Path) -> None:
    loaded(folder, HEADER + BODY)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (HEADER.replace("local text = ARGV[14]\n", ""), "'local data = ARGV[15]' where 'local text = ARGV[14]'"),
        (HEADER.replace("local data = ARGV[15]\n", ""), "lacks 'local data = ARGV[15]'"),
        (HEADER + "local more = ARGV[16]\n", "'local more = ARGV[16]', which is no declared argument"),
        (HEADER.replace("run", "job"), "'local job = tonumber(ARGV[12])' where 'local run = tonumber(ARGV[12])'"),
        (HEADER.replace("ARGV[14]", "ARGV[15]"), "'local text = ARGV[15]' where 'local text = ARGV[14]'"),
        (HEADER.replace("tonumber(ARGV[12])", "ARGV[12]"), "'local run = ARGV[12]' where"),
        (HEADER.replace("text = ", "data = ", 1), "'local data = ARGV[14]' where 'local text = ARGV[14]'"),
        (HEADER + "redis.call('PING')\n", "'redis.call('PING')', which is no declared argument"),
    ],
    ids=["left out", "last left out", "unknown", "another name", "another number", "another type", "reordered", "code"],
)
def test_another_header_is_refused_with_what_is_wrong(folder: Path, header: str, words: str) -> None:
    with pytest.raises(BadScript) as caught:
        loaded(folder, header + BODY)
    assert str(caught.value).startswith("example.lua: ")
    assert words in str(caught.value).replace('"', "'")


@pytest.mark.parametrize("used", ["ARGV[12]", "KEYS[1]", "unpack(KEYS)"])
def test_an_argument_without_a_name_is_refused(folder: Path, used: str) -> None:
    with pytest.raises(BadScript, match="below its header"):
        loaded(folder, f"{HEADER}\nreturn {used}\n")


def test_the_shared_header_is_checked_too(folder: Path) -> None:
    lua = (folder / "shared.lua").read_text()
    (folder / "shared.lua").write_text(lua.replace("local now = ARGV[1]\n", "local time = ARGV[1]\n"))
    with pytest.raises(BadScript, match=r"^shared\.lua: .*local time"):
        loaded(folder, HEADER + BODY)


def test_every_lua_file_is_loaded() -> None:
    loaded_files = {name.lower() for name, each in vars(scripts).items() if isinstance(each, scripts.RunScript)}
    assert {path.stem for path in LUA.glob("*.lua")} == {*loaded_files, "shared"}

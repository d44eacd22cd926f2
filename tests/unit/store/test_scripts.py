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
local run = tonumber(ARGV[10])
local counted = ARGV[11] == '1'
local text = ARGV[12]
local data = ARGV[13]
"""
BODY = "\nreturn run\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("time.lua", "shared.lua"):
        (tmp_path / name).write_text((LUA / name).read_text())
    return tmp_path


def loaded(folder: Path, lua: str) -> None:
    (folder / "example.lua").write_text(lua)
    load("example", Example, folder)


def test_a_header_as_declared_is_accepted(folder: Path) -> None:
    loaded(folder, HEADER + BODY)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (HEADER.replace("local text = ARGV[12]\n", ""), "'local data = ARGV[13]' where 'local text = ARGV[12]'"),
        (HEADER.replace("local data = ARGV[13]\n", ""), "lacks 'local data = ARGV[13]'"),
        (HEADER + "local more = ARGV[14]\n", "'local more = ARGV[14]', which is no declared argument"),
        (HEADER.replace("run", "job"), "'local job = tonumber(ARGV[10])' where 'local run = tonumber(ARGV[10])'"),
        (HEADER.replace("ARGV[12]", "ARGV[13]"), "'local text = ARGV[13]' where 'local text = ARGV[12]'"),
        (HEADER.replace("tonumber(ARGV[10])", "ARGV[10]"), "'local run = ARGV[10]' where"),
        (HEADER.replace("text = ", "data = ", 1), "'local data = ARGV[12]' where 'local text = ARGV[12]'"),
        (HEADER + "redis.call('PING')\n", "'redis.call('PING')', which is no declared argument"),
    ],
    ids=["left out", "last left out", "unknown", "another name", "another number", "another type", "reordered", "code"],
)
def test_another_header_is_refused_with_what_is_wrong(folder: Path, header: str, words: str) -> None:
    with pytest.raises(BadScript) as caught:
        loaded(folder, header + BODY)
    assert str(caught.value).startswith("example.lua: ")
    assert words in str(caught.value).replace('"', "'")


@pytest.mark.parametrize("used", ["ARGV[10]", "KEYS[1]", "unpack(KEYS)"])
def test_an_argument_without_a_name_is_refused(folder: Path, used: str) -> None:
    with pytest.raises(BadScript, match="below its header"):
        loaded(folder, f"{HEADER}\nreturn {used}\n")


def test_the_shared_header_is_checked_too(folder: Path) -> None:
    lua = (folder / "shared.lua").read_text()
    (folder / "shared.lua").write_text(lua.replace("local id = ARGV[1]\n", "local name = ARGV[1]\n"))
    with pytest.raises(BadScript, match=r"^shared\.lua: .*local name"):
        loaded(folder, HEADER + BODY)


def test_every_lua_file_is_loaded() -> None:
    loaded_files = {name.lower() for name, each in vars(scripts).items() if isinstance(each, scripts.RunScript)}
    assert {path.stem for path in LUA.glob("*.lua")} == {*loaded_files, "submit", "each", "take", "shared", "time"}


def test_the_header_of_requests_that_are_submitted_together_is_checked(folder: Path) -> None:
    for name in ("submit.lua", "each.lua"):
        (folder / name).write_text((LUA / name).read_text())
    scripts.SubmitEach(folder)
    lua = (folder / "submit.lua").read_text()
    (folder / "submit.lua").write_text(lua.replace("local trial = ARGV[18] == '1'\n", ""))
    with pytest.raises(BadScript, match=r"^submit\.lua: the header lacks .*trial"):
        scripts.SubmitEach(folder)

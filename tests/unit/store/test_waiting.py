"""Waiting: no cancellation is lost in any turn of the event loop, and no task or timer is left behind."""

import ast
import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from store.waiting import cancel_and_wait, wait_for_event, wait_until_done
from support.ticks import TICKS, is_cancelled, lost, naive_wait, ticks

ROOT = Path(__file__).parents[3]
PROGRAMS = ("concept_orderings", "store", "app", "worker", "launcher", "docker")

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seconds", [60.0, 0.0])
@pytest.mark.parametrize("wait_ticks", range(4))
@pytest.mark.parametrize("tick", TICKS)
async def test_a_cancellation_after_the_event_is_never_lost(tick: int, wait_ticks: int, seconds: float) -> None:
    assert await is_cancelled(wait_for_event, wait_ticks=wait_ticks, set_tick=0, cancel_tick=tick, seconds=seconds)


@pytest.mark.parametrize("wait_ticks", range(4))
@pytest.mark.parametrize("tick", TICKS)
async def test_a_cancellation_before_the_event_is_never_lost(tick: int, wait_ticks: int) -> None:
    assert await is_cancelled(wait_for_event, wait_ticks=wait_ticks, set_tick=tick, cancel_tick=0, seconds=60.0)


@pytest.mark.parametrize("tick", TICKS)
async def test_a_cancellation_at_the_end_of_the_time_is_never_lost(tick: int) -> None:
    assert await is_cancelled(wait_for_event, wait_ticks=0, set_tick=None, cancel_tick=tick, seconds=0.0)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="asyncio.wait_for is right from Python 3.12 on")
async def test_the_naive_wait_loses_cancellations_here() -> None:
    """Shows that the tests above can fail."""
    assert any((await lost(naive_wait)).values())


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_no_python_loses_a_cancellation(version: str) -> None:
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-V"], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"there is no Python {version} here")
    run = subprocess.run(
        [python, "-P", "tests/support/ticks.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout)

    assert len(found["wait_for_event"]) == len(found["naive_wait"]) > 0
    assert not any(found["wait_for_event"].values())
    # Shows that the line above can fail.
    assert any(found["naive_wait"].values()) == (version == "3.11")


async def test_waiting_returns_whether_the_event_is_set() -> None:
    event = asyncio.Event()

    assert await wait_for_event(event, 0.001) is False
    assert await wait_for_event(event, 0) is False
    assert await wait_for_event(event, -1) is False
    event.set()
    assert await wait_for_event(event, 60) is True
    assert await wait_for_event(event, 0) is True


async def test_a_loop_around_an_event_that_is_set_can_be_cancelled() -> None:
    event = asyncio.Event()
    event.set()

    async def work() -> None:
        while True:
            await wait_for_event(event, 60)

    task = asyncio.create_task(work())
    await ticks(5)
    task.cancel()
    await ticks(5)
    assert task.cancelled()


async def test_clean_up_after_a_cancellation_may_wait() -> None:
    """Up to Python 3.11.2, `asyncio.timeout` would raise a second `CancelledError` here."""
    found: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            found.append(await wait_for_event(asyncio.Event(), 0.001))

    task = asyncio.create_task(work())
    await ticks(1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert found == [False]


@pytest.mark.parametrize("how", ["set", "time over", "cancelled"])
async def test_waiting_leaves_no_task_and_no_timer(how: str) -> None:
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    timers: list[asyncio.TimerHandle] = []
    call_later = loop.call_later

    def recorded(*arguments: object) -> asyncio.TimerHandle:
        timers.append(call_later(*arguments))  # type: ignore[arg-type]
        return timers[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "call_later", recorded)
        before = asyncio.all_tasks()
        task = asyncio.create_task(wait_for_event(event, 0.001 if how == "time over" else 60))
        await ticks(3)
        assert len(timers) == 1
        if how == "set":
            event.set()
        elif how == "cancelled":
            task.cancel()
        await asyncio.wait([task])
        assert asyncio.all_tasks() == before
    assert all(each.cancelled() or each.when() <= loop.time() for each in timers)
    assert len(event._waiters) == 0


class Stubborn:
    """Work that swallows some cancellations, and needs some turns of the event loop to end."""

    def __init__(self, swallows: int = 0, turns: int = 0, error: Exception | None = None) -> None:
        self.cancellations = 0
        self.over = False
        self._swallows = swallows
        self._turns = turns
        self._error = error

    async def run(self) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancellations += 1
                if self.cancellations > self._swallows:
                    break
        await ticks(self._turns)
        self.over = True
        if self._error is not None:
            raise self._error
        raise asyncio.CancelledError


async def begun(work: Stubborn) -> "asyncio.Task[None]":
    task = asyncio.create_task(work.run())
    await ticks(1)
    return task


async def test_cancelled_tasks_are_over() -> None:
    works = [Stubborn(turns=3), Stubborn(error=OSError("gone"))]
    tasks = [await begun(work) for work in works]
    done = asyncio.create_task(ticks(0))
    await ticks(1)

    await cancel_and_wait(*tasks, done)

    assert all(work.over for work in works)
    assert not done.cancelled()


async def test_without_tasks_there_is_no_wait() -> None:
    await cancel_and_wait()
    await wait_until_done()


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.waiting._CANCEL_AGAIN_SECONDS", 0.01)
    work = Stubborn(swallows=3)

    await cancel_and_wait(await begun(work))

    assert work.over
    assert work.cancellations == 4


async def test_tasks_get_time_to_end_by_themselves() -> None:
    soon, never = asyncio.create_task(ticks(5)), Stubborn()
    task = await begun(never)

    await cancel_and_wait(soon, task, after=0.05)

    assert not soon.cancelled()
    assert never.over


async def test_a_cancelled_caller_cancels_the_tasks_at_once() -> None:
    work = Stubborn()
    waiting = asyncio.create_task(cancel_and_wait(await begun(work), after=600))
    await ticks(3)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=30)

    assert waiting.cancelled()
    assert work.over


@pytest.mark.parametrize("turns", [0, 1, 4])
@pytest.mark.parametrize("tick", TICKS)
async def test_a_caller_cancelled_while_it_cancels_is_cancelled_once_the_task_is_over(tick: int, turns: int) -> None:
    work = Stubborn(turns=turns)
    task = await begun(work)

    async def end() -> None:
        await cancel_and_wait(task)
        await asyncio.Event().wait()

    waiting = asyncio.create_task(end())
    await ticks(tick)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=30)

    assert waiting.cancelled()
    assert work.over or tick == 0  # before it has begun, it cancels nothing
    await cancel_and_wait(task)


@pytest.mark.parametrize("tick", TICKS)
async def test_a_caller_cancelled_while_it_waits_is_cancelled_once_the_task_is_over(tick: int) -> None:
    go_on = asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        raise OSError("gone")

    async def end() -> None:
        await wait_until_done(task)
        await asyncio.Event().wait()

    task = asyncio.create_task(work())
    waiting = asyncio.create_task(end())
    await ticks(2)
    for turn in range(TICKS[-1] + 1):
        if turn == TICKS[-1] // 2:
            go_on.set()
        if turn == tick:
            waiting.cancel()
        await ticks(1)
        assert task.done() or not waiting.done()
    await asyncio.wait([waiting], timeout=30)

    assert waiting.cancelled()
    assert isinstance(task.exception(), OSError)


def uses_of_wait_for(source: str) -> list[int]:
    """Return the lines that use `asyncio.wait_for`, under whatever name asyncio is imported."""
    tree = ast.parse(source)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names = {each.asname or each.name for node in imports for each in node.names if each.name == "asyncio"}
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr="wait_for") if module in names:
                found.append(node.lineno)
            case ast.ImportFrom(module="asyncio", names=imported) if any(each.name == "wait_for" for each in imported):
                found.append(node.lineno)
    return found


def test_the_programs_do_not_use_asyncio_wait_for() -> None:
    """They use `store.waiting.wait_for_event` or `asyncio.timeout`; `store.waiting` says why."""
    files = [path for program in PROGRAMS for path in sorted((ROOT / program).rglob("*.py"))]
    found = {str(path.relative_to(ROOT)): uses_of_wait_for(path.read_text(encoding="utf-8")) for path in files}

    assert len(found) > 100
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_every_use_of_asyncio_wait_for_is_found() -> None:
    assert uses_of_wait_for("import asyncio\nasyncio.wait_for(x, 1)\n") == [2]
    assert uses_of_wait_for("import asyncio as a\nwait = a.wait_for\n") == [2]
    assert uses_of_wait_for("from asyncio import wait_for as w\n") == [1]
    assert uses_of_wait_for("import asyncio\nasyncio.wait([x])\nwait_for(x)\n") == []

"""Work that many callers ask for at once is done once."""

import asyncio

import pytest

from app.once import Once

pytestmark = pytest.mark.anyio


class Work:
    """Work that the test lets end."""

    def __init__(self) -> None:
        self.begun = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        await self.go_on.wait()
        return self.begun


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_callers_at_once_share_the_work_and_later_ones_do_not() -> None:
    once, work = Once[str, int](), Work()
    callers = [asyncio.create_task(once.run("a", work)) for _ in range(512)]
    await turns()
    assert work.begun == 1
    work.go_on.set()

    assert await asyncio.gather(*callers) == [1] * 512
    assert await once.run("a", work) == 2


async def test_keys_are_kept_apart() -> None:
    once, first, second = Once[str, int](), Work(), Work()
    callers = [asyncio.create_task(once.run(key, work)) for key, work in (("a", first), ("b", second))]
    await turns()
    assert (first.begun, second.begun) == (1, 1)
    for work in (first, second):
        work.go_on.set()
    await asyncio.gather(*callers)


async def test_a_caller_that_is_cancelled_leaves_the_work_to_the_others() -> None:
    once, work = Once[str, int](), Work()
    first, second = (asyncio.create_task(once.run("a", work)) for _ in range(2))
    await turns()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.go_on.set()

    assert await second == 1


@pytest.mark.parametrize("before", range(6))
async def test_no_cancellation_is_lost_whenever_it_comes(before: int) -> None:
    once, work = Once[str, int](), Work()
    caller = asyncio.create_task(once.run("a", work))
    await turns()
    work.go_on.set()
    await turns(before)
    if not caller.done():
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    assert await once.run("a", work) >= 1


async def test_an_error_goes_to_all_callers_and_the_next_one_tries_again() -> None:
    once, tries = Once[str, int](), 0

    async def fail_once() -> int:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        if tries == 1:
            raise ValueError("not now")
        return tries

    results = await asyncio.gather(*(once.run("a", fail_once) for _ in range(3)), return_exceptions=True)
    assert [str(each) for each in results] == ["not now"] * 3
    assert await once.run("a", fail_once) == 2


async def test_closing_ends_the_work() -> None:
    once, work = Once[str, int](), Work()
    caller = asyncio.create_task(once.run("a", work))
    await turns()
    await once.close()

    with pytest.raises(asyncio.CancelledError):
        await caller
    work.go_on.set()
    assert await once.run("a", work) == 2

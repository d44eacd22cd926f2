"""Results of work: computed once at a time, kept in memory up to a size, and dropped by least recent use."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from app.results import Results


class Counted:
    """Work that returns a text of a key, and counts how often each was made."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def of(self, text: str) -> Callable[[], Coroutine[None, None, str | None]]:
        async def work() -> str | None:
            self.made.append(text)
            await asyncio.sleep(0)
            return text or None

        return work


def test_a_result_is_made_once_for_callers_at_the_same_time_and_later() -> None:
    async def main() -> list[str]:
        results, counted = Results[str, str | None](10), Counted()
        assert await asyncio.gather(*(results.get("a", counted.of("a")) for _ in range(5))) == ["a"] * 5
        assert await results.get("a", counted.of("other")) == "a"
        return counted.made

    assert asyncio.run(main()) == ["a"]


def test_the_least_recently_used_results_are_dropped() -> None:
    async def main() -> list[str]:
        results, counted = Results[str, str | None](5, lambda text: len(text or "")), Counted()
        for key in ("aa", "bb", "aa", "cc", "aa", "bb"):
            await results.get(key, counted.of(key))
        return counted.made

    assert asyncio.run(main()) == ["aa", "bb", "cc", "bb"]


@pytest.mark.parametrize("text", ["", "longer than all"])
def test_none_and_a_result_larger_than_all_room_are_returned_and_not_kept(text: str) -> None:
    async def main() -> list[str]:
        results, counted = Results[str, str | None](5, lambda text: len(text or "")), Counted()
        for _ in range(2):
            assert await results.get("key", counted.of(text)) == (text or None)
        return counted.made

    assert asyncio.run(main()) == [text, text]

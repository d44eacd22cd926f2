"""Descriptions of streams: the newest holds, writers at once lose nothing, and a damaged one is mended by another."""

import asyncio

import pytest

from concept_orderings.errors import StoreError
from store import object_keys
from store.descriptions import Descriptions
from store.objects import Objects

pytestmark = pytest.mark.anyio


async def test_the_newest_description_holds(objects: Objects) -> None:
    descriptions = Descriptions(objects)
    assert await descriptions.newest("birds") == ""

    for text in ("one", "two \U0001f43b", "", "one"):
        assert await descriptions.keep("birds", text)
        assert await Descriptions(objects).newest("birds") == text
    assert await descriptions.newest("bird") == ""


async def test_the_same_description_is_not_written_again(objects: Objects) -> None:
    descriptions = Descriptions(objects)
    assert not await descriptions.keep("birds", "")
    assert [await descriptions.keep("birds", "one") for _ in range(3)] == [True, False, False]
    assert await objects.names(object_keys.descriptions("birds")) == ["00000001.json"]


async def test_of_writers_at_once_one_is_the_newest(objects: Objects) -> None:
    descriptions = Descriptions(objects)
    texts = [f"text {i}" for i in range(8)]
    await asyncio.gather(*(descriptions.keep("birds", text) for text in texts))

    assert await descriptions.newest("birds") in texts
    assert len(await objects.names(object_keys.descriptions("birds"))) == 8


async def test_a_damaged_description_is_noticed_and_replaced(objects: Objects) -> None:
    descriptions = Descriptions(objects)
    await objects.create(object_keys.description("birds", 1), b'{"record": {}}')
    with pytest.raises(StoreError) as caught:
        await descriptions.newest("birds")
    assert caught.value.code == "version_damaged"

    assert await descriptions.keep("birds", "one")
    assert await descriptions.newest("birds") == "one"

"""Streams that others have published: list them."""

import asyncio

from fastapi import APIRouter

from app.published_schemas import PublishedStreamList, published_stream_list

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.get("/published", summary="Streams that others have published")
async def list_published_streams() -> PublishedStreamList:
    """The streams of the FoMo-in-Flux benchmark and the class orders of iCaRL, by name, with what is known of each."""
    return await asyncio.to_thread(published_stream_list)

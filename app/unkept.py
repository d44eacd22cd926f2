"""Renderings that a full store cannot keep: they are served once, and nobody may cache them."""

from collections.abc import Awaitable
from typing import TypeVar

from fastapi.responses import Response

from concept_orderings.errors import StoreError
from concept_orderings.stream import Document

_Kept = TypeVar("_Kept")


class Unkept(Exception):
    """A rendering that was made, and not kept since the store is full.

    Attributes
    ----------
    document : Document
    """

    def __init__(self, document: Document) -> None:
        super().__init__(document.digest)
        self.document = document


async def kept_if_there_is_room(document: Document, keeping: Awaitable[_Kept]) -> _Kept:
    """Return what keeping a rendering returns.

    Raises
    ------
    Unkept
        If the store is full.
    StoreError
        Any other error of the store.
    """
    try:
        return await keeping
    except StoreError as error:
        if error.code != "store_full":
            raise
        raise Unkept(document) from error


def unkept_answer(unkept: Unkept, media_type: str, disposition: str) -> Response:
    """Answer with a rendering that is not kept. A later one may have other bytes, so caches must not keep it either."""
    headers = {"Cache-Control": "no-store", "Content-Disposition": disposition}
    return Response(unkept.document.data, headers=headers, media_type=media_type)

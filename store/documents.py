"""Documents of versions: bytes that are stored and served unchanged, named by their SHA-256.

The same bytes are stored once, also when several versions have them.
"""

from concept_orderings.stream import Document
from store import object_keys
from store.contents import store_content
from store.damage import checked_content, version_damaged
from store.objects import Objects


async def write_document(objects: Objects, document: Document) -> None:
    """Store a document unless it is stored already; one that is damaged is mended.

    Raises
    ------
    StoreError
        ``store_unavailable``.
    """
    await store_content(objects, object_keys.document(document.digest), document.data)


async def read_document(objects: Objects, digest: str) -> bytes:
    """Return a document, checked against its digest.

    Raises
    ------
    StoreError
        ``version_damaged`` if it is missing or has other content; ``store_unavailable``.
    """
    data = await objects.get(object_keys.document(digest))
    return checked_content(data, digest, f"the document {digest}", version_damaged)

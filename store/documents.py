"""Documents of versions: bytes that are stored and served as they are, under their SHA-256.

Layout in the object store: ``documents/AB/ABCD…``. The same bytes are one document, for any number of versions.
"""

from concept_orderings.canonical import sha256_hex
from concept_orderings.errors import StoreError
from concept_orderings.stream import Document
from store.objects import Objects


async def write_document(objects: Objects, document: Document) -> None:
    """Store a document unless it is there already.

    Raises
    ------
    StoreError
        ``store_unavailable``.
    """
    await objects.create(_key(document.digest), document.data)


async def read_document(objects: Objects, digest: str) -> bytes:
    """Return a document, checked against its digest.

    Raises
    ------
    StoreError
        ``version_damaged`` if it is missing or has other content; ``store_unavailable``.
    """
    data = await objects.get(_key(digest))
    if data is None:
        raise version_damaged(f"the document {digest} is missing")
    if sha256_hex(data) != digest:
        raise version_damaged(f"the document {digest} has other content than its digest says")
    return data


def version_damaged(what: str) -> StoreError:
    """Return the error for a version with a part that cannot be read."""
    return StoreError("version_damaged", f"A stored stream version is damaged: {what}. Restore it from a backup.")


def _key(digest: str) -> str:
    return f"documents/{digest[:2]}/{digest}"

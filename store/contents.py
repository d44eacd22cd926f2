"""Objects named by the SHA-256 of their bytes: stored once, and mended when the same bytes are stored again."""

from store.objects import Objects


async def store_content(objects: Objects, key: str, data: bytes) -> bool:
    """Store bytes under the key that names their SHA-256, unless they are stored; return whether the key was free.

    Other bytes under that key are damage: they are replaced, so that new versions with the same content are whole.

    Raises
    ------
    StoreError
        ``store_full`` or ``store_unavailable``.
    """
    if await objects.create(key, data):
        return True
    if await objects.get(key) != data:
        await objects.replace(key, data)
    return False

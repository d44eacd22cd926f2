"""Signed links to objects in a bucket, which others can read without this service for some minutes."""

from datetime import timedelta
from typing import TypeGuard

import obstore
from cachetools import LRUCache
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store, from_url

from store.locations import local_directory

LINK_SECONDS = 300
"""How long a link can be used; a download that has begun goes on."""

_MOST_SIZES = 100_000


class Links:
    """Links to the objects of a bucket.

    Parameters
    ----------
    location
        A directory or URL, as of `store.objects.open_objects`; a directory has no links.
    least_bytes
        The size from which objects have links; 0 for none.
    """

    def __init__(self, location: str, least_bytes: int) -> None:
        has_links = least_bytes > 0 and local_directory(location) is None
        self._store = from_url(location) if has_links else None
        self._least_bytes = least_bytes
        self._sizes: LRUCache[str, int] = LRUCache(_MOST_SIZES)

    async def to(self, key: str) -> str | None:
        """Return a signed link to an object that never changes.

        It is None if the object is smaller, or missing, or if the store is no bucket or cannot be asked.
        """
        store = self._store
        if not _can_sign(store):
            return None
        try:
            size: int | None = self._sizes.get(key)
            if size is None:
                size = (await obstore.head_async(store, key))["size"]
                self._sizes[key] = size
            if size < self._least_bytes:
                return None
            return await obstore.sign_async(store, "GET", key, timedelta(seconds=LINK_SECONDS))
        except (BaseError, OSError):
            # The service reads it, and says what is wrong.
            return None


def _can_sign(store: ObjectStore | None) -> TypeGuard[S3Store | GCSStore | AzureStore]:
    return isinstance(store, S3Store | GCSStore | AzureStore)

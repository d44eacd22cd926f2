"""Labels objects: canonical JSON, named by their SHA-256, written once and never changed."""

import asyncio
import json

from concept_orderings.labels import Labels
from store import object_keys
from store.contents import store_content
from store.damage import checked_content, labels_damaged, reading
from store.objects import Objects


class StoredLabels:
    """All labels of a service."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def keep(self, labels: Labels) -> bool:
        """Store labels unless they are stored; return whether they were new. Damaged ones are mended.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """
        return await store_content(self._objects, object_keys.labels(labels.digest), labels.canonical)

    async def document(self, digest: str) -> bytes | None:
        """Return labels as canonical JSON, checked against their digest; None if there are none of that digest.

        Raises
        ------
        StoreError
            ``labels_damaged`` or ``store_unavailable``.
        """
        data = await self._objects.get(object_keys.labels(digest))
        return None if data is None else checked_content(data, digest, f"the labels {digest}", labels_damaged)

    async def find(self, digest: str) -> Labels | None:
        """Return labels by their digest, or None.

        Raises
        ------
        StoreError
            ``labels_damaged`` or ``store_unavailable``.
        """
        data = await self.document(digest)
        if data is None:
            return None
        with reading(f"the labels {digest}", labels_damaged):
            lists = await asyncio.to_thread(json.loads, data)
            return Labels({name: tuple(classes) for name, classes in lists.items()})

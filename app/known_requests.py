"""What bodies ask for, kept by the digests of the bodies: a body that is posted again is not parsed again.

Training jobs post the request of their stream each time they start. Parsing 18,381 concepts takes thirty times as long
as receiving and hashing them, and the answer with the finished version needs none of them.
"""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cachetools import LRUCache

from concept_orderings.canonical import canonical_json
from concept_orderings.catalogue import CATALOGUE
from concept_orderings.version import __version__

if TYPE_CHECKING:
    from hashlib import _Hash

KEPT_BYTES = 16 * 1024 * 1024

_ENTRY_BYTES = 512
"""What an entry takes beside its texts."""


class Identity(NamedTuple):
    """What names a request.

    Attributes
    ----------
    name : str
        The stream.
    digest : str
        SHA-256 of the canonical request.
    """

    name: str
    digest: str


@dataclass(frozen=True)
class KnownRequest:
    """What an answer with finished versions needs of a body.

    Attributes
    ----------
    identities : tuple of Identity
        One; several if the body asks for variants.
    first_seed : int or None
        The seed of the first variant; None without variants.
    labels_digest : str
        The name of the labels of its class lists.
    description : str or None
        The new description of the streams; None to leave it as it is.
    """

    identities: tuple[Identity, ...]
    first_seed: int | None
    labels_digest: str
    description: str | None

    @property
    def size(self) -> int:
        """The bytes that it takes, about."""
        return _ENTRY_BYTES + sum(map(sys.getsizeof, (*sum(self.identities, ()), self.labels_digest, self.description)))


class KnownRequests:
    """What the bodies that were accepted last ask for.

    A body means something else under another release, catalogue or setting, and in another scope. All of them are in
    the key, although a process has one release and one set of settings.

    Parameters
    ----------
    settings
        Each setting that changes what a body means, by name.
    most_bytes
        The size of all entries together; those that were used least recently are dropped first.
    """

    def __init__(self, settings: Mapping[str, object], most_bytes: int = KEPT_BYTES) -> None:
        self._known: LRUCache[bytes, KnownRequest] = LRUCache(most_bytes, getsizeof=lambda each: each.size)
        catalogue = sorted(repr(each) for each in CATALOGUE)
        decides = canonical_json([__version__, repr(sorted(settings.items())), catalogue])
        self._decides = hashlib.sha256(decides).digest()

    def hasher(self, scope: str = "") -> "_Hash":
        """Return a hash that, once it has got a body, has the key of the body as its digest.

        Parameters
        ----------
        scope
            What the client may see; bodies of one scope are not known in another.
        """
        return hashlib.sha256(self._decides + scope.encode() + b"\n")

    def get(self, key: bytes) -> KnownRequest | None:
        """Return what a body asks for; None if that is not known."""
        known: KnownRequest | None = self._known.get(key)
        return known

    def keep(self, key: bytes, known: KnownRequest) -> None:
        """Keep what a body asks for, which must depend neither on the time nor on what is stored."""
        if known.size <= self._known.maxsize:
            self._known[key] = known

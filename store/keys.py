"""Every name that the service uses in Redis: keys, the channel of changes, and the queues' names.

All of them begin with the namespace and a colon, which no namespace contains: two services with different namespaces
share a server and nothing else. No other file spells a key.
"""

from dataclasses import dataclass

DEFAULT_NAMESPACE = "concept-orderings"


@dataclass(frozen=True)
class Keys:
    """The names of one service.

    Attributes
    ----------
    namespace : str
        What they begin with; it follows the rule of `concept_orderings.names.NAME`.
    """

    namespace: str

    def embeddings(self, fingerprint: str) -> str:
        """Return the hash of the embeddings that one encoder made."""
        return self._key("embeddings", fingerprint)

    def counts(self, fingerprint: str) -> str:
        """Return the hash of the counts that one source gave."""
        return self._key("counts", fingerprint)

    def count_claims(self, fingerprint: str) -> str:
        """Return the hash that says who is counting which query of one source."""
        return self._key("counts", fingerprint, "claims")

    def claim_holder(self, holder: str) -> str:
        """Return the key that exists while a holder's claims hold."""
        return self._key("counts", "holder", holder)

    @property
    def sources(self) -> str:
        """The hash of the sources that workers have reported."""
        return self._key("sources")

    @property
    def sources_reported(self) -> str:
        """The key that exists while any worker has reported its sources lately."""
        return self._key("sources", "reported")

    @property
    def sources_wanted(self) -> str:
        """The key that exists while a client has asked lately which sources there are."""
        return self._key("sources", "wanted")

    def _key(self, *parts: str) -> str:
        return ":".join((self.namespace, *parts))

"""The keys of the default namespace."""

from store.keys import DEFAULT_NAMESPACE, Keys

KEYS = Keys(DEFAULT_NAMESPACE)

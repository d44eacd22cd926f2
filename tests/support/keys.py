"""The names in Redis that tests use."""

from store.keys import DEFAULT_NAMESPACE, Keys

KEYS = Keys(DEFAULT_NAMESPACE)

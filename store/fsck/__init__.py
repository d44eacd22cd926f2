"""The check of a whole store: each object is read once, and what is damaged, missing or unreferred is named."""

from store.fsck.check import Check
from store.fsck.findings import Finding, State

__all__ = ["Check", "Finding", "State"]

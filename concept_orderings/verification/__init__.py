"""Verify a published version: make it again from its request and its published evidence, and compare.

`verify` is the entry. A version *fails* where something in it contradicts its request,
its evidence or its digests. What only says more, or less, than this release would say is *noted*. What cannot be
decided, such as an order whose evidence was not kept, is *not verified*.
"""

from concept_orderings.verification.findings import Code, Finding, Findings, Outcome
from concept_orderings.verification.verifying import verify

__all__ = ["Code", "Finding", "Findings", "Outcome", "verify"]

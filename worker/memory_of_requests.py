"""Foresee how much memory a job takes because of the number of its concepts, before its request is read."""

from concept_orderings.errors import NotEnoughMemory
from concept_orderings.machine import Machine

_PER_BYTE = 7
_PER_ENTRY = 600
"""Measured, from reading to publishing: 6.6 to 7.6 bytes for each of the canonical request, and 470 to 600 for each
entry of its lists and objects (random and frequency, 100,000 to 1,000,000 concepts, names of 5 to 52 characters)."""


def check_memory(canonical: bytes, machine: Machine) -> None:
    """Refuse a request that takes more memory than there is; evidence that is gathered may take more.

    Otherwise the system would end the worker, in each attempt.

    Raises
    ------
    NotEnoughMemory
        ``not_enough_memory``, with how much is needed and what helps.
    """
    # Inside a text, a quotation mark follows a backslash.
    entries = canonical.count(b',"')
    needed = _PER_BYTE * len(canonical) + _PER_ENTRY * entries
    if machine.memory is None or needed <= machine.memory:
        return
    raise NotEnoughMemory(
        "not_enough_memory",
        f"A version of a request with {entries:,} names and values needs {needed // 1_000_000} MB of memory, but "
        f"only {machine.memory // 1_000_000} MB may be used. Run the worker on a machine with more memory, raise "
        "CONCEPT_ORDERINGS_MEMORY_MB if that setting is the limit, or order parts of the concepts separately.",
    )

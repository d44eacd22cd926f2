"""What is checked when a stored object is read, and the errors for those that are damaged."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

from concept_orderings.canonical import sha256_hex
from concept_orderings.errors import StoreError

Damaged: TypeAlias = Callable[[str], StoreError]
"""Makes an error from its reason: one of the functions below."""

_Read = TypeVar("_Read")


def version_damaged(reason: str) -> StoreError:
    """Return the error for a stream version of which a part cannot be read."""
    return _damaged("version_damaged", "stream version", reason)


def counts_file_damaged(reason: str) -> StoreError:
    """Return the error for a counts file of which a part cannot be read."""
    return _damaged("counts_file_damaged", "counts file", reason)


def labels_damaged(reason: str) -> StoreError:
    """Return the error for labels that cannot be read."""
    return _damaged("labels_damaged", "labels object", reason)


def scores_file_damaged(reason: str) -> StoreError:
    """Return the error for a scores file of which a part cannot be read."""
    return _damaged("scores_file_damaged", "scores file", reason)


@contextmanager
def reading(what: str, damaged: Damaged) -> Iterator[None]:
    """Turn the errors that reading a damaged record raises into the error for damage.

    Parameters
    ----------
    what
        What is read, for the error: "the record of birds version 3".
    damaged
        The kind of error.

    Raises
    ------
    StoreError
        As `damaged` returns it.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(f"{what} cannot be read: {error}") from error


async def unless_damaged(reading: Awaitable[_Read]) -> _Read | None:
    """Return what is read, or None if it is damaged.

    Raises
    ------
    StoreError
        If the store cannot be used.
    """
    try:
        return await reading
    except StoreError as error:
        if not is_damage(error):
            raise
        return None


def is_damage(error: StoreError) -> bool:
    """Return whether an error says that a stored object is damaged, and not that the store cannot be used."""
    return error.code.endswith("_damaged")


def checked_content(data: bytes | None, digest: str, what: str, damaged: Damaged) -> bytes:
    """Return the bytes of an object that is named by its SHA-256, if they have that digest.

    Parameters
    ----------
    data
        As `Objects.get` returns it.
    digest
        SHA-256, hexadecimal.
    what, damaged
        As `reading` takes them.

    Raises
    ------
    StoreError
        As `damaged` returns it, if the object is missing or has another digest.
    """
    if data is None:
        raise damaged(f"{what}: the object is missing")
    if sha256_hex(data) != digest:
        raise damaged(f"{what}: the content does not have the SHA-256 {digest}")
    return data


def _damaged(code: str, what: str, reason: str) -> StoreError:
    return StoreError(code, f"A stored {what} is damaged: {reason}. Restore it from a backup.")

"""What an examination finds."""

from enum import StrEnum
from typing import NamedTuple

from concept_orderings.canonical import Json


class State(StrEnum):
    """How something is."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; the service works."""
    WRONG = "wrong"
    """Something does not work, or soon will not."""


class Finding(NamedTuple):
    """One thing that was examined.

    Attributes
    ----------
    about : str
        What was examined, in a word or two.
    state : State
    found : str
        How it is, in a sentence.
    advice : str
        What to do about it; empty if nothing is to be done.
    """

    about: str
    state: State
    found: str
    advice: str = ""

    def as_json(self) -> dict[str, Json]:
        """Return the finding as an object."""
        return {**self._asdict(), "state": str(self.state)}


def ok(about: str, found: str) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding(about, State.OK, found)


def note(about: str, found: str, advice: str = "") -> Finding:
    """Return a finding that is worth knowing."""
    return Finding(about, State.NOTE, found, advice)


def wrong(about: str, found: str, advice: str) -> Finding:
    """Return the finding that something does not work."""
    return Finding(about, State.WRONG, found, advice)

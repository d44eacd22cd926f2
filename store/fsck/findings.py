"""What a check of the store finds, and what can be done about it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What is wrong with an object."""

    DAMAGED = "damaged"
    MISSING = "missing"
    UNREFERRED = "unreferred"


BACKUP = "Restore it from a backup."
BACKUP_OR_CLIENT = (
    "Read it and post the request of its version again, which makes it again if it gives the same bytes; or restore it "
    "from a backup, or from the cache of a client: the file of this name."
)
RENDERED_AGAIN = "Delete it: it is rendered again at the next request."
MADE_AGAIN = "It is made again by `concept-orderings fsck --repair`."
LEFT_OVER = (
    "A writer was killed, another one was faster, or a version is being made; it can be deleted while no worker runs."
)
PERHAPS_NEEDED = "It may belong to a record that is damaged or missing: restore that first."


@dataclass(frozen=True, order=True)
class Finding:
    """An object with which something is wrong.

    Attributes
    ----------
    key : str
    state : State
    what : str
        What the object is, and to what it belongs.
    remedy : str
        What to do, as a sentence.
    """

    key: str
    state: State
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.state} {self.key}: {self.what}. {self.remedy}"
